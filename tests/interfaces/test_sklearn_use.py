"""Estimators as scikit-learn's users call them: in pipelines and searches."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from sklrnn import RNNForecaster, RNNImputer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 2))
Y = X @ [2.0, -1.0] + np.sin(np.arange(150) / 5)
CV = TimeSeriesSplit(3)


def quick(**params):
    return RNNForecaster(
        **{"max_epochs": 3, "hidden_size": 8, "random_state": 0, **params}
    )


def test_pipeline():
    pipeline = Pipeline([("scale", StandardScaler()), ("rnn", quick(max_epochs=40))])
    pipeline.fit(X[:130], Y[:130])
    y_pred = pipeline.predict(X[130:])
    assert isinstance(y_pred, np.ndarray) and y_pred.shape == (20,)
    assert pipeline.score(X[130:], Y[130:]) > 0.5
    assert "RNNForecaster" in estimator_html_repr(pipeline)


def test_the_positional_call_means_the_keyword_call():
    table = quick().fit(X[:130], Y[:130]).predict(X[130:])
    series = quick().fit(y=pd.Series(Y[:130]), X=pd.DataFrame(X[:130]))
    index = pd.RangeIndex(130, 150)
    by_keyword = series.predict(fh=np.arange(1, 21), X=pd.DataFrame(X[130:], index))
    np.testing.assert_allclose(table, by_keyword)


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_grid_search_prefers_the_better(scoring):
    grid = {"max_epochs": [1, 60]}
    search = GridSearchCV(quick(lr=0.02), grid, cv=CV, scoring=scoring).fit(X, Y)
    assert search.best_params_ == {"max_epochs": 60}
    assert search.predict(X[:4]).shape == (4,)


def test_grid_search_on_a_series_alone():
    y = pd.Series(10 * np.sin(np.arange(150) / 3))
    search = GridSearchCV(quick(lr=0.02), {"max_epochs": [1, 60]}, cv=CV).fit(y)
    assert search.best_params_ == {"max_epochs": 60}


def test_cross_val_score():
    assert cross_val_score(quick(), X, Y, cv=CV, error_score="raise").shape == (3,)


def test_parallel_search_gives_the_same_numbers():
    scores = [
        RandomizedSearchCV(
            quick(dropout=0.2),
            {"hidden_size": [4, 8, 16]},
            n_iter=2,
            random_state=0,
            cv=CV,
            n_jobs=n_jobs,
            error_score="raise",
        )
        .fit(X, Y)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


def test_clone_keeps_parameters_and_forgets_the_fit():
    fitted = quick(cell="gru").fit(X, Y)
    cloned = clone(fitted)
    assert cloned.get_params() == fitted.get_params() and not cloned.is_fitted
    with pytest.raises(NotFittedError):
        make_pipeline(cloned).predict(X)


def test_clone_keeps_what_was_pretrained():
    index = pd.MultiIndex.from_product([["a", "b"], range(40)])
    panel = pd.DataFrame({"y": np.arange(80.0)}, index=index)
    assert clone(quick().pretrain(panel)).state == "pretrained"


def test_two_tables_by_position_are_refused():
    with pytest.raises(TypeError, match="use the keywords y= and X="):
        quick().fit(X, X)


def test_by_keyword_nothing_is_reinterpreted():
    y, x = pd.DataFrame(X), pd.DataFrame({"x": Y})
    forecaster = quick().fit(y=y, X=x)
    assert forecaster.predict(fh=[1], X=x.set_axis(range(150, 300))[:1]).shape == (1, 2)
    assert quick().fit(y, x, fh=[1]).predict(X=x.set_axis(range(150, 300))).shape == (
        1,
        2,
    )


def test_one_table_alone_is_the_series():
    y_pred = quick().fit(X).predict(fh=[1, 2, 3])
    assert y_pred.shape == (3, 2)


def test_a_series_with_times_lends_them_to_x():
    index = pd.date_range("2024-01-01", periods=150, freq="h")
    forecaster = quick().fit(X[:130], pd.Series(Y[:130], index=index[:130]))
    assert forecaster.cutoff[0] == index[129]
    following = forecaster.predict(X[130:])
    at_their_times = forecaster.predict(pd.DataFrame(X[130:], index=index[130:]))
    np.testing.assert_allclose(following, at_their_times)
    later = forecaster.predict(pd.DataFrame(X[132:], index=index[132:]))
    np.testing.assert_allclose(later[0], _third(forecaster, index), rtol=1e-5)


def _third(forecaster, index):
    rows = pd.DataFrame(X[132:133], index=index[132:133])
    return forecaster.predict(fh=[3], X=rows).iloc[0]


def test_prediction_leaves_no_horizon_behind():
    forecaster = quick().fit(X[:130], Y[:130])
    forecaster.predict(X[130:])
    with pytest.raises(ValueError, match="must be passed"):
        forecaster.predict()


def test_score_follows_the_horizon():
    y = pd.Series(np.arange(1.0, 101.0))
    forecaster = quick().fit(y[:90])
    assert forecaster.score(y[90:]) <= 1
    by_sktime = forecaster.score(y[90:], fh=np.arange(1, 11))
    y_pred = forecaster.predict(fh=np.arange(1, 11))
    np.testing.assert_allclose(by_sktime, (np.abs(y_pred - y[90:]) / y[90:]).mean())
    np.testing.assert_allclose(
        quick().fit(y[:90], fh=[1]).score(y[90:91]),
        np.abs(1 - quick().fit(y[:90], fh=[1]).predict() / 91),
    )


def test_rows_of_x_and_y_must_match():
    with pytest.raises(ValueError, match="X has 150 rows and y has 149"):
        quick().fit(X, Y[1:])


def test_names_and_numbers_of_features():
    frame = pd.DataFrame(X, columns=["p", "q"])
    forecaster = quick().fit(frame, Y)
    assert forecaster.n_features_in_ == 2
    assert list(forecaster.feature_names_in_) == ["p", "q"]


def test_tags():
    assert is_regressor(quick())
    target = TransformedTargetRegressor(quick(), transformer=StandardScaler())
    assert target.fit(X, Y).predict(X[:3]).shape == (3,)


def test_rows_out_of_order_are_refused():
    index = pd.date_range("2024-01-01", periods=150, freq="D")
    frame, series = pd.DataFrame(X, index), pd.Series(Y, index)
    with pytest.raises(ValueError, match="must be in the order of time"):
        quick().fit(frame[::-1], series[::-1])
    forecaster = quick().fit(frame[:130], series[:130])
    with pytest.raises(ValueError, match="must be in the order of time"):
        forecaster.predict(frame[130:][::-1])
    with pytest.raises(ValueError, match="X and y have different times"):
        quick().fit(frame[:100], series[50:])
    with pytest.raises(ValueError, match="X has no rows"):
        forecaster.predict(frame[:0])


def test_dates_of_x_outrank_row_numbers_of_y():
    index = pd.date_range("2024-01-01", periods=150, freq="D")
    frame = pd.DataFrame(X, index)
    by_series = quick().fit(frame[:130], pd.Series(Y[:130]))
    by_array = quick().fit(frame[:130], Y[:130])
    assert by_series.cutoff[0] == by_array.cutoff[0] == index[129]


def test_gaps_in_daily_dates():
    index = pd.date_range("2024-01-01", periods=150, freq="D")
    frame, series = pd.DataFrame(X, index), pd.Series(Y, index)
    kept = np.r_[0:60, 70:130]
    forecaster = quick().fit(frame.iloc[kept], series.iloc[kept])
    assert forecaster.predict(frame[130:]).shape == (20,)
    assert np.isfinite(cross_val_score(quick(), frame, series, cv=3)).all()


def test_further_arguments_are_refused():
    with pytest.raises(TypeError, match="takes no further arguments.*sample_weight"):
        quick().fit(X, Y, sample_weight=Y)
    with pytest.raises(TypeError, match="score got two two-dimensional"):
        quick().fit(X, Y).score(X, X)


# ---- RNNImputer ----------------------------------------------------------------------

GAPPY = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
TABLE = pd.DataFrame(GAPPY, columns=["a", "b"])


def imputer(**params):
    return RNNImputer(
        **{"max_epochs": 2, "hidden_size": 4, "random_state": 0, **params}
    )


def test_imputer_in_a_pipeline():
    pipeline = Pipeline(
        [("impute", imputer()), ("scale", StandardScaler()), ("rnn", quick())]
    )
    pipeline.fit(GAPPY[:130], Y[:130])
    y_pred = pipeline.predict(GAPPY[130:])
    assert y_pred.shape == (20,) and np.isfinite(y_pred).all()
    by_hand = imputer().fit(GAPPY[:130])
    scaler = StandardScaler().fit(by_hand.transform(GAPPY[:130]))
    forecaster = quick().fit(scaler.transform(by_hand.transform(GAPPY[:130])), Y[:130])
    expected = forecaster.predict(scaler.transform(by_hand.transform(GAPPY[130:])))
    np.testing.assert_allclose(y_pred, expected, rtol=1e-5)
    assert "RNNImputer" in estimator_html_repr(pipeline)


def test_imputer_of_some_columns():
    table = TABLE.assign(site="north")
    for output in ("default", "pandas"):
        columns = ColumnTransformer(
            [("impute", imputer(), ["a", "b"])],
            remainder="passthrough",
            verbose_feature_names_out=False,
        ).set_output(transform=output)
        filled = columns.fit_transform(table)
        assert list(columns.get_feature_names_out()) == ["a", "b", "site"]
        assert not pd.DataFrame(filled).isna().any(axis=None)
    assert list(filled.columns) == ["a", "b", "site"]
    pd.testing.assert_frame_equal(filled[["a", "b"]], imputer().fit_transform(TABLE))


def test_imputer_sets_its_output():
    setting = imputer().set_output(transform="pandas")
    filled = setting.fit(GAPPY).transform(GAPPY)
    assert isinstance(filled, pd.DataFrame) and list(filled.columns) == ["x0", "x1"]
    assert isinstance(setting.fit_transform(GAPPY), pd.DataFrame)
    assert isinstance(clone(setting).fit(GAPPY).transform(GAPPY), pd.DataFrame)
    setting.set_output(transform="default")
    assert isinstance(setting.fit_transform(GAPPY), np.ndarray)


def test_imputer_knows_names_of_features():
    assert list(imputer().fit(TABLE).get_feature_names_out()) == ["a", "b"]
    assert list(imputer().fit(GAPPY).get_feature_names_out()) == ["x0", "x1"]
    fitted = imputer().fit(TABLE)
    assert list(fitted.feature_names_in_) == ["a", "b"] and fitted.n_features_in_ == 2
    assert not hasattr(fitted.fit(GAPPY), "feature_names_in_")


def test_imputer_in_a_search_over_a_pipeline():
    pipeline = Pipeline([("impute", imputer()), ("rnn", quick())])
    grid = {"impute__direction": ["forward", "coupled"], "impute__max_epochs": [1]}
    search = GridSearchCV(pipeline, grid, cv=CV, error_score="raise").fit(GAPPY, Y)
    assert search.best_params_["impute__direction"] in ("forward", "coupled")
    assert np.isfinite(search.predict(GAPPY[:4])).all()


def test_imputer_alone_in_a_search():
    # Steps so large that they leave nothing of the interpolation are the worse.
    one = imputer(refit=False, patience=None, batch_size=8)
    search = GridSearchCV(one, {"lr": [10.0, 1e-3]}, cv=CV, error_score="raise")
    search.fit(GAPPY)
    assert search.best_params_ == {"lr": 1e-3} and search.best_score_ < 0
    assert np.isfinite(search.transform(GAPPY)).all()


def test_parallel_search_over_imputers_gives_the_same_numbers():
    scores = [
        GridSearchCV(
            imputer(dropout=0.2),
            {"direction": ["forward", "decoupled"]},
            cv=CV,
            n_jobs=n_jobs,
            error_score="raise",
        )
        .fit(TABLE)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)
