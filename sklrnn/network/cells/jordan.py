"""The network of Jordan: its own output is its memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State
from sklrnn.network.kernels import check_kernel, choose, compute
from sklrnn.network.kernels.scan import linear_scan


class Jordan(Cell):
    r"""Jordan's network: what it put out is the context of what it does next.

    .. math::
        c_t &= \alpha c_{t-1} + y_{t-1}, \quad c_1 = 0 \\
        h_t &= \phi(W_{xh} x_t + W_{ch} c_t + b_h) \\
        y_t &= W_{hy} h_t + b_y

    (Jordan 1986, whose state units are fed by the output units and, with the fixed
    weight alpha, by themselves.) The state is the context c.

    Where a teacher is given, the context takes its value in place of y_t (teacher
    forcing); without one, or where it is NaN, the network hears itself. Taught at every
    step nothing is recurrent any more, and all steps are computed at once.

    Parameters
    ----------
    input_size, hidden_size : int
    alpha : float, default=0.0
        How much of a context is left in the next one, from 0 to below 1.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        The function phi.
    n_targets : int or None, default=None
        Size of the output y; `hidden_size` if None.
    kernel : {"auto", "numba", "torch", "loop"}, default="auto"
        What runs whole sequences; see `sklrnn.network.kernels`.

    Raises
    ------
    ValueError
        If `alpha` is not in [0, 1), `nonlinearity` is neither "tanh" nor "relu", or
        `kernel` is none of the above.

    References
    ----------
    M. I. Jordan, "Serial order: a parallel distributed processing approach", ICS
    report 8604, University of California, San Diego, 1986. R. J. Williams and
    D. Zipser, "A learning algorithm for continually running fully recurrent neural
    networks", Neural Computation 1 (2), 1989 (teacher forcing).

    Examples
    --------
    >>> import torch
    >>> from sklrnn.network.cells.jordan import Jordan
    >>> cell = Jordan(input_size=2, hidden_size=8, n_targets=1)
    >>> outputs, context = cell.sequence(torch.zeros(4, 10, 2))
    >>> outputs.shape, cell.readout(outputs).shape, context.shape
    (torch.Size([4, 10, 8]), torch.Size([4, 10, 1]), torch.Size([4, 1]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        alpha: float = 0.0,
        nonlinearity: str = "tanh",
        n_targets: int | None = None,
        kernel: str = "auto",
    ) -> None:
        if not 0.0 <= alpha < 1.0:
            raise ValueError(f"alpha must be at least 0 and below 1, got {alpha!r}")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}"
            )
        check_kernel(kernel, native=False)
        super().__init__(input_size, hidden_size)
        self.alpha = float(alpha)
        self.nonlinearity = nonlinearity
        self.kernel = kernel
        self.n_targets = hidden_size if n_targets is None else n_targets
        self.input = nn.Linear(input_size, hidden_size)
        self.context = nn.Linear(self.n_targets, hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, self.n_targets)

    def initial_state(self, batch: int) -> State:
        """Return an empty context: zeros of shape (batch, n_targets)."""
        return self.context.weight.new_zeros(batch, self.n_targets)

    def readout(self, outputs: Tensor) -> Tensor:
        """Return the network's own output y of outputs h, in any number of steps."""
        return self.output(outputs)

    def project(self, x: Tensor) -> Tensor:
        """Compute W_xh x_t + b_h."""
        return self.input(x)

    def advance(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one step."""
        return self._advance(projected, state, None)

    def sequence(  # type: ignore[override]
        self, x: Tensor, state: State = None, teacher: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a whole sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)
        state : State, optional
        teacher : Tensor of shape (batch, steps, n_targets), optional
            What y should have been, NaN where unknown. No gradient flows to it.

        Returns
        -------
        outputs : Tensor of shape (batch, steps, hidden_size)
        state : State
        """
        if state is None:
            state = self.initial_state(len(x))
        if teacher is None:
            return self._listen(x, state, None)
        # What the last output should have been changes nothing within the sequence.
        if teacher[:, :-1].isnan().any():
            return self._listen(x, state, teacher.detach())
        return self._hear_teacher(x, state, teacher.detach())

    def _listen(
        self, x: Tensor, context: Tensor, teacher: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Hear the own output wherever the teacher, if there is one, knows none."""
        kernel = choose(self.kernel, x, native=False)
        if kernel == "loop":
            return self._loop(x, context, teacher)
        outputs, context = compute(
            kernel,
            "jordan",
            self.project(x.transpose(0, 1)),
            context,
            self.context.weight,
            self.output.weight,
            self.output.bias,
            None if teacher is None else teacher.transpose(0, 1),
            self.alpha,
            self.nonlinearity == "relu",
        )
        return outputs.transpose(0, 1), context

    def _loop(
        self, x: Tensor, context: Tensor, teacher: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        outputs = []
        for step, projected in enumerate(self.project(x).unbind(1)):
            known = None if teacher is None else teacher[:, step]
            output, context = self._advance(projected, context, known)
            outputs.append(output)
        return torch.stack(outputs, dim=1), context

    def _hear_teacher(
        self, x: Tensor, context: Tensor, teacher: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run all steps at once, none of which needs what the network puts out."""
        contexts = context.unsqueeze(1)
        if x.shape[1] > 1:
            heard = teacher[:, :-1]
            left = torch.full_like(heard, self.alpha)
            later = linear_scan(left, heard, context, self.kernel)
            contexts = torch.cat([contexts, later], dim=1)
        outputs = self._activate(self.project(x) + self.context(contexts))
        return outputs, self._next(contexts[:, -1], outputs[:, -1], teacher[:, -1])

    def _advance(
        self, projected: Tensor, context: Tensor, known: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        hidden = self._activate(projected + self.context(context))
        return hidden, self._next(context, hidden, known)

    def _next(self, context: Tensor, hidden: Tensor, known: Tensor | None) -> Tensor:
        heard = self.output(hidden)
        if known is not None:
            heard = torch.where(known.isnan(), heard, known)
        return self.alpha * context + heard

    def _activate(self, x: Tensor) -> Tensor:
        return torch.tanh(x) if self.nonlinearity == "tanh" else torch.relu(x)

    def extra_repr(self) -> str:
        """Show what is fixed in the module's repr."""
        return f"alpha={self.alpha}, nonlinearity={self.nonlinearity!r}"
