import numpy as np
from scipy.stats import norm

from sklrnn.training.calibration import LEVELS as ALL_LEVELS
from sklrnn.training.calibration import (
    OFFSET_LEVELS,
    LevelQuantiles,
    QuantileOffsets,
    ResidualQuantiles,
)

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


def test_levels_of_a_right_distribution_stay():
    table = LevelQuantiles(RNG.random((20000, 2, 1)))
    found = table.levels(np.array([1, 2]), LEVELS)
    assert found.shape == (2, 1, len(LEVELS))
    np.testing.assert_allclose(found[:, 0], [LEVELS, LEVELS], atol=0.02)


def test_levels_of_a_narrow_distribution_are_moved_out():
    z = RNG.normal(scale=2.0, size=(20000, 1, 1))  # where 1 was predicted
    found = LevelQuantiles(norm.cdf(z)).levels(np.array([1, 7]), np.array([0.1, 0.9]))
    expected = norm.cdf(2.0 * norm.ppf([0.1, 0.9]))
    np.testing.assert_allclose(found[0, 0], expected, atol=0.01)
    np.testing.assert_allclose(found[1], found[0])  # the last step with any stands in


def test_levels_of_what_was_never_seen_stay():
    levels = np.full((50, 2, 2), np.nan)
    levels[..., 0] = np.linspace(0.4, 0.6, 50)[:, None]
    moved = LevelQuantiles(levels).levels(np.array([1, 2]), np.array([0.1, 0.9]))
    np.testing.assert_allclose(moved[:, 1], [[0.1, 0.9], [0.1, 0.9]])
    assert (moved[:, 0] > 0.3).all() and (moved[:, 0] < 0.7).all()


def test_levels_stay_between_0_and_1_and_in_order():
    z = np.full((3, 1, 1), [[[0.0]], [[1.0]], [[0.5]]])
    found = LevelQuantiles(z).levels(np.array([1]), LEVELS)[0, 0]
    assert (found > 0).all() and (found < 1).all() and (np.diff(found) >= 0).all()


def test_newer_residuals_take_the_place_of_the_oldest():
    table = ResidualQuantiles(RNG.normal(size=(200, 3, 2)))
    new = RNG.normal(5, size=(500, 3, 2))
    new[:, 1:] = np.nan
    later = table.updated(new, n_new=0)
    steps = np.array([1, 2])
    found = later.quantiles(steps, np.array([0.5]))[..., 0]
    np.testing.assert_allclose(found[0], np.median(new[-200:, 0], axis=0), atol=0.05)
    np.testing.assert_array_equal(found[1], table.quantiles(steps, [0.5])[1, :, 0])
    assert (later.counts == 200).all() and len(later.residuals) == 400


def test_intervals_of_a_series_that_changed_hold_their_share_again():
    def coverage(adapts):
        table, hits = ResidualQuantiles(RNG.normal(size=(300, 1, 1))), []
        for step in range(600):
            new = RNG.normal(1.0, 4.0, size=(1, 1, 1))
            low, high = table.quantiles(np.array([1]), np.array([0.1, 0.9]))[0, 0]
            if step > 100:
                hits.append(low <= new[0, 0, 0] <= high)
            if adapts:
                table = table.updated(new, n_new=1)
        return np.mean(hits)

    assert coverage(False) < 0.4
    assert abs(coverage(True) - 0.8) < 0.05


def test_moved_levels_never_cross_and_widen():
    table = ResidualQuantiles(RNG.normal(size=(100, 2, 1)))
    for _ in range(50):
        table = table.updated(RNG.normal(0, 9, size=(1, 2, 1)), n_new=1)
    levels = np.linspace(0.0001, 0.9999, 299)
    found = table.quantiles(np.array([1, 2, 5]), levels)
    assert np.isfinite(found).all() and (np.diff(found, axis=-1) >= -1e-6).all()
    assert (found[:2].var(axis=-1) > 4).all()


def test_what_fell_further_than_ever_can_rise_as_far():
    table = ResidualQuantiles(RNG.normal(size=(300, 1, 1)))
    table = table.updated(RNG.normal(-50, 1, size=(24, 1, 1)), n_new=24)
    low, high = table.quantiles(np.array([1]), np.array([0.025, 0.975]))[0, 0]
    assert low < -45 and high > 45
    # What is no further than what was known stays on its side.
    table = table.updated(RNG.normal(-40, 1, size=(24, 1, 1)), n_new=24)
    assert (table.residuals[:, 0, 0] < -30).sum() == 48
    assert (table.residuals[:, 0, 0] > 30).sum() == 24


