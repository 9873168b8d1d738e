"""Stacked recurrent layers, with variational dropout on what goes into each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import State
from sklrnn.network.directions import Branch, Coupled, Forward
from sklrnn.network.dropout import VariationalDropout
from sklrnn.network.padding import without_padding


class RecurrentLayers(nn.Module):
    """Recurrent layers on top of one another.

    Parameters
    ----------
    layers : list of Forward or Coupled
    dropout : float
        Variational dropout on the input of every layer.
    """

    def __init__(self, layers: list[Forward | Coupled], dropout: float) -> None:
        super().__init__()
        self.layers: Any = nn.ModuleList(layers)
        self.dropouts: Any = nn.ModuleList(VariationalDropout(dropout) for _ in layers)
        self.output_size = layers[-1].output_size
        self.causal = all(layer.causal for layer in layers)

    def summary(
        self,
        x: Tensor,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return what the last layer knows after the whole sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)
        targets : Tensor of shape (batch, steps, n_targets), optional
            What the rows of x say of the targets, NaN where unknown, for cells that
            feed back their own output; without it they run free.
        lengths : Tensor of shape (batch,), int, optional
            Number of steps of each sequence; what comes after is padding, and makes
            no difference. All steps if not given.

        Returns
        -------
        Tensor of shape (batch, output_size)
        """
        # In a causal stack the last step's gradient reaches no further back in any
        # layer than in the last one, so that earlier steps need not be remembered.
        tail = self.causal and lengths is None
        padding = {"targets": targets, "lengths": lengths}
        x = without_padding(x, lengths)
        for layer, dropout in zip(self.layers[:-1], self.dropouts[:-1], strict=True):
            x, _ = layer.sequence(dropout(x), tail=tail, **padding)
        return self.layers[-1].summary(self.dropouts[-1](x), **padding)

    def sequence(
        self,
        x: Tensor,
        states: list[State] | None = None,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Return the outputs of all steps and every layer's state after the last.

        Parameters are those of `summary`; with `lengths`, outputs in the padding are
        0 and the states are of no use.
        """
        if states is None:
            states = [None] * len(self.layers)
        x = without_padding(x, lengths)
        after = []
        for layer, dropout, state in zip(
            self.layers, self.dropouts, states, strict=True
        ):
            x, state = layer.sequence(
                dropout(x), state, targets=targets, lengths=lengths
            )
            after.append(state)
        return x, after

    def take_teaching_error(self) -> Tensor | None:
        """Return the mean error of taught cells' own outputs in the last run.

        It is handed out once: a network that keeps graphs cannot be copied.
        """
        errors = []
        for branch in self.modules():
            if isinstance(branch, Branch) and branch.teaching_error is not None:
                errors.append(branch.teaching_error)
                branch.teaching_error = None
        return torch.stack(errors).mean() if errors else None
