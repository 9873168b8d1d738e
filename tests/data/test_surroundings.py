import numpy as np
import pytest

from sklrnn.data.surroundings import (
    HALF_LIFE,
    NEVER,
    describe,
    find_companions,
    look_ahead,
    look_back,
)


def table(n_steps=60, n_columns=3, seed=0, share=0.4):
    """Values with gaps, of which the last column begins late, at irregular times."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_steps, n_columns)).cumsum(axis=0)
    values[rng.random(values.shape) < share] = np.nan
    values[: n_steps // 3, -1] = np.nan
    return values, np.cumsum(rng.choice([0.25, 1.0, 1.0, 7.5], size=n_steps)) + 100


# Each column but the last is explained by others.
COMPANIONS = np.array([[0.0, 0.5, -0.2], [1.5, 0.0, 0.0], [0.0, 0.0, 0.0]])


def by_hand(values, times, companions):
    """Describe rows with a loop over every entry."""
    n_steps, n_columns = values.shape
    forget = 0.5 ** (1 / HALF_LIFE)
    channels = np.zeros((7, n_steps, n_columns))
    for c in range(n_columns):
        last, when, level, square = 0.0, None, None, None
        for t in range(n_steps):
            x, before, known = values[t, c], last, when is not None
            if not np.isnan(x):
                if level is None:
                    level = x
                else:
                    miss = (x - level) ** 2
                    level = forget * level + (1 - forget) * x
                    square = (
                        miss
                        if square is None
                        else forget * square + (1 - forget) * miss
                    )
                last, when = x, times[t]
            channels[:, t, c] = (
                last,
                not np.isnan(x),
                NEVER if when is None else times[t] - when,
                0.0 if level is None else level,
                1.0 if square is None else np.sqrt(square + 0.01**2),
                last - before if known else 0.0,
                0.0,
            )
    for t in range(n_steps):
        explained = companions @ channels[0, t]
        if t == 0:
            residual = np.zeros(n_columns)
        known = channels[1, t] > 0
        residual = np.where(known, channels[0, t] - explained, residual)
        channels[6, t] = explained + residual
    elapsed = np.r_[1.0, np.diff(times)][:, None]
    return np.concatenate([*channels, elapsed], axis=1)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95, 1.0])
def test_look_back_equals_a_loop(share):
    values, times = table(share=share)
    rows, _ = look_back(values, times, companions=COMPANIONS)
    assert rows.shape == (60, 7 * 3 + 1) and rows.dtype == np.float32
    expected = by_hand(values, times, COMPANIONS)
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)


def test_without_companions_the_last_value_stays_where_it_was():
    values, times = table()
    rows, _ = look_back(values, times)
    np.testing.assert_allclose(rows[:, 18:21], rows[:, :3], rtol=1e-6)


def test_companions_are_ridge_coefficients():
    rng = np.random.default_rng(0)
    common = rng.normal(size=5000)
    values = np.stack([common, 0.6 * common + 0.8 * rng.normal(size=5000)], axis=1)
    values = np.concatenate([values, rng.normal(size=(5000, 1))], axis=1)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    found = find_companions(values)
    assert (np.diag(found) == 0).all()
    for c in range(3):
        others = np.delete(values, c, axis=1)
        gram = others.T @ others / 5000 + 0.01 * np.eye(2)
        ridge = np.linalg.solve(gram, others.T @ values[:, c] / 5000)
        np.testing.assert_allclose(np.delete(found[c], c), ridge, atol=1e-6)


def test_companions_of_a_table_with_gaps():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(500, 1)).cumsum(axis=0) / 10, 3, axis=1)
    values[:250, 0] = values[250:, 1] = np.nan  # never seen together
    values[rng.random(values.shape) < 0.2] = np.nan
    found = find_companions(values)
    assert abs(found[0, 1]) < 0.3 and found[0, 2] > 0.7
    assert (find_companions(values[:, :1]) == 0).all()
    assert (find_companions(np.full((9, 3), np.nan)) == 0).all()


@pytest.mark.parametrize("pieces", [[1] * 60, [7, 1, 2, 50], [59, 1]])
def test_rows_in_pieces_equal_rows_at_once(pieces):
    values, times = table()
    whole, seen_at_once = look_back(values, times, companions=COMPANIONS)
    parts, seen, at = [], None, 0
    for n in pieces:
        part = slice(at, at + n)
        rows, seen = look_back(values[part], times[part], seen, COMPANIONS)
        parts.append(rows)
        at += n
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6)
    for one, other in zip(seen, seen_at_once, strict=True):
        np.testing.assert_allclose(one, other)


def test_the_future_changes_nothing_before_it():
    values, times = table()
    changed, later = values.copy(), times.copy()
    changed[40:] = 99.0
    later[40:] += 3.0
    before, after = look_back(values, times)[0], look_back(changed, later)[0]
    np.testing.assert_array_equal(before[:40], after[:40])
    assert (before[40:] != after[40:]).any(axis=1).all()


def test_look_ahead_is_look_back_of_the_table_turned_round():
    values, times = table()
    turned, _ = look_back(values[::-1], (times[-1] - times)[::-1])
    np.testing.assert_allclose(look_ahead(values, times), turned[::-1], rtol=1e-6)


def test_the_past_changes_nothing_of_what_comes_after():
    values, times = table()
    changed = values.copy()
    changed[:20] = 99.0
    np.testing.assert_array_equal(
        look_ahead(values, times)[20:], look_ahead(changed, times)[20:]
    )


def test_only_differences_of_times_count():
    values, times = table()
    np.testing.assert_allclose(
        look_back(values, times)[0], look_back(values, times - 70)[0], rtol=1e-6
    )


@pytest.mark.parametrize("both_sides", [False, True])
def test_many_series_together_equal_one_by_one(both_sides):
    series = [table(n, seed=n) for n in (30, 12, 30, 1)]
    # Two more on the times of others, one of them at another origin.
    series += [(series[0][0] + 1, series[0][1]), (series[1][0] * 2, series[1][1] + 64)]
    together = describe(series, both_sides=both_sides, companions=COMPANIONS)
    for (values, times), rows in zip(series, together, strict=True):
        sides = [look_back(values, times, companions=COMPANIONS)[0]]
        if both_sides:
            sides.append(look_ahead(values, times, COMPANIONS))
        np.testing.assert_allclose(rows, np.concatenate(sides, axis=1), rtol=1e-6)


def test_the_table_is_left_as_it_is():
    values, times = table()
    copies = values.copy(), times.copy()
    describe([(values, times)], both_sides=True)
    np.testing.assert_array_equal(values, copies[0])
    np.testing.assert_array_equal(times, copies[1])
