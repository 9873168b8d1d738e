"""The simple recurrent network of Elman."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sklrnn.network.cells.base import LayerCell, State


class Elman(LayerCell):
    r"""Elman's simple recurrent network: the hidden state is the memory.

    .. math:: h_t = \phi(W_x x_t + W_h h_{t-1} + b)

    (Elman 1990, figure 2: the context units hold a copy of the hidden ones.)

    Parameters
    ----------
    input_size, hidden_size : int
    nonlinearity : {"tanh", "relu"}, default="tanh"
        The function phi.
    learn_initial : bool, default=False
        Whether h_0 is a parameter, the same for all sequences; it is 0 otherwise.
    kernel : {"auto", "native", "numba", "torch", "loop"}, default="auto"
        Who computes sequences; see `sklrnn.network.kernels`.

    Attributes
    ----------
    layer : nn.RNN
        Holds the weights.
    initial_hidden : nn.Parameter of shape (hidden_size,) or None
        h_0 where it is learned.

    Raises
    ------
    ValueError
        If `nonlinearity` or `kernel` is not one of those listed.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (2), 1990.
    """

    recurrence = "elman"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str = "tanh",
        learn_initial: bool = False,
        kernel: str = "auto",
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}"
            )
        layer = nn.RNN(
            input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True
        )
        super().__init__(layer, kernel)
        self.nonlinearity = nonlinearity
        initial = nn.Parameter(torch.zeros(hidden_size)) if learn_initial else None
        self.initial_hidden = initial

    def initial_state(self, batch: int) -> State:
        """Return h_0, of shape (batch, hidden_size)."""
        if self.initial_hidden is None:
            return super().initial_state(batch)
        return (self.initial_hidden.expand(batch, -1),)

    def advance(
        self, projected: Tensor, state: State, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Advance by one step from what `project` has computed of it."""
        (hidden,) = state
        read = hidden if hidden_mask is None else hidden * hidden_mask
        a = projected + linear(read, self.layer.all_weights[0][1])
        hidden = a.relu() if self.nonlinearity == "relu" else a.tanh()
        return hidden, (hidden,)

    def recurrent_inputs(
        self, state: State, hidden_mask: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what the recurrence takes after the projected input."""
        weight = self.layer.all_weights[0][1]
        return state[0], weight, hidden_mask, self.nonlinearity == "relu"
