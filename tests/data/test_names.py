"""Names of columns: unique, matched in any order, refused where they differ."""

import numpy as np
import pandas as pd
import pytest

from sklrnn.data.names import arranged, arranged_table, column_names, quoted

KNOWN = pd.Index(["flow", "heat"])
TURNED = pd.DataFrame({"heat": [1, 2], "flow": [3, 4]})


def test_columns_are_put_into_the_known_order():
    found = arranged(TURNED, KNOWN)
    assert found.columns.tolist() == ["flow", "heat"]
    assert found["flow"].tolist() == [3, 4]
    listed = arranged([TURNED, TURNED[["flow", "heat"]], TURNED["heat"]], KNOWN)
    assert [each.columns.tolist() for each in listed[:2]] == [["flow", "heat"]] * 2
    assert listed[2] is not None and listed[2].name == "heat"


def test_labels_that_pandas_counts_by_are_no_names():
    counted = pd.DataFrame([[1, 2]])
    assert arranged(counted, KNOWN) is counted
    assert arranged(TURNED, counted.columns) is TURNED
    assert arranged(counted[[1, 0]], counted.columns).columns.tolist() == [0, 1]
    values = np.ones((2, 2))
    assert arranged(values, KNOWN) is values


def test_names_that_are_not_the_known_ones():
    with pytest.raises(ValueError, match="'heat' missing; 'cold' unknown. Give .*'flo"):
        arranged(TURNED.rename(columns={"heat": "cold"}), KNOWN)
    with pytest.raises(ValueError, match="of sequence 1 of X .* 'heat' missing"):
        arranged([TURNED, TURNED[["flow"]]], KNOWN)
    with pytest.raises(ValueError, match="'cold' unknown"):
        arranged(TURNED.assign(cold=0), KNOWN)


def test_tables_of_scikit_learn():
    assert arranged_table(TURNED, KNOWN) is TURNED  # which it refuses itself
    dates = pd.Index(pd.date_range("2024", periods=2))
    table = pd.DataFrame([[1, 2]], columns=dates[::-1])
    assert arranged_table(table, dates).columns.equals(dates)
    assert arranged_table(table, dates + pd.Timedelta("1D")) is table


@pytest.mark.parametrize("make", [lambda X: X, lambda X: [TURNED, X]])
def test_two_columns_of_one_name(make):
    X = make(TURNED.set_axis(["a", "a"], axis=1))
    with pytest.raises(ValueError, match="more than one column of the name.* 'a'"):
        arranged(X, None)
    with pytest.raises(ValueError, match="'a'"):
        column_names(TURNED.set_axis(["a", "a"], axis=1))


def test_labels_of_what_has_them():
    assert column_names([np.ones(3), TURNED]).tolist() == ["heat", "flow"]
    assert column_names(np.ones((2, 2))) is None
    assert quoted(range(7)) == "0, 1, 2, 3, 4, and 2 more"
