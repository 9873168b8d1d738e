"""Scaling: means and deviations of columns, over one series or over many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Scaling = tuple[np.ndarray, np.ndarray]
"""Center and scale of columns."""

_FINE = 1e-9
"""Deviation, as a share of the largest value, up to which squares of deviations are
taken about a value of the column, not about its mean: the mean is rounded."""

_ROUNDING = 4 * np.finfo(np.float64).eps
"""The share up to which a column is constant, since float64 tells no more apart: to
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


_STEADY = 16
"""Distances between neighbours of float64 that rounding moves a constant by."""


def steady(deviations: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Tell which columns have not moved from their center, but for rounding.

    Parameters
    ----------
    deviations : ndarray of shape (n_rows, n_columns)
        From the center, in the same units; NaN where not observed.
    center : ndarray of shape (n_columns,)
    """
    return ~(np.abs(deviations) > _STEADY * next_to_none(center)).any(axis=0)


def next_to_none(center: np.ndarray) -> np.ndarray:
    """Return the distance from each number to its neighbour in float64.

    No less than the smallest number of full precision: deviations are not to vanish.
    """
    return np.maximum(np.spacing(np.abs(center)), np.finfo(np.float64).tiny)


class Moments(NamedTuple):
    """Number, mean and squared deviations of the observed values of columns.

    Attributes
    ----------
    n_seen, size : ndarray of shape (n_columns,)
        How many there are, and the largest, without sign.
    mean, square : ndarray of shape (n_columns,)
        Mean, and sum of the squares about it, of the values divided by `size`: squares
        of large values overflow.
    level : ndarray of shape (n_columns,)
        A value near all others, where these are near each other.
    beside, fine : ndarray of shape (n_columns,)
        Mean and sum of squares as above, of what `level` was subtracted from: a small
        spread on a large level is lost in `square`, and not in these.
    """

    n_seen: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    level: np.ndarray
    beside: np.ndarray
    fine: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Moments:
        """Return those of rows, (n_rows, n_columns), NaN where not observed."""
        mask = ~np.isnan(rows)
        rows = np.where(mask, rows, 0.0)
        n_seen = mask.sum(axis=0)
        size = np.abs(rows).max(axis=0)
        shares = rows / _divisor(size)
        mean = shares.sum(axis=0) / np.maximum(n_seen, 1)
        square = (np.where(mask, shares - mean, 0.0) ** 2).sum(axis=0)
        level, beside, fine = mean * size, np.zeros_like(mean), square.copy()
        close = _deviation(square, n_seen) <= _FINE
        if close.any():
            found = _beside(rows[:, close], mask[:, close], size[close])
            level[close], beside[close], fine[close] = found
        return cls(n_seen, size, mean, square, level, beside, fine)

    def joined(self, other: Moments) -> Moments:
        """Return those of the rows of both (Chan et al. 1983)."""
        size = np.maximum(self.size, other.size)
        shrink = np.stack([self.size, other.size]) / _divisor(size)
        n_seen = self.n_seen + other.n_seen
        share = other.n_seen / np.maximum(n_seen, 1)

        def join(means: np.ndarray, squares: np.ndarray) -> list[np.ndarray]:
            apart = means[1] - means[0]
            square = squares.sum(axis=0) + apart**2 * self.n_seen * share
            return [means[0] + apart * share, square]

        squares = np.stack([self.square, other.square]) * shrink**2
        mean, square = join(np.stack([self.mean, other.mean]) * shrink, squares)
        level = np.where(self.n_seen > 0, self.level, other.level)
        with np.errstate(over="ignore", invalid="ignore"):  # of columns far apart
            rest = np.stack([self.level, other.level]) - level
            means = (
                rest / _divisor(size) + np.stack([self.beside, other.beside]) * shrink
            )
            beside, fine = join(means, np.stack([self.fine, other.fine]) * shrink**2)
        return Moments(n_seen, size, mean, square, level, beside, fine)

    def standardisation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the deviation of every column."""
        center, deviation = self.mean * self.size, _deviation(self.square, self.n_seen)
        close = self._close()
        center = np.where(close, self.level + self.beside * self.size, center)
        deviation = np.where(close, _deviation(self.fine, self.n_seen), deviation)
        scale = np.where(self._moves(), deviation * self.size, 1.0)
        return center, scale

    def constant(self) -> tuple[int, ...]:
        """Return the columns that do not move, or by rounding alone."""
        return tuple(np.flatnonzero(~self._moves()).tolist())

    def _close(self) -> np.ndarray:
        """Tell which columns have all values near each other, and yet move."""
        return (_deviation(self.square, self.n_seen) <= _FINE) & self._moves()

    def _moves(self) -> np.ndarray:
        wide = _deviation(self.square, self.n_seen) > _FINE
        return wide | (_deviation(self.fine, self.n_seen) > _ROUNDING)


def _beside(
    rows: np.ndarray, mask: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a level of each column, and mean and squares of what lies beside it.

    To subtract a number from one near it is exact (Sterbenz 1974).
    """
    columns = np.arange(rows.shape[1])
    level = rows[mask.argmax(axis=0), columns]
    rest = np.where(mask, rows - level, 0.0) / _divisor(size)
    beside = rest.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)
    fine = (np.where(mask, rest - beside, 0.0) ** 2).sum(axis=0)
    return level, beside, fine


def _deviation(square: np.ndarray, n_seen: np.ndarray) -> np.ndarray:
    return np.sqrt(square / np.maximum(n_seen, 1))


def _divisor(size: np.ndarray) -> np.ndarray:
    return np.where(size == 0, 1.0, size)
