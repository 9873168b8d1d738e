import numpy as np
import pandas as pd
import pytest
from pandas.tseries.offsets import CustomBusinessDay, LastWeekOfMonth

from sklrnn.data.timegrid import check_on_grid, infer_step, positions, times_of


def _monthly(day):
    first = pd.Timestamp(2014, 1, day)
    return pd.DatetimeIndex([first + pd.DateOffset(months=k) for k in range(60)])


CALENDARS = {
    **{f: f for f in ("BME", "BMS", "SME", "SMS", "BQE", "BQS", "WOM-3FRI")},
    "Sunday to Thursday": CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu"),
    "last Friday": LastWeekOfMonth(weekday=4),
    "Monday, Wednesday, Friday": CustomBusinessDay(weekmask="Mon Wed Fri"),
}
INDEXES = {
    **{
        name: pd.date_range("2014-01-31", periods=60, freq=freq)
        for name, freq in CALENDARS.items()
    },
    "the 28th": _monthly(28),
    "the 15th": _monthly(15),
    "closing time": pd.date_range("2014-01-31 17:00", periods=60, freq="BME"),
    "with a zone": pd.date_range("2014-01-31", periods=60, freq="BME", tz="Asia/Tokyo"),
}


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("missing", [[], [3, 11, 12, 40]])
def test_a_calendar_is_found_and_counted_though_rows_are_missing(name, missing):
    index = INDEXES[name]._with_freq(None)
    seen, ahead = index[:55].delete(missing), np.arange(53, 60)
    step = infer_step(seen)
    at = np.delete(np.arange(55), missing)
    np.testing.assert_array_equal(positions(seen, seen[0], step), at)
    assert times_of(ahead, seen[0], step).equals(index[53:])


def test_dates_of_no_calendar_warn():
    days = np.cumsum(np.tile([29, 34, 31, 27, 36], 6))
    index = pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D")
    with pytest.warns(UserWarning, match="not clear.* is assumed.*asfreq"):
        infer_step(pd.DatetimeIndex(index))


def test_one_day_beside_the_calendar_is_said():
    index = INDEXES["BME"]._with_freq(None)[:40]
    moved = index.where(np.arange(40) != 9, index - pd.Timedelta(days=1))
    with pytest.warns(UserWarning, match="BusinessMonthEnd.*98%"):
        step = infer_step(moved)
    np.testing.assert_array_equal(positions(moved, moved[0], step), np.arange(40))


def test_a_date_offset_is_counted_in_months():
    index = pd.date_range("2020-01-15", periods=9, freq=pd.DateOffset(months=1))
    step = infer_step(index)
    np.testing.assert_array_equal(positions(index, index[0], step), np.arange(9))
    assert times_of(np.arange(9), index[0], step).equals(index)
    with pytest.raises(ValueError, match="cannot be counted"):
        offset = pd.DateOffset(months=1, days=3)
        infer_step(pd.date_range("2020-01-01", periods=5, freq=offset))


def test_a_day_that_begins_late_has_the_time_it_begins():
    origin = pd.Timestamp("2023-04-26", tz="Africa/Cairo")
    found = times_of(np.arange(4), origin, pd.offsets.Day())
    assert list(found.strftime("%d %H")) == ["26 00", "27 00", "28 01", "29 00"]
    np.testing.assert_array_equal(
        positions(found, origin, pd.offsets.Day()), np.arange(4)
    )


def test_even_integers_have_a_step_of_two():
    index = pd.Index([0, 2, 4, 8, 10])
    assert infer_step(index) == 2
    np.testing.assert_array_equal(positions(index, 0, 2), [0, 1, 2, 4, 5])


@pytest.mark.parametrize(
    ("index", "step", "words"),
    [
        (pd.Index([4, 7]), 2, "time 7, .*step is 2,.* 6 and 8"),
        (
            pd.DatetimeIndex(["2024-01-01 00:30"]),
            pd.offsets.Hour(),
            "00:30:00.* h,.*00:00:00 and .*01:00:00",
        ),
        (
            pd.DatetimeIndex(["2024-01-06"]),
            pd.offsets.BusinessDay(),
            "2024-01-05 .*2024-01-08",
        ),
    ],
)
def test_a_time_between_two_steps_is_named_with_its_neighbours(index, step, words):
    origin = 0 if isinstance(step, int) else pd.Timestamp("2024-01-01")
    with pytest.raises(ValueError, match=words):
        check_on_grid(index, origin, step, "fh")
