import numpy as np
import pandas as pd
import pytest

from sklrnn.data.timegrid import (
    TimeGrids,
    infer_step,
    matched,
    positions,
    season_length,
)

FREQUENCIES = ["h", "15min", "D", "B", "W", "MS", "ME", "QS", "YE", "2h", "3D"]


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_positions_count_the_steps_of_a_regular_index(freq):
    index = pd.date_range("2019-12-31", periods=40, freq=freq)
    step = infer_step(index)
    np.testing.assert_array_equal(positions(index, index[0], step), np.arange(40))
    np.testing.assert_array_equal(positions(index, index[9], step), np.arange(40) - 9)


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_the_step_is_found_without_the_frequency_and_in_spite_of_gaps(freq):
    index = pd.date_range("2019-12-31", periods=40, freq=freq)
    holes = index.delete([3, 4, 17, 30])
    expected = np.delete(np.arange(40), [3, 4, 17, 30])
    assert holes.freq is None
    np.testing.assert_array_equal(
        positions(holes, index[0], infer_step(holes)), expected
    )


@pytest.mark.parametrize("freq", ["M", "Q", "h", "2h", "D"])
def test_periods(freq):
    index = pd.period_range("2020-01", periods=12, freq=freq)
    step = infer_step(index)
    np.testing.assert_array_equal(positions(index, index[2], step), np.arange(12) - 2)


def test_integers_count_by_one():
    index = pd.Index([4, 5, 9])
    assert infer_step(index) == 1
    np.testing.assert_array_equal(positions(index, 4, 1), [0, 1, 5])


def test_days_are_counted_on_the_wall_clock_across_a_clock_change():
    index = pd.date_range("2024-03-29", periods=5, freq="D", tz="Europe/Berlin")
    np.testing.assert_array_equal(
        positions(index, index[0], infer_step(index)), np.arange(5)
    )


def test_hours_are_counted_as_they_pass_across_a_clock_change():
    index = pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin")
    for times in (index, index.delete([5, 30])):
        found = positions(times, index[0], infer_step(times))
        np.testing.assert_array_equal(found, index.get_indexer(times))


def test_jitter_goes_to_the_nearest_step():
    regular = pd.date_range("2024-01-01", periods=200, freq="h")
    noise = pd.to_timedelta(np.random.default_rng(0).integers(-60, 60, 200), unit="s")
    index = pd.DatetimeIndex(regular + noise)
    np.testing.assert_array_equal(
        positions(index, regular[0], infer_step(index)), np.arange(200)
    )


def test_one_timestamp_leaves_the_step_open():
    assert infer_step(pd.DatetimeIndex(["2024-01-01"])) is None


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        ("h", 24),
        ("15min", 96),
        ("D", 7),
        ("B", 5),
        ("W", 52),
        ("MS", 12),
        ("QE", 4),
        ("YE", None),
        ("2h", 12),
        ("s", None),
    ],
)
def test_season_length(freq, season):
    assert season_length(pd.tseries.frequencies.to_offset(freq)) == season
    assert season_length(1) is None


HOURS = pd.date_range("2024-01-01", periods=3, freq="h")


@pytest.mark.parametrize(
    "index",
    [
        HOURS,
        HOURS.tz_localize("Europe/Lisbon"),
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.period_range("2024-01", periods=3, freq="2M"),
        pd.RangeIndex(3),
        pd.Index([3, 5, 8]),
    ],
)
def test_times_of_the_same_kind_are_matched(index):
    assert matched(index, index[0], "y") is index


def test_times_of_another_zone_are_converted():
    index = HOURS.tz_localize("Europe/Lisbon")
    found = matched(index.tz_convert("Asia/Tokyo"), index[0], "y")
    assert found.equals(index) and found.tz == index.tz


@pytest.mark.parametrize(
    ("index", "like", "words"),
    [
        (HOURS, HOURS.tz_localize("UTC")[0], "without a time zone .* with a time zone"),
        (HOURS.tz_localize("UTC"), HOURS[0], "with a time zone .* without a time zone"),
        (HOURS, 4, "timestamps .* integers"),
        (HOURS, HOURS.to_period("h")[0], "timestamps .* periods of the frequency h"),
        (HOURS.to_period("h"), HOURS.to_period("D")[0], "frequency h .* frequency D"),
        (pd.RangeIndex(3), HOURS[0], "integers .* timestamps"),
        (pd.Index(["a"]), 4, "integers"),
    ],
)
def test_times_of_another_kind_do_not_match(index, like, words):
    with pytest.raises(ValueError, match=f"y has .*{words}"):
        matched(index, like, "y")


@pytest.mark.parametrize(
    ("step", "others", "expected"),
    [
        (pd.offsets.Week(), None, pd.offsets.Week()),
        (None, pd.offsets.Hour(), pd.offsets.Hour()),
        (1, None, pd.offsets.Day()),  # of integers, which say nothing of timestamps
        (None, None, pd.offsets.Day()),
    ],
)
def test_the_step_of_a_single_timestamp(step, others, expected):
    grids = TimeGrids(step, lambda: others)
    found, at = grids.read(pd.DatetimeIndex(["2024-01-01"]))
    assert found == expected and at.tolist() == [0]
