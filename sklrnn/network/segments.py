"""Segments: several steps of a sequence read at once, and channels read one by one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SegmentReader(nn.Module):
    """Turn every segment of steps into one vector: a linear layer, then ReLU.

    Parameters
    ----------
    n_channels : int
    segment_length : int
    hidden_size : int

    References
    ----------
    S. Lin et al., "SegRNN: segment recurrent neural network for long-term time series
    forecasting", 2023 (segment-wise iterations).
    """

    def __init__(self, n_channels: int, segment_length: int, hidden_size: int) -> None:
        super().__init__()
        self.segment_length = segment_length
        self.to_vector = nn.Linear(segment_length * n_channels, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Read (batch, steps, n_channels) as (batch, n_segments, hidden_size).

        Where steps are missing to a whole number of segments, the oldest one is
        repeated.
        """
        missing = -x.shape[1] % self.segment_length
        if missing:
            x = torch.cat([x[:, :1].expand(-1, missing, -1), x], dim=1)
        n_segments = x.shape[1] // self.segment_length
        return self.to_vector(x.reshape(len(x), n_segments, -1)).relu()


def split_targets(x: Tensor, n_targets: int, n_columns: int) -> Tensor:
    """Make a sequence of its own of every target, each with all exogenous columns.

    Parameters
    ----------
    x : Tensor of shape (batch, steps, n_channels)
        Blocks of `n_columns`: values and, where there are any, masks and times since
        last seen; the targets are first in each block.

    Returns
    -------
    Tensor of shape (batch * n_targets, steps, n_own)
        Of every block the target's column and those of the exogenous ones.
    """
    batch, steps, n_channels = x.shape
    if n_channels == n_targets:
        return x.transpose(1, 2).reshape(batch * n_targets, steps, 1)
    blocks = x.view(batch, steps, n_channels // n_columns, n_columns)
    own = blocks[..., :n_targets].movedim(-1, 1).unsqueeze(-1)
    shared = blocks[..., n_targets:].unsqueeze(1).expand(-1, n_targets, -1, -1, -1)
    return torch.cat([own, shared], dim=-1).reshape(batch * n_targets, steps, -1)


def join_targets(values: Tensor, n_targets: int) -> Tensor:
    """Put what belongs to the targets of one window side by side again.

    Parameters
    ----------
    values : Tensor of shape (batch * n_targets, steps, n_values)

    Returns
    -------
    Tensor of shape (batch, steps, n_targets * n_values)
    """
    return values.unflatten(0, (-1, n_targets)).transpose(1, 2).flatten(2)
