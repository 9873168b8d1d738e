"""Variational dropout: one mask per sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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

    @property
    def active(self) -> bool:
        """Whether anything is dropped: in training mode, if p is above 0."""
        return self.training and self.p > 0.0

    def mask(self, like: Tensor, n_features: int) -> Tensor:
        """Draw a mask of shape (batch, n_features): 0 or 1 / (1 - p)."""
        keep = like.new_empty(len(like), n_features)
        keep.bernoulli_(1.0 - self.p, generator=self.generator)
        return keep.div_(1.0 - self.p)

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of x, (batch, steps, features), in training mode."""
        if not self.active:
            return x
        return x * self.mask(x, x.shape[-1]).unsqueeze(1)

    def extra_repr(self) -> str:
        """Show the probability in the module's repr."""
        return f"p={self.p}"
