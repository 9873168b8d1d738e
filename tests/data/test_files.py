import numpy as np
import pandas as pd
import pytest

from sklrnn.data.columns import (
    check_column,
    cut_known_ahead,
    cut_observed,
    index_rows,
    put_on_grid,
    split_names,
)
from sklrnn.data.csv import read_table


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def through_csv(table, path, **options):
    """Write a table and read it again."""
    table.to_csv(path, index=False, **options)
    return read_table(path)


# ---- reading ----------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_round_trip(path, separator):
    table = pd.DataFrame({"t": range(40), "y": np.arange(40) / 8, "name": "x"})
    pd.testing.assert_frame_equal(through_csv(table, path, sep=separator), table)


def test_byte_order_mark_and_spaces(path):
    path.write_text("a, b\n1, 2\n3, 4\n", encoding="utf-8-sig")
    expected = pd.DataFrame({"a": [1, 3], "b": [2, 4]})
    pd.testing.assert_frame_equal(read_table(path), expected)


def test_file_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match='^there is no file ".*no.csv"$'):
        read_table(tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\xff", '".*" is not a CSV table: .*utf-8'),
        (b"", '".*" is not a CSV table: No columns to parse'),
        (b"a,b\n1,2\n1,2,3\n", '".*" is not a CSV table: Error tokenizing'),
        (b"a,b\n1,2,3\n1,2,3\n", '".*" is not a CSV table: its rows have more'),
        (b"a,b\n1,2\n", '".*" has 1 rows below its header'),
    ],
    ids=["binary", "empty", "ragged", "short header", "one row"],
)
def test_file_that_is_not_a_table(path, content, expected):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{expected}"):
        read_table(path)


def test_directory(tmp_path):
    with pytest.raises(ValueError, match='cannot read ".*": Is a directory'):
        read_table(tmp_path)


# ---- columns ----------------------------------------------------------------------


def test_names_are_split_unless_they_are_columns():
    columns = pd.Index(["a", "b", "c,d"])
    assert split_names(["a, b", "c,d", "e"], columns) == ["a", "b", "c,d", "e"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lode", 'table.csv has no column "lode"; did you mean "load"?'),
        ("xyzzy", 'table.csv has no column "xyzzy"; it has time, load, price'),
    ],
)
def test_column_that_is_not_there(name, expected):
    with pytest.raises(ValueError) as error:
        check_column(name, ["time", "load", "price"], "table.csv")
    assert str(error.value) == expected


def test_column_that_is_there():
    check_column("load", ["time", "load"], "table.csv")


# ---- times ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "first", "last"),
    [
        (range(1990, 2030), 1990, 2029),
        ([float(i) for i in range(40)], 0, 39),
        (
            pd.date_range("2020-01-01", periods=40, freq="MS"),
            "2020-01-01",
            "2023-04-01",
        ),
        (
            pd.date_range("2020-01-01", periods=40).strftime("%d/%m/%Y"),
            *("2020-01-01", "2020-02-09"),
        ),
        (
            pd.date_range("2020-01-01", periods=40, tz="UTC"),
            *("2020-01-01 00:00+00:00", "2020-02-09 00:00+00:00"),
        ),
        (
            pd.date_range("2020-03-28 12:00", periods=40, freq="h", tz="Europe/Rome"),
            # +01:00 and +02:00: in UTC
            *("2020-03-28 11:00+00:00", "2020-03-30 02:00+00:00"),
        ),
    ],
    ids=["years", "floats", "months", "day first", "zone", "two zones"],
)
def test_kinds_of_time(path, times, first, last):
    table = pd.DataFrame({"a": "x", "t": times, "y": np.sin(np.arange(40))})
    on_grid, found = put_on_grid(through_csv(table, path), ["y"], "t")
    assert found == 'column "t"'
    assert on_grid.index.name == "t"
    ends = [first, last]
    if isinstance(first, str):
        ends = [pd.Timestamp(end) for end in ends]
    assert list(on_grid.index[[0, -1]]) == ends
    np.testing.assert_allclose(on_grid["y"], np.sin(np.arange(40)))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("freq", ["MS", "W", "D"])
