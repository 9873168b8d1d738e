"""Fusions: two aligned hidden sequences to one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Concat(nn.Module):
    r"""Concatenation, :math:`z_t = [\vec h_t; \overleftarrow h_t]`.

    Parameters
    ----------
    hidden_size : int
        Number of features of each of the two sequences.

    Attributes
    ----------
    output_size : int
    causal : bool
        Step t of the output reads no later step of the first input.

    References
    ----------
    M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE
    Transactions on Signal Processing 45 (11), 1997.
    """

    causal = True

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.output_size = 2 * hidden_size

    def forward(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Fuse two tensors of shape (batch, steps, hidden_size)."""
        return torch.cat([forward, backward], dim=-1)
