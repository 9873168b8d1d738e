import numpy as np
import pandas as pd
import pytest

from sklrnn.experiments.report import describe_imputation, tabulate_fills


@pytest.fixture
def observed():
    index = pd.DatetimeIndex(
        ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-05", "2024-01-05 06:00"],
        name="when",
    )
    table = pd.DataFrame(1.0, index, ["a", "b", "c"])
    table.iloc[1:3, 0] = np.nan
    table.iloc[4, 0] = np.nan
    table.iloc[0, 1] = np.nan
    return table


def test_imputation_is_described(observed):
    errors = pd.Series({"c": np.nan, "b": 1234.56, "a": 0.00012345})
    text = describe_imputation(observed, observed.fillna(2.0), errors)
    assert [line.split("  ")[0] for line in text.splitlines()[1:]] == ["a", "b", "c"]
    rows = [line.split() for line in text.splitlines()[1:]]
    assert rows == [
        ["a", "3", "3", "2", "rows", "(4", "days)", "0.0001234"],
        ["b", "1", "1", "1", "row", "(1", "day)", "1235"],
        ["c", "0", "0", "-", "-"],
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2024-01-01", "2024-01-02", "2024-01-02 12:00"], "1 row (1 day 12:00:00)"),
        (["2024-01-01", "2024-01-02", "2024-03-01"], "1 row (60 days)"),
        (["2024-01-01", "2024-01-01 00:30", "2024-01-01 01:00"], "1 row (01:00:00)"),
        ([1, 5, 9], "1 row"),
    ],
)
def test_how_long_a_gap_is(times, expected):
    index = pd.DatetimeIndex(times) if isinstance(times[0], str) else pd.Index(times)
    observed = pd.DataFrame({"a": [1.0, np.nan, 2.0]}, index)
    text = describe_imputation(observed, observed.ffill(), pd.Series({"a": 0.5}))
    assert f"{expected}  " in text.splitlines()[1]


def test_fills_are_listed_by_time(observed):
    filled, std = observed.fillna(2.0), observed.isna() * 0.5
    intervals = pd.DataFrame(
        {
            (name, coverage, bound): filled[name] + sign * coverage * std[name]
            for coverage in (0.5, 0.9)
            for bound, sign in (("lower", -1), ("upper", 1))
            for name in ("c", "b", "a")
        }
    )
    table = tabulate_fills(observed, filled, std, intervals)
    assert list(table) == ["when", "column", "value", "std", "lower_90", "upper_90"]
    assert list(table["when"]) == list(observed.index[[0, 1, 2, 4]])
    assert list(table["column"]) == ["b", "a", "a", "a"]
    assert table.iloc[0, 2:].to_list() == pytest.approx([2.0, 0.5, 1.55, 2.45])
    half = tabulate_fills(observed, filled, std, intervals, coverage=0.5)
    assert half["upper_50"].to_list() == [2.25] * 4


def test_no_fills_to_list(observed):
    whole = observed.fillna(0.0).rename_axis(index="value")
    table = tabulate_fills(whole, whole, None, None)
    assert table.to_csv(index=False).split() == [
        "value,column,value,std,lower_90,upper_90"
    ]
