"""Tables to standardised series with their times, and estimates back into units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.rows import row_order
from sklrnn.data.scaling import Moments, next_to_none, steady
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
    constant : ndarray of shape (n_columns,), bool
        Which columns had one value alone.
    """

    center: np.ndarray
    scale: np.ndarray
    empty: np.ndarray
    unit: TimeUnit
    constant: np.ndarray

    @classmethod
    def of(cls, frames: list[pd.DataFrame]) -> Columns:
        """Learn the scaling from the series of a table."""
        unit = typical_step([frame.index for frame in frames])
        whole = np.concatenate([frame.to_numpy(dtype=np.float64) for frame in frames])
        moments = Moments.of(whole)
        empty = np.isnan(whole).all(axis=0)
        constant = ~empty
        constant[constant] = np.isin(np.flatnonzero(constant), moments.constant())
        return cls(*moments.standardisation(), empty, unit, constant)

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
        self, table: pd.DataFrame, found: list[tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return estimates and spreads of a table's series, in units, row by row.

        A column that was constant, and is in this table, is filled with its value.
        """
        at = np.ix_(row_order(table.index), ~self.empty)
        mean, spread = np.zeros((2, len(table), len(self.empty)))
        mean[at] = np.concatenate([each for each, _ in found])
        spread[at] = np.concatenate([each for _, each in found])
        still = self.constant.copy()
        if still.any():
            values = table.to_numpy(dtype=np.float64)[:, still] - self.center[still]
            still[still] = steady(values, self.center[still])
        scale = np.where(still, next_to_none(self.center), self.scale)
        with np.errstate(over="ignore"):
            # A column that was empty has center 0.
            mean, spread = mean * scale + self.center, spread * scale
        largest = np.finfo(np.float64).max
        return np.clip(mean, -largest, largest), np.minimum(spread, largest)

    def with_empty(self, values: np.ndarray, empty: float) -> np.ndarray:
        """Return numbers of the columns with values, and `empty` for the others."""
        every = np.full((len(self.empty), *values.shape[1:]), empty)
        every[~self.empty] = values
        return every
