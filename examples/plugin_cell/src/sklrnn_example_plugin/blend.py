"""The weighted mean of two directions."""

import math

import torch
from torch import Tensor, nn


class Blend(nn.Module):
    r"""Weighted mean of both directions, with one learned weight per feature.

    .. math:: z_t = a \odot \vec h_t + (1 - a) \odot \overleftarrow h_t,
        \quad a = \sigma(w)

    After training `share` tells how much each feature relies on the past.

    Parameters
    ----------
    hidden_size : int
    share : float, default=0.5
        The weight of the first input before training, between 0 and 1.

    Raises
    ------
    ValueError
        If `share` is not between 0 and 1.
    """

    sklrnn_api = 1
    causal = True
    stepwise = True

    def __init__(self, hidden_size: int, share: float = 0.5) -> None:
        if not 0.0 < share < 1.0:
            raise ValueError(f"share must be between 0 and 1, got {share!r}")
        super().__init__()
        self.output_size = hidden_size
        logit = math.log(share / (1.0 - share))
        self.weight = nn.Parameter(torch.full((hidden_size,), logit))

    @property
    def share(self) -> Tensor:
        """The weights of the first input, (hidden_size,), from 0 to 1."""
        return torch.sigmoid(self.weight)

    def forward(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Fuse two tensors of shape (batch, steps, hidden_size)."""
        return torch.lerp(backward, forward, self.share)
