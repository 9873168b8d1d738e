"""Scaling: what is constant, what moves on a large level, parts and the whole."""

from fractions import Fraction

import numpy as np
import pytest

from sklrnn.data.scaling import Moments, standardisation, steady

RNG = np.random.default_rng(0)
LEVELS = [1.0, 10.0, -1e4, 1e8]


def exact(column):
    """Mean and deviation by rational arithmetic."""
    values = [Fraction(float(value)) for value in column if not np.isnan(value)]
    mean = sum(values) / len(values)
    square = sum((value - mean) ** 2 for value in values) / len(values)
    return float(mean), float(square * 10**40) ** 0.5 * 1e-20


@pytest.mark.parametrize("level", [0.0, *LEVELS])
@pytest.mark.parametrize("spread", [1e-13, 1e-11, 1e-9, 1e-3])
def test_small_spread_on_a_large_level(level, spread):
    rows = (RNG.normal(size=(60, 1)) * spread + 1.0) * (level or 1.0)
    rows[3] = np.nan
    center, scale = Moments.of(rows).standardisation()
    mean, deviation = exact(rows[:, 0])
    np.testing.assert_allclose(center, mean, rtol=3e-16)
    np.testing.assert_allclose(scale, deviation, rtol=1e-6)
    assert Moments.of(rows).constant() == ()


@pytest.mark.parametrize("spread", [1e-13, 1e-10, 1e-6, 1.0])
@pytest.mark.parametrize("level", LEVELS)
def test_moments_of_parts_are_those_of_the_whole(level, spread):
    rows = (RNG.normal(size=(90, 2)) * spread + 1.0) * level
    rows[:, 1] = level
    parts = Moments.of(rows[:10])
    for part in (rows[10:11], rows[11:60], rows[60:]):
        parts = parts.joined(Moments.of(part))
    whole = Moments.of(rows)
    for found, wanted in zip(
        parts.standardisation(), whole.standardisation(), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=0)
    assert parts.constant() == whole.constant() == (1,)


def test_a_part_without_a_value_and_one_far_away():
    rows = np.array([[1.0 + 1e-11], [1.0], [1.0 - 1e-11]])
    nothing = Moments.of(np.full((2, 1), np.nan))
    for joined in (
        nothing.joined(Moments.of(rows)),
        Moments.of(rows).joined(nothing),
    ):
        np.testing.assert_allclose(
            joined.standardisation()[1], 1e-11 * (2 / 3) ** 0.5, rtol=1e-4
        )
    far = Moments.of(rows).joined(Moments.of(np.array([[-1e308], [1e308]])))
    np.testing.assert_allclose(far.standardisation()[1], 1e308 * 0.4**0.5)


@pytest.mark.parametrize(
    "column", [[0.1 + 0.2, 0.3, 0.3], [7.0] * 5, [0.0] * 3, [1e300], [-1e-300] * 2]
)
def test_what_rounding_alone_moves_is_constant(column):
    moments = Moments.of(np.array(column)[:, None])
    assert moments.constant() == (0,)
    center, scale = moments.standardisation()
    assert scale == 1.0
    np.testing.assert_allclose(center, column[0], rtol=1e-15)


def test_without_standardisation():
    center, scale = standardisation([RNG.normal(size=(4, 2))], False)
    assert center.tolist() == [0, 0] and scale.tolist() == [1, 1]


def test_steady_columns():
    center = np.array([7.0, 7.0, 0.0])
    off = np.array([[0.0, 1e-12, 0.0], [np.nan, 0.0, np.nan], [1e-15, 0.0, 0.0]])
    assert steady(off, center).tolist() == [True, False, True]
