"""GRU-D: a gated recurrent unit for series with gaps."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State, normalised
from sklrnn.network.kernels import check_kernel, choose, compute

GAP_CAP = 1000
"""Longest gap that the input rows tell apart, in steps; `sklrnn.data.gaps` sets it."""

_TIME_UNIT = 10.0
"""Steps in the unit of time of the decay weights.

Gaps reach a thousand steps. Counted in steps, an ordinary update of a weight would
change the decay over a long gap from none to full; counted in gaps of the usual size,
decay learns at the rate of everything else.
"""


class GRUD(Cell):
    r"""Gated recurrent unit whose inputs and memory fade with the time since last seen.

    .. math::
        \gamma_t &= \exp(-\max(0, W_\gamma \delta_t + b_\gamma)) \\
        \hat x_t &= m_t \odot x_t + (1 - m_t) \odot (\gamma_{x,t} \odot x_{t'}
            + (1 - \gamma_{x,t}) \odot \tilde x) \\
        \hat h_{t-1} &= \gamma_{h,t} \odot h_{t-1} \\
        r_t, z_t &= \sigma(W \hat x_t + U \hat h_{t-1} + V m_t + b) \\
        \tilde h_t &= \tanh(W_h \hat x_t + U_h (r_t \odot \hat h_{t-1}) + V_h m_t
            + b_h) \\
        h_t &= z_t \odot \hat h_{t-1} + (1 - z_t) \odot \tilde h_t

    (Che et al. 2018, section "GRU-D: model with trainable decays"; they name z_t the
    other way round.) x_{t'} is the last observation, and the mean \tilde x is 0, inputs
    being standardised. The time since last seen is counted from the step before,
    :math:`\delta_t = 1 + gap_{t-1}`, and is 0 at the first step. The inputs' decay,
    whose W is diagonal, acts on missing entries alone; there :math:`\delta_t = gap_t`,
    which is known at the first step of a window, too.

    Without a mask all is observed: no input decays, and the hidden state decays by the
    same factor at every step. The state is h, with a mask also the next step's delta.

    Parameters
    ----------
    input_size, hidden_size : int
    masked : bool, default=False
        Whether a third of the inputs are values carried forward, a third their mask (1
        = observed) and a third the scaled times since last seen, as
        `sklrnn.data.windows.channels` writes them.
    layer_norm : bool, default=False
        Normalise, gate by gate, what comes from the input (with the bias, without
        which of a single input nothing but its sign would be left) and what comes from
        the hidden state.
    kernel : {"auto", "numba", "torch", "loop"}, default="auto"
        What runs whole sequences; see `sklrnn.network.kernels`.

    Raises
    ------
    ValueError
        If `masked` and `input_size` is not a multiple of 3, or `kernel` is none of the
        above.

    References
    ----------
    Z. Che, S. Purushotham, K. Cho, D. Sontag and Y. Liu, "Recurrent neural networks for
    multivariate time series with missing values", Scientific Reports 8, 6085, 2018.

    Examples
    --------
    >>> import torch
    >>> from sklrnn.network.cells.grud import GRUD
    >>> values, mask, gap = torch.zeros(3, 4, 10, 2)
    >>> cell = GRUD(input_size=6, hidden_size=8, masked=True)
    >>> outputs, (hidden, delta) = cell.sequence(torch.cat([values, mask, gap], -1))
    >>> outputs.shape, hidden.shape, delta.shape
    (torch.Size([4, 10, 8]), torch.Size([4, 8]), torch.Size([4, 2]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        masked: bool = False,
        layer_norm: bool = False,
        kernel: str = "auto",
    ) -> None:
        if masked and input_size % 3:
            raise ValueError(
                "input_size must be a multiple of 3 where masked is True (values, "
                f"mask, time since last seen), got {input_size}"
            )
        check_kernel(kernel, native=False)
        super().__init__(input_size, hidden_size)
        self.masked = masked
        self.kernel = kernel
        n_values = input_size // 3 if masked else input_size
        n_deltas = n_values if masked else 1
        self.input = nn.Linear(n_values * (2 if masked else 1), 3 * hidden_size)
        self.recurrent = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        self.hidden_decay = nn.Linear(n_deltas, hidden_size)
        if masked:
            self.input_decay = nn.Parameter(torch.empty(2, n_values))
        self.input_norm: nn.ModuleList | None = None
        self.gain: nn.Parameter | None = None
        if layer_norm:
            self.input_norm = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in range(3))
            self.gain = nn.Parameter(torch.ones(3, hidden_size))
        self._initialise()

    def _initialise(self) -> None:
        bound = 1.0 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.input.weight, -bound, bound)
        nn.init.uniform_(self.input.bias, -bound, bound)
        nn.init.uniform_(self.recurrent, -bound, bound)
        # Slow at first, so that memory is there to learn with; above 0, where the
        # maximum with 0 would let no gradient through.
        n_deltas = self.hidden_decay.in_features
        nn.init.uniform_(self.hidden_decay.weight, 0.0, 0.1 / n_deltas)
        nn.init.zeros_(self.hidden_decay.bias)
        if self.masked:
            nn.init.uniform_(self.input_decay[0], 0.0, 0.1)
            nn.init.zeros_(self.input_decay[1])

    def initial_state(self, batch: int) -> State:
        """Return zeros: h and, with a mask, delta in steps, (batch, n_values)."""
        hidden = self.recurrent.new_zeros(batch, self.hidden_size)
        if not self.masked:
            return hidden
        return hidden, self.recurrent.new_zeros(batch, self.input_size // 3)

    def step(  # type: ignore[override]
        self, x: Tensor, state: State, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Advance by one step."""
        outputs, state = self._loop(x.unsqueeze(1), state, hidden_mask)
        return outputs[:, 0], state

    def sequence(  # type: ignore[override]
        self, x: Tensor, state: State = None, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a whole sequence."""
        if state is None:
            state = self.initial_state(len(x))
        kernel = choose(self.kernel, x, native=False)
        if kernel == "loop":
            return self._loop(x, state, hidden_mask)
        projected, decay, hidden, delta = self._prepare(x, state)
        outputs, hidden = compute(
            kernel,
            "gru_before",
            projected,
            hidden,
            self.recurrent,
            hidden_mask,
            self.gain,
            decay,
        )
        return outputs.transpose(0, 1), (hidden, delta) if self.masked else hidden

    def _prepare(
        self, x: Tensor, state: State
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Compute of all steps what needs no h, and take the state apart.

        Returns
        -------
        projected : Tensor of shape (steps, batch, 3 * hidden_size)
        decay : Tensor of shape (steps, batch, hidden_size)
        hidden : Tensor of shape (batch, hidden_size)
        delta : Tensor of shape (batch, n_values) or None
            Of the step that follows.
        """
        x = x.transpose(0, 1)
        if not self.masked:
            delta = x.new_ones(1, 1, 1)
            decay = self._hidden_decay(delta).expand(*x.shape[:2], -1)
            return self._project(x), decay, state, None
        hidden, first = state
        values, mask, scaled = x.chunk(3, dim=-1)
        gap = torch.expm1(scaled * math.log1p(GAP_CAP))
        delta = torch.cat([first.unsqueeze(0), 1.0 + gap])
        weight, bias = self.input_decay
        faded = values * _decay(-weight * (gap / _TIME_UNIT) - bias)
        # What is observed is its own last observation.
        read = torch.cat([torch.where(mask > 0, values, faded), mask], dim=-1)
        return self._project(read), self._hidden_decay(delta[:-1]), hidden, delta[-1]

    def _project(self, read: Tensor) -> Tensor:
        projected = self.input(read)
        if self.input_norm is None:
            return projected
        gates = projected.chunk(3, dim=-1)
        norms = zip(self.input_norm, gates, strict=True)
        return torch.cat([norm(gate) for norm, gate in norms], dim=-1)

    def _hidden_decay(self, delta: Tensor) -> Tensor:
        weight, bias = self.hidden_decay.weight, self.hidden_decay.bias
        return _decay(nn.functional.linear(delta / _TIME_UNIT, -weight, -bias))

    def _loop(
        self, x: Tensor, state: State, hidden_mask: Tensor | None
    ) -> tuple[Tensor, State]:
        projected, decay, hidden, delta = self._prepare(x, state)
        outputs = []
        for x_t, decay_t in zip(projected.unbind(0), decay.unbind(0), strict=True):
            hidden = self._recur(x_t, decay_t * hidden, hidden_mask)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, delta) if self.masked else hidden

    def _recur(
        self, projected: Tensor, hidden: Tensor, hidden_mask: Tensor | None
    ) -> Tensor:
        """Compute h_t from what remains of h_{t-1}."""
        gates = slice(0, 2 * self.hidden_size), slice(0, 2)
        new = slice(2 * self.hidden_size, None), slice(2, 3)
        read = hidden if hidden_mask is None else hidden * hidden_mask
        squashed = torch.sigmoid(projected[:, gates[0]] + self._multiply(read, *gates))
        reset, keep = squashed.chunk(2, dim=1)
        inner = projected[:, new[0]] + self._multiply(reset * read, *new)
        return torch.lerp(torch.tanh(inner), hidden, keep)

    def _multiply(self, read: Tensor, rows: slice, gates: slice) -> Tensor:
        product = read @ self.recurrent[rows].T
        return product if self.gain is None else normalised(product, self.gain[gates])


def _decay(negative_rate: Tensor) -> Tensor:
    return torch.exp(negative_rate.clamp(max=0.0))
