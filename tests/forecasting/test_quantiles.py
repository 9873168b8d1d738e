"""Forecasts of what never moves, moves little on a large level, or is very large."""

import numpy as np
import pandas as pd
import pytest

from sklrnn import RNNForecaster

QUICK = {"hidden_size": 3, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)
WAVE = np.sin(np.arange(80) / 3) + RNG.normal(size=80) * 0.1


@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantiles"])
@pytest.mark.parametrize("value", [7.0, 0.1 + 0.2, -1e8, 0.0])
def test_a_constant_is_forecast_as_it_is(distribution, value):
    y = pd.Series(np.full(40, value))
    fitted = RNNForecaster(distribution=distribution, **QUICK).fit(y=y, fh=[1, 2])
    if value:
        assert fitted.predict().tolist() == [value] * 2
    np.testing.assert_allclose(fitted.predict(), value, atol=1e-300)
    lower, upper = fitted.predict_interval().to_numpy().T
    # Beside 0 are numbers as small as a network's output would make them.
    least = 0.0 if value else 1e-300
    assert (lower <= value + least).all() and (value - least <= upper).all()


def test_what_was_constant_and_moves_is_scaled_as_before():
    y = pd.Series(np.full(40, 7.0))
    fitted = RNNForecaster(**QUICK).fit(y=y, fh=[1])
    fitted.update(pd.Series([9.0], index=[40]), update_params=False)
    assert abs(fitted.predict().iloc[0] - 7.0) > 1e-4


@pytest.mark.parametrize("level", [10.0, -1e4])
def test_a_level_does_not_change_forecasts(level):
    spread = 2.0**-34  # so that sums are exact but for the last bits
    found = {}
    for base in (0.0, level):
        y = pd.Series(WAVE * spread + base)
        fitted = RNNForecaster(**QUICK).fit(y=y, fh=[1, 2, 3])
        found[base] = (fitted.predict() - base) / spread
    # float64 resolves 1e-16 of the level.
    np.testing.assert_allclose(
        found[level], found[0.0], atol=1e-15 * abs(level) / spread
    )


def test_a_variance_beyond_float64():
    fitted = RNNForecaster(**QUICK).fit(y=pd.Series(WAVE * 1e200), fh=[1])
    assert np.isfinite(fitted.predict_interval().to_numpy()).all()
    with pytest.raises(ValueError, match="variance of y, whose deviation is 7.*e.199"):
        fitted.predict_var()
