"""Sequences of several lengths in one batch, padded at their ends."""

from __future__ import annotations

import torch
from torch import Tensor


def valid_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """Tell which steps belong to the sequences: bool, of shape (batch, steps)."""
    return torch.arange(x.shape[1], device=x.device) < lengths[:, None]


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Put 0 in place of whatever stands in the padding, NaN included."""
    if lengths is None:
        return x
    return torch.where(valid_steps(x, lengths)[..., None], x, x.new_zeros(()))


def reverse(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn every sequence of x, (batch, steps, features), round; padding stays last."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    order = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return x.gather(1, order[..., None].expand_as(x))


def last_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return every sequence's last step, (batch, features)."""
    if lengths is None:
        return x[:, -1]
    return x[torch.arange(len(x), device=x.device), lengths - 1]
