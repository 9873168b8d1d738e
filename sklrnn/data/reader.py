"""Reading tables: series on time grids, standardised."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.exogenous import Exogenous
from sklrnn.data.rows import (
    check_counts,
    iterate_series,
    listed,
    to_float,
    where_of,
)
from sklrnn.data.scaling import Moments, Scaling
from sklrnn.data.series import GridSeries, check_sparsity
from sklrnn.data.timegrid import Step, TimeGrids, infer_step, matched, positions


class SeriesReader(NamedTuple):
    """How tables are read as series, and what is known of them from before.

    Targets are standardised series by series, exogenous columns over all series: what
    is constant in each tells them apart.

    Attributes
    ----------
    standardize : bool
        Whether to subtract each column's mean and divide by its standard deviation.
    counts : bool
        Whether the targets are counts, which are left as they are.
    step : int or pd.offsets.BaseOffset or None
        Step of the grid where an index does not tell.
    exogenous : Exogenous or None
        What is known of the exogenous columns; None: nothing, so that
        `sklrnn.data.sources.open_source` is to learn it.
    """

    standardize: bool
    counts: bool = False
    step: Step | None = None
    exogenous: Exogenous | None = None

    def read(
        self,
        y: pd.DataFrame,
        x: pd.DataFrame | None = None,
        *,
        like: GridSeries | None = None,
    ) -> list[GridSeries]:
        """Read one series, or each series of a panel, onto its time grid.

        Parameters
        ----------
        y : pd.DataFrame
            Targets; for a panel the last level of the row MultiIndex is time.
        x : pd.DataFrame or None
            Exogenous columns, indexed likewise; rows may be missing or reach further.
        like : GridSeries, optional
            A series whose standardisation is taken over.

        Raises
        ------
        ValueError
            If times repeat, a value is infinite, a target was never observed, or a
            count is negative or not whole.
        """
        exogenous: dict[Hashable, pd.DataFrame] = {}
        scaling = None
        if x is not None and self.exogenous is not None:
            exogenous = dict(iterate_series(self.exogenous.categories.encode(x)))
            scaling = self.exogenous.scaling
        series, grids = [], TimeGrids(self.step, partial(_step_of_others, y))
        for key, frame in iterate_series(y):
            known = exogenous.get(key)
            if x is not None and known is None:
                raise ValueError(
                    f"X has no rows for the series {key!r} that y holds; give X for "
                    "every series of y"
                )
            pair = _check_pair(key, frame, known)
            units = self._units(pair) if like is None else _units_of(like)
            series.append(_on_grid(pair, units, scaling, grids))
        return series

    def _units(self, pair: _Pair) -> _Units:
        moments = Moments.of(pair.targets)
        center, scale = moments.standardisation()
        if self.counts:
            check_counts(pair.y.columns, pair.targets, pair.where)
        if self.counts or not self.standardize:
            return _Units(np.zeros_like(center), np.ones_like(scale), ())
        return _Units(center, scale, moments.constant())


class _Units(NamedTuple):
    """Center and scale of the targets of a series; which of them are constant."""

    center: np.ndarray
    scale: np.ndarray
    constant: tuple[int, ...]


def _units_of(like: GridSeries) -> _Units:
    targets = slice(0, like.n_targets)
    return _Units(like.center[targets], like.scale[targets], like.constant)


def _step_of_others(y: pd.DataFrame) -> Step | None:
    """Return the step of the first series of a panel that tells it."""
    found = (infer_step(frame.index) for _, frame in iterate_series(y))
    return next((step for step in found if step is not None), None)


class _Pair(NamedTuple):
    """The targets and the exogenous columns of one series, as tables and as numbers."""

    key: Hashable
    y: pd.DataFrame
    x: pd.DataFrame | None
    targets: np.ndarray
    exogenous: np.ndarray | None

    @property
    def where(self) -> str:
        return where_of(self.key)


def _check_pair(key: Hashable, y: pd.DataFrame, x: pd.DataFrame | None) -> _Pair:
    where = where_of(key)
    targets = to_float(y, "y", where)
    unseen = ~(~np.isnan(targets)).any(axis=0)
    if unseen.any():
        names = [str(name) for name in y.columns[unseen]]
        raise ValueError(
            f"y has no observed value in {listed(names)}{where}; drop what was never "
            "measured, or give more rows"
        )
    if x is None:
        return _Pair(key, y, x, targets, None)
    exogenous = to_float(x, "X", where)
    times = matched(x.index, y.index[0], f"X{where}")
    x = x if times is x.index else x.set_axis(times)
    return _Pair(key, y, x, targets, exogenous)


def _check_shared(pair: _Pair, step: Step, at: np.ndarray) -> None:
    """Raise a ValueError if no row of X goes to a step at which y has one."""
    assert pair.x is not None
    times, rows = pair.x.index, pair.y.index
    if times.isin(rows).any():
        return
    beside = positions(times, rows[0], step) if len(times) else at[:0]
    if not np.isin(beside, at).any():
        has = f"X from {times[0]} to {times[-1]}" if len(times) else "X has no rows"
        raise ValueError(
            f"X and y share no time{pair.where}, nor a step of {step}: y goes from "
            f"{rows[0]} to {rows[-1]}, {has}; give X at the times of y"
        )


def _on_grid(
    pair: _Pair, units: _Units, exogenous: Scaling | None, grids: TimeGrids
) -> GridSeries:
    index, (center, scale, constant) = pair.y.index, units
    if exogenous is not None:
        center = np.concatenate([center, exogenous[0]])
        scale = np.concatenate([scale, exogenous[1]])
    step, at = grids.read(index)
    if pair.x is not None:
        _check_shared(pair, step, at)
    n_rows = int(at[-1]) + 1
    check_sparsity(n_rows, len(index), step)
    series = GridSeries(
        key=pair.key,
        origin=index[0],
        step=step,
        values=np.full((n_rows, len(center)), np.nan, dtype=np.float32),
        n_targets=pair.targets.shape[1],
        center=center,
        scale=scale,
        end=n_rows,
        cutoff=index[-1],
        constant=constant,
    )
    series.write_at(at, index, pair.targets, 0)
    if pair.x is not None and pair.exogenous is not None:
        series.write(pair.x.index, pair.exogenous, series.n_targets)
    return series
