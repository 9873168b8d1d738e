"""Long short-term memory."""

from __future__ import annotations

import torch
from torch import nn

from sklrnn.network.cells.base import NativeCell, State


class LSTM(NativeCell):
    r"""Long short-term memory, with the forget gate of Gers et al.

    .. math::
        i_t, f_t, o_t &= \sigma(W_x x_t + W_h h_{t-1} + b) \\
        \tilde c_t &= \tanh(W_{xc} x_t + W_{hc} h_{t-1} + b_c) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot \tilde c_t \\
        h_t &= o_t \odot \tanh(c_t)

    Parameters
    ----------
    input_size, hidden_size : int
    forget_bias : float or None, default=None
        Initial bias of the forget gate; 1 lets a fresh network remember
        (Jozefowicz et al. 2015, section 2.2). None leaves torch's initialisation.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation
    9 (8), 1997, equations in appendix A.1. F. Gers, J. Schmidhuber and F. Cummins,
    "Learning to forget", Neural Computation 12 (10), 2000. R. Jozefowicz, W. Zaremba
    and I. Sutskever, "An empirical exploration of recurrent network architectures",
    ICML 2015.
    """

    def __init__(
        self, input_size: int, hidden_size: int, forget_bias: float | None = None
    ) -> None:
        super().__init__(nn.LSTM(input_size, hidden_size, batch_first=True))
        if forget_bias is not None:
            forget = slice(hidden_size, 2 * hidden_size)
            _, _, input_bias, hidden_bias = self.layer.all_weights[0]
            with torch.no_grad():
                input_bias[forget] = float(forget_bias)
                hidden_bias[forget] = 0.0

    def initial_state(self, batch: int) -> State:
        """Return zeros for h and c, each of shape (1, batch, hidden_size)."""
        zeros = super().initial_state(batch)
        return zeros, torch.zeros_like(zeros)
