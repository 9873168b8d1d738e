import numpy as np
import pandas as pd
import pytest
from sktime.forecasting.base import BaseForecaster

from sklrnn import RNNForecaster
from sklrnn.experiments.backtest import Backtest, backtest


class Recorder(BaseForecaster):
    """Forecasts the cutoff's value of a series that counts, plus what X says."""

    _tags = {
        "y_inner_mtype": "pd.Series",
        "X_inner_mtype": "pd.DataFrame",
        "capability:exogenous": True,
        "capability:missing_values": True,
        "requires-fh-in-fit": False,
    }
    _config = {"remember_data": False}
    calls: list = []

    def _fit(self, y, X, fh):
        self.calls.append(("fit", len(y)))
        self.last_ = y.iloc[-1]
        return self

    def _update(self, y, X=None, update_params=True):
        self.calls.append(("update", len(y), update_params))
        self.last_ = y.iloc[-1]
        return self

    def _predict(self, fh, X):
        index = fh.to_absolute_index(self.cutoff)
        told = 0.0 if X is None else X.loc[index].iloc[:, 0].to_numpy()
        return pd.Series(self.last_ + told, index=index)


@pytest.fixture
def recorder():
    Recorder.calls.clear()
    return Recorder()


@pytest.fixture
def counting():
    return pd.Series(np.arange(40.0), pd.date_range("2024", periods=40, freq="D"))


def test_folds_cover_the_end(recorder, counting):
    found = backtest(recorder, counting, horizon=3, n_folds=2)
    assert isinstance(found, Backtest)
    assert recorder.calls == [("fit", 34), ("update", 37, False)]
    table = found.forecasts
    assert list(table.columns) == ["fold", "observed", "Recorder", "last value"]
    assert table.index.equals(counting.index[-6:])
    assert list(table["fold"]) == [1, 1, 1, 2, 2, 2]
    assert list(table["observed"]) == [34, 35, 36, 37, 38, 39]
    assert list(table["Recorder"]) == [33, 33, 33, 36, 36, 36]
    assert list(table["last value"]) == [33, 33, 33, 36, 36, 36]
    assert found.empty_folds == []
    assert found.model == "Recorder"


def test_refit(recorder, counting):
    backtest(recorder, counting, horizon=3, n_folds=2, refit=True)
    assert recorder.calls == [("fit", 34), ("fit", 37)]


def test_scores(recorder, counting):
    found = backtest(recorder, counting, horizon=3, n_folds=2, season=7)
    scores = found.scores
    assert list(scores.index) == ["Recorder", "last value", "seasonal naive"]
    # One, two and three steps behind; a whole season behind. In a season y rises by 7.
    assert scores.loc["last value"].to_list() == pytest.approx(
        [2, np.sqrt(14 / 3), 2 / 7]
    )
    assert scores.loc["seasonal naive"].to_list() == pytest.approx([7, 7, 1])


def test_each_observed_value_counts_once(recorder, counting):
    y = counting.copy()
    y.iloc[[10, 35, 36]] = np.nan
    scores = backtest(recorder, y, horizon=3, n_folds=2).scores
    # The last value seen is 33 and one step behind, then 34 and three to five.
    errors = np.array([1, 3, 4, 5])
    assert scores.loc["last value"].to_list() == pytest.approx(
        [errors.mean(), np.sqrt((errors**2).mean()), errors.mean()]
    )


def test_empty_folds(recorder, counting):
    y = counting.copy()
    y.iloc[34:37] = np.nan
    found = backtest(recorder, y, horizon=3, n_folds=2)
    assert found.empty_folds == [1]
    assert found.scores.loc["last value", "MAE"] == (4 + 5 + 6) / 3


def test_series_that_never_changed_has_no_mase(recorder, counting):
    scores = backtest(recorder, counting * 0 + 5, horizon=3, n_folds=2).scores
    assert scores.loc["last value", "MAE"] == 0
    assert scores["MASE"].isna().all()


