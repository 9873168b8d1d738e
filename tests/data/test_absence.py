import numpy as np
import pytest

from sklrnn.data.absence import (
    PATTERNS,
    AbsenceDiffusion,
    draw_levels,
    find_joint_gaps,
)
from sklrnn.data.gaps import find_gaps

GAPS = np.array([[3, 0, 0], [0, 7, 0], [5, 5, 0], [2, 0, 2], [0, 0, 4], [12, 12, 12]])
LENGTH = 24


def draw(pattern, level, n_steps=60_000, rate=0.5, n_columns=3, seed=0, gaps=GAPS):
    """Draw at levels that all but equal one, in stretches of 48 steps."""
    diffusion = AbsenceDiffusion(pattern, rate, LENGTH, gaps)
    levels = level - 1e-9 * (np.arange(n_steps) // 48 % 2)
    return diffusion.draw(levels, n_columns, np.random.default_rng(seed))


def run_lengths(removed):
    runs = [find_gaps(column) for column in removed.T]
    return np.concatenate([ends - starts for starts, ends in (r.T for r in runs)])


@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_share_removed_is_rate_times_level(pattern, level):
    removed = draw(pattern, level)
    np.testing.assert_allclose(removed.mean(), 0.5 * level, atol=0.02)
    if pattern not in ("mixed", "observed"):  # there columns differ as the gaps do
        np.testing.assert_allclose(removed.mean(axis=0), 0.5 * level, atol=0.035)


@pytest.mark.parametrize("level", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("pattern", ["block", "channel"])
def test_the_longest_run_grows_with_the_level(pattern, level):
    lengths = run_lengths(draw(pattern, max(level, 1e-3), rate=0.02 / max(level, 0.1)))
    longest = int(1 + level * (LENGTH - 1))
    alone = lengths[lengths <= longest]
    # Some are longer, where one run meets another.
    assert alone.max() == longest and len(alone) > 0.9 * len(lengths)
    # They are uniform from 1 on.
    assert abs(alone.mean() - (1 + longest) / 2) < 0.12 * longest


def test_points_are_independent_of_one_another():
    removed = draw("point", 1.0)
    share = removed.mean()
    in_time = (removed[1:] & removed[:-1]).mean()
    across = (removed[:, 0] & removed[:, 1]).mean()
    np.testing.assert_allclose([in_time, across], share**2, atol=0.01)


def test_channels_go_missing_together_as_the_level_rises():
    together = []
    for level in (0.1, 0.5, 0.999999):
        removed = draw("channel", level, rate=0.2)
        together.append(removed.all(axis=1).sum() / removed.any(axis=1).sum())
    assert together[0] < 0.1 < together[1] < 0.9 < together[2]
    assert draw("block", 1.0, rate=0.2).all(axis=1).mean() < 0.02


def test_observed_runs_are_as_long_and_as_wide_as_the_gaps():
    removed = draw("observed", 1.0, rate=0.01)
    lengths = run_lengths(removed)
    known = np.isin(lengths, GAPS)
    assert known.mean() > 0.9 and set(lengths[known]) == set(GAPS.ravel()) - {0}
    drawn = find_joint_gaps(~removed)
    alike = [(drawn == gap).all(axis=1).mean() for gap in GAPS]
    assert sum(alike) > 0.9 and min(alike) > 0.08


def test_observed_runs_are_cut_at_the_longest_of_their_level():
    lengths = run_lengths(draw("observed", 0.2, rate=0.02))
    assert np.mean(lengths <= int(1 + 0.2 * (LENGTH - 1))) > 0.9


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_seed_draws_the_same(pattern):
    first, again, other = (draw(pattern, 0.5, 500, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("n_steps", [1, 2, 50])
def test_any_number_of_steps_and_columns(pattern, n_steps):
    for n_columns in (1, 3):
        gaps = GAPS[:, :n_columns]
        removed = draw(pattern, 1.0, n_steps, n_columns=n_columns, gaps=gaps)
        assert removed.shape == (n_steps, n_columns) and removed.dtype == bool


@pytest.mark.parametrize("pattern", PATTERNS)
def test_at_level_0_nothing_is_removed(pattern):
    diffusion = AbsenceDiffusion(pattern, 0.9, LENGTH, GAPS)
    assert not diffusion.draw(np.zeros(500), 3, np.random.default_rng(0)).any()


def test_observed_needs_gaps_and_mixed_does_without():
    with pytest.raises(ValueError, match="'observed', but the data has no gaps"):
        AbsenceDiffusion("observed", 0.5, 24, np.empty((0, 3), dtype=int))
    assert "observed" in AbsenceDiffusion("mixed", 0.5, 24, GAPS).patterns
    for few in (None, GAPS[:2]):
        mixed = AbsenceDiffusion("mixed", 0.5, 24, few)
        assert "observed" not in mixed.patterns
        assert mixed.patterns.count("point") == len(mixed.patterns) / 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_joint_gaps_put_back_where_they_begin_give_the_mask(share):
    observed = np.random.default_rng(0).random((200, 3)) >= share
    gaps = find_joint_gaps(observed)
    before = np.vstack([np.ones((1, 3), dtype=bool), observed[:-1]])
    rows = np.flatnonzero((before & ~observed).any(axis=1))
    assert len(rows) == len(gaps)
    again = np.ones_like(observed)
    for row, gap in zip(rows, gaps, strict=True):
        for column, length in enumerate(gap):
            again[row : row + length, column] = False
    np.testing.assert_array_equal(again, observed)


@pytest.mark.parametrize("n_steps", [1, 7, 48, 49, 1000])
def test_levels_come_in_stretches_below_the_ceiling(n_steps):
    rng = np.random.default_rng(0)
    for stretch in (1, 5, 48):
        levels = draw_levels(n_steps, stretch, 0.7, rng)
        assert levels.shape == (n_steps,)
        assert (levels >= 0).all() and (levels < 0.7).all()
        borders = np.flatnonzero(np.diff(levels)) + 1
        assert (np.diff(borders) == stretch).all()


def test_levels_are_uniform():
    levels = draw_levels(50_000, 5, 0.8, np.random.default_rng(0))
    counts, _ = np.histogram(levels, bins=8, range=(0, 0.8))
    np.testing.assert_allclose(counts / 50_000, 1 / 8, atol=0.02)
