"""Backtests, searches and forecasts on a real cluster of two Dask workers."""

import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sktime.datasets import load_airline
from sktime.exceptions import NotFittedError
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import ExpandingWindowSplitter

from sklrnn import RNNForecaster, forecast_panel
from sklrnn.experiments import compare

dd = pytest.importorskip("dask.dataframe")


@pytest.fixture(scope="module")
def client():
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, processes=True, threads_per_worker=1, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        yield client


def quick(**params):
    quick = {"hidden_size": 3, "max_epochs": 2, "window_length": 6, "random_state": 0}
    return RNNForecaster(**{**quick, **params})


# ---- backtests and searches ----------------------------------------------------------

SPLIT = ExpandingWindowSplitter(initial_window=120, step_length=12, fh=[1, 2, 3])


def worker_of(client, work):
    """Return what `work` returns, and on how many workers it was done."""
    before = client.run(lambda dask_worker: dask_worker.state.executed_count)
    result = work()
    after = client.run(lambda dask_worker: dask_worker.state.executed_count)
    return result, sum(after[name] > before[name] for name in after)


def test_a_backtest_runs_on_the_cluster(client):
    def run(backend):
        return evaluate(quick(), SPLIT, load_airline(), backend=backend)

    found, n_workers = worker_of(client, lambda: run("dask"))
    score = "test_MeanAbsolutePercentageError"
    np.testing.assert_array_equal(found[score], run(None)[score])
    assert n_workers == 2


def test_a_search_of_sktimes_runs_on_the_cluster(client):
    def run(backend):
        grid = {"hidden_size": [2, 4]}
        search = ForecastingGridSearchCV(quick(), SPLIT, grid, backend=backend)
        return search.fit(load_airline(), fh=[1]).cv_results_

    found, n_workers = worker_of(client, lambda: run("dask"))
    score = "mean_test_MeanAbsolutePercentageError"
    np.testing.assert_array_equal(found[score], run(None)[score])
    assert n_workers == 2


def test_a_search_of_scikit_learns_runs_on_the_cluster(client):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)

    def run():
        search = GridSearchCV(quick(), {"hidden_size": [2, 4]}, cv=TimeSeriesSplit(2))
        return search.fit(X, y).cv_results_["mean_test_score"]

    def run_on_cluster():
        with joblib.parallel_config(backend="dask", n_jobs=2):
            return run()

    found, n_workers = worker_of(client, run_on_cluster)
    np.testing.assert_array_equal(found, run())
    assert n_workers == 2


def test_a_comparison_runs_on_the_cluster(client):
    t = np.arange(300)
    index = pd.date_range("2024-01-01", periods=300, freq="h")
    table = pd.DataFrame({"a": np.sin(t / 4), "b": np.cos(t / 7)}, index)

    def run(n_jobs):
        sizes = {"window_length": 8, "hidden_size": 4, "max_epochs": 1, "stride": 2}
        grid = {"cell": ["elman", "gru"]}
        return compare(table, "prediction", grid, 2, n_jobs=n_jobs, **sizes)

    def run_on_cluster():
        with joblib.parallel_config(backend="dask"):
            return run(-1)

    found, n_workers = worker_of(client, run_on_cluster)
    for name in ("architecture", "seed", "micro_mse", "best_epoch"):
        pd.testing.assert_series_equal(found[name], run(1)[name], check_exact=True)
    assert n_workers == 2


# ---- forecasts of partitions ---------------------------------------------------------


def make_panel(names, n_steps=30):
    rng = np.random.default_rng(0)
    times = pd.date_range("2024-01-01", periods=n_steps, freq="D")
    index = pd.MultiIndex.from_product([list(names), times], names=["shop", "day"])
    values = rng.normal(size=(len(index), 2)).cumsum(axis=0)
    return pd.DataFrame(values, index=index, columns=["sold", "price"])


@pytest.fixture(scope="module")
def pretrained():
    return quick().pretrain(make_panel("xyz")[["sold"]], fh=[1, 2])


def check_forecasts(found, expected, keys=("shop",)):
    """Compare a Dask table with what `predict` says of the same series."""
    pd.testing.assert_frame_equal(found._meta, found.compute().iloc[:0])
    computed = found.compute().set_index([*keys, "day"]).sort_index()
    pd.testing.assert_frame_equal(
        computed,
        expected.rename_axis(index=[*keys, "day"]),
        rtol=1e-5,
        check_index_type=False,
        check_freq=False,
    )