def test_a_calibration_without_residuals_takes_the_first_that_come():
    table = ResidualQuantiles(np.full((3, 2, 1), np.nan))
    for _ in range(2):  # nothing is left of nothing
        table = table.updated(np.full((1, 2, 1), np.nan), n_new=1)
    table = table.updated(np.ones((4, 2, 1)), n_new=4)
    np.testing.assert_allclose(table.quantiles(np.array([1, 2]), np.array([0.5])), 1)


def test_mirror_images_of_quantiles_change_sides():
    table = QuantileOffsets(errors_of(RNG.normal(size=(300, 1, 1))))
    later = table.updated(errors_of(np.full((1, 1, 1), -50.0)), n_new=1)
    mirrored = later.errors.recent[-2, 0]
    np.testing.assert_allclose(mirrored, errors_of(np.full(1, 50.0))[0], rtol=1e-6)


def test_intervals_of_a_machine_at_rest_keep_a_share_of_their_width():
    levels = np.array([0.1, 0.5, 0.9])
    first = ResidualQuantiles(RNG.normal(size=(300, 2, 1)))
    table = first
    for _ in range(20):
        table = table.updated(np.full((24, 2, 1), 0.01), n_new=24)
    steps = np.array([1, 2])
    wide, narrow = (one.quantiles(steps, levels)[:, 0] for one in (first, table))
    np.testing.assert_allclose(narrow[:, 1], 0.01, atol=1e-6)
    np.testing.assert_allclose(
        np.diff(narrow, axis=1), 0.15 * np.diff(wide, axis=1), rtol=1e-5
    )


def test_nothing_new_changes_nothing():
    table = ResidualQuantiles(RNG.normal(size=(50, 2, 3)))
    later = table.updated(np.full((4, 2, 3), np.nan), n_new=1)
    steps = np.array([1, 2])
    np.testing.assert_array_equal(
        later.quantiles(steps, LEVELS), table.quantiles(steps, LEVELS)
    )


def errors_of(values, center=0.0, scale=1.0):
    """Return what normal quantiles miss of values, (windows, steps, targets)."""
    return values[..., None] - norm.ppf(OFFSET_LEVELS, center, scale)


def test_offsets_of_right_quantiles_are_near_0():
    found = QuantileOffsets(errors_of(RNG.normal(size=(20000, 2, 1)))).at(np.array([2]))
    assert found.shape == (1, 1, len(ALL_LEVELS))
    np.testing.assert_allclose(found, 0, atol=0.15)


def test_offsets_are_what_quantiles_lack():
    table = QuantileOffsets(errors_of(RNG.normal(3, 2, size=(20000, 1, 2))))
    expected = norm.ppf(ALL_LEVELS, 3, 2) - norm.ppf(ALL_LEVELS)
    inner = (ALL_LEVELS > 0.02) & (ALL_LEVELS < 0.98)
    for of_target in table.at(np.array([1]))[0]:
        np.testing.assert_allclose(of_target[inner], expected[inner], atol=0.15)


def test_offsets_follow_quantiles_that_became_wrong():
    table = QuantileOffsets(errors_of(RNG.normal(size=(300, 1, 1))))
    low, high = np.searchsorted(ALL_LEVELS, [0.1, 0.9])
    hits = []
    for step in range(600):
        new = RNG.normal(2.0, 3.0, size=(1, 1, 1))
        bounds = norm.ppf([0.1, 0.9]) + table.at(np.array([1]))[0, 0, [low, high]]
        if step > 100:
            hits.append(bounds[0] <= new[0, 0, 0] <= bounds[1])
        table = table.updated(errors_of(new), n_new=1)
    assert abs(np.mean(hits) - 0.8) < 0.05


def test_too_few_observations_move_no_quantile():
    table = QuantileOffsets(errors_of(RNG.normal(size=(2, 1, 1))))
    assert (table.at(np.array([1, 5])) == 0).all()
    assert (
        table.updated(errors_of(np.full((1, 1, 1), 9.0)), 1).at(np.array([1])) != 0
    ).any()
