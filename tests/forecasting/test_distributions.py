"""Predicted distributions: quantiles, levels and moments, beside scipy's."""

import numpy as np
import pytest
from scipy import stats

from sklrnn.forecasting.distributions import EVEN_LEVELS, Distribution
from sklrnn.network.likelihoods import QUANTILE_LEVELS

RNG = np.random.default_rng(0)
LEVELS = np.array([0.001, 0.02, 0.3, 0.5, 0.8, 0.999])
MEAN, SCALE = np.array([1.0, 20.0]), np.array([0.5, 3.0])
REFERENCE = {
    "gaussian": stats.norm(MEAN, SCALE),
    "student_t": stats.t(4.0, MEAN, SCALE),
    "negative_binomial": stats.nbinom(1 / SCALE, 1 / (1 + SCALE * MEAN)),
    "quantiles": stats.norm(MEAN, SCALE),
    "samples": stats.norm(MEAN, SCALE),
}


def made(kind):
    if kind == "quantiles":
        z = stats.norm.ppf(QUANTILE_LEVELS)
        return Distribution(kind, MEAN[:, None] + SCALE[:, None] * z)
    if kind == "samples":
        z = RNG.permuted(stats.norm.ppf((np.arange(2000) + 0.5) / 2000))
        return Distribution(kind, MEAN[:, None] + SCALE[:, None] * z)
    params = [MEAN, SCALE] + ([np.full(2, 4.0)] if kind == "student_t" else [])
    return Distribution(kind, np.stack(params, axis=-1))


@pytest.mark.parametrize("kind", REFERENCE)
def test_quantiles_and_moments_are_scipys(kind):
    one, expected = made(kind), REFERENCE[kind]
    quantiles = np.stack([expected.ppf(level) for level in LEVELS], axis=-1)
    np.testing.assert_allclose(one.quantile(LEVELS), quantiles, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.mean(), expected.mean(), rtol=1e-3)
    np.testing.assert_allclose(one.variance(), expected.var(), rtol=0.02)


@pytest.mark.parametrize("kind", ["gaussian", "student_t", "quantiles", "samples"])
def test_levels_and_quantiles_are_inverse(kind):
    one = made(kind)
    for i, level in enumerate(LEVELS):
        x = one.quantile(LEVELS)[..., i]
        np.testing.assert_allclose(one.level(x), level, rtol=1e-4)


def test_levels_of_counts_are_in_the_middle_of_their_step():
    one, expected = made("negative_binomial"), REFERENCE["negative_binomial"]
    x = np.array([0.0, 3.0])
    middle = expected.cdf(x) - 0.5 * expected.pmf(x)
    np.testing.assert_allclose(one.level(x), middle)


@pytest.mark.parametrize("kind", ["gaussian", "student_t", "quantiles", "samples"])
def test_scaled_and_moved(kind):
    one = made(kind)
    moved = one.scaled(np.array([2.0, 3.0]), np.array([-1.0, 4.0]))
    expected = one.quantile(LEVELS) * [[2.0], [3.0]] + [[-1.0], [4.0]]
    np.testing.assert_allclose(moved.quantile(LEVELS), expected)


def test_equal_quantiles_leave_levels_finite():
    one = Distribution("quantiles", np.zeros((3, len(QUANTILE_LEVELS))))
    levels = one.level(np.array([-1.0, 0.0, 1.0]))
    assert np.isfinite(levels).all() and (np.diff(levels) >= 0).all()
    assert (one.quantile(EVEN_LEVELS) == 0).all()
