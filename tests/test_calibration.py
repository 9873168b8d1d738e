import numpy as np
from scipy.stats import norm

from sklrnn.calibration import ResidualQuantiles

LEVELS = np.array([0.001, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 0.999])
RNG = np.random.default_rng(0)


def test_quantiles_of_many_residuals_are_those_of_their_distribution():
    table = ResidualQuantiles(RNG.normal(0, 2, size=(20000, 1, 1)))
    found = table.quantiles(np.array([1]), LEVELS)[0, 0]
    np.testing.assert_allclose(found, norm.ppf(LEVELS, scale=2), rtol=0.1, atol=0.05)
    np.testing.assert_allclose(table.variance(np.array([1])), 4, rtol=0.05)


def test_quantiles_never_cross():
    for n in (1, 2, 3, 4, 9, 30):
        residuals = RNG.normal(size=(n, 4, 2))
        residuals[RNG.random(residuals.shape) < 0.3] = np.nan
        levels = np.linspace(0.001, 0.999, 199)
        steps = np.arange(1, 9)
        found = ResidualQuantiles(residuals).quantiles(steps, levels)
        assert np.isfinite(found).all()
        assert (np.diff(found, axis=-1) >= -1e-6).all()


def test_coverage_of_new_residuals_is_at_least_nominal():
    n, hits = 19, []
    for _ in range(3000):
        sample = RNG.normal(size=n + 1)
        table = ResidualQuantiles(sample[:n].reshape(n, 1, 1))
        low, high = table.quantiles(np.array([1]), np.array([0.1, 0.9]))[0, 0]
        hits.append(low <= sample[n] <= high)
    assert abs(np.mean(hits) - 0.8) < 0.03


def test_steps_without_residuals_grow_with_the_square_root():
    residuals = RNG.normal(size=(50, 3, 1))
    residuals[:, 2] = np.nan
    table = ResidualQuantiles(residuals)
    variance = table.variance(np.array([2, 3, 8]))[:, 0]
    np.testing.assert_allclose(variance / variance[0], [1, 1.5, 4])
