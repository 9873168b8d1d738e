"""Horizons: which times to forecast, how far ahead they are, and tables of them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from sklrnn.data.rows import iterate_series
from sklrnn.data.series import GridSeries
from sklrnn.data.timegrid import infer_step, matched, positions


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
        return max(int(fh.to_pandas().max()), 1)
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


def _times(fh: Any, one: GridSeries, cutoff: pd.Index) -> pd.Index:
    if not fh.is_relative:
        return _as_times_of(fh.to_pandas(), one)
    if isinstance(cutoff, pd.DatetimeIndex):
        own: pd.Index = with_freq(pd.DatetimeIndex([one.cutoff]), one.step)
    else:
        own = pd.Index([one.cutoff])  # of periods or integers
    # A copy, for it keeps the frequency of the first cutoff that it is told.
    return ForecastingHorizon(fh.to_pandas(), is_relative=True).to_absolute_index(own)


def _as_times_of(times: pd.Index, one: GridSeries) -> pd.Index:
    """Return times of `fh` that can be counted on a series' grid.

    Periods and the timestamps that they stand for are taken for one another.
    """
    if isinstance(times, pd.PeriodIndex) and isinstance(one.origin, pd.Timestamp):
        stamps, step = times.to_timestamp(), cast(pd.offsets.BaseOffset, one.step)
        if not all(map(step.is_on_offset, stamps)):  # but ends of months
            stamps = times.to_timestamp(how="end").normalize()
        times = stamps.tz_localize(one.origin.tz)
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
