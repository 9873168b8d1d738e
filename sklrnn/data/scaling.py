"""Scaling: means and deviations of columns, over one series or over many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Scaling = tuple[np.ndarray, np.ndarray]
"""Center and scale of columns."""

_ROUNDING = 1e-9
"""Deviation, as a share of the largest value, up to which a column is constant: to
divide by that noise would blow the first real change up."""


def standardisation(
    columns: list[np.ndarray], standardize: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the deviation of every column, of 0 and 1 if not wanted."""
    n_columns = sum(part.shape[1] for part in columns)
    if not standardize:
        return np.zeros(n_columns), np.ones(n_columns)
    found = [Moments.of(part).standardisation() for part in columns]
    centers, scales = zip(*found, strict=True)
    return np.concatenate(centers), np.concatenate(scales)


class Moments(NamedTuple):
    """Number, mean and squared deviations of the observed values of columns.

    Attributes
    ----------
    n_seen, size : ndarray of shape (n_columns,)
        How many there are, and the largest, without sign.
    mean, square : ndarray of shape (n_columns,)
        Mean, and sum of the squares about it, of the values divided by `size`: squares
        of large values overflow.
    """

    n_seen: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Moments:
        """Return those of rows, (n_rows, n_columns), NaN where not observed."""
        mask = ~np.isnan(rows)
        rows = np.where(mask, rows, 0.0)
        n_seen = mask.sum(axis=0)
        size = np.abs(rows).max(axis=0)
        rows = rows / _divisor(size)
        mean = rows.sum(axis=0) / np.maximum(n_seen, 1)
        square = (np.where(mask, rows - mean, 0.0) ** 2).sum(axis=0)
        return cls(n_seen, size, mean, square)

    def joined(self, other: Moments) -> Moments:
        """Return those of the rows of both (Chan et al. 1983)."""
        size = np.maximum(self.size, other.size)
        shrink = np.stack([self.size, other.size]) / _divisor(size)
        means = np.stack([self.mean, other.mean]) * shrink
        squares = np.stack([self.square, other.square]) * shrink**2
        n_seen = self.n_seen + other.n_seen
        share = other.n_seen / np.maximum(n_seen, 1)
        apart = means[1] - means[0]
        mean = means[0] + apart * share
        square = squares.sum(axis=0) + apart**2 * self.n_seen * share
        return Moments(n_seen, size, mean, square)

    def standardisation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the deviation of every column."""
        deviation = self._deviation()
        scale = np.where(deviation > _ROUNDING, deviation * self.size, 1.0)
        return self.mean * self.size, scale

    def constant(self) -> tuple[int, ...]:
        """Return the columns that do not move, or by rounding alone."""
        return tuple(np.flatnonzero(self._deviation() <= _ROUNDING).tolist())

    def _deviation(self) -> np.ndarray:
        return np.sqrt(self.square / np.maximum(self.n_seen, 1))


def _divisor(size: np.ndarray) -> np.ndarray:
    return np.where(size == 0, 1.0, size)
