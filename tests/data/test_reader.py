import numpy as np
import pandas as pd
import pytest

from sklrnn.data.reader import SeriesReader
from sklrnn.data.rows import iterate_series
from sklrnn.data.sources import open_source


def frame(values, index):
    return pd.DataFrame({"a": np.asarray(values, dtype=float)}, index=index)


def read(y, x=None, standardize=True):
    return open_source(SeriesReader(standardize), y, x).known


def restored(one):
    return one.values * one.scale + one.center


def test_reading_gives_the_values_back():
    index = pd.period_range("2020-01", periods=30, freq="M")
    values = np.random.default_rng(0).normal(1e6, 3, 30)
    (one,) = read(frame(values, index))
    np.testing.assert_allclose(restored(one)[:, 0], values, atol=1e-5)
    np.testing.assert_allclose(one.values.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(one.values.std(), 1, atol=1e-6)


def test_missing_times_become_missing_rows():
    index = pd.date_range("2024-01-01", periods=10, freq="h").delete([4, 5])
    (one,) = read(frame(range(8), index), standardize=False)
    assert np.isnan(one.values[[4, 5]]).all()
    np.testing.assert_array_equal(one.values[[3, 6], 0], [3, 4])
    assert one.end == 10


def test_exogenous_rows_beyond_the_targets_are_kept_but_not_measured():
    index = pd.RangeIndex(20)
    x = frame(np.r_[np.arange(10.0), np.full(10, 1e9)], index)
    (one,) = read(frame(range(10), index[:10]), x)
    assert one.end == 10 and len(one.values) == 20
    np.testing.assert_allclose(one.center[1], 4.5)
    assert np.isnan(one.values[10:, 0]).all()


def test_rows_are_written_at_their_times():
    (one,) = read(frame([1, 2, 3], pd.RangeIndex(3, 6)), standardize=False)
    one.write_targets(pd.Index([5, 8]), np.array([[30.0], [80.0]]))
    np.testing.assert_array_equal(one.values[:, 0], [1, 2, 30, np.nan, np.nan, 80])
    assert (one.end, one.cutoff) == (6, 8)
    one.write_targets(pd.Index([1]), np.array([[10.0]]), back=True)
    assert (one.origin, one.end, one.cutoff) == (1, 1, 1)
    np.testing.assert_array_equal(one.values[:3, 0], [10, np.nan, 1])


def test_panels_are_taken_apart():
    index = pd.MultiIndex.from_product([["x", "y"], range(3)])
    parts = dict(iterate_series(frame(range(6), index)))
    assert list(parts) == ["x", "y"]
    np.testing.assert_array_equal(parts["y"]["a"], [3, 4, 5])


@pytest.mark.parametrize(
    ("values", "index", "message"),
    [
        ([1, 2, 3], [0, 1, 1], "the time 1 more than once"),
        ([1, np.inf, 3], [0, 1, 2], "infinite values in column a"),
        ([np.nan] * 3, [0, 1, 2], "no observed value in column a"),
        ([1, 2, 3], [0, 1, 10**7], "too sparse"),
    ],
)
def test_unusable_data_is_refused(values, index, message):
    with pytest.raises(ValueError, match=message):
        read(frame(values, pd.Index(index)))


def test_x_must_overlap_y():
    y, x = frame([1, 2], pd.Index([0, 1])), frame([1, 2], pd.Index([5, 6]))
    with pytest.raises(ValueError, match="share no time"):
        read(y, x)


def test_a_constant_column_is_not_divided_by_rounding():
    (one,) = read(frame([0.1 + 0.2] * 5 + [0.3] * 5, pd.RangeIndex(10)))
    assert one.scale[0] == 1.0
