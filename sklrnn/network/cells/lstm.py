"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sklrnn.network.cells.base import LayerCell, State, chrono_bias, normalised


class LSTM(LayerCell):
    r"""Long short-term memory, with the forget gate of Gers et al.

    .. math::
        i_t &= \sigma(W_{xi} x_t + W_{hi} h_{t-1} + p_i \odot c_{t-1} + b_i) \\
        f_t &= \sigma(W_{xf} x_t + W_{hf} h_{t-1} + p_f \odot c_{t-1} + b_f) \\
        \tilde c_t &= \tanh(W_{xc} x_t + W_{hc} h_{t-1} + b_c) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot \tilde c_t \\
        o_t &= \sigma(W_{xo} x_t + W_{ho} h_{t-1} + p_o \odot c_t + b_o) \\
        h_t &= o_t \odot \tanh(c_t)

    The peephole weights p are 0 unless asked for. With layer normalisation,
    LN(W_x x + b_x) and LN(W_h h) stand for the two products, with a gain for each and
    normalised gate by gate. (Ba et al. normalise all gates together, and W_x x without
    a bias: of a single feature nothing but its sign would be left.)

    Parameters
    ----------
    input_size, hidden_size : int
    forget_bias : float or None, default=None
        Initial bias of the forget gate; 1 lets a fresh network remember
        (Jozefowicz et al. 2015, section 2.2). None leaves torch's initialisation.
    chrono_steps : int or None, default=None
        How far back, in steps, matters: units of a fresh network then remember over
        spans from 2 to so many steps, with forget biases log u, u uniform from 1 to
        ``chrono_steps - 1``, and input biases -log u (Tallec and Ollivier 2018).
        What lies further back than a few dozen steps is often not learned
        without. None leaves torch's initialisation.
    peephole : bool, default=False
        Whether the gates see the cell state.
    layer_norm : bool, default=False
        Whether to normalise inside the gates.
    kernel : {"auto", "native", "numba", "torch", "loop"}, default="auto"
        Who computes sequences; see `sklrnn.network.kernels`.

    Attributes
    ----------
    layer : nn.LSTM
        Holds the weights, gates in the order i, f, c, o.
    peephole : nn.Parameter of shape (3, hidden_size) or None
        p_i, p_f and p_o; they start at 0.
    norm_x, norm_h : nn.Parameter of shape (4, hidden_size) or None
        Gains of the layer normalisation.

    Raises
    ------
    ValueError
        If `kernel` is not one that can compute the cell, `chrono_steps` is below 2, or
        both `forget_bias` and `chrono_steps` are given.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation
    9 (8), 1997, equations in appendix A.1. F. Gers, J. Schmidhuber and F. Cummins,
    "Learning to forget", Neural Computation 12 (10), 2000. F. Gers and J. Schmidhuber,
    "Recurrent nets that time and count", IJCNN 2000; F. Gers, N. Schraudolph and
    J. Schmidhuber, "Learning precise timing with LSTM recurrent networks", Journal of
    Machine Learning Research 3, 2002 (peepholes). R. Jozefowicz, W. Zaremba and
    I. Sutskever, "An empirical exploration of recurrent network architectures", ICML
    2015. J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016,
    equations (20)-(22). C. Tallec and Y. Ollivier, "Can recurrent neural networks warp
    time?", ICLR 2018.
    """

    recurrence = "lstm"
    native_wins = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        forget_bias: float | None = None,
        chrono_steps: int | None = None,
        peephole: bool = False,
        layer_norm: bool = False,
        kernel: str = "auto",
    ) -> None:
        super().__init__(
            nn.LSTM(input_size, hidden_size, batch_first=True),
            kernel,
            n_gates=4,
            layer_norm=layer_norm,
            native=not peephole,
        )
        zeros = torch.zeros(3, hidden_size)
        self.peephole = nn.Parameter(zeros) if peephole else None
        if forget_bias is not None and chrono_steps is not None:
            raise ValueError(
                "forget_bias and chrono_steps both set the forget gate's bias: give one"
            )
        if forget_bias is not None:
            self._set_bias(1, torch.full((hidden_size,), float(forget_bias)))
        elif chrono_steps is not None:
            bias = chrono_bias(hidden_size, chrono_steps)
            self._set_bias(0, -bias)
            self._set_bias(1, bias)

    def initial_state(self, batch: int) -> State:
        """Return zeros for h and c, each of shape (batch, hidden_size)."""
        (zeros,) = super().initial_state(batch)
        return zeros, torch.zeros_like(zeros)

    def advance(
        self, projected: Tensor, state: State, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Advance by one step from what `project` has computed of it."""
        hidden, cell = state
        read = hidden if hidden_mask is None else hidden * hidden_mask
        recurrent = linear(read, self.layer.all_weights[0][1])
        if self.norm_h is not None:
            recurrent = normalised(recurrent, self.norm_h)
        i, f, new, o = (projected + recurrent).chunk(4, dim=1)
        if self.peephole is not None:
            i, f = i + self.peephole[0] * cell, f + self.peephole[1] * cell
        cell = f.sigmoid() * cell + i.sigmoid() * new.tanh()
        if self.peephole is not None:
            o = o + self.peephole[2] * cell
        hidden = o.sigmoid() * cell.tanh()
        return hidden, (hidden, cell)

    def recurrent_inputs(
        self, state: State, hidden_mask: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what the recurrence takes after the projected input."""
        weight = self.layer.all_weights[0][1]
        return *state, weight, hidden_mask, self.norm_h, self.peephole

    def _native(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        before = tuple(part.unsqueeze(0) for part in state)
        outputs, after = self.layer(x, before)
        return outputs, tuple(part[0] for part in after)
