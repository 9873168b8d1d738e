"""Series on time grids: where their rows stand, and how they grow."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.rows import where_of
from sklrnn.data.scaling import next_to_none, steady
from sklrnn.data.timegrid import Step, check_on_grid, matched, positions

MAX_SPARSITY = 100
"""Most steps of the grid that one row may stand for."""


@dataclass(slots=True)
class GridSeries:
    """One series on its regular time grid, standardised, NaN where not observed.

    Attributes
    ----------
    key : Hashable
        Name of the series in its panel; None for a single series.
    origin : Any
        Time of the first row.
    step : int or pd.offsets.BaseOffset
        Time from one row to the next.
    values : ndarray of shape (n_rows, n_targets + n_exogenous), float32
        The targets, then the exogenous columns. Rows from `end` on are future: they
        hold exogenous values alone, or observations that a cutoff set back hides.
    n_targets : int
        Number of target columns.
    center, scale : ndarray of shape (n_targets + n_exogenous,), float64
        The standardisation; ``values * scale + center`` is in the units of the table.
    end : int
        Number of rows up to and including the cutoff.
    cutoff : Any
        Time of the newest row that forecasts may use.
    constant : tuple of int
        Which targets were constant when they were standardised, if they were.
    """

    key: Hashable
    origin: Any
    step: Step
    values: np.ndarray
    n_targets: int
    center: np.ndarray
    scale: np.ndarray
    end: int
    cutoff: Any
    constant: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """What messages say of where something is wrong."""
        return where_of(self.key)

    def forecast_scale(self) -> np.ndarray:
        """Return the scale of forecasts of the targets, (n_targets,).

        Of a target that was constant and still is, next to nothing: it has no deviation
        that a network's output could be in, and what is forecast of it is its value.
        """
        scale = self.scale[: self.n_targets]
        if not self.constant:
            return scale
        places, scale = list(self.constant), scale.copy()
        center = self.center[places]
        still = steady(self.values[: self.end, places], center)
        scale[places] = np.where(still, next_to_none(center), scale[places])
        return scale

    def matched(self, index: pd.Index, name: str) -> pd.Index:
        """Return times at which rows can be written, in the series' own time zone.

        Raises
        ------
        ValueError
            If times are of another kind than the series' own, or far from them.
        """
        if len(index) == 0:
            return index
        index = matched(index, self.origin, f"{name}{self.where}")
        if name == "y" and isinstance(self.step, int) and self.step > 1:
            check_on_grid(index, self.origin, self.step, name)
        ends = positions(index[[0, -1]], self.origin, self.step)
        before = max(-int(ends[0]), 0)
        n_rows = len(self.values) + len(index)
        check_sparsity(int(ends[1]) + before, n_rows, self.step)
        return index

    def write(self, index: pd.Index, values: np.ndarray, first_column: int) -> int:
        """Put rows at their times; earlier values give way to later observations.

        Returns the position of the last row written, counted from the new origin.
        """
        if len(index) == 0:
            return self.end - 1
        at = positions(index, self.origin, self.step)
        return self.write_at(at, index, values, first_column)

    def write_at(
        self, at: np.ndarray, index: pd.Index, values: np.ndarray, first_column: int
    ) -> int:
        """Do as `write` where the positions of the times are known."""
        columns = slice(first_column, first_column + values.shape[1])
        scaled = (values - self.center[columns]) / self.scale[columns]
        at, scaled = _average_repeats(at, scaled)
        before = max(-int(at[0]), 0)
        check_sparsity(int(at[-1]) + before, len(self.values) + len(index), self.step)
        after = max(int(at[-1]) + 1 - len(self.values), 0)
        if before or after:
            self.values = np.pad(
                self.values, ((before, after), (0, 0)), constant_values=np.nan
            )
        if before:
            self.origin = index[0]
            self.end += before
        target = self.values[:, columns]
        target[at + before] = np.where(
            np.isnan(scaled), target[at + before], scaled
        ).astype(np.float32)
        return int(at[-1]) + before

    def write_targets(
        self, index: pd.Index, values: np.ndarray, *, back: bool = False
    ) -> int:
        """Write target rows and move the cutoff to the last of them.

        Rows that are older than the cutoff leave it where it is, unless it may go
        `back`. Returns the number of steps by which it moved.
        """
        end = self.write(index, values, 0) + 1
        n_new = end - self.end
        if n_new <= 0 and not back:
            return 0
        self.end, self.cutoff = end, index[-1]
        return n_new


def _average_repeats(
    at: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average rows that fall on the same point of the grid."""
    if len(at) < 2 or (np.diff(at) > 0).all():
        return at, values
    averaged = pd.DataFrame(values).groupby(at).mean()
    return averaged.index.to_numpy(), averaged.to_numpy()


def check_sparsity(n_slots: int, n_rows: int, step: Step) -> None:
    """Raise a ValueError if rows are too few for the steps of the grid they span."""
    if n_slots > MAX_SPARSITY * n_rows + 1000:
        raise ValueError(
            f"the time index spans {n_slots} steps of {step} for {n_rows} rows: too "
            "sparse for a series. Resample it, or turn integers that stand for times "
            "into a DatetimeIndex"
        )


def repeats_one_value(series: list[GridSeries], n_looked_at: int = 100) -> bool:
    """Tell whether most targets have one value more than half of the time.

    As sales have that are rare, whose median is 0 (or a machine that mostly rests).

    Parameters
    ----------
    series : list of GridSeries
    n_looked_at : int, default=100
        Number of series, evenly spaced, to tell it by.
    """
    chosen = np.linspace(0, len(series) - 1, min(len(series), n_looked_at)).astype(int)
    found = []
    for one in (series[i] for i in chosen):
        for values in one.values[: one.end, : one.n_targets].T:
            seen = np.sort(values[~np.isnan(values)])
            middle = seen[len(seen) // 2 : len(seen) // 2 + 1]
            found.append((seen == middle).sum() > len(seen) / 2)
    return float(np.mean(found)) > 0.5
