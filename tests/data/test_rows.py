"""Rows: whose they are, and whether they come in the order of time."""

import numpy as np
import pandas as pd
import pytest

from sklrnn.data.rows import check_order, check_steps, iterate_series, row_order

DAYS = pd.date_range("2024-01-01", periods=4, freq="D")
MONTHS = pd.period_range("2024-01", periods=4, freq="M")
PANEL = pd.MultiIndex.from_product([["a", "b"], range(3)])


@pytest.mark.parametrize("index", [DAYS, MONTHS, pd.RangeIndex(4), PANEL, PANEL[:0]])
def test_what_is_in_order_passes(index):
    check_order(index, "y", once=True)


def test_series_of_a_panel_may_lie_among_each_other():
    mixed = PANEL[[0, 3, 1, 4, 2, 5]]
    check_order(mixed, "y", once=True)
    table = pd.DataFrame({"v": range(6)}, mixed, dtype=float)
    parts = [part.to_numpy() for _, part in iterate_series(table)]
    np.testing.assert_array_equal(np.concatenate(parts)[:, 0], row_order(mixed))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            DAYS[[0, 2, 1]],
            "2024-01-02 .* in row 3 comes after 2024-01-03",
        ),
        (MONTHS[[3, 2]], "2024-03 in row 2 comes after 2024-04; sort them"),
        (pd.Index([5, 4]), "4 in row 2 comes after 5; .*sort_index"),
        (PANEL[[0, 1, 2, 4, 3, 5]], r"\('b', .*0.*\) in row 5 comes after \('b', .*1"),
    ],
)
def test_the_first_row_out_of_order_is_named(index, message):
    with pytest.raises(ValueError, match=message):
        check_order(index, "y")


def test_times_may_come_twice_unless_told_otherwise():
    twice = pd.Index([0, 1, 1, 2])
    check_order(twice, "y")
    with pytest.raises(ValueError, match="y has the time 1 more than once"):
        check_order(twice, "y", once=True)


@pytest.mark.parametrize(
    "index",
    [
        DAYS,
        DAYS.to_period("D"),
        DAYS - DAYS[0],
        pd.RangeIndex(4),
        pd.Index([0.5, 1.0, 1.5, 4.0]),
        pd.Index(DAYS.date),
        pd.Index(DAYS.strftime("%Y-%m-%d")),
    ],
    ids=lambda index: str(index.dtype),
)
def test_steps_newest_first_are_refused(index):
    check_steps(index, "X")
    with pytest.raises(ValueError, match="the rows of X are time steps and must be in"):
        check_steps(index[::-1], "X")
    panel = pd.MultiIndex.from_product([["a", "b"], index[::-1]])
    with pytest.raises(ValueError, match="the rows of X are time steps and must be in"):
        check_steps(panel, "X")


def test_texts_tell_no_order():
    check_steps(pd.Index(["t2", "t10", "t1"]), "X")
    check_steps(pd.Index([]), "X")
