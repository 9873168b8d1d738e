import numpy as np
import pytest

from sklrnn.datasets import make_lag_task


def test_the_target_is_the_cue_a_lag_before():
    y, X = make_lag_task(n_cycles=40, lag=7, random_state=0)
    asked = np.flatnonzero(y.notna())
    assert list(asked) == list(range(7, 40 * 8, 8))
    np.testing.assert_array_equal(y.iloc[asked], X["input"].iloc[asked - 7])
    assert set(y.dropna()) == {-1.0, 1.0}
    assert X["input"].drop(asked - 7).abs().max() < 1


def test_it_is_repeatable():
    first, second = (make_lag_task(5, 3, random_state=1)[1] for _ in range(2))
    assert first.equals(second)
    assert not first.equals(make_lag_task(5, 3, random_state=2)[1])


@pytest.mark.parametrize("name", ["n_cycles", "lag"])
def test_nothing_to_remember(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        make_lag_task(**{name: 0})
