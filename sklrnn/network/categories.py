"""Categories as vectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_LARGEST = 16


class CategoryEmbedding(nn.Module):
    """Put a learned vector in the place of every number of a category.

    A vector has half as many features as there are categories, at least 1 and at most
    16. Number 0 stands for categories never seen, and has zeros.

    Parameters
    ----------
    n_columns : int
    sizes : dict of int to int
        Place -> number of categories; all other columns are left as they are.

    Attributes
    ----------
    places : list of list of int
        For each column, where it is in the output.

    References
    ----------
    C. Guo and F. Berkhahn, "Entity embeddings of categorical variables", 2016.
    """

    def __init__(self, n_columns: int, sizes: dict[int, int]) -> None:
        super().__init__()
        self.n_columns = n_columns
        self.vectors: Any = nn.ModuleDict()
        self.places: list[list[int]] = []
        start = 0
        for column in range(n_columns):
            width = 1
            if column in sizes:
                width = min(max((sizes[column] + 1) // 2, 1), _LARGEST)
                self.vectors[str(column)] = nn.Embedding(
                    sizes[column] + 1, width, padding_idx=0
                )
            self.places.append(list(range(start, start + width)))
            start += width
        self.n_features = start

    def forward(self, x: Tensor) -> Tensor:
        """Turn (..., n_columns) into (..., n_features)."""
        parts = []
        for column, values in enumerate(x.split(1, dim=-1)):
            if str(column) in self.vectors:
                vectors = self.vectors[str(column)]
                number = values[..., 0].round().long()
                number = number.clamp(0, vectors.num_embeddings - 1)
                values = vectors(number)
            parts.append(values)
        return torch.cat(parts, dim=-1)
