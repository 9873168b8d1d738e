"""Estimators inside sktime: backtests, searches, pipelines and ensembles."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from sktime.datasets import load_airline, load_longley
from sktime.forecasting.compose import (
    EnsembleForecaster,
    ForecastingPipeline,
    TransformedTargetForecaster,
)
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.compose import TransformerPipeline
from sktime.transformations.detrend import Detrender
from sktime.transformations.difference import Differencer

from sklrnn import RNNForecaster, RNNImputer

AIRLINE = load_airline()
CV = ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=120, step_length=8)


def quick(**params):
    return RNNForecaster(
        **{"max_epochs": 3, "hidden_size": 8, "random_state": 0, **params}
    )


def run(strategy, **options):
    return evaluate(
        quick(),
        CV,
        AIRLINE,
        strategy=strategy,
        error_score="raise",
        return_data=True,
        **options,
    )


@pytest.mark.parametrize("strategy", ["refit", "update", "no-update_params"])
def test_evaluate(strategy):
    result = run(strategy)
    assert len(result) == 3
    assert np.isfinite(result["test_MeanAbsolutePercentageError"]).all()


def test_evaluate_without_training_uses_the_new_rows():
    result = run("no-update_params")
    forecaster = quick().fit(AIRLINE[:120], fh=result["y_test"][0].index)
    for i, cutoff in enumerate([120, 128, 136]):
        forecaster.update(AIRLINE[:cutoff], update_params=False)
        expected = forecaster.predict(fh=[1, 2, 3])
        np.testing.assert_allclose(result["y_pred"][i], expected, rtol=1e-5)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_evaluate_in_parallel_gives_the_same_numbers(backend):
    workers = {"n_jobs": 2} if backend == "loky" else {"scheduler": "threads"}
    parallel = run("refit", backend=backend, backend_params=workers)
    score = "test_MeanAbsolutePercentageError"
    np.testing.assert_array_equal(parallel[score], run("refit")[score])


def test_grid_search():
    search = ForecastingGridSearchCV(quick(), CV, {"cell": ["elman", "gru"]})
    search.fit(AIRLINE, fh=[1, 2, 3])
    assert search.best_params_["cell"] in ("elman", "gru")
    assert search.predict().shape == (3,)


@pytest.mark.parametrize("transformer", [Detrender(), Differencer()])
def test_transformed_target(transformer):
    forecaster = TransformedTargetForecaster([("t", transformer), ("rnn", quick())])
    y_pred = forecaster.fit(AIRLINE, fh=[1, 2]).predict()
    assert (y_pred > 0).all()
    pd.testing.assert_series_equal(
        (transformer * quick()).fit(AIRLINE, fh=[1, 2]).predict(), y_pred
    )


def test_forecasting_pipeline():
    y, X = load_longley()
    pipeline = ForecastingPipeline([("scale", StandardScaler()), ("rnn", quick())])
    pipeline.fit(y[:12], X=X[:12], fh=[1, 2, 3, 4])
    assert np.isfinite(pipeline.predict(X=X[12:])).all()


def test_ensemble():
    members = [("a", quick()), ("b", quick(cell="gru"))]
    mean = EnsembleForecaster(members).fit(AIRLINE, fh=[1, 2]).predict()
    each = [m.clone().fit(AIRLINE, fh=[1, 2]).predict() for _, m in members]
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-6)


def test_bagging():
    from sktime.forecasting.compose import BaggingForecaster
    from sktime.transformations.bootstrap import MovingBlockBootstrapTransformer

    bagged = BaggingForecaster(
        MovingBlockBootstrapTransformer(n_series=3, random_state=0), quick()
    )
    assert np.isfinite(bagged.fit(AIRLINE, fh=[1, 2]).predict()).all()


# ---- RNNImputer ----------------------------------------------------------------------

GAPPY = AIRLINE.where(np.arange(144) % 5 != 2)


def imputer(**params):
    return RNNImputer(
        **{"max_epochs": 2, "hidden_size": 4, "random_state": 0, **params}
    )


def test_imputer_before_a_forecaster():
    y_pred = (imputer() * quick()).fit(GAPPY, fh=[1, 2, 3]).predict()
    filled = imputer().fit_transform(GAPPY)
    expected = quick().fit(filled, fh=[1, 2, 3]).predict()
    pd.testing.assert_series_equal(y_pred, expected, rtol=1e-5)


def test_imputer_of_known_future_values():
    y, X = load_longley()
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    pipeline = ForecastingPipeline([("impute", imputer()), ("rnn", quick())])
    pipeline.fit(y[:12], X=X[:12], fh=[1, 2, 3, 4])
    assert np.isfinite(pipeline.predict(X=X[12:])).all()


def test_imputer_among_transformers():
    pipeline = TransformerPipeline([("impute", imputer()), ("d", Differencer())])
    changes = pipeline.fit_transform(GAPPY)
    filled = imputer().fit_transform(GAPPY)
    expected = Differencer().fit_transform(filled)
    pd.testing.assert_series_equal(changes, expected, rtol=1e-5)
    pd.testing.assert_series_equal(pipeline.inverse_transform(changes), filled)


def test_imputer_in_a_backtest():
    forecaster = TransformedTargetForecaster([("i", imputer()), ("rnn", quick())])
    result = evaluate(forecaster, CV, GAPPY.ffill(), error_score="raise")
    assert np.isfinite(result["test_MeanAbsolutePercentageError"]).all()


def test_imputer_in_a_search():
    forecaster = TransformedTargetForecaster([("i", imputer()), ("rnn", quick())])
    grid = {"i__direction": ["forward", "coupled"]}
    search = ForecastingGridSearchCV(forecaster, CV, grid).fit(AIRLINE, fh=[1, 2, 3])
    assert search.best_params_["i__direction"] in ("forward", "coupled")
