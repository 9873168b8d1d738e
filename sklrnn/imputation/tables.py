"""Tables to standardised series with their times, and estimates back into units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.rows import row_order
from sklrnn.data.scaling import standardisation
from sklrnn.data.timegrid import TimeUnit, count_steps, typical_step

_FARTHEST = 1e9
"""Largest value that the network reads, in deviations: squares stay finite."""


class TimedSeries(NamedTuple):
    """A series of a table.

    Attributes
    ----------
    values : ndarray of shape (n_steps, n_columns)
        Standardised, NaN where not observed.
    times : ndarray of shape (n_steps,)
        Times of the rows, in steps; they need not be whole.
    """

    values: np.ndarray
    times: np.ndarray


def rows_of(one: TimedSeries, begin: int, end: int | None = None) -> TimedSeries:
    """Return a stretch of a series."""
    return TimedSeries(one.values[begin:end], one.times[begin:end])


class Columns(NamedTuple):
    """How the columns of tables are scaled, and their times counted.

    Attributes
    ----------
    center, scale : ndarray of shape (n_columns,)
        Mean and deviation; ``values * scale + center`` is in the units of the table.
    empty : ndarray of shape (n_columns,), bool
        Which columns had no value; the network has no place for them.
    unit : TimeUnit
        Of the times.
    """

    center: np.ndarray
    scale: np.ndarray
    empty: np.ndarray
    unit: TimeUnit

    @classmethod
    def of(cls, frames: list[pd.DataFrame]) -> Columns:
        """Learn the scaling from the series of a table."""
        unit = typical_step([frame.index for frame in frames])
        whole = np.concatenate([frame.to_numpy(dtype=np.float64) for frame in frames])
        center, scale = standardisation([whole], True)
        return cls(center, scale, np.isnan(whole).all(axis=0), unit)

    def standardise(self, frames: list[pd.DataFrame]) -> list[TimedSeries]:
        """Return series without the columns that were empty."""
        keep = ~self.empty
        center, scale = self.center[keep], self.scale[keep]
        series = []
        for frame in frames:
            with np.errstate(over="ignore"):
                values = (frame.to_numpy(dtype=np.float64)[:, keep] - center) / scale
            values = np.clip(values, -_FARTHEST, _FARTHEST)
            series.append(TimedSeries(values, count_steps(frame.index, self.unit)))
        return series

    def in_units(
        self, index: pd.Index, found: list[tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return estimates and spreads of series as tables, in units, row by row."""
        at = np.ix_(row_order(index), ~self.empty)
        mean, spread = np.zeros((2, len(index), len(self.empty)))
        mean[at] = np.concatenate([each for each, _ in found])
        spread[at] = np.concatenate([each for _, each in found])
        with np.errstate(over="ignore"):
            # A column that was empty has center 0.
            mean, spread = mean * self.scale + self.center, spread * self.scale
        largest = np.finfo(np.float64).max
        return np.clip(mean, -largest, largest), np.minimum(spread, largest)

    def with_empty(self, values: np.ndarray, empty: float) -> np.ndarray:
        """Return numbers of the columns with values, and `empty` for the others."""
        every = np.full((len(self.empty), *values.shape[1:]), empty)
        every[~self.empty] = values
        return every
