"""Calendars: steps such as the last business day of a month, and dates counted in them.

sktime passes frequencies on by their names, and names leave out which days of the week
are worked and what else an offset of pandas holds: here they are counted themselves.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

_offsets = pd.offsets
_DAY = pd.Timedelta(days=1)
_SHARE = 0.8
"""The part of the rows that a calendar must explain to be assumed at all."""

_ONCE_A_MONTH = (
    _offsets.BusinessMonthEnd,
    _offsets.BusinessMonthBegin,
    _offsets.CustomBusinessMonthEnd,
    _offsets.CustomBusinessMonthBegin,
    _offsets.WeekOfMonth,
    _offsets.LastWeekOfMonth,
)
_OF_HOURS = (_offsets.BusinessHour, _offsets.CustomBusinessHour)
_REMEDY = "give the index a freq (by asfreq), or a PeriodIndex"


def plain_step(step: pd.offsets.BaseOffset) -> pd.offsets.BaseOffset:
    """Return a DateOffset of one unit as days, hours or months; others as they are.

    Raises
    ------
    ValueError
        If a DateOffset mixes units, which no date can be counted in.
    """
    if type(step) is not pd.DateOffset:
        return step
    units = dict(step.kwds)
    if units and set(units) <= {"years", "months"}:
        n_months = 12 * units.get("years", 0) + units.get("months", 0)
        if n_months * step.n > 0:
            return pd.DateOffset(months=n_months * step.n)
    elif not units or set(units) <= {"weeks", "days"}:
        n_days = 7 * units.get("weeks", 0) + units.get("days", 0) if units else 1
        if n_days * step.n > 0:
            return _offsets.Day(n_days * step.n)
    elif set(units) <= {"hours", "minutes", "seconds"}:
        return pd.tseries.frequencies.to_offset(pd.Timedelta(**units) * step.n)
    raise ValueError(
        f"the time index has the frequency {step}, which cannot be counted in; give "
        "a positive number of years and months, of weeks and days, or of hours"
    )


def months_of(step: Any) -> int | None:
    """Return the months of a DateOffset (the 28th of each month), else None."""
    return step.kwds.get("months") if type(step) is pd.DateOffset else None


def infer_calendar(index: pd.DatetimeIndex) -> pd.offsets.BaseOffset | None:
    """Find the calendar that explains dates with gaps, if there is one.

    Parameters
    ----------
    index : pd.DatetimeIndex
        Increasing, on the wall clock.

    Returns
    -------
    pd.offsets.BaseOffset or None
        What explains most rows, and of that what leaves the fewest points empty. A
        UserWarning says so where it does not explain them all.
    """
    days = index.normalize()
    if len(index) < 3 or len((index - days).unique()) > 1:
        return None
    found = [(*_fit_of(days, step), step) for step in _candidates(days)]
    found = [one for one in found if one[0] >= _SHARE and one[1] >= 0.2]
    if not found:
        return None
    explained, _, step = max(found, key=lambda one: one[:2])
    if explained < 1:
        _warn(days, step, f"{explained:.0%} of its rows are on it")
    return step


def warn_of_days(index: pd.DatetimeIndex, step: Any) -> None:
    """Warn of a grid of several days on which not all rows are."""
    n_days = step.n if isinstance(step, _offsets.Day) else 0
    apart = (index.normalize() - index[0].normalize()) // _DAY
    if len(index) > 2 and n_days > 1 and (np.asarray(apart) % n_days).any():
        _warn(index, step, "many of its rows are beside it")


def _warn(index: pd.DatetimeIndex, step: Any, why: str) -> None:
    warnings.warn(
        f"the step of the time index from {index[0]} to {index[-1]} is not clear: "
        f"{step} is assumed, but {why}; {_REMEDY}",
        UserWarning,
        stacklevel=2,
    )


def _candidates(days: pd.DatetimeIndex) -> list[pd.offsets.BaseOffset]:
    median = float(np.median(np.diff(days) / _DAY))
    if median < 7:
        return _weeks(days)
    if 13 <= median <= 17:
        return _halves_of_months(days)
    return _months(days) if median >= 27 else []


def _weeks(days: pd.DatetimeIndex) -> list[pd.offsets.BaseOffset]:
    """Return the weekdays seen, where the weeks are enough and full enough to tell."""
    counts = np.bincount(days.dayofweek, minlength=7)
    seen = counts > 0
    if not 2 <= seen.sum() <= 6:
        return []
    span = (days[-1] - days[0]) / _DAY
    step = _offsets.CustomBusinessDay(weekmask="".join("01"[int(day)] for day in seen))
    fill = _fit_of(days, step)[1]
    if counts[seen].min() < 2 or not (
        (span >= 28 and fill >= 0.5) or (span >= 13 and fill >= 0.9)
    ):
        return []
    return [_offsets.BusinessDay() if seen[:5].all() and seen.sum() == 5 else step]


def _halves_of_months(days: pd.DatetimeIndex) -> list[pd.offsets.BaseOffset]:
    usual = pd.Series(days.day).value_counts().index[:3]
    between = [int(day) for day in usual if 2 <= day <= 27]
    kinds = (_offsets.SemiMonthEnd, _offsets.SemiMonthBegin)
    return [kind(day_of_month=day) for kind in kinds for day in between]


def _months(days: pd.DatetimeIndex) -> list[pd.offsets.BaseOffset]:
    months = np.diff(days.year * 12 + days.month)
    if (months < 1).any():
        return []
    n = int(np.gcd.reduce(months))
    weekday: Any = int(pd.Series(days.dayofweek).mode()[0])
    week: Any = int(pd.Series((days.day - 1) // 7).mode()[0])
    found: list[pd.offsets.BaseOffset] = [
        _offsets.MonthBegin(n),
        _offsets.MonthEnd(n),
        _offsets.BusinessMonthEnd(n),
        _offsets.BusinessMonthBegin(n),
        pd.DateOffset(months=n),
        _offsets.LastWeekOfMonth(n, weekday=weekday),
    ]
    if week < 4:
        found.append(_offsets.WeekOfMonth(n, week=week, weekday=weekday))
    return found


def _fit_of(days: pd.DatetimeIndex, step: pd.offsets.BaseOffset) -> tuple[float, float]:
    """Return the part of the rows that a step explains, and of its points with one."""
    at = count_calendar(days, days[0], step)
    if months_of(step):
        explained = float((times_at(at, days[0], step) == days).mean())
    else:
        explained = float(np.mean([step.is_on_offset(day) for day in days]))
    return explained, len(np.unique(at)) / (int(at[-1] - at[0]) + 1)


def count_calendar(
    index: pd.DatetimeIndex, origin: pd.Timestamp, step: pd.offsets.BaseOffset
) -> np.ndarray:
    """Count steps from `origin` on the wall clock; between two, that of the one before.

    What comes once a month, such as its last business day, is counted by the months.
    """
    n_months = months_of(step)
    if n_months or isinstance(step, _ONCE_A_MONTH):
        months = (index.year - origin.year) * 12 + index.month - origin.month
        if n_months:
            due = np.minimum(origin.day, index.days_in_month)
            months = months - (index.day < due)
        return np.asarray(months // (n_months or step.n), dtype=np.int64)
    first, last = min(origin, index.min()), max(origin, index.max())
    if not isinstance(step, _OF_HOURS):
        first = first.normalize()
    grid = pd.date_range(first, last, freq=step.base)
    at = grid.searchsorted(index, side="right")
    at = at - grid.searchsorted(origin, side="right")
    return (at // step.n).astype(np.int64)


def times_at(
    at: np.ndarray, origin: pd.Timestamp, step: pd.offsets.BaseOffset
) -> pd.DatetimeIndex:
    """Return the times so many steps from `origin`, the inverse of counting.

    Calendars are counted on the wall clock: what a change of the clocks leaves out is
    the time at which it goes on, and what it repeats is the first of both.
    """
    if isinstance(step, _offsets.Tick):
        return pd.DatetimeIndex([origin + int(k) * pd.Timedelta(step) for k in at])
    zone, origin = origin.tz, origin.tz_localize(None)
    n_months = months_of(step)
    if n_months:
        times = [origin + pd.DateOffset(months=int(k) * n_months) for k in at]
    elif isinstance(step, (_offsets.Day, _offsets.Week)):
        size = step.n * (7 if isinstance(step, _offsets.Week) else 1)
        times = [origin + int(k) * size * _DAY for k in at]
    else:
        base = step.base
        if isinstance(step, _ONCE_A_MONTH) and not base.is_on_offset(origin):
            origin = _of_its_month(origin, base)
        start = base.rollback(origin)
        times = [start + base * (int(k) * step.n) if k else start for k in at]
    index = pd.DatetimeIndex(times)
    if zone is None:
        return index
    first = np.ones(len(index), dtype=bool)
    return index.tz_localize(zone, nonexistent="shift_forward", ambiguous=first)


def _of_its_month(time: pd.Timestamp, base: pd.offsets.BaseOffset) -> pd.Timestamp:
    """Return the day of the calendar in a month of which another one is known."""
    return base.rollforward(time.replace(day=1))
