"""Distributions of skpro's: the same numbers as quantiles and variances."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sktime.datasets import load_airline

from sklrnn import RNNForecaster
from sklrnn.forecasting.quantile_table import QuantileTable

AIRLINE = load_airline()
LEVELS = [0.01, 0.1, 0.37, 0.5, 0.9, 0.99]


@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantiles"])
def test_quantiles_lie_between_those_of_the_sample(distribution):
    params = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
    forecaster = RNNForecaster("gru", distribution=distribution, **params)
    forecaster.fit(AIRLINE, fh=[1, 2, 3])
    expected = forecaster.predict_quantiles(alpha=LEVELS).to_numpy()
    proba = forecaster.predict_proba()
    found = np.column_stack([proba.ppf(level).to_numpy() for level in LEVELS])
    deviation = np.sqrt(forecaster.predict_var().to_numpy())
    np.testing.assert_allclose(found / deviation, expected / deviation, atol=0.03)
    for at, level in zip(found.T, LEVELS, strict=True):
        values = pd.DataFrame(at[:, None], proba.index, proba.columns)
        np.testing.assert_allclose(proba.cdf(values), level, rtol=1e-9)


def table_of(values):
    index = pd.MultiIndex.from_product([range(len(values)), ["a", "b"]])
    return QuantileTable(pd.DataFrame({"y": np.repeat(values, 2)}, index))


def test_a_table_of_normal_quantiles_is_a_normal_distribution():
    n = 50
    table = table_of(norm.ppf((np.arange(n) + 0.5) / n, 3, 2))
    for level in (1e-4, 0.013, 0.3, 0.999):
        np.testing.assert_allclose(table.ppf(level), norm.ppf(level, 3, 2))
    assert table.ppf(0.0).to_numpy().max() == -np.inf
    assert table.ppf(1.0).to_numpy().min() == np.inf


def test_a_part_of_a_table_is_a_table():
    table = table_of(np.linspace(0, 1, 11))
    part = table.iloc[[1]]
    assert isinstance(part, QuantileTable) and list(part.index) == ["b"]
    np.testing.assert_allclose(part.ppf(0.4), table.ppf(0.4).iloc[[1]])


def test_a_table_of_one_value_knows_no_other():
    table = table_of(np.full(5, 7.0))
    np.testing.assert_array_equal(table.ppf(0.2), 7.0)
    at = pd.DataFrame([[6.9], [7.0]], table.index, table.columns)
    np.testing.assert_array_equal(table.cdf(at)["y"], [0.0, 1.0])
