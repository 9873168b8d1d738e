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


def test_numbers_are_left_alone():
    table = TABLE[["load", "on"]]
    categories = Categories.learn(table)
    assert categories.known == {} and categories.encode(table) is table


def test_strings_are_names_those_of_digits_too():
    zips = pd.DataFrame({"zip": ["10115", "20095", None, "10115"]})
    encoded = Categories.learn(zips).encode(zips)
    np.testing.assert_array_equal(encoded["zip"], [1, 2, np.nan, 1])
    mixed = pd.DataFrame({"zip": ["10115", 3, 10115, None]}, dtype=object)
    assert len(Categories.learn(mixed).known["zip"]) == 3


@pytest.mark.parametrize("known", [[1.0, 2.0], [None, None]])
def test_names_where_numbers_were_are_refused(known):
    categories = Categories.learn(pd.DataFrame({"load": known}))
    with pytest.raises(ValueError, match="X holds more than numbers in column 'load'"):
        categories.encode(pd.DataFrame({"load": ["high", "low"]}))


def test_numbers_among_objects_are_numbers():
    assert Categories.learn(TABLE[["load"]].astype(object)).known == {}