def test_days_and_months_follow_the_local_clock(path, zone, freq):
    times = pd.date_range("2021-01-01", periods=200, freq=freq, tz=zone)
    pd.DataFrame({"day": times, "sold": np.arange(200.0)}).to_csv(path, index=False)
    found, *_ = put_on_grid(read_table(path), ["sold"])
    np.testing.assert_array_equal(found["sold"], np.arange(200.0))
    assert list(found.index) == list(times.tz_localize(None))


def test_hours_of_mixed_offsets_are_counted_in_utc(path):
    times = pd.date_range("2021-03-27", periods=60, freq="h", tz="Europe/Berlin")
    pd.DataFrame({"hour": times, "sold": np.arange(60.0)}).to_csv(path, index=False)
    found, *_ = put_on_grid(read_table(path), ["sold"])
    assert list(found.index) == list(times)


def test_first_column_of_dates_is_the_time(path):
    table = pd.DataFrame({"n": range(40), "y": np.sin(np.arange(40)), "name": "x"})
    table["day"] = pd.date_range("2020-01-01", periods=40)
    table["other"] = pd.date_range("2021-01-01", periods=40)
    on_grid, found = put_on_grid(through_csv(table, path), ["y"])
    assert found == 'column "day"'
    assert on_grid.index.equals(pd.DatetimeIndex(table["day"]))


def test_without_dates_rows_are_counted():
    table = pd.DataFrame({"y": [2, 4, 8], "name": "x"})
    on_grid, found = put_on_grid(table, ["y"])
    assert found == "row number"
    expected = pd.DataFrame({"y": [2.0, 4.0, 8.0]}, index=pd.RangeIndex(3, name="row"))
    pd.testing.assert_frame_equal(on_grid, expected)


def test_times_that_are_left_out_are_missing():
    time = pd.date_range("2024-03-01", periods=40, freq="h", name="time")
    table = pd.DataFrame({"y": np.arange(40.0)}, index=time)
    rows = table.drop(time[10:14]).reset_index()
    on_grid, _ = put_on_grid(rows, ["y"])
    table.loc[time[10:14], "y"] = np.nan
    pd.testing.assert_frame_equal(on_grid, table)


def test_rows_at_one_point_of_the_grid_share_it():
    time = pd.date_range("2024-03-01", periods=40, freq="h")
    late = time[:1] + pd.Timedelta(minutes=5)
    table = pd.DataFrame({"t": time.union(late), "y": [0.0, 10.0, *range(1, 40)]})
    on_grid, _ = put_on_grid(table, ["y"])
    assert list(on_grid["y"]) == [5.0, *range(1, 40)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (np.arange(30) * 10, "are 10 apart; write them as dates"),
        ([*range(29), 100_000], "span 100001 steps of 1 for 30 rows: too sparse"),
        ([*range(29), None], '"t" is empty in row 30'),
        (np.arange(30) / 4, '"t" holds fractions'),
        ([True] * 30, '"t" holds neither dates nor integers'),
        (["A"] * 30, "\"t\" does not parse as dates .* entry is 'A'"),
        (
            [0, 1, 3, 2],
            r'\(column "t"\) .*, but 2 in row 4 comes after 3; sort',
        ),
        ([0, 1, 2, 2], "the table .* has the time 2 more than once"),
    ],
    ids=[
        *("apart", "sparse", "missing", "fractions", "booleans", "words"),
        *("unsorted", "repeated"),
    ],
)
def test_unusable_times(times, expected):
    table = pd.DataFrame({"t": times, "y": np.arange(float(len(times)))})
    with pytest.raises(ValueError, match=expected):
        put_on_grid(table, ["y"], "t")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            [0, 1, 3, 2, 4, 5],
            "in the order of time, but .*02:00:00 in row 4 comes after",
        ),
        ([0, 1, 2, 2, 3, 4], "the time 2024-03-01 02:00:00 more than once"),
    ],
    ids=["unsorted", "repeated"],
)
def test_unordered_dates(order, expected):
    time = pd.date_range("2024-03-01", periods=6, freq="h")[order]
    with pytest.raises(ValueError, match=expected):
        put_on_grid(pd.DataFrame({"t": time, "y": 1.0}), ["y"])


