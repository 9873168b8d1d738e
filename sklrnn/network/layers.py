"""Stacked recurrent layers, with variational dropout on what goes into each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import State
from sklrnn.network.directions import Coupled, Forward


class VariationalDropout(nn.Module):
    """Dropout with one mask per sequence, shared by all its steps.

    Parameters
    ----------
    p : float
        Probability of dropping a feature.

    Attributes
    ----------
    generator : torch.Generator or None
        Where the masks are drawn from; None is torch's global generator.

    References
    ----------
    Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in
    recurrent neural networks", NeurIPS 2016, section 4.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of x, (batch, steps, features), in training mode."""
        if not self.training or self.p == 0.0:
            return x
        keep = torch.empty(len(x), 1, x.shape[-1], dtype=x.dtype, device=x.device)
        keep.bernoulli_(1.0 - self.p, generator=self.generator)
        return x * keep.div_(1.0 - self.p)

    def extra_repr(self) -> str:
        """Show the probability in the module's repr."""
        return f"p={self.p}"


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

    def summary(self, x: Tensor) -> Tensor:
        """Return what the last layer knows after the whole sequence."""
        for layer, dropout in zip(self.layers[:-1], self.dropouts[:-1], strict=True):
            x, _ = layer.sequence(dropout(x))
        return self.layers[-1].summary(self.dropouts[-1](x))

    def sequence(
        self, x: Tensor, states: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Return the outputs of all steps and every layer's state after the last."""
        if states is None:
            states = [None] * len(self.layers)
        after = []
        for layer, dropout, state in zip(
            self.layers, self.dropouts, states, strict=True
        ):
            x, state = layer.sequence(dropout(x), state)
            after.append(state)
        return x, after