@pytest.mark.parametrize("state", ["pretrained", "fitted"])
def test_partitions_are_forecast_as_in_one_process(client, pretrained, state):
    forecaster, panel = pretrained, make_panel("abcdefg")[["sold"]]
    if state == "fitted":
        forecaster = quick().fit(make_panel("x").loc["x"][["sold"]], fh=[1])
        pretrained = quick().pretrain(make_panel("xyz")[["sold"]])
        pretrained.pretrained_ = forecaster._fitted
    shuffled = panel.reset_index().sample(frac=1, random_state=0)
    table = dd.from_pandas(shuffled, npartitions=4, sort=False).shuffle("shop")
    found, n_workers = worker_of(
        client,
        lambda: forecast_panel(
            forecaster, table, [1, 3], series="shop", time="day"
        ).persist(),
    )
    check_forecasts(found, pretrained.clone().fit(panel, fh=[1, 3]).predict())


def test_the_weights_are_those_of_the_last_training():
    y = make_panel("ab")[["sold"]]
    forecaster = quick().fit(y, fh=[1, 2]).pretrain(-3 * y, fh=[1, 2])
    table = dd.from_pandas(y.reset_index(), npartitions=1)
    found = forecast_panel(forecaster, table, [1, 2], series="shop", time="day")
    check_forecasts(found, forecaster.fit(y, fh=[1, 2]).predict())


def test_a_series_may_be_the_index(pretrained):
    panel = make_panel("abc")[["sold"]]
    table = dd.from_pandas(panel.reset_index("day"), npartitions=2)
    assert table.known_divisions
    found = forecast_panel(pretrained, table, [1, 2], series="shop", time="day")
    check_forecasts(found, pretrained.clone().fit(panel, fh=[1, 2]).predict())


def test_a_hierarchy_has_many_columns_for_a_series(pretrained):
    panel = pd.concat({1: make_panel("ab"), 2: make_panel("a")}, names=["town"])
    panel = panel[["sold"]]
    table = dd.from_pandas(panel.reset_index(), npartitions=3).shuffle(["town", "shop"])
    keys = ["town", "shop"]
    found = forecast_panel(pretrained, table, [1], series=keys, time="day")
    check_forecasts(found, pretrained.clone().fit(panel, fh=[1]).predict(), keys)


def test_rows_after_the_last_target_tell_what_is_known_ahead():
    panel = make_panel("xyz")
    forecaster = quick().pretrain(panel[["sold"]], X=panel[["price"]], fh=[1, 2])
    known, ahead = (
        panel[panel.index.get_level_values("day") <= "2024-01-25"],
        panel[panel.index.get_level_values("day") > "2024-01-25"],
    )
    expected = forecaster.clone().fit(known[["sold"]], X=known[["price"]], fh=[1, 2])
    expected = expected.predict(X=ahead[["price"]])
    rows = pd.concat([known, ahead.assign(sold=np.nan)]).reset_index()
    table = dd.from_pandas(rows, npartitions=2).shuffle("shop")
    found = forecast_panel(forecaster, table, [1, 2], series="shop", time="day")
    check_forecasts(found, expected)
    table = dd.from_pandas(known.reset_index(), npartitions=2).shuffle("shop")
    found = forecast_panel(forecaster, table, [1, 2], series="shop", time="day")
    with pytest.raises(ValueError, match="X lacks 2 of the 2 rows to forecast of seri"):
        found.compute()


def test_a_series_in_two_partitions_is_found(pretrained):
    table = dd.from_pandas(make_panel("abc")[["sold"]].reset_index(), npartitions=2)
    with pytest.raises(ValueError, match="series 'b' lies in more than one partition"):
        forecast_panel(pretrained, table, [1], series="shop", time="day")
    found = forecast_panel(
        pretrained, table, [1], series="shop", time="day", check=False
    )
    assert found.compute()["shop"].tolist() == ["a", "b", "b", "c"]


def test_what_forecasts_without_weights_is_refused():
    table = dd.from_pandas(make_panel("a").reset_index(), npartitions=1)
    with pytest.raises(NotFittedError, match="forecaster has no weights yet"):
        forecast_panel(quick(), table, [1], series="shop", time="day")


def test_what_is_wrong_with_the_table_is_named(pretrained):
    panel = make_panel("a").reset_index()
    with pytest.raises(TypeError, match="table must be a dask.dataframe.DataFrame"):
        forecast_panel(pretrained, panel, [1], series="shop", time="day")
    table = dd.from_pandas(panel, npartitions=1)
    for column in ("shop", "day", "sold"):
        with pytest.raises(ValueError, match=f"but no '{column}'; it needs"):
            forecast_panel(
                pretrained, table.drop(columns=column), [1], series="shop", time="day"
            )
    forecaster = quick().fit(make_panel("x").loc["x"][["sold"]])
    with pytest.raises(ValueError, match="fh must be given"):
        forecast_panel(forecaster, table, series="shop", time="day")


def test_without_dask_the_extra_is_named(pretrained, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(ImportError, match=r"pip install 'sklrnn\[dask\]'"):
        forecast_panel(pretrained, None, [1], series="shop", time="day")