def test_column_that_is_not_numeric():
    table = pd.DataFrame({"y": ["1", None, "A"]})
    with pytest.raises(ValueError, match="\"y\" is not numeric: 'A' in row 3"):
        put_on_grid(table, ["y"])


# ---- parts ------------------------------------------------------------------------


def test_cut_observed():
    series = pd.Series([np.nan, 1.0, np.nan, 2.0, np.nan], name="y")
    pd.testing.assert_series_equal(cut_observed(series), series.iloc[1:4])


def test_cut_observed_without_values():
    with pytest.raises(ValueError, match='^the column "y" has no value at all$'):
        cut_observed(pd.Series([np.nan, np.nan], name="y"))


def test_cut_known_ahead():
    table = pd.DataFrame(
        {
            "y": [1.0, 2.0, np.nan, np.nan, np.nan],
            "a": [1.0, 2.0, np.nan, 4.0, np.nan],
            "b": [1.0, 2.0, 3.0, np.nan, np.nan],
        }
    )
    ahead = cut_known_ahead(table, ["a", "b"], last=1)
    pd.testing.assert_frame_equal(ahead, table.loc[2:3, ["a", "b"]])
    assert len(cut_known_ahead(table, ["a"], last=3)) == 0


# ---- rows as they are -------------------------------------------------------------


def test_rows_keep_their_times():
    days = ["2024-01-01", "2024-01-02", "2024-01-09"]
    table = pd.DataFrame({"a": [1, 2, None], "day": days, "site": "x", "b": [7, 8, 9]})
    rows, times = index_rows(table)
    assert times == 'column "day"'
    index = pd.DatetimeIndex(days, name="day")
    expected = pd.DataFrame({"a": [1, 2, np.nan], "b": [7.0, 8, 9]}, index)
    pd.testing.assert_frame_equal(rows, expected, check_index_type=False)


def test_rows_without_times_are_numbered():
    rows, times = index_rows(pd.DataFrame({"a": [1, None], "b": [3, 4]}), ["b"])
    assert times == "row number"
    pd.testing.assert_index_equal(rows.index, pd.RangeIndex(2, name="row"))
    assert list(rows) == ["b"]


def test_integer_times_are_no_column_of_numbers():
    table = pd.DataFrame({"t": [1, 3, 10], "a": [1, None, 2]})
    rows, _ = index_rows(table, time="t")
    assert list(rows) == ["a"] and list(rows.index) == [1, 3, 10]
    assert rows.index.name == "t"


@pytest.mark.parametrize(
    ("table", "options", "expected"),
    [
        ({"a": ["x", "y"]}, {}, "no column holds numbers"),
        ({"a": [True, False]}, {}, "no column holds numbers"),
        ({"a": [True, None]}, {"names": ["a"]}, '"a" is not numeric: True in row 1'),
        ({"a": ["1", "x"]}, {"names": ["a"]}, "\"a\" is not numeric: 'x' in row 2"),
        ({"a": [1, None, np.inf]}, {}, '"a" is not finite: inf in row 3; leave'),
        ({"a": [1, 2], "b": None}, {"names": ["b"]}, '"b" has no value at all'),
        ({"a": [1, 2], "b": np.nan}, {}, '"b" has no value at all to learn from; name'),
        ({"a": [1, 2], "t": [2, 1]}, {"time": "t"}, "1 in row 2 comes after 2"),
        ({"a": [1, 2], "t": [1, 1]}, {"time": "t"}, "the time 1 more than once"),
    ],
)
def test_rows_that_cannot_be_used(table, options, expected):
    with pytest.raises(ValueError, match=expected):
        index_rows(pd.DataFrame(table), **options)
