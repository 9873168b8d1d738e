import numpy as np
import pytest

from sklrnn.data.gaps import (
    GAP_CAP,
    fill_forward,
    find_gaps,
    last_observed,
    scale_gap,
)

NAN = np.nan
VALUES = np.array([[NAN, 1.0], [2.0, NAN], [NAN, NAN], [5.0, 4.0], [NAN, NAN]])


def test_fill_forward():
    filled, mask, gap = fill_forward(VALUES)
    np.testing.assert_array_equal(filled, [[0, 1], [2, 1], [2, 1], [5, 4], [5, 4]])
    np.testing.assert_array_equal(mask, ~np.isnan(VALUES))
    np.testing.assert_array_equal(gap, [[GAP_CAP, 0], [0, 1], [1, 2], [0, 0], [1, 1]])


def test_halves_with_the_state_between_equal_the_whole():
    rng = np.random.default_rng(0)
    values = np.where(rng.random((2000, 3)) < 0.95, NAN, rng.normal(size=(2000, 3)))
    whole = fill_forward(values)
    for cut in (1, 7, 600, 1999):
        last, gap = last_observed(values, cut)
        rest = fill_forward(values[cut:], last, gap)
        for expected, part in zip(whole, rest, strict=True):
            np.testing.assert_array_equal(part, expected[cut:])


def test_nothing_observed():
    last, gap = last_observed(np.full((5, 1), NAN), 5)
    assert np.isnan(last).all() and (gap == GAP_CAP).all()


def test_scaled_gaps_lie_between_0_and_1():
    scaled = scale_gap(np.array([0, 1, 10, GAP_CAP]))
    assert scaled[0] == 0 and scaled[-1] == 1 and (np.diff(scaled) > 0).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("###", []),
        ("...", [(0, 3)]),
        ("..#.", [(0, 2), (3, 4)]),
        ("#..#.#", [(1, 3), (4, 5)]),
    ],
)
def test_gaps_are_found(text, expected):
    missing = np.array([letter == "." for letter in text], dtype=bool)
    assert [tuple(gap) for gap in find_gaps(missing)] == expected
