"""Horizons: which times to forecast, how far ahead they are, and tables of them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from sklrnn.data.rows import iterate_series
from sklrnn.data.series import GridSeries
from sklrnn.data.timegrid import (
    check_on_grid,
    infer_step,
    matched,
    positions,
    times_of,
)


def plan(
    fh: Any, series: list[GridSeries], cutoff: pd.Index
) -> tuple[list[pd.Index], list[np.ndarray]]:
    """Find each series' times to forecast and their distance from its own cutoff.

    Parameters
    ----------
    fh : ForecastingHorizon
    series : list of GridSeries
    cutoff : pd.Index
        The forecaster's, for the kind of its times.

    Returns
    -------
    times : list of pd.Index
    offsets : list of ndarray of int
        Steps from the cutoff. Series with one cutoff and step share theirs.
    """
    cache: dict[Any, Any] = {}
    times, offsets = [], []
    last = None
    for one in series:
        # Hashing a step takes longer than all else: mostly it is the last one.
        if last is None or one.step is not last.step or one.cutoff != last.cutoff:
            last, start = one, (one.cutoff, one.step)
            if start not in cache:
                labels = _times(fh, one, cutoff)
                cache[start] = labels, positions(labels, one.cutoff, one.step)
            found = cache[start]
        times.append(found[0])
        offsets.append(found[1])
    return times, offsets


def steps_ahead(fh: Any, series: list[GridSeries], cutoff: pd.Index) -> int:
    """Return how many steps after the cutoff `fh` reaches; 0 if it is not given."""
    if fh is None:
        return 0
    if fh.is_relative and not isinstance(fh.to_pandas(), pd.TimedeltaIndex):
        furthest = int(fh.to_pandas().max())
        step = series[0].step
        return max(furthest // step if isinstance(step, int) else furthest, 1)
    newest = max(series, key=lambda one: one.cutoff)
    _, (offsets,) = plan(fh, [newest], cutoff)
    return max(int(offsets.max()), 1)


def to_frame(
    series: list[GridSeries],
    times: list[pd.Index],
    rows: list[np.ndarray],
    columns: Any,
    index_names: Any,
) -> pd.DataFrame:
    """Lay the rows of all series into one table, with their keys if they have any."""
    values = np.concatenate(rows)
    index = times[0]
    if series[0].key is not None:
        index = _panel_index(series, times, index_names)
    return pd.DataFrame(values, index=index, columns=columns)


def newest_time(index: pd.MultiIndex) -> pd.Index:
    """Return the newest time of a panel's rows, an index of length 1."""
    times, codes = index.levels[-1], index.codes[-1]
    seen = np.flatnonzero(np.bincount(codes, minlength=len(times)))
    return pd.Index(times[seen].sort_values()[-1:].rename(None))


def find_cutoff(
    cutoff: pd.Index, index: pd.Index, series: list[GridSeries] | None
) -> pd.Index:
    """Return a cutoff with the frequency that relative horizons count in.

    Parameters
    ----------
    cutoff : pd.Index
        The newest time of the rows at `index`.
    index : pd.Index
    series : list of GridSeries or None
        Those fitted, if any, whose step it is: what a few new rows have between them
        is not the step of the series.
    """
    if series is not None:
        cutoff = matched(cutoff, series[0].origin, "y")
    if not isinstance(cutoff, pd.DatetimeIndex):
        return cutoff
    if series is not None:
        return with_freq(cutoff, series[0].step)
    if cutoff.freq is not None:
        return cutoff
    if isinstance(index, pd.MultiIndex):
        table = pd.DataFrame(index=index)
        index = next(iterate_series(table))[1].index
    return with_freq(cutoff, infer_step(index))


def with_freq(cutoff: pd.DatetimeIndex, step: Any) -> pd.DatetimeIndex:
    """Give a cutoff the frequency that relative horizons count in.

    One between two points of that grid, such as a Saturday among business days, goes to
    the one before.
    """
    if step is None:
        return cutoff
    (time,) = cutoff
    if not step.is_on_offset(time):
        time = step.rollback(time)
    return pd.DatetimeIndex([time], freq=step, dtype=cutoff.dtype)