def test_exogenous_values_of_the_fold_are_told(recorder, counting):
    ahead = pd.DataFrame({"x": np.tile([1.0, 2, 3], 14)[:42]})
    ahead.index = pd.date_range("2024-01-01", periods=42, freq="D")
    ahead["x"] = [1.0 + (i - 34) % 3 for i in range(42)]
    found = backtest(recorder, counting, ahead, horizon=3, n_folds=2)
    assert found.scores.loc["Recorder", "MAE"] == 0


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(7, 47),
        pd.period_range("2020-01", periods=40, freq="M"),
        pd.date_range("2020-01-31", periods=40, freq="ME"),
        pd.date_range("2020-01-01", periods=40, freq="B"),
        pd.date_range("2020-03-28 12:00", periods=40, freq="h", tz="Europe/Rome"),
    ],
    ids=["integers", "periods", "month ends", "business days", "zone"],
)
def test_kinds_of_time(index):
    y = pd.Series(np.sin(np.arange(40)), index)
    forecaster = RNNForecaster("gru", hidden_size=2, max_epochs=1, random_state=0)
    found = backtest(forecaster, y, horizon=3, n_folds=2, season=4)
    assert found.model == "gru"
    assert found.forecasts.index.equals(index[-6:])
    assert found.forecasts.notna().all(axis=None)


def test_state_moves_along_without_training():
    y = pd.Series(np.sin(np.arange(60.0)))
    forecaster = RNNForecaster(
        hidden_size=4, max_epochs=1, refit=False, window_length=5, random_state=0
    )
    table = backtest(forecaster, y, horizon=2, n_folds=3).forecasts
    fitted = forecaster.clone().fit(y[:54], fh=[1, 2])
    for start in (54, 56, 58):
        fitted.update(y[:start], update_params=False)
        expected = fitted.predict().to_numpy()
        got = table.loc[start : start + 1, "lstm"].to_numpy()
        assert got == pytest.approx(expected)


def test_a_failure_surfaces(counting):
    class Failing(Recorder):
        def _predict(self, fh, X):
            raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        backtest(Failing(), counting, horizon=3, n_folds=2)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"y": np.arange(40.0)}, TypeError, "y must be a Series, got ndarray"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"horizon": 2.5}, TypeError, "horizon must be an integer, got 2.5"),
        ({"n_folds": 0}, ValueError, "n_folds must be at least 1, got 0"),
        ({"n_folds": True}, TypeError, "n_folds must be an integer, got True"),
        ({"season": 1}, ValueError, "season must be at least 2, got 1"),
        ({"season": 34}, ValueError, "season is 34, but only 34 steps of y"),
        ({"n_folds": 12}, ValueError, "need 42 steps, but y has 40"),
        ({"X": pd.DataFrame({"x": [1.0]})}, ValueError, "X lacks 39 times of y"),
    ],
)
def test_unusable_arguments(changed, error, match):
    args = {"y": pd.Series(np.arange(40.0)), "horizon": 3, "n_folds": 2, **changed}
    with pytest.raises(error, match=match):
        backtest(Recorder(), **args)


def test_never_observed_before_the_folds(counting):
    y = counting.where(counting > 35)
    with pytest.raises(ValueError, match="y is never observed in the 34 steps"):
        backtest(Recorder(), y, horizon=3, n_folds=2)


@pytest.mark.parametrize(
    "index", [pd.date_range("2024", periods=41, freq="h"), pd.RangeIndex(41)]
)
def test_irregular_times(index):
    y = pd.Series(np.arange(40.0), index.delete(20))
    with pytest.raises(ValueError, match="y does not have a regular time index"):
        backtest(Recorder(), y, horizon=3, n_folds=2)


def test_forecaster_without_forecast_has_no_score(recorder, counting):
    y = counting.copy()
    y.iloc[:34] = np.nan
    y.iloc[0:34:7] = 1.0  # six of seven days of the week are never seen
    scores = backtest(recorder, y, horizon=3, n_folds=2, season=7).scores
    assert scores.loc["seasonal naive"].isna().all()
    assert scores.loc["last value", ["MAE", "RMSE"]].notna().all()
