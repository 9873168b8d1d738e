"""Variational dropout, one mask per sequence, and other draws of the training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Drawing(nn.Module):
    """A module that draws random numbers while it is trained.

    Attributes
    ----------
    generator : torch.Generator or None
        Where they are drawn from, set by the training; None is torch's global
        generator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None


class VariationalDropout(Drawing):
    """Dropout with one mask per sequence, shared by all its steps.

    Parameters
    ----------
    p : float
        Probability of dropping a feature.

    References
    ----------
    Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in
    recurrent neural networks", NeurIPS 2016, section 4.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._holds = False
        self._held: Tensor | None = None

    @property
    def active(self) -> bool:
        """Whether anything is dropped: in training mode, if p is above 0."""
        return self.training and self.p > 0.0

    def mask(self, like: Tensor, n_features: int) -> Tensor:
        """Draw a mask of shape (batch, n_features): 0 or 1 / (1 - p)."""
        if self._held is not None:
            return self._held
        keep = like.new_empty(len(like), n_features)
        keep.bernoulli_(1.0 - self.p, generator=self.generator)
        mask = keep.div_(1.0 - self.p)
        if self._holds:
            self._held = mask
        return mask

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of x, (batch, steps, features), in training mode."""
        if not self.active:
            return x
        return x * self.mask(x, x.shape[-1]).unsqueeze(1)

    def extra_repr(self) -> str:
        """Show the probability in the module's repr."""
        return f"p={self.p}"


@contextmanager
def held_masks(module: nn.Module) -> Iterator[None]:
    """Draw each mask in a module once, for sequences that are run step by step."""
    dropouts = [m for m in module.modules() if isinstance(m, VariationalDropout)]
    for dropout in dropouts:
        dropout._holds = True
    try:
        yield
    finally:
        for dropout in dropouts:
            dropout._holds, dropout._held = False, None


class Coins(Drawing):
    """Coins to flip in training: one for every item of a batch, with any chance."""

    def forward(self, like: Tensor, chance: float) -> Tensor:
        """Return bool of shape (batch,), True with probability `chance`."""
        coins = torch.empty(len(like), device=like.device)
        return coins.bernoulli_(chance, generator=self.generator) > 0
