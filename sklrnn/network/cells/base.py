"""What every recurrent cell provides."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

State = Any
"""What a cell carries from step to step; nobody but the cell looks inside."""


class Cell(nn.Module):
    """A recurrent cell: one step of a sequence, and whole sequences by default.

    A subclass takes ``__init__(input_size, hidden_size, **cell_params)`` and provides
    `initial_state` and `step`. It overrides `sequence` when it knows something faster
    than the loop of steps.

    Parameters
    ----------
    input_size : int
        Number of input features.
    hidden_size : int
        Number of output features.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    def initial_state(self, batch: int) -> State:
        """Return the state before the first step of `batch` sequences."""
        raise TypeError(f"{type(self).__name__} does not define initial_state")

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one step.

        Parameters
        ----------
        x : Tensor of shape (batch, input_size)
        state : State

        Returns
        -------
        output : Tensor of shape (batch, hidden_size)
        state : State
        """
        raise TypeError(f"{type(self).__name__} does not define step")

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Run over a whole sequence, from `state` or from the initial one.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)

        Returns
        -------
        outputs : Tensor of shape (batch, steps, hidden_size)
        state : State
            The state after the last step.
        """
        if state is None:
            state = self.initial_state(len(x))
        outputs = []
        for x_t in x.unbind(1):
            output, state = self.step(x_t, state)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state


class NativeCell(Cell):
    """A cell whose steps and sequences one of torch's own layers runs.

    Parameters
    ----------
    layer : nn.RNNBase
        One layer, one direction, ``batch_first``.
    """

    layer: nn.RNNBase

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__(layer.input_size, layer.hidden_size)
        self.layer = layer

    def initial_state(self, batch: int) -> State:
        """Return zeros of shape (1, batch, hidden_size)."""
        weight = self.layer.all_weights[0][0]
        return weight.new_zeros(1, batch, self.hidden_size)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one step."""
        output, state = self.layer(x.unsqueeze(1), state)
        return output.squeeze(1), state

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Run over a whole sequence, in torch's own kernel."""
        return self.layer(x, state)
