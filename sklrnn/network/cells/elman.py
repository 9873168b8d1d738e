"""The simple recurrent network of Elman."""

from __future__ import annotations

from torch import nn

from sklrnn.network.cells.base import NativeCell


class Elman(NativeCell):
    r"""Elman's simple recurrent network: the hidden state is the memory.

    .. math:: h_t = \phi(W_{xh} x_t + W_{hh} h_{t-1} + b), \quad h_0 = 0

    (Elman 1990, figure 2: the context units hold a copy of the hidden ones.)

    Parameters
    ----------
    input_size, hidden_size : int
    nonlinearity : {"tanh", "relu"}, default="tanh"
        The function phi.

    Raises
    ------
    ValueError
        If `nonlinearity` is neither "tanh" nor "relu".

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (2), 1990.
    """

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: str = "tanh"
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}"
            )
        super().__init__(
            nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
        )
