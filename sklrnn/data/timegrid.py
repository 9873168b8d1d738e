"""Time grids: the regular step behind a time index, and positions counted in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.calendar import (
    count_calendar,
    infer_calendar,
    months_of,
    plain_step,
    times_at,
    warn_of_days,
)
from sklrnn.data.rows import check_order

Step = int | pd.offsets.BaseOffset

_DAY = pd.Timedelta(days=1)
_ROUND_UNITS = (
    _DAY,
    pd.Timedelta(hours=1),
    pd.Timedelta(minutes=1),
    pd.Timedelta(seconds=1),
)


def infer_step(index: pd.Index) -> Step | None:
    """Find the step of the regular grid on which a sorted time index lies.

    Parameters
    ----------
    index : pd.Index
        Integers, periods or timestamps, increasing; timestamps may have gaps.

    Returns
    -------
    int, pd.offsets.BaseOffset or None
        For integers 1, or what is between most of three and more where all others
        are multiples of it; the frequency of periods; and for timestamps the frequency
        if they have one, else the step or the calendar that most of them keep. None if
        a single timestamp without frequency leaves it open.

    Warns
    -----
    UserWarning
        If timestamps are days apart, but on no grid and of no calendar.
    """
    if isinstance(index, pd.PeriodIndex):
        return index.freq
    if not isinstance(index, pd.DatetimeIndex):
        if not pd.api.types.is_integer_dtype(index):
            raise TypeError(
                "the time index must hold integers, periods or timestamps, got "
                f"{index.dtype}"
            )
        return _step_of_integers(index)
    if index.freq is not None:
        return plain_step(index.freq)
    if len(index) < 2:
        return None
    even = _even_step(index)
    if even is not None:
        return even
    inferred = pd.infer_freq(index) if len(index) > 2 else None
    if inferred is not None:
        step = pd.tseries.frequencies.to_offset(inferred)
        # pandas takes the last Friday of each month for the fourth.
        if "WOM" not in inferred or all(map(step.is_on_offset, index)):
            return step
    return _irregular_step(index)


def positions(index: pd.Index, origin: Any, step: Step) -> np.ndarray:
    """Count the steps from `origin` to each entry of `index`.

    Timestamps between two points of the grid go to the nearest one (fixed steps) or to
    the one before (calendar steps, such as months).

    Returns
    -------
    ndarray of shape (len(index),), int64
        Negative before `origin`.
    """
    if isinstance(index, pd.PeriodIndex):
        return (index.asi8 - origin.ordinal) // step.n  # type: ignore[union-attr]
    if not isinstance(index, pd.DatetimeIndex):
        apart = np.asarray(index, dtype=np.int64) - int(origin)
        return apart if step == 1 else apart // int(step)  # type: ignore[arg-type]
    if not isinstance(step, pd.offsets.Tick):
        # Days and months are counted on the wall clock, hours as they pass.
        index = _wall_clock(index)
        origin = _wall_clock(pd.DatetimeIndex([origin]))[0]
    fixed = _as_timedelta(step)
    if fixed is not None:
        # By numpy: pandas takes 50 times as long for a short index.
        passed = index.asi8.view(f"M8[{index.unit}]") - origin.to_datetime64()
        return np.floor(passed / fixed.to_timedelta64() + 0.5).astype(np.int64)
    assert not isinstance(step, int)
    return count_calendar(index, origin, step)


def times_of(at: np.ndarray, origin: Any, step: Step) -> pd.Index:
    """Return the times so many steps from `origin`, the inverse of `positions`."""
    if isinstance(origin, pd.Timestamp):
        assert not isinstance(step, int)
        return times_at(at, origin, step)
    if isinstance(origin, pd.Period):
        ordinals = origin.ordinal + at * step.n  # type: ignore[union-attr]
        periods: Any = pd.PeriodIndex
        return periods.from_ordinals(ordinals, freq=origin.freq)
    return pd.Index(int(origin) + at * int(step))  # type: ignore[arg-type]


def check_on_grid(index: pd.Index, origin: Any, step: Step, name: str) -> None:
    """Raise a ValueError if times are between two points of a grid.

    The message names the step and the points of the grid around the first of them.
    """
    at = positions(index, origin, step)
    points = times_of(at, origin, step)
    beside = np.flatnonzero(np.asarray(points != index))
    if len(beside) == 0:
        return
    time, k = index[beside[0]], int(at[beside[0]])
    around = times_of(np.arange(k - 1, k + 2), origin, step)
    before, after = around[around < time][-1], around[around > time][0]
    kind = f"{step}" if isinstance(step, int) else f"{step.freqstr}"
    raise ValueError(
        f"{name} has the time {time}, which is not on the grid of y: its step is "
        f"{kind}, and the nearest times are {before} and {after}; ask for those"
    )


class TimeGrids:
    """The grids of the time indexes of many series, most of which are alike.

    Parameters
    ----------
    step : int or pd.offsets.BaseOffset, optional
        Step where an index does not tell.
    others : callable, optional
        Finds it where `step` is not given.
    """

    def __init__(
        self,
        step: Step | None = None,
        others: Callable[[], Step | None] = lambda: None,
    ) -> None:
        # Integers tell their step themselves; what is asked for is that of timestamps.
        self._step: Step | None = None if isinstance(step, int) else step
        self._others = others
        self._last: tuple[pd.Index, Step, np.ndarray] | None = None

    def read(self, index: pd.Index) -> tuple[Step, np.ndarray]:
        """Return the step of an index, and the positions of its times from its first.

        Days are the step of a single timestamp of which nothing else is known.
        """
        if self._last is None or not self._last[0].equals(index):
            step = infer_step(index)
            if step is None:
                step = self._step or self._others() or pd.offsets.Day()
                self._step = step
            self._last = index, step, positions(index, index[0], step)
        return self._last[1:]


class TimeUnit(NamedTuple):
    """The unit that times of a kind of index are counted in.

    Attributes
    ----------
    kind : type
        DatetimeIndex, PeriodIndex, or Index for integers.
    origin, size : float
        Time 0, and the length of a step; in nanoseconds, periods or integers.
    """

    kind: type
    origin: float
    size: float


def typical_step(indexes: Sequence[pd.Index]) -> TimeUnit:
    """Return the first time of all, and the median time from row to row."""
    kind = index_kind(indexes[0])
    numbers = [_numbers(index) for index in indexes]
    steps = np.concatenate([np.diff(each) for each in numbers])
    size = float(np.median(steps)) if len(steps) else 1.0
    return TimeUnit(kind, float(numbers[0][0]), size if size > 0 else 1.0)


def count_steps(index: pd.Index, unit: TimeUnit) -> np.ndarray:
    """Return times in steps, fractions included, float64.

    An index of another kind than the unit's is counted in its own steps.

    Raises
    ------
    ValueError
        If the times do not increase from row to row.
    """
    check_order(index, "X", once=True)
    if index_kind(index) is not unit.kind:
        unit = typical_step([index])
    return (_numbers(index) - unit.origin) / unit.size


def index_kind(index: pd.Index) -> type:
    """Return DatetimeIndex, PeriodIndex, or Index for integers."""
    for kind in (pd.DatetimeIndex, pd.PeriodIndex):
        if isinstance(index, kind):
            return kind
    return pd.Index


def matched(index: pd.Index, like: Any, name: str) -> pd.Index:
    """Return times to be counted from a known one, in its time zone.

    Parameters
    ----------
    index : pd.Index
    like : int, pd.Period or pd.Timestamp
        A time of `fit`.
    name : str
        What the times are of, for messages.

    Raises
    ------
    ValueError
        If they are of another kind, of periods of another length, or if only one of
        both knows its time zone.
    """
    if not _comparable(index, like):
        told, wanted = _kind_in_words(index), _kind_in_words(pd.Index([like]))
        raise ValueError(
            f"{name} has {told} for times, but `fit` had {wanted}; convert its index"
        )
    if isinstance(index, pd.DatetimeIndex) and index.tz != like.tz:
        return index.tz_convert(like.tz)
    return index


def _comparable(index: pd.Index, like: Any) -> bool:
    # Not by their words, which take long for the many series of a panel.
    if isinstance(index, pd.DatetimeIndex):
        aware = isinstance(like, pd.Timestamp) and like.tz is not None
        return isinstance(like, pd.Timestamp) and (index.tz is not None) == aware
    if isinstance(index, pd.PeriodIndex):
        return isinstance(like, pd.Period) and index.freq == like.freq
    integers = pd.api.types.is_integer_dtype(index)
    return integers and not isinstance(like, (pd.Timestamp, pd.Period))


def _kind_in_words(index: pd.Index) -> str:
    if isinstance(index, pd.PeriodIndex):
        return f"periods of the frequency {index.freqstr}"
    if isinstance(index, pd.DatetimeIndex):
        return "timestamps with" + ("out" if index.tz is None else "") + " a time zone"
    return "integers" if pd.api.types.is_integer_dtype(index) else f"{index.dtype}"


def _numbers(index: pd.Index) -> np.ndarray:
    if isinstance(index, pd.DatetimeIndex):
        index = index.as_unit("ns")
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
        return index.asi8.astype(np.float64)
    return np.asarray(index, dtype=np.float64)


def season_length(step: Step | None) -> int | None:
    """Return the usual number of steps in a season: 24 for hours, 12 for months, ...

    None where the step does not tell, as for integers and odd frequencies.
    """
    if step is None or isinstance(step, int):
        return None
    n_months = months_of(step)
    if n_months:
        return 12 // n_months if n_months <= 6 else None
    if type(step) is pd.offsets.CustomBusinessDay:
        return max(sum(map(bool, step.calendar.weekmask)) // step.n, 1)
    name = getattr(step, "rule_code", "").split("-")[0]
    calendar = {"BME": 12, "BMS": 12, "CBME": 12, "CBMS": 12, "WOM": 12, "LWOM": 12}
    calendar |= {"SME": 24, "SMS": 24, "BQE": 4, "BQS": 4}
    calendar |= {"ME": 12, "MS": 12, "M": 12, "QE": 4, "QS": 4, "Q": 4, "B": 5, "W": 52}
    if name in calendar:
        return max(calendar[name] // step.n, 1) if calendar[name] >= step.n else None
    fixed = _as_timedelta(step)
    if fixed is None:
        return None
    for season in (_DAY, 7 * _DAY):
        ratio = season / fixed
        if ratio >= 4 and abs(ratio - round(ratio)) < 1e-9:
            return int(round(ratio)) if ratio <= 1440 else None
    return None


def _step_of_integers(index: pd.Index) -> int:
    numbers = np.asarray(index, dtype=np.int64)
    if len(numbers) < 3 or numbers[1] - numbers[0] == 1:
        return 1
    steps = np.diff(numbers)
    step = int(np.gcd.reduce(steps))
    return step if step > 1 and 2 * (steps == step).sum() >= len(steps) else 1


def _even_step(index: pd.DatetimeIndex) -> pd.offsets.BaseOffset | None:
    """Return the step of times of equal distance, of less than a week; else None.

    Weeks, months and what is longer have names of their own, which pandas infers.
    """
    steps = np.diff(index.asi8)
    if len(steps) < 2 or (steps != steps[0]).any() or steps[0] <= 0:
        return None
    distance = pd.Timedelta(steps[0], unit=index.unit)
    if index.tz is not None or distance >= 7 * _DAY:
        return None
    n_days = distance / _DAY
    if n_days == int(n_days):
        return pd.offsets.Day(int(n_days))
    return pd.tseries.frequencies.to_offset(distance)


def _wall_clock(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return index.tz_localize(None) if index.tz is not None else index


def _as_timedelta(step: Step) -> pd.Timedelta | None:
    if isinstance(step, pd.offsets.Week):
        return 7 * step.n * _DAY
    if isinstance(step, pd.offsets.Day):
        return step.n * _DAY
    return pd.Timedelta(step) if isinstance(step, pd.offsets.Tick) else None


def _irregular_step(index: pd.DatetimeIndex) -> pd.offsets.BaseOffset:
    """Step of timestamps that infer_freq gives up on: gaps, holidays or jitter."""
    median = pd.Timedelta(np.median(np.diff(index.asi8)), unit=index.unit)
    index = _wall_clock(index)
    if median >= 27 * _DAY:
        months = np.diff(index.year * 12 + index.month)
        if (index.day == 1).all():
            return pd.offsets.MonthBegin(int(np.gcd.reduce(months)))
        if index.is_month_end.all():
            return pd.offsets.MonthEnd(int(np.gcd.reduce(months)))
    if median == _DAY and len(index) >= 10 and (index.dayofweek < 5).all():
        return pd.offsets.BusinessDay()
    calendar = infer_calendar(index)
    if calendar is not None:
        return calendar
    step = _rounded(median)
    warn_of_days(index, step)
    return step


def _rounded(median: pd.Timedelta) -> pd.offsets.BaseOffset:
    """Return a step of whole days, hours, minutes or seconds where it is almost one."""
    for unit in _ROUND_UNITS:
        count = round(median / unit)
        if count >= 1 and abs(median / unit - count) < 0.05 * count:
            median = count * unit
            break
    if median % _DAY == pd.Timedelta(0):
        return pd.offsets.Day(median // _DAY)
    return pd.tseries.frequencies.to_offset(median)
