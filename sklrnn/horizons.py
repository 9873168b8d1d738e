"""Horizons: which times to forecast, how far ahead they are, and tables of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.tables import GridSeries
from sklrnn.data.timegrid import positions


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
    for one in series:
        start = one.cutoff, one.step
        if start not in cache:
            labels = _times(fh, one, cutoff)
            cache[start] = labels, positions(labels, one.cutoff, one.step)
        times.append(cache[start][0])
        offsets.append(cache[start][1])
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


def with_freq(cutoff: pd.DatetimeIndex, step: Any) -> pd.DatetimeIndex:
    """Give a cutoff the frequency that relative horizons count in."""
    if step is None:
        return cutoff
    return pd.DatetimeIndex(cutoff, freq=step)


def _times(fh: Any, one: GridSeries, cutoff: pd.Index) -> pd.Index:
    if not fh.is_relative:
        return fh.to_pandas()
    if isinstance(cutoff, pd.DatetimeIndex):
        own: pd.Index = with_freq(pd.DatetimeIndex([one.cutoff]), one.step)
    else:
        own = pd.Index([one.cutoff])  # of periods or integers
    return fh.to_absolute_index(own)


def _panel_index(
    series: list[GridSeries], times: list[pd.Index], names: Any
) -> pd.MultiIndex:
    counts = [len(labels) for labels in times]
    keys = [one.key if isinstance(one.key, tuple) else (one.key,) for one in series]
    levels = [np.repeat(np.asarray(level), counts) for level in zip(*keys, strict=True)]
    when = times[0].append(times[1:]) if len(times) > 1 else times[0]
    return pd.MultiIndex.from_arrays([*levels, when], names=names)
