import numpy as np
import pandas as pd
import pytest

from sklrnn.data.categories import Categories

TABLE = pd.DataFrame(
    {
        "day": ["work", "rest", None, "work"],
        "load": [1.0, np.nan, 3.0, 4.0],
        "grade": pd.Categorical(["b", "a", "b", "a"], categories=["c", "b", "a"]),
        "on": [True, False, True, True],
    }
)


def test_categories_are_numbered_from_1():
    categories = Categories.learn(TABLE)
    encoded = categories.encode(TABLE)
    np.testing.assert_array_equal(encoded["day"], [2, 1, np.nan, 2])
    np.testing.assert_array_equal(encoded["grade"], [2, 3, 2, 3])
    pd.testing.assert_frame_equal(encoded[["load", "on"]], TABLE[["load", "on"]])
    assert categories.sizes(tuple(TABLE.columns)) == {0: 2, 2: 3}
    assert TABLE["day"].tolist()[0] == "work"  # the table stays as it was


def test_what_was_never_seen_is_0():
    new = pd.DataFrame({"day": ["feast", "rest"], "grade": ["d", "c"]})
    encoded = Categories.learn(TABLE).encode(new)
    assert encoded["day"].tolist() == [0, 1]
    assert encoded["grade"].tolist() == [0, 1]


@pytest.mark.parametrize("table", [None, TABLE[["load", "on"]]])
def test_numbers_are_left_alone(table):
    categories = Categories.learn(table)
    assert categories.known == {} and categories.encode(table) is table


def test_numbers_among_objects_are_numbers():
    assert Categories.learn(TABLE[["load"]].astype(object)).known == {}