def next_times(n_steps: int, cutoff: pd.Index, series: list[GridSeries]) -> pd.Index:
    """Return the times of the steps after the cutoff, on the grid of the series."""
    one = series[0]
    if isinstance(one.step, int):
        return pd.Index(int(cutoff[0]) + np.arange(1, n_steps + 1) * one.step)
    fh = ForecastingHorizon(np.arange(1, n_steps + 1), is_relative=True)
    return _ahead(fh, one, cutoff)


def _times(fh: Any, one: GridSeries, cutoff: pd.Index) -> pd.Index:
    if fh.is_relative:
        times = _ahead(fh, one, pd.Index([one.cutoff]))
        if isinstance(one.step, int) and one.step > 1:
            check_on_grid(times, one.origin, one.step, "fh")
        return times
    times = _as_times_of(fh.to_pandas(), one)
    if isinstance(one.step, int) or _is_exact(one):
        check_on_grid(times, one.origin, one.step, "fh")
    return times


def _is_exact(one: GridSeries) -> bool:
    """Tell whether the cutoff is on the grid: of jittered rows, none may be."""
    at = positions(pd.Index([one.cutoff]), one.origin, one.step)
    return bool(times_of(at, one.origin, one.step)[0] == one.cutoff)


def _ahead(fh: Any, one: GridSeries, cutoff: pd.Index) -> pd.Index:
    steps = fh.to_pandas()
    if isinstance(cutoff, pd.DatetimeIndex):
        if not isinstance(steps, pd.TimedeltaIndex) and _is_ours(one):
            at = positions(cutoff, one.origin, one.step) + np.asarray(steps)
            return cast(pd.DatetimeIndex, times_of(at, one.origin, one.step)).as_unit(
                cutoff.unit
            )
        cutoff = with_freq(cutoff, one.step)
    # A copy, for it keeps the frequency of the first cutoff that it is told.
    return ForecastingHorizon(steps, is_relative=True).to_absolute_index(cutoff)


def _is_ours(one: GridSeries) -> bool:
    """Tell whether sktime would get the times wrong.

    It knows a step by its name, which loses the days of a custom week, and it fails at
    local times that do not exist.
    """
    step = one.step
    if isinstance(step, (int, pd.offsets.Tick)):
        return False
    named = (pd.offsets.CustomBusinessDay, pd.offsets.CustomBusinessMonthEnd)
    custom = (*named, pd.offsets.CustomBusinessMonthBegin)
    return (one.origin.tz is not None or type(step) is pd.DateOffset) or isinstance(
        step, custom
    )


def _as_times_of(times: pd.Index, one: GridSeries) -> pd.Index:
    """Return times of `fh` that can be counted on a series' grid.

    Periods and the timestamps that they stand for are taken for one another.
    """
    if isinstance(times, pd.PeriodIndex) and isinstance(one.origin, pd.Timestamp):
        stamps, step = times.to_timestamp(), cast(pd.offsets.BaseOffset, one.step)
        if not all(map(step.is_on_offset, stamps)):  # but ends of months
            stamps = times.to_timestamp(how="end").normalize()
        first = np.ones(len(stamps), dtype=bool)
        times = stamps.tz_localize(
            one.origin.tz, nonexistent="shift_forward", ambiguous=first
        )
    elif isinstance(times, pd.DatetimeIndex) and isinstance(one.origin, pd.Period):
        times = times.tz_localize(None).to_period(one.origin.freqstr)
    return matched(times, one.origin, "fh")


def _panel_index(
    series: list[GridSeries], times: list[pd.Index], names: Any
) -> pd.MultiIndex:
    keys = [one.key if isinstance(one.key, tuple) else (one.key,) for one in series]
    names_of = pd.MultiIndex.from_arrays(
        [pd.Index(level) for level in zip(*keys, strict=True)]
    )
    counts = [len(labels) for labels in times]
    if all(labels is times[0] for labels in times):
        when = pd.MultiIndex.from_arrays([times[0]])
        at = np.tile(when.codes[0], len(times))
    else:
        when = pd.MultiIndex.from_arrays([times[0].append(times[1:])])
        at = when.codes[0]
    levels: Any = [*names_of.levels, when.levels[0]]
    codes: Any = [*(np.repeat(one, counts) for one in names_of.codes), at]
    return pd.MultiIndex(levels, codes, names=names, verify_integrity=False)
