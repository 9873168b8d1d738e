"""The gated recurrent unit."""

from __future__ import annotations

from torch import nn

from sklrnn.network.cells.base import NativeCell


class GRU(NativeCell):
    r"""Gated recurrent unit, with the reset gate after the matrix product.

    .. math::
        z_t, r_t &= \sigma(W_x x_t + W_h h_{t-1} + b) \\
        \tilde h_t &= \tanh(W_{xh} x_t + b_x + r_t \odot (W_{hh} h_{t-1} + b_h)) \\
        h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot \tilde h_t

    This is the form of torch and cuDNN; Cho et al. apply r_t before the product, and
    Chung et al. name z_t the other way round.

    Parameters
    ----------
    input_size, hidden_size : int

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", 2014, equations (5)-(8). J. Chung et al.,
    "Empirical evaluation of gated recurrent neural networks on sequence modeling",
    2014.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(nn.GRU(input_size, hidden_size, batch_first=True))
