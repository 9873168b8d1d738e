import numpy as np
import pandas as pd
import pytest

from sklrnn.data.reader import SeriesReader
from sklrnn.data.windows import (
    channels,
    cut_windows,
    has_gaps,
    split_windows,
    validation_start,
)


def series(*lengths, gaps=False):
    made = []
    for i, length in enumerate(lengths):
        values = 1000.0 * i + np.arange(length)
        if gaps:
            values[length // 2] = np.nan
        index = pd.RangeIndex(length)
        table = pd.DataFrame({"a": values}, index=index)
        made += SeriesReader(standardize=False).read(table)
    return made


def pasts_and_futures(windows, length, horizon):
    for start, n_valid in zip(windows.starts, windows.n_valid, strict=True):
        rows = windows.flat[start : start + length + horizon, 0]
        yield rows[:length], rows[length : length + n_valid]


def test_windows_hold_consecutive_rows_of_one_series():
    train, valid = split_windows(
        series(30, 50),
        window_length=6,
        horizon=4,
        validation_fraction=0.2,
        masked=False,
    )
    for windows in (train, valid):
        for past, future in pasts_and_futures(windows, 6, 4):
            joined = np.r_[past, future]
            np.testing.assert_array_equal(np.diff(joined), 1)
            assert (joined >= 1000).all() or (joined < 1000).all()


def test_validation_scores_the_newest_part_and_training_nothing_of_it():
    train, valid = split_windows(
        series(50), window_length=6, horizon=4, validation_fraction=0.2, masked=False
    )
    train_scored = np.concatenate([f for _, f in pasts_and_futures(train, 6, 4)])
    valid_scored = np.concatenate([f for _, f in pasts_and_futures(valid, 6, 4)])
    assert train_scored.max() == 39
    assert set(valid_scored) == set(range(40, 50))


@pytest.mark.parametrize(
    ("length", "n_held"), [(50, 10), (14, 3), (10, 3), (9, 3), (8, 2), (4, 1), (3, 0)]
)
def test_short_series_keep_three_steps_or_a_third_for_validation(length, n_held):
    seen = np.ones((length, 1), dtype=bool)
    assert validation_start(seen, 0.2) == length - n_held
    assert validation_start(seen, 0) == length


@pytest.mark.parametrize("horizon", [127, 128, 200])
def test_horizons_longer_than_the_smallest_integers(horizon):
    train, _ = split_windows(
        series(500),
        window_length=5,
        horizon=horizon,
        validation_fraction=None,
        masked=False,
    )
    assert train.n_valid.max() == horizon and train.n_valid.min() == 1


def test_every_row_after_the_first_window_is_scored():
    train, valid = split_windows(
        series(40), window_length=8, horizon=3, validation_fraction=None, masked=False
    )
    assert valid is None
    scored = np.concatenate([f for _, f in pasts_and_futures(train, 8, 3)])
    assert set(scored) == set(range(8, 40))


@pytest.mark.parametrize("length", range(2, 12))
def test_short_series_still_give_windows(length):
    train, _ = split_windows(
        series(length), window_length=8, horizon=5, validation_fraction=0.2, masked=True
    )
    assert len(train) > 0 and (train.n_valid > 0).all()


def test_cut_windows_equal_the_stacked_ones():
    (one,) = series(30, gaps=True)
    train, _ = split_windows(
        [one], window_length=6, horizon=1, validation_fraction=None, masked=True
    )
    scored = [end for end in range(6, 30) if end != 15]  # the missing target
    cut = cut_windows(one, np.array(scored), 6, masked=True)
    for start, window in zip(train.starts, cut, strict=True):
        np.testing.assert_array_equal(window, train.flat[start : start + 6])


def test_a_window_knows_nothing_from_its_end_on():
    (one,) = series(30)
    before = cut_windows(one, np.arange(30), 6, masked=True)
    one.values[20:] = 99
    after = cut_windows(one, np.arange(30), 6, masked=True)
    np.testing.assert_array_equal(before[:21], after[:21])
    assert (before[21:] != after[21:]).any()


def test_channels():
    values = np.array([[1.0], [np.nan]], dtype=np.float32)
    assert channels(values, masked=False).tolist() == [[1], [1]]
    np.testing.assert_array_equal(channels(values, masked=True)[:, 1], [1, 0])


def test_has_gaps():
    assert has_gaps(series(10, gaps=True)) and not has_gaps(series(10, 12))


def test_flat_array_grows_with_the_rows_not_with_the_windows():
    short = split_windows(
        series(1000), window_length=50, horizon=20, validation_fraction=0.2, masked=True
    )[0]
    assert short.flat.nbytes <= (1000 + 50 + 20) * 3 * 4


def test_windows_without_a_target_to_score_are_left_out():
    values = np.full(60, np.nan)
    values[[9, 29, 49]] = 1.0
    table = pd.DataFrame({"a": values})
    made = SeriesReader(standardize=False).read(table)
    windows, _ = split_windows(
        made, window_length=5, horizon=2, validation_fraction=None, masked=True
    )
    first_scored = windows.starts + 5 - 5  # the series begins behind 5 rows of padding
    assert sorted(first_scored) == [8, 9, 28, 29, 48, 49]
