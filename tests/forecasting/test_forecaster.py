import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback
from sktime.datasets import load_airline
from sktime.forecasting.base import ForecastingHorizon
from sktime.transformations.hierarchical.aggregate import Aggregator
from sktime.transformations.hierarchical.reconcile import Reconciler
from sktime.utils._testing.hierarchical import _make_hierarchical

from sklrnn import RNNForecaster
from sklrnn.data.windows import split_windows
from sklrnn.network.cells.gru import GRU
from sklrnn.training import DivergenceError
from sklrnn.training.batches import WindowDataset

QUICK = {"max_epochs": 3, "hidden_size": 8, "random_state": 0}
AIRLINE = load_airline()


def quick(**params):
    return RNNForecaster(**{**QUICK, **params})


def waves(n_steps=120, seed=0, **index):
    """Two sines with noise, hourly."""
    t = np.arange(n_steps)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=(n_steps, 2))
    values = np.c_[np.sin(t / 4), 5 + np.cos(t / 6)] + noise
    index = pd.date_range("2024-01-01", periods=n_steps, freq="h")
    return pd.DataFrame(values, index=index, columns=["a", "b"])


# ---- horizons ------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_holes_in_the_horizon_leave_the_other_steps_alone(strategy):
    forecaster = quick(strategy=strategy, horizon=6).fit(AIRLINE)
    every = forecaster.predict(fh=np.arange(-10, 13))
    some = forecaster.predict(fh=[-7, 0, 1, 6, 12])
    pd.testing.assert_series_equal(some, every[some.index], rtol=1e-5)


def test_relative_and_absolute_horizons_agree():
    forecaster = quick().fit(AIRLINE)
    relative = forecaster.predict(fh=[1, 5])
    absolute = forecaster.predict(
        fh=ForecastingHorizon(relative.index, is_relative=False)
    )
    pd.testing.assert_series_equal(relative, absolute)


def test_strategies_agree_where_the_horizon_is_one_step():
    direct = quick(strategy="direct", horizon=1).fit(AIRLINE)
    recursive = quick(strategy="recursive", horizon=1).fit(AIRLINE)
    fh = np.arange(-3, 8)
    pd.testing.assert_series_equal(direct.predict(fh=fh), recursive.predict(fh=fh))


@pytest.mark.parametrize("direction", ["forward", "coupled"])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_every_step_of_the_forecast_depends_on_the_newest_observation(
    direction, strategy
):
    forecaster = quick(direction=direction, strategy=strategy, horizon=6)
    forecaster.fit(AIRLINE)
    fh = np.arange(1, 7)
    before = forecaster.predict(fh=fh)
    newest = AIRLINE.iloc[-1:] * 1.5
    after = forecaster.update(newest, update_params=False).predict(fh=fh)
    assert (np.abs(after - before) > 1e-3).all()


def test_in_sample_forecasts_know_the_past_alone():
    y = AIRLINE.copy()
    fh = np.arange(-143, 1)
    forecaster = quick().fit(y)
    before = forecaster.predict(fh=fh)
    changed = y.copy()
    changed.iloc[100:] += 100
    after = forecaster.update(changed, update_params=False).predict(fh=fh)
    pd.testing.assert_series_equal(before[:101], after[:101])
    assert (before[101:] != after[101:]).all()


# ---- kinds of data -------------------------------------------------------------------


def test_columns_and_names_stay():
    y = waves()
    assert list(quick().fit(y, fh=[1, 2]).predict().columns) == ["a", "b"]
    assert quick().fit(y["a"], fh=[1]).predict().name == "a"


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_known_future_values_of_x_are_used(strategy):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=300)})
    y = 3 * X["x"] + 1
    forecaster = RNNForecaster(
        hidden_size=8, max_epochs=40, random_state=0, strategy=strategy, horizon=5
    )
    forecaster.fit(y=y[:280], X=X[:280])
    y_pred = forecaster.predict(fh=np.arange(1, 21), X=X[280:])
    assert np.abs(y_pred - y[280:]).mean() < 0.5 * np.abs(y - y.mean()).mean()


def with_two_columns(n_steps=120):
    y = waves(n_steps)[["a"]]
    rng = np.random.default_rng(3)
    return y, pd.DataFrame(rng.normal(size=(n_steps, 2)), y.index, ["sensor", "plan"])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("distribution", ["point", "gaussian"])
def test_what_is_past_only_is_not_read_ahead(strategy, n_members, distribution):
    y, X = with_two_columns()
    forecaster = quick(
        past_only=["sensor"],
        strategy=strategy,
        n_members=n_members,
        distribution=distribution,
        horizon=3,
    ).fit(y[:100], X=X[:100])
    steps = range(1, 8)
    ahead, other = X[100:107], X[100:107].copy()
    forecast = forecaster.predict(fh=steps, X=ahead)
    other["sensor"] += 5
    np.testing.assert_array_equal(forecast, forecaster.predict(fh=steps, X=other))
    alone = forecaster.predict(fh=steps, X=ahead[["plan"]])
    np.testing.assert_array_equal(forecast, alone)
    other["plan"] += 5
    assert not np.allclose(forecast, forecaster.predict(fh=steps, X=other))
    before = forecaster.predict_rolling(y, X=X, cutoffs=y.index[99:100])
    np.testing.assert_allclose(before[0], forecast[:3], rtol=1e-4)
    past = X.copy()
    past.loc[y.index[90:100], "sensor"] += 5
    moved = forecaster.predict_rolling(y, X=past, cutoffs=y.index[99:100])
    assert not np.allclose(before, moved)


def test_without_columns_known_ahead_no_x_is_needed():
    y, X = with_two_columns()
    forecaster = quick(past_only=["sensor", "plan"]).fit(y, X=X, fh=[1, 2, 3])
    assert forecaster.predict().shape == (3, 1)
    assert forecaster.predict_interval(fh=[0, 1, 30]).notna().all(axis=None)


def test_past_only_names_columns_of_x():
    y, X = with_two_columns()
    with pytest.raises(ValueError, match="past_only has 'meter', but X has"):
        quick(past_only=["sensor", "meter"]).fit(y, X=X)
    forecaster = quick(past_only="sensor").fit(y, X=X)
    with pytest.raises(ValueError, match="X has the columns"):
        forecaster.predict(fh=[1], X=X[["sensor"]])


def days_off(n_steps=300):
    rng = np.random.default_rng(0)
    day = np.array(["work", "rest"])[(rng.random(n_steps) < 0.3).astype(int)]
    y = pd.DataFrame({"y": 5.0 * (day == "rest") + rng.normal(0, 0.1, n_steps)})
    return y, pd.DataFrame({"day": day, "other": rng.normal(size=n_steps)})


@pytest.mark.parametrize("channels", ["joint", "independent"])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("dtype", [object, "category"])
def test_categories_in_x_are_learned(channels, gaps, dtype):
    y, X = days_off()
    if gaps:
        y = y.mask(np.random.default_rng(1).random(y.shape) < 0.05)
    X = X.astype({"day": dtype})
    forecaster = quick(
        cell="gru", channels=channels, normalize="standard", window_length=5, horizon=4
    )
    forecaster.set_params(max_epochs=20, hidden_size=16).fit(y[:280], X=X[:280])
    ahead = pd.DataFrame({"day": ["rest", "work", "rest", "work"], "other": 0.0})
    ahead.index += 280
    forecast = forecaster.predict(range(1, 5), X=ahead)["y"].to_numpy()
    assert np.abs(forecast - [5, 0, 5, 0]).max() < 1.5
    rolling = forecaster.predict_rolling(y.ffill(), X=X, cutoffs=[279, 289])
    assert rolling.shape == (2, 4, 1)
    ahead["day"] = "feast"  # never seen
    assert forecaster.predict(range(1, 5), X=ahead).notna().all(axis=None)
    forecaster.update(y[280:], X=X[280:], update_params=False)


def test_categories_of_pretraining_stay():
    y, X = days_off()
    forecaster = quick(cell="gru", horizon=2)
    forecaster.pretrain(pd.concat({"a": y}), X=pd.concat({"a": X}))
    forecaster.fit(y[:50], X=X[:50].assign(day="rest"))
    forecaster.predict([1, 2], X=X[50:52])
    assert list(forecaster._fitted.categories.known["day"]) == ["rest", "work"]


def test_cells_with_masks_of_their_own_take_no_categories():
    y, X = days_off()
    y = y.mask(np.random.default_rng(1).random(y.shape) < 0.05)
    with pytest.raises(ValueError, match="drop ..day.. from X, or use another cell"):
        quick(cell="grud").fit(y, X=X)


def test_only_the_rows_of_x_that_are_forecast_are_needed():
    y, X = waves()["a"], waves(130, seed=1)
    forecaster = quick(horizon=10).fit(y=y, X=X[:120])
    every = forecaster.predict(fh=np.arange(1, 11), X=X[120:])
    some = forecaster.predict(fh=[2, 7], X=X.iloc[[121, 126]])
    pd.testing.assert_series_equal(some, every.iloc[[1, 6]], check_freq=False)


def test_rows_of_x_given_early_need_not_be_given_again():
    y, X = waves()["a"], waves(130, seed=1)
    early = quick().fit(y=y, X=X, fh=[1, 9]).predict()
    late = quick().fit(y=y, X=X[:120], fh=[1, 9]).predict(X=X[120:])
    pd.testing.assert_series_equal(early, late)


def test_missing_rows_and_columns_of_x_are_named():
    y, X = waves()["a"], waves(130, seed=1)
    forecaster = quick().fit(y=y, X=X[:120])
    with pytest.raises(ValueError, match="X lacks 2 of the 2 rows to forecast"):
        forecaster.predict(fh=[1, 2])
    with pytest.raises(ValueError, match="X lacks 1 of the 2.*4 steps after"):
        forecaster.predict(fh=[1, 4], X=X[120:122])
    with pytest.raises(ValueError, match=r"X has the columns \['a'\], but `fit` had"):
        forecaster.predict(fh=[1], X=X[["a"]][120:])
    with pytest.raises(ValueError, match="but `fit` had no X"):
        quick().fit(y=y).predict(fh=[1], X=X[120:])


def test_gaps_in_values_and_in_the_index_are_the_same():
    y = waves()
    y.iloc[30:37] = np.nan
    y.iloc[80, 0] = np.nan
    dropped = y.drop(y.index[30:37])
    fh = np.arange(1, 5)
    pd.testing.assert_frame_equal(
        quick().fit(y, fh=fh).predict(), quick().fit(dropped, fh=fh).predict()
    )


@pytest.mark.parametrize("normalize", ["standard", "window", "last", None])
def test_missing_values_anywhere_never_give_a_missing_forecast(normalize):
    y, X = waves(), waves(seed=1)
    rng = np.random.default_rng(0)
    y = y.mask(rng.random(y.shape) < 0.4)
    y.iloc[-20:] = np.nan
    y.iloc[:15] = np.nan
    X = X.mask(rng.random(X.shape) < 0.4)
    forecaster = quick(normalize=normalize, window_length=10)
    forecaster.fit(y=y[:110], X=X[:110], fh=np.arange(-109, 11))
    assert np.isfinite(forecaster.predict(X=X[110:])).all(axis=None)
    assert np.isfinite(forecaster.predict_interval(X=X[110:])).all(axis=None)


def test_gaps_that_appear_after_fit_are_carried_over():
    forecaster = quick().fit(waves())
    new = waves(140)[120:]
    new.iloc[5:] = np.nan
    y_pred = forecaster.update(new, update_params=False).predict(fh=[1, 2, 3])
    assert np.isfinite(y_pred).all(axis=None)


def test_gaps_that_appear_after_fit_are_not_learned_from():
    start = quick(update_epochs=3).fit(waves())
    forecasts = []
    for fill in (1e3, -1e3):
        forecaster = copy.deepcopy(start)
        new = waves(180)[120:]
        new.iloc[:20] = np.nan
        stored = forecaster.update(new, update_params=False)._series[0]
        windows, _ = split_windows(
            forecaster._series,
            window_length=forecaster.window_length_,
            horizon=12,
            validation_fraction=None,
            masked=False,
        )
        windows.flat[~windows.observed.any(axis=1), :] += fill
        assert np.isnan(stored.values[120:140]).all()
        dataset = WindowDataset(
            windows,
            window_length=forecaster.window_length_,
            horizon=12,
            n_targets=2,
            n_exogenous=0,
            masked=False,
        )
        _, (target, mask) = dataset.gather(torch.arange(len(dataset)))
        forecasts.append(target[mask])
        assert mask.any() and not mask.all()
    assert torch.equal(*forecasts)


def test_a_gap_at_the_end_leaves_something_to_validate_on():
    y = waves()
    y.iloc[-40:] = np.nan
    forecaster = quick().fit(y, fh=[1, 2])
    assert (np.array(forecaster.history_[:, "valid_loss"]) > 0).all()
    interval = forecaster.predict_interval(coverage=0.9)
    assert (interval["a", 0.9, "upper"] > interval["a", 0.9, "lower"]).all()


def test_unusable_series_are_refused():
    y = waves()
    with pytest.raises(ValueError, match="no observed value in column a"):
        quick().fit(y.assign(a=np.nan))
    with pytest.raises(ValueError, match="infinite values in column b"):
        quick().fit(y.assign(b=np.inf))
    with pytest.raises(ValueError, match="at least 2 time steps"):
        quick().fit(y[:1])


@pytest.mark.parametrize("freq", ["MS", "W", "B", "QS", "h", "15min"])
def test_relative_horizons_on_an_index_with_gaps(freq):
    index = pd.date_range("2020-01-01", periods=60, freq=freq)
    y = pd.Series(np.arange(60.0), index=index).drop(index[[7, 8, 20]])
    y_pred = quick().fit(y, fh=[1, 2]).predict()
    expected = pd.date_range(index[-1], periods=3, freq=freq)[1:]
    assert list(y_pred.index) == list(expected)


def test_a_panel_is_forecast_in_one_pass_each_series_from_its_own_end():
    y = _make_hierarchical(
        (3, 2), min_timepoints=20, max_timepoints=40, same_cutoff=False, random_state=0
    )
    forecaster = quick().fit(y, fh=[1, 3])
    y_pred = forecaster.predict()
    for key, part in y.groupby(level=[0, 1]):
        times = y_pred.loc[key].index
        last = part.index[-1][-1]
        assert list(times) == list(pd.date_range(last, periods=4, freq="D")[[1, 3]])
    assert y_pred.index.names == y.index.names


@pytest.mark.filterwarnings("ignore:No elements")  # sktime's, of its own pipeline
def test_reconciled_forecasts_of_a_hierarchy_add_up():
    y = _make_hierarchical(
        (2, 2), min_timepoints=30, max_timepoints=30, same_cutoff=True, random_state=0
    )
    plain = Aggregator() * quick()
    summed = plain.clone() * Reconciler("ols")
    found = [each.fit(y, fh=[1, 2]).predict() for each in (plain, summed)]
    lowest = found[0].index.droplevel(-1).isin(y.index.droplevel(-1))
    totals = [Aggregator().fit_transform(one[lowest]) for one in found]
    assert not np.allclose(found[0], totals[0].loc[found[0].index], rtol=1e-3)
    np.testing.assert_allclose(found[1], totals[1].loc[found[1].index], rtol=1e-4)


def test_one_network_learns_from_all_series_of_a_panel():
    y = _make_hierarchical((4,), min_timepoints=30, max_timepoints=30, random_state=0)
    forecaster = quick().fit(y, fh=[1])
    assert not hasattr(forecaster, "forecasters_")
    alone = quick(batch_size=forecaster.batch_size_).fit(y.loc[["h0_0"]], fh=[1])
    first = forecaster.predict().loc["h0_0"].to_numpy()
    assert not np.allclose(first, alone.predict().loc["h0_0"].to_numpy())


def peaks_up_and_down(n_series=12, n_steps=40):
    """A peak at every fourth step, up or down: `kind`, a constant column, tells it."""
    rng = np.random.default_rng(5)
    series = {}
    for number in range(n_series):
        kind = number % 2
        y = np.resize([0, 0, 0, 1 - 2 * kind], n_steps) + rng.normal(0, 0.1, n_steps)
        series[f"s{number}"] = pd.DataFrame({"y": y, "kind": float(kind)})
    return pd.concat(series)


def test_a_constant_column_of_x_tells_series_apart():
    panel = peaks_up_and_down()
    forecaster = quick(
        cell="gru", normalize=None, window_length=4, max_epochs=40, horizon=1
    )
    forecaster.pretrain(panel[["y"]], X=panel[["kind"]])
    # A new series that has had no peak yet.
    quiet = pd.DataFrame({"y": [0.01, -0.02, 0.0]})
    forecasts = []
    for kind in (0.0, 1.0):
        X = pd.DataFrame({"kind": np.full(4, kind)})
        forecaster.fit(quiet, X=X[:3])
        forecasts.append(forecaster.predict(fh=[1], X=X[3:])["y"].iloc[0])
    up, down = forecasts
    assert up > 0.1 > -0.1 > down


def test_string_and_integer_names_of_series():
    for names in (["x", "y"], [7, 3]):
        index = pd.MultiIndex.from_product([names, range(30)], names=["id", "t"])
        y = pd.DataFrame({"v": np.arange(60.0)}, index=index)
        y_pred = quick().fit(y.sort_index(), fh=[1, 2]).predict()
        assert sorted(set(y_pred.index.get_level_values(0))) == sorted(names)


def test_names_of_series_stay_of_their_types():
    names = [1, 2, "__total"]  # as sktime's Aggregator makes them
    index = pd.MultiIndex.from_product([names, range(30)], names=["id", "t"])
    y = pd.DataFrame({"v": np.arange(90.0)}, index=index)
    y_pred = quick().fit(y, fh=[1]).predict()
    assert y_pred.index.get_level_values(0).tolist() == names


def test_short_series():
    for n_steps in (2, 3, 5, 10):
        y = pd.Series(np.arange(n_steps, dtype=float))
        forecaster = quick().fit(y, fh=[1, 2, 7])
        assert np.isfinite(forecaster.predict()).all()
        assert np.isfinite(forecaster.predict_interval()).all(axis=None)


# ---- update, pretrain, warm start ----------------------------------------------------


def test_update_without_training_moves_the_state_and_nothing_else():
    forecaster = quick().fit(AIRLINE[:120], fh=[1, 2, 3])
    weights = copy.deepcopy(forecaster.net_.module_.state_dict())
    before = forecaster.predict()
    forecaster.update(AIRLINE[120:124], update_params=False)
    after = forecaster.predict()
    for name, weight in forecaster.net_.module_.state_dict().items():
        assert torch.equal(weight, weights[name])
    assert list(after.index) == list(AIRLINE.index[124:127])
    assert not np.allclose(before, after)


def test_updating_row_by_row_equals_updating_at_once():
    one_by_one = quick().fit(AIRLINE[:120])
    for i in range(120, 132):
        one_by_one.update(AIRLINE[i : i + 1], update_params=False)
    at_once = quick().fit(AIRLINE[:120]).update(AIRLINE[120:132], update_params=False)
    fh = np.arange(1, 13)
    pd.testing.assert_series_equal(one_by_one.predict(fh=fh), at_once.predict(fh=fh))


@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantiles"])
def test_intervals_follow_errors_that_an_update_shows(distribution):
    y = waves(400)[["a"]]
    y[200:] += np.random.default_rng(1).normal(scale=1.0, size=(200, 1))
    params = {"distribution": distribution, "normalize": "standard"}
    forecaster = quick(**params)
    forecaster.fit(y[:200], fh=[1, 2, 3])
    widths = []
    for low in range(200, 400, 40):
        forecaster.update(y[low : low + 40], update_params=False)
        interval = forecaster.predict_interval(coverage=0.8).to_numpy()
        widths.append(np.diff(interval, axis=1).mean())
    as_fitted = quick(**params, calibrate=False)
    as_fitted.fit(y[:200], fh=[1, 2, 3])
    as_fitted.update(y[200:], update_params=False)
    narrow = np.diff(as_fitted.predict_interval(coverage=0.8).to_numpy(), axis=1)
    assert widths[-1] > 1.2 * narrow.mean()
    variance = forecaster.predict_var().to_numpy()
    assert (variance > as_fitted.predict_var().to_numpy()).all()


def test_update_calibrates_series_of_a_panel_that_grew():
    y = _make_hierarchical((3,), min_timepoints=40, max_timepoints=40, random_state=0)
    names = y.index.get_level_values(0)
    days = y.index.get_level_values(1)
    known = (days < days.unique()[36]) | (names == "h0_2")
    x = pd.DataFrame({"x": np.arange(len(y)) % 7.0}, index=y.index)
    forecaster = quick(horizon=4).fit(y[known], X=x[known])
    counts = forecaster._fitted.calibration.counts[:, 0].copy()
    new = ~known & (days < days.unique()[38])
    forecaster.update(y[new], X=x[new], update_params=False)
    grown = forecaster._fitted.calibration.counts[:, 0]
    # Two series of two new rows each, for every step ahead, and the mirror images of
    # those that are further off than any before.
    assert (grown >= np.minimum(counts + 4, 100)).all() and (grown < counts + 8).all()
    forecaster.update(y[known][-3:] + 1, X=x[known][-3:], update_params=False)
    np.testing.assert_array_equal(forecaster._fitted.calibration.counts[:, 0], grown)


def test_update_with_training_starts_from_the_weights():
    forecaster = quick(update_epochs=2).fit(AIRLINE[:120], fh=[1])
    net, before = forecaster.net_, forecaster.predict().iloc[0]
    n_epochs = len(net.history)
    forecaster.update(AIRLINE[120:121])
    assert forecaster.net_ is net and len(net.history) == n_epochs + 2
    assert forecaster.predict().iloc[0] != before


def test_rows_of_an_array_follow_those_known():
    y = AIRLINE.to_numpy()
    forecaster = quick().fit(y[:120], fh=[1, 2])
    y_pred = forecaster.update(y[120:130], update_params=False).predict()
    expected = quick().fit(AIRLINE[:120], fh=[1, 2])
    expected.update(AIRLINE[120:130], update_params=False)
    assert isinstance(y_pred, np.ndarray)
    np.testing.assert_allclose(y_pred.ravel(), expected.predict(), rtol=1e-5)


def test_columns_are_known_by_name():
    y = waves()
    forecaster = quick().fit(y[:100], fh=[1])
    for wrong in (y[["b", "a"]], y.assign(c=1.0)):
        with pytest.raises(ValueError, match=r"trained on \['a', 'b'\]; give the same"):
            forecaster.update(wrong[100:], update_params=False)
    index = pd.MultiIndex.from_product([["p", "q"], range(60)])
    panel = pd.DataFrame({"a": np.arange(120.0), "b": 1.0}, index=index)
    pretrained = quick().pretrain(panel)
    with pytest.raises(ValueError, match=r"y has the columns \['b', 'a'\]"):
        pretrained.fit(y=y[["b", "a"]])


def test_what_was_pretrained_survives_set_params():
    y = _make_hierarchical((5,), min_timepoints=40, max_timepoints=40, random_state=0)
    forecaster = quick().pretrain(y, fh=[1]).set_params(fine_tune_epochs=2)
    assert forecaster.state == "pretrained"
    assert len(forecaster.fit(AIRLINE, fh=[1]).history_) == 2
    with pytest.raises(ValueError, match="hidden_size is 9, but the network"):
        forecaster.set_params(hidden_size=9).fit(AIRLINE, fh=[1])


def test_a_warm_start_can_be_called_off():
    forecaster = quick(warm_start=True).fit(AIRLINE, fh=[1]).set_params(lr=1e-2)
    anew = forecaster.set_params(warm_start=False, lr=5e-3).fit(AIRLINE, fh=[1])
    expected = quick().fit(AIRLINE, fh=[1]).predict()
    pd.testing.assert_series_equal(anew.predict(), expected)


def test_a_warm_start_obeys_the_parameters_of_now():
    forecasts = []
    for lr in (1e-9, 1e-2):
        forecaster = quick(warm_start=True).fit(AIRLINE, fh=[1])
        forecaster.set_params(lr=lr, weight_decay=0.0).fit(AIRLINE, fh=[1])
        assert forecaster.net_.optimizer_.param_groups[0]["weight_decay"] == 0.0
        forecasts.append(forecaster.predict().iloc[0])
    assert forecasts[0] != forecasts[1]
    with pytest.raises(ValueError, match="strategy is 'recursive', but the network"):
        forecaster.set_params(strategy="recursive").fit(AIRLINE, fh=[1])


@pytest.mark.parametrize("size", [1e300, 1e-200])
def test_values_of_any_size(size):
    y = pd.Series(size * (2 + np.sin(np.arange(60) / 3)))
    y_pred = quick().fit(y, fh=[1, 2]).predict() / size
    expected = quick().fit(y / size, fh=[1, 2]).predict()
    np.testing.assert_allclose(y_pred, expected, rtol=1e-4)


NEXT = AIRLINE[120:122]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NEXT * np.inf, "infinite values"),
        (NEXT.rename(None) * np.inf, "infinite values"),
        (pd.DataFrame({"u": NEXT, "v": NEXT}), "y has the columns"),
        (pd.concat({"a": NEXT.to_frame("y")}, names=["id", "t"]), "y is a panel"),
        (np.ones((2, 2)), "y has 2 columns, but `fit` had 1"),
        (NEXT.set_axis(NEXT.index.asfreq("D")), "periods of the frequency D for times"),
    ],
)
def test_a_refused_update_changes_nothing(new, message):
    forecaster = quick().fit(AIRLINE[:120], fh=[1, 2])
    before = forecaster.predict()
    with pytest.raises(ValueError, match=message):
        forecaster.update(new, update_params=False)
    pd.testing.assert_series_equal(forecaster.predict(), before)
    assert forecaster.cutoff[0] == AIRLINE.index[119]


@pytest.mark.parametrize("keys", ["ab", "ba"])
def test_single_rows_have_the_step_of_the_others(keys):
    weeks = pd.date_range("2025-01-06", periods=48, freq="W-MON")
    known = pd.DataFrame({"y": np.arange(48.0) % 5}, pd.DatetimeIndex(list(weeks)))
    parts = {"a": known, "b": known[-1:]}
    y = pd.concat({key: parts[key] for key in keys}, names=["id", "t"])
    forecaster = quick().fit(y, fh=[1, 2])
    expected = list(weeks[-1] + pd.Timedelta(days=7) * np.arange(1, 3))
    for key in keys:
        assert list(forecaster.predict().loc[key].index) == expected
    pretrained = quick().pretrain(y.loc[["a"]], fh=[1, 2])
    assert list(pretrained.fit(known[-1:], fh=[1, 2]).predict().index) == expected


def test_series_of_a_panel_may_have_steps_of_their_own():
    weeks = pd.date_range("2025-01-06", periods=48, freq="W-MON")
    known = pd.DataFrame({"y": np.arange(48.0) % 5}, weeks)
    y = pd.concat({"weeks": known, "months": known[3::4]}, names=["id", "t"])
    found = quick().fit(y, fh=[1, 2]).predict()
    for key, days in (("weeks", 7), ("months", 28)):
        steps = weeks[-1] + pd.Timedelta(days=days) * np.arange(1, 3)
        assert list(found.loc[key].index) == list(steps)


def test_a_refused_pretraining_changes_nothing():
    forecaster = quick().fit(AIRLINE, fh=[1, 2])
    before = forecaster.predict()
    panel = pd.concat({"a": AIRLINE.to_frame("y")}, names=["id", "t"])
    with pytest.raises(ValueError, match="infinite values"):
        forecaster.pretrain(panel * np.inf)
    assert forecaster.state == "fitted"
    pd.testing.assert_series_equal(forecaster.predict(), before)


def test_an_update_whose_training_diverges_has_moved_on():
    forecaster = quick().fit(AIRLINE[:120], fh=[1, 2])
    with torch.no_grad():
        for weight in forecaster.net_.module_.parameters():
            weight.fill_(np.nan)
    with pytest.raises(DivergenceError):
        forecaster.update(AIRLINE[120:122])
    assert forecaster.cutoff[0] == AIRLINE.index[121]
    assert forecaster.predict().index[0] == AIRLINE.index[122]


def test_rows_of_an_array_follow_timestamps_too():
    forecaster = quick().fit(AIRLINE[:120], fh=[1, 2])
    by_array = copy.deepcopy(forecaster)
    by_array.update(AIRLINE[120:124].to_numpy(), update_params=False)
    forecaster.update(AIRLINE[120:124], update_params=False)
    pd.testing.assert_series_equal(by_array.predict(), forecaster.predict())


@pytest.mark.parametrize(
    ("freq", "new"),
    [
        ("B", slice(90, 95)),  # Monday to Friday
        ("W", slice(90, 92)),
        ("QE", slice(90, 92)),
        ("D", slice(91, 96, 2)),
        ("MS", slice(92, 98, 3)),
    ],
)
def test_new_rows_do_not_change_the_step(freq, new):
    times = pd.DatetimeIndex(list(pd.date_range("2024-01-01", periods=101, freq=freq)))
    y = pd.Series(np.arange(101.0), times)
    forecaster = quick().fit(y[:90]).update(y[new], update_params=False)
    at = times.get_loc(y[new].index[-1])
    assert list(forecaster.predict([1, 2]).index) == list(times[at + 1 : at + 3])
    forecaster.update(np.array([1.0, 2.0]), update_params=False)
    assert forecaster.cutoff[0] == times[at + 2]


def test_a_row_between_two_steps_counts_to_the_one_before():
    days = pd.bdate_range("2024-01-01", periods=60)
    forecaster = quick().fit(pd.Series(np.arange(60.0), days), fh=[1, 2])
    saturday = days[-1] + pd.Timedelta(days=1)
    forecaster.update(pd.Series([60.0], pd.DatetimeIndex([saturday])))
    assert list(forecaster.predict().index) == list(pd.bdate_range(saturday, periods=2))


def test_rows_of_times_of_another_kind_are_refused():
    stamps = AIRLINE.to_timestamp()
    for known, new in ((stamps, AIRLINE), (AIRLINE, stamps)):
        forecaster = quick().fit(known[:120], fh=[1])
        before = forecaster.cutoff, forecaster.predict()
        with pytest.raises(ValueError, match="for times, but `fit` had"):
            forecaster.update(new[120:122], update_params=False)
        assert forecaster.cutoff.equals(before[0])
        pd.testing.assert_series_equal(forecaster.predict(), before[1])


BERLIN = pd.Series(
    np.sin(np.arange(120) / 4),
    pd.date_range("2024-06-01", periods=120, freq="h", tz="Europe/Berlin"),
    name="y",
)


def test_times_of_another_zone_are_those_of_the_series():
    X = pd.DataFrame({"x": np.arange(120.0) % 24}, BERLIN.index)
    forecaster = quick().fit(BERLIN[:100], X=X[:100], fh=[1, 2])
    elsewhere = copy.deepcopy(forecaster)
    forecaster.update(BERLIN[100:101], X[100:101], update_params=False)
    elsewhere.update(
        BERLIN[100:101].tz_convert("UTC"), X[100:101].tz_convert("UTC"), False
    )
    pd.testing.assert_series_equal(
        forecaster.predict(X=X[101:]), elsewhere.predict(X=X[101:].tz_convert("UTC"))
    )


def test_times_without_a_zone_are_refused_where_there_is_one():
    X = pd.DataFrame({"x": np.arange(120.0)}, BERLIN.index)
    forecaster = quick().fit(BERLIN[:100], X=X[:100], fh=[1, 2])
    message = "without a time zone for times, but `fit` had timestamps with"
    with pytest.raises(ValueError, match=f"y has timestamps {message}"):
        forecaster.update(BERLIN[100:101].tz_localize(None), X[100:101], False)
    with pytest.raises(ValueError, match=f"X has timestamps {message}"):
        forecaster.predict(X=X[100:].tz_localize(None))
    with pytest.raises(ValueError, match=f"y has timestamps {message}"):
        forecaster.predict_rolling(BERLIN.tz_localize(None), X)
    with pytest.raises(ValueError, match=f"X has timestamps {message}"):
        quick().fit(BERLIN, X=X.tz_localize(None))


@pytest.mark.parametrize(
    ("freq", "period"),
    [("MS", "M"), ("ME", "M"), ("QS", "Q"), ("W", "W"), ("D", "D"), ("h", "h")],
)
def test_periods_and_timestamps_of_fh_stand_for_one_another(freq, period):
    times = pd.date_range("2024-01-01", periods=62, freq=freq)
    for known, given in (
        (times, times.to_period(period)),
        (times.to_period(period), times),
    ):
        forecaster = quick().fit(pd.Series(np.arange(60.0), known[:60]))
        pd.testing.assert_series_equal(
            forecaster.predict(given[60:]), forecaster.predict([1, 2]), check_freq=False
        )


@pytest.mark.parametrize(
    "fh",
    [
        pd.period_range("2030Q1", periods=2, freq="Q"),
        ForecastingHorizon(pd.RangeIndex(2030, 2032), is_relative=False),
    ],
)
def test_an_fh_of_another_kind_is_refused(fh):
    with pytest.raises(ValueError, match="fh has .* for times, but `fit` had periods"):
        quick().fit(AIRLINE).predict(fh)


def test_rows_of_x_alone_reach_their_series():
    index = [("a", t) for t in range(40)] + [("b", t) for t in range(40)]
    index = pd.MultiIndex.from_tuples(index, names=["id", "t"])
    t = index.get_level_values("t")
    y = pd.DataFrame({"y": np.sin(t / 3)}, index)
    X = pd.DataFrame({"x": np.cos(t / 3)}, index)
    forecaster = quick().fit(y[t < 30], X=X[t < 30], fh=[1])
    new = (t == 30) & (index.get_level_values("id") == "a")
    forecaster.update(y[new], X=X[t < 33], update_params=False)
    later = forecaster.predict()  # X of the step after 30, and after 29, is known
    assert list(later.index) == [("a", 31), ("b", 30)]
    pd.testing.assert_frame_equal(later, forecaster.predict(X=X[t < 33]))


def test_a_pretrained_network_forecasts_a_series_of_one_row():
    panel = _make_hierarchical((2,), min_timepoints=40, max_timepoints=40)
    one = panel.loc["h0_0"][:1]
    forecaster = quick().pretrain(panel, fh=[1, 2])
    assert forecaster.fit(one, fh=[1, 2]).predict().notna().all(axis=None)
    assert forecaster.predict_interval().notna().all(axis=None)
    with pytest.raises(ValueError, match="at least 2 time steps"):
        quick(fine_tune_epochs=1).pretrain(panel, fh=[1]).fit(one, fh=[1])


def test_pretraining_may_change_the_kind_of_times():
    panel = _make_hierarchical((2,), min_timepoints=40, max_timepoints=40)
    days = panel.loc["h0_0"]
    forecaster = quick().fit(AIRLINE, fh=[1]).pretrain(panel, fh=[1])
    forecaster.fit(days, fh=[1])
    assert forecaster.predict().index[0] == days.index[-1] + pd.Timedelta(days=1)
    fresh = quick().pretrain(panel, fh=[1]).fit(days, fh=[1])
    pd.testing.assert_frame_equal(forecaster.predict(), fresh.predict())


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, TypeError, "y must be a panel"),
        ([], ValueError, "y has no parts"),
    ],
)
def test_nothing_to_pretrain_on_is_refused(y, error, message):
    with pytest.raises(error, match=message):
        quick().pretrain(y, fh=[1])


def test_a_table_without_columns_is_refused():
    with pytest.raises(ValueError, match="y has no columns"):
        quick().fit(pd.DataFrame(index=AIRLINE.index))


def test_counts_of_a_panel_are_calibrated_each_in_its_own_units():
    rng = np.random.default_rng(0)
    days = pd.period_range("2020-01-01", periods=260, freq="D")
    small, large = rng.poisson(3, 260), rng.negative_binomial(5, 5 / 805, 260)
    y = pd.DataFrame({"y": np.r_[small, large]}, dtype=float)
    y.index = pd.MultiIndex.from_product([["small", "large"], days], names=["id", "t"])
    t = y.index.get_level_values("t")
    forecaster = quick(
        distribution="negative_binomial", window_length=14, horizon=3, max_epochs=25
    ).fit(y[t < days[200]])
    highest = []
    for start in range(200, 257, 6):
        new = (t >= days[start]) & (t < days[min(start + 6, 259)])
        forecaster.update(y[new], update_params=False)
        interval = forecaster.predict_interval(fh=[1], coverage=0.8)["y", 0.8]
        highest.append(interval.loc["small", "upper"].iloc[0])
    assert max(highest) < 15  # of a Poisson distribution with mean 3


@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantiles"])
def test_a_target_unseen_in_the_validation_part_has_intervals(distribution):
    y = waves()
    y.loc[y.index[90:], "b"] = np.nan
    forecaster = quick(distribution=distribution, horizon=3).fit(y, fh=[1, 2, 3])
    interval = forecaster.predict_interval(coverage=0.9)["b", 0.9]
    assert ((interval["upper"] - interval["lower"]) > 0.1).all()
    assert (forecaster.predict_var()["b"] > 0.001).all()


def test_of_a_panel_every_series_oldest_residuals_leave():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([["a", "b"], range(400)], names=["id", "t"])
    y = pd.DataFrame({"y": rng.normal(size=800)}, index)
    t = index.get_level_values("t")
    forecaster = quick(horizon=1).fit(y[t < 300], fh=[1])
    before = forecaster._fitted.calibration.recent[:, 0, 0]
    forecaster.update(y[(t >= 300) & (t < 330)], update_params=False)
    left = np.isin(before, forecaster._fitted.calibration.recent)
    # Windows of both take turns, and 30 of the 60 of each have left.
    assert not left[:58].any() and left[62:].all()


def test_validation_losses_are_means_over_all_entries():
    y = pd.Series(np.random.default_rng(0).normal(size=1500))
    y[1460:] *= 6  # in the windows of the last batch, of which little is scored
    forecaster = quick(
        loss="mse", normalize="standard", window_length=30, horizon=200, max_epochs=1
    ).set_params(refit=False)
    forecaster.fit(y)
    z = ((y - y.mean()) / y.std(ddof=0)).to_numpy()
    forecasts = forecaster.predict_rolling(y, cutoffs=y.index[1199:-1])[..., 0]
    forecasts = (forecasts - y.mean()) / y.std(ddof=0)
    rows = np.arange(1200, 1500)[:, None] + np.arange(200)
    error = np.where(rows < 1500, z[np.minimum(rows, 1499)] - forecasts, np.nan)
    expected = np.nanmean(error**2)
    assert forecaster.history_[0]["valid_loss"] == pytest.approx(expected, rel=1e-4)


def test_an_update_trains_on_all_rows(monkeypatch):
    y = pd.Series(np.random.default_rng(0).normal(size=900).cumsum())
    forecaster = RNNForecaster(
        "gru",
        hidden_size=4,
        window_length=5,
        horizon=2,
        update_epochs=1,
        random_state=0,
    ).fit(y[:60])
    seen = []
    gather = WindowDataset.gather

    def watched(self, index):
        seen.append(index)
        return gather(self, index)

    monkeypatch.setattr(WindowDataset, "gather", watched)
    forecaster.update(y[60:])
    trained = torch.cat([index for index in seen if len(index) <= 16])
    assert len(trained.unique()) == len(trained) > 890


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_intervals_of_a_panel_follow_every_series_in_any_units(size):
    values = np.r_[np.tile([1.0, -1.0], 30), [9.0, 9.0, 9.0]] * size
    one = pd.DataFrame({"y": values}, pd.date_range("2024-01-01", periods=63))
    y = pd.concat({key: one for key in "ab"}, names=["id", "t"])
    known = y.groupby(level=0).head(60)
    forecaster = quick(horizon=1).fit(known, fh=[1])
    widths = []
    for _ in range(2):
        interval = forecaster.predict_interval()["y", 0.9]
        widths.append((interval["upper"] - interval["lower"]).iloc[0])
        forecaster.update(y.groupby(level=0).tail(3), update_params=False)
    assert widths[1] > 3 * widths[0]


def test_a_panel_is_refused_where_a_single_series_was():
    panel = pd.concat({"a": AIRLINE.to_frame("y")}, names=["id", "time"])
    with pytest.raises(ValueError, match="y is a panel, but `fit` had a single series"):
        quick().fit(AIRLINE, fh=[1]).update(panel, update_params=False)


def test_an_update_that_fails_for_one_series_leaves_the_others():
    y = pd.concat({key: AIRLINE[:50].to_frame("y") for key in "ab"}, names=["id", "t"])
    forecaster = quick().fit(y.iloc[:-10].drop(index=y.index[40:50]), fh=[1])
    before = forecaster.predict()
    far = y.iloc[-1:].set_axis([("b", pd.Period("3000-01", "M"))])
    far.index = pd.MultiIndex.from_tuples(far.index, names=["id", "t"])
    with pytest.raises(ValueError, match="too sparse"):
        forecaster.update(pd.concat([y.iloc[40:50], far]), update_params=False)
    pd.testing.assert_frame_equal(forecaster.predict(), before)


def test_a_new_series_that_is_refused_is_named():
    y = _make_hierarchical((2,), min_timepoints=30, max_timepoints=30, random_state=0)
    forecaster = quick().fit(y.loc[["h0_0"]], fh=[1])
    with pytest.raises(ValueError, match="no observed value in .* of series 'h0_1'"):
        forecaster.update(y.loc[["h0_1"]] * np.nan, update_params=False)


def test_new_counts_are_checked():
    counts = pd.Series(np.random.default_rng(0).poisson(3.0, 60).astype(float))
    forecaster = quick(distribution="negative_binomial").fit(counts[:50], fh=[1])
    with pytest.raises(ValueError, match="must hold counts"):
        forecaster.update(-counts[50:] - 1, update_params=False)
    assert forecaster.cutoff[0] == 49


def test_a_series_that_was_constant_does_not_widen_the_intervals_of_others():
    y = _make_hierarchical((4,), min_timepoints=46, max_timepoints=46, random_state=0)
    days = y.index.get_level_values(1)
    known = days < days.unique()[40]
    y[y.index.get_level_values(0) == "h0_0"] = 7.0
    forecaster = quick(horizon=3).fit(y[known])
    usual = copy.deepcopy(forecaster).update(y[~known], update_params=False)
    y[(y.index.get_level_values(0) == "h0_0") & ~known] = 9999.0
    forecaster.update(y[~known], update_params=False)
    others = ["h0_1", "h0_2", "h0_3"]
    found = [one.predict_var([1, 2, 3]).loc[others] for one in (forecaster, usual)]
    assert (found[0] < 2 * found[1]).all(axis=None)


def test_a_warm_start_that_was_refused_can_be_made_good():
    forecaster = quick(warm_start=True).fit(AIRLINE, fh=[1]).set_params(cell="gru")
    for _ in range(2):
        with pytest.raises(ValueError, match="the network to go on from"):
            forecaster.fit(AIRLINE, fh=[1])
    again = quick(warm_start=True).fit(AIRLINE, fh=[1]).fit(AIRLINE, fh=[1])
    forecaster.set_params(cell="lstm").fit(AIRLINE, fh=[1])
    pd.testing.assert_series_equal(forecaster.predict(), again.predict())


def test_an_array_of_exogenous_rows_follows_the_cutoff():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(43, 2)), np.arange(40.0)
    forecaster = quick().fit(y=y, X=X[:40], fh=[1, 2, 3])
    table = pd.DataFrame(X[40:], index=range(40, 43))
    np.testing.assert_array_equal(
        forecaster.predict(X=X[40:]), forecaster.predict(X=table)
    )
    assert forecaster.predict_interval(X=X[40:]).shape == (3, 2)


def test_update_predict_knows_nothing_after_each_cutoff():
    from sktime.split import ExpandingWindowSplitter

    forecaster = quick().fit(AIRLINE, fh=[1])
    moved = forecaster.update_predict(
        AIRLINE, ExpandingWindowSplitter([1], 140), update_params=False
    )
    single = forecaster.predict_rolling(AIRLINE, cutoffs=AIRLINE.index[139:140])
    np.testing.assert_allclose(moved.iloc[0], single[0, 0, 0], rtol=1e-5)


def test_new_series_join_a_panel_in_update():
    y = _make_hierarchical((3,), min_timepoints=30, max_timepoints=30, random_state=0)
    old, new = y.loc[["h0_0", "h0_1"]], y.loc[["h0_2"]]
    forecaster = quick().fit(old, fh=[1]).update(new, update_params=False)
    assert set(forecaster.predict().index.get_level_values(0)) == {
        "h0_0",
        "h0_1",
        "h0_2",
    }


def test_pretrained_weights_forecast_a_new_series_without_training():
    y = _make_hierarchical((5,), min_timepoints=40, max_timepoints=40, random_state=0)
    forecaster = quick().pretrain(y, fh=[1, 2])
    weights = forecaster.pretrained_.net.module_.state_dict()
    forecaster.fit(AIRLINE, fh=[1, 2])
    for name, weight in forecaster.net_.module_.state_dict().items():
        assert torch.equal(weight, weights[name])
    assert np.isfinite(forecaster.predict_interval()).all(axis=None)


def test_fine_tuning_leaves_the_pretrained_weights_for_the_next_series():
    y = _make_hierarchical((5,), min_timepoints=40, max_timepoints=40, random_state=0)
    forecaster = quick(fine_tune_epochs=2).pretrain(y, fh=[1, 2])
    before = copy.deepcopy(forecaster.pretrained_.net.module_.state_dict())
    first = forecaster.fit(AIRLINE, fh=[1, 2]).predict()
    tuned = forecaster.net_.module_.state_dict()
    for name, weight in forecaster.pretrained_.net.module_.state_dict().items():
        assert torch.equal(weight, before[name])
    assert any(not torch.equal(tuned[name], before[name]) for name in before)
    pd.testing.assert_series_equal(first, forecaster.fit(AIRLINE, fh=[1, 2]).predict())


def test_warm_start_goes_on_from_the_previous_fit():
    cold = quick(validation_fraction=None, patience=None).fit(AIRLINE, fh=[1])
    warm = quick(validation_fraction=None, patience=None, warm_start=True)
    losses = [warm.fit(AIRLINE, fh=[1]).history_[-1, "train_loss"] for _ in range(3)]
    assert losses[0] == cold.history_[-1, "train_loss"]
    assert losses[2] < losses[1] < losses[0]
    with pytest.raises(ValueError, match="window_length is 3, but the network"):
        warm.set_params(window_length=3).fit(AIRLINE, fh=[1])


# ---- intervals -----------------------------------------------------------------------


def test_intervals_quantiles_variance_and_distribution_agree():
    y = waves(200)
    forecaster = quick().fit(y, fh=np.arange(-2, 5))
    point = forecaster.predict()
    quantiles = forecaster.predict_quantiles(alpha=[0.05, 0.5, 0.95])
    interval = forecaster.predict_interval(coverage=0.9)
    np.testing.assert_allclose(interval["a", 0.9, "lower"], quantiles["a", 0.05])
    np.testing.assert_allclose(interval["b", 0.9, "upper"], quantiles["b", 0.95])
    distribution = forecaster.predict_proba()
    np.testing.assert_allclose(
        distribution.quantile([0.5])["a", 0.5], quantiles["a", 0.5], atol=0.02
    )
    spread = forecaster.predict_var()
    assert (spread > 0).all(axis=None) and list(spread.columns) == list(point.columns)
    np.testing.assert_allclose(spread, distribution.var(), rtol=1e-3)
    with pytest.raises(ValueError, match="leave cov out"):
        forecaster.predict_var(cov=True)


def test_intervals_cover_what_they_should():
    y = pd.Series(np.random.default_rng(0).normal(size=3000))
    forecaster = quick(validation_fraction=0.5, horizon=4).fit(y[:2000])
    inside = {0.8: [], 0.95: []}
    for cutoff in range(2000, 2996, 4):
        forecaster.update(y[cutoff - 4 : cutoff], update_params=False)
        bands = forecaster.predict_interval(fh=[1, 2, 3, 4], coverage=list(inside))
        true = y[cutoff : cutoff + 4]
        for coverage, hits in inside.items():
            band = bands[0, coverage]
            hits += list((true >= band["lower"]) & (true <= band["upper"]))
    for coverage, hits in inside.items():
        assert abs(np.mean(hits) - coverage) < 0.05


# ---- distributions -------------------------------------------------------------------

DISTRIBUTIONS = ["gaussian", "student_t", "negative_binomial", "quantiles"]


def counts(n_steps=300):
    rate = np.exp(1 + np.sin(np.arange(n_steps) / 5))
    return pd.DataFrame({"a": np.random.default_rng(0).poisson(rate)})


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_fh_selects_and_changes_no_other_step(distribution, strategy):
    y = counts(80)
    X = pd.DataFrame({"x": np.random.default_rng(1).normal(size=100)})
    forecaster = quick(distribution=distribution, strategy=strategy, horizon=4)
    forecaster.fit(y, X=X[:80])
    whole = forecaster.predict(range(1, 15), X=X[80:])
    for fh in ([13], [2, 9], [1, 4, 5]):
        some = forecaster.predict(fh, X=X[80:])
        np.testing.assert_allclose(some, whole.iloc[np.array(fh) - 1], rtol=1e-5)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_variances_agree_where_a_part_was_drawn(distribution):
    forecaster = quick(distribution=distribution, calibrate=False, horizon=3)
    forecaster.fit(counts(), fh=[1, 3, 7])
    np.testing.assert_allclose(
        forecaster.predict_var(), forecaster.predict_proba().var(), rtol=1e-6
    )


def test_a_joint_distribution_is_refused():
    forecaster = quick(distribution="gaussian").fit(AIRLINE, fh=[1, 2])
    with pytest.raises(ValueError, match="leave marginal out"):
        forecaster.predict_proba(marginal=False)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("calibrate", [True, False])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_what_distributions_say_agrees(distribution, calibrate, strategy):
    y = counts()
    forecaster = quick(
        distribution=distribution, calibrate=calibrate, strategy=strategy, horizon=3
    ).fit(y, fh=[-2, 1, 2, 3, 6])
    alpha = [0.001, 0.05, 0.5, 0.95, 0.999]
    quantiles = forecaster.predict_quantiles(alpha=alpha)
    assert np.isfinite(quantiles).all(axis=None)
    assert (quantiles.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    interval = forecaster.predict_interval(coverage=0.9)
    np.testing.assert_allclose(interval["a", 0.9, "lower"], quantiles["a", 0.05])
    np.testing.assert_allclose(interval["a", 0.9, "upper"], quantiles["a", 0.95])
    proba = forecaster.predict_proba()
    scale = np.sqrt(forecaster.predict_var().to_numpy())
    found = proba.quantile([0.05, 0.5, 0.95]).to_numpy()
    step = 1.0 if distribution == "negative_binomial" else 0.0
    gap = np.abs(found - quantiles.iloc[:, 1:4].to_numpy())
    assert (gap <= 0.3 * scale + step).all()
    np.testing.assert_allclose(proba.var(), scale**2, rtol=0.1)
    if not calibrate and distribution != "quantiles":
        mean = forecaster.predict()
        np.testing.assert_allclose(proba.mean(), mean, atol=0.05 * scale.max())


@pytest.mark.parametrize(
    ("distribution", "name"),
    [
        ("gaussian", "Normal"),
        ("student_t", "TDistribution"),
        ("negative_binomial", "NegativeBinomial"),
        ("quantiles", "QuantileTable"),
    ],
)
def test_uncalibrated_distributions_come_in_closed_form(distribution, name):
    forecaster = quick(distribution=distribution, calibrate=False, horizon=3)
    proba = forecaster.fit(counts()).predict_proba(fh=[1, 3])
    assert type(proba).__name__ == name
    drawn = forecaster.predict_proba(fh=[1, 4])  # beyond the horizon
    counted = distribution == "negative_binomial"
    assert type(drawn).__name__ == ("Empirical" if counted else "QuantileTable")


def test_steps_of_the_horizon_do_not_depend_on_the_other_steps():
    forecaster = quick(distribution="student_t", horizon=3).fit(counts())
    alone = forecaster.predict_interval(fh=[2], coverage=0.8)
    others = forecaster.predict_interval(fh=[2, 5], coverage=0.8)
    np.testing.assert_allclose(alone, others[:1], rtol=1e-6)
    again = forecaster.predict_interval(fh=[2, 5], coverage=0.8)
    pd.testing.assert_frame_equal(others, again)  # paths are the same each time


def noisy_at_times(n_steps):
    """A standard deviation of 0.2 or 2, which X tells beforehand."""
    rng = np.random.default_rng(1)
    loud = (np.arange(n_steps) // 7) % 2
    y = pd.DataFrame({"y": rng.normal(scale=np.where(loud, 2.0, 0.2))})
    return y, pd.DataFrame({"loud": loud.astype(float)})


@pytest.mark.parametrize("distribution", ["gaussian", "student_t", "quantiles"])
def test_spreads_are_learned(distribution):
    y, X = noisy_at_times(1600)
    forecaster = RNNForecaster(
        "gru",
        hidden_size=16,
        distribution=distribution,
        normalize="standard",
        window_length=14,
        horizon=14,
        max_epochs=25,
        refit=False,
        random_state=0,
    ).fit(y[:1200], X=X[:1200])
    inside, width = [], []
    for cutoff in range(1200, 1586, 14):
        if cutoff > 1200:
            new = slice(cutoff - 14, cutoff)
            forecaster.update(y[new], X[new], update_params=False)
        ahead = X[cutoff : cutoff + 14]
        band = forecaster.predict_interval(fh=range(1, 15), X=ahead, coverage=0.8)
        low, high = band.to_numpy().T
        true = y["y"][cutoff : cutoff + 14].to_numpy()
        inside += list((low <= true) & (true <= high))
        width += list(high - low)
    loud = X["loud"][1200 : 1200 + len(width)].to_numpy() > 0
    inside, width = np.array(inside), np.array(width)
    assert abs(inside[loud].mean() - 0.8) < 0.08
    assert abs(inside[~loud].mean() - 0.8) < 0.08
    assert width[loud].mean() > 5 * width[~loud].mean()


def test_counts_learn_their_rate():
    y = counts(600)
    forecaster = RNNForecaster(
        "gru",
        hidden_size=16,
        distribution="negative_binomial",
        horizon=5,
        max_epochs=30,
        refit=False,
        random_state=0,
    ).fit(y[:500])
    found = forecaster.predict_rolling(y, cutoffs=y.index[500:590])
    rate = np.exp(1 + np.sin(np.arange(600) / 5))
    true = np.stack([rate[i + 1 : i + 6] for i in range(500, 590)])
    assert np.abs(found[..., 0] - true).mean() < 0.25 * true.mean()
    assert (forecaster.predict_quantiles(range(1, 6), alpha=[0.01]) >= 0).all(axis=None)


def test_members_with_a_distribution():
    forecaster = quick(distribution="gaussian", n_members=2, calibrate=False, horizon=2)
    forecaster.fit(waves()[:100])
    one, two = forecaster.net_.module_.members
    past = torch.randn(3, 24, 2)
    expected = (one(past) + two(past)) / 2
    torch.testing.assert_close(forecaster.net_.module_(past), expected)


@pytest.mark.parametrize(
    ("y", "params", "message"),
    [
        (counts() - 1, {}, "y must hold counts, 0, 1, 2, .*; column a does not"),
        (counts() + 0.5, {}, "y must hold counts"),
        (counts(), {"normalize": "standard"}, "normalize must be 'window', 'last' or"),
        (counts(), {"loss": "mae"}, "loss is 'mae', but distribution="),
        (counts(), {"distribution": "poisson"}, "distribution must be one of"),
    ],
)
def test_what_distributions_cannot_take(y, params, message):
    with pytest.raises(ValueError, match=message):
        quick(**{"distribution": "negative_binomial", **params}).fit(y)


# ---- parameters ----------------------------------------------------------------------


def fitted(**params):
    return quick(**params).fit(AIRLINE, fh=np.arange(1, 13))


CHANGES = {
    "cell": "gru",
    "hidden_size": 9,
    "num_layers": 2,
    "direction": "coupled",
    "window_length": 5,
    "horizon": 5,
    "strategy": "recursive",
    "normalize": "last",
    "segment_length": 4,
    "decoder": "parallel",
    "n_members": 2,
    "distribution": "gaussian",
    "dropout": 0.3,
    "loss": "mae",
    "optimizer": "sgd",
    "lr": 1e-3,
    "weight_decay": 0.5,
    "warmup": 0.5,
    "schedule": None,
    "gradient_clip": 1e-3,
    "max_epochs": 4,
    "batch_size": 8,
    "validation_fraction": 0.5,
    "refit": False,
    "random_state": 1,
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_parameter_changes_the_forecast(name):
    base = {"refit": False} if name == "validation_fraction" else {}
    before = fitted(**base).predict()
    after = fitted(**base, **{name: CHANGES[name]}).predict()
    assert not np.allclose(before, after, rtol=1e-6)


def of_two_columns(**params):
    return quick(**params).fit(waves()[:100], fh=np.arange(1, 9)).predict()


def test_channels_and_their_embedding_change_the_forecast():
    joint = of_two_columns()
    independent = of_two_columns(channels="independent")
    told_apart = of_two_columns(channels="independent", channel_embedding=True)
    assert not np.allclose(joint, independent, rtol=1e-6)
    assert not np.allclose(independent, told_apart, rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "segment_length"),
    [
        ({}, 24),
        ({"segment_length": 12}, 12),
        ({"segment_length": 1}, 1),
        ({"window_length": 192}, 1),
        ({"cell": "grud"}, 1),
        ({"direction": "decoupled"}, 1),
        ({"bptt_steps": 50}, 1),
    ],
)
def test_long_windows_are_read_in_segments(params, segment_length):
    hours = pd.date_range("2026-01-01", periods=900, freq="h")
    y = pd.Series(np.sin(np.arange(900) / 24 * 2 * np.pi), hours)
    params = {"hidden_size": 2, "max_epochs": 1, "refit": False, **params}
    forecaster = RNNForecaster(**params).fit(y, fh=range(1, 251))
    assert forecaster.window_length_ == params.get("window_length", 250)
    assert forecaster.horizon_ == 250
    assert forecaster.segment_length_ == segment_length
    assert (forecaster.net_.module_.segments is None) == (segment_length == 1)
    numbered = RNNForecaster(**params).fit(y.reset_index(drop=True), fh=range(1, 251))
    assert numbered.window_length_ == params.get("window_length", 300)
    assert numbered.segment_length_ == segment_length


@pytest.mark.parametrize("decoder", ["linear", "parallel", "recurrent"])
@pytest.mark.parametrize("segment_length", [1, 5])
def test_independent_columns_do_not_touch_one_another(decoder, segment_length):
    y = waves()
    forecaster = quick(
        channels="independent",
        decoder=decoder,
        segment_length=segment_length,
        horizon=6,
    ).fit(y[:100])
    moved = y.copy()
    moved["b"] += np.linspace(0, 3, len(y))
    before, after = (forecaster.predict_rolling(table) for table in (y, moved))
    np.testing.assert_allclose(before[..., 0], after[..., 0], rtol=1e-5)
    assert np.abs(before[..., 1] - after[..., 1]).max() > 0.1


def test_a_column_alone_or_beside_others_is_read_with_the_same_weights():
    y = waves()
    both = pd.concat([y["a"], y["a"].rename("b")], axis=1)
    forecaster = quick(channels="independent").fit(both[:100], fh=[1, 2, 3])
    forecast = forecaster.predict()
    np.testing.assert_allclose(forecast["a"], forecast["b"], rtol=1e-5)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_members_are_averaged(strategy):
    y = waves()["a"]
    params = {"strategy": strategy, "refit": False, "horizon": 4}
    forecaster = quick(n_members=3, **params).fit(y[:100])
    alone = []
    for member in forecaster.net_.module_.members:
        single = quick(**params, warm_start=True).fit(y[:100])
        single.net_.module_.load_state_dict(member.state_dict())
        alone.append(single.predict(fh=[1, 2, 3, 4]))
    if strategy == "recursive":  # where every member is fed the mean
        alone = [forecast[:1] for forecast in alone]
    together = forecaster.predict(fh=[1, 2, 3, 4])[: len(alone[0])]
    np.testing.assert_allclose(np.mean(alone, axis=0), together, rtol=1e-4)
    assert not np.allclose(alone[0], alone[1], rtol=1e-3)
    first = quick(**params).fit(y[:100]).count_parameters()
    assert forecaster.count_parameters()["total"] == 3 * first["total"]


def test_the_first_member_learns_as_it_would_alone():
    y = waves()["a"]
    params = {"refit": False, "horizon": 4, "patience": None, "gradient_clip": 0.1}
    members = quick(n_members=2, **params).fit(y[:100]).net_.module_.members
    alone = quick(**params).fit(y[:100]).net_.module_
    for found, expected in zip(
        members[0].parameters(), alone.parameters(), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_the_loss_is_chosen_by_how_often_one_value_comes():
    rare = np.where(np.arange(60) % 3 == 0, np.arange(60.0), 0.0)
    for y, loss in ((rare, "mae"), (AIRLINE, "huber")):
        assert quick(max_epochs=1).fit(y, fh=[1]).loss_ == loss
    assert quick(max_epochs=1, loss="mse").fit(rare, fh=[1]).loss_ == "mse"
    normal = quick(max_epochs=1, distribution="gaussian").fit(rare, fh=[1])
    assert normal.loss_ is None


@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantiles"])
def test_training_begins_from_the_last_value(distribution):
    options = {"distribution": distribution, "calibrate": False, "refit": False}
    y = AIRLINE[:60]
    for shortcut, near in ((True, True), (False, False)):
        forecaster = quick(max_epochs=1, lr=1e-12, shortcut=shortcut, **options)
        forecast = forecaster.fit(y, fh=range(1, 7)).predict()
        assert (abs(forecast - y.iloc[-1]) < 0.1 * y.std()).all() == near


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_losses_learn_what_they_should(loss):
    rng = np.random.default_rng(0)
    skewed = pd.Series(np.where(rng.random(400) < 0.3, 10.0, 0.0))
    forecaster = quick(
        loss=loss, normalize="standard", max_epochs=40, lr=0.02, horizon=1
    )
    found = forecaster.fit(skewed).predict_rolling(skewed).mean()
    low, high = {"mse": (2.0, 4.5), "mae": (-0.5, 1.0), "huber": (-0.5, 4.0)}[loss]
    assert low < found < high


# ---- rolling forecasts ---------------------------------------------------------------


@pytest.mark.parametrize("with_x", [False, True])
def test_rolling_forecasts_are_those_of_update_and_predict(with_x):
    y = waves()
    X = (
        pd.DataFrame({"x": np.sin(np.arange(120) / 3)}, index=y.index)
        if with_x
        else None
    )
    forecaster = quick(horizon=3)
    forecaster.fit(y[:100], X=X[:100] if with_x else None)
    rolling = forecaster.predict_rolling(y, X=X, cutoffs=y.index[99:117])
    assert rolling.shape == (18, 3, 2)
    for i, forecast in enumerate(rolling[:6]):
        if i:
            new = slice(99 + i, 100 + i)
            forecaster.update(y[new], X[new] if with_x else None, update_params=False)
        ahead = X[100 + i : 103 + i] if with_x else None
        expected = forecaster.predict(fh=[1, 2, 3], X=ahead)
        np.testing.assert_allclose(forecast, expected, rtol=1e-4)


def test_rolling_forecasts_from_everywhere_by_default():
    y = waves()
    forecaster = quick(horizon=3, window_length=20).fit(y)
    before = forecaster.predict(fh=[1, 2, 3])
    rolling = forecaster.predict_rolling(y)
    assert rolling.shape == (101, 3, 2)
    np.testing.assert_allclose(rolling[-1], before, rtol=1e-4)
    pd.testing.assert_frame_equal(forecaster.predict(fh=[1, 2, 3]), before)


def test_unusable_cutoffs_and_tables_are_named():
    y = waves()
    forecaster = quick(horizon=3).fit(y)
    with pytest.raises(ValueError, match="rows of y .* must be in the order of time"):
        forecaster.predict_rolling(y[::-1])
    with pytest.raises(ValueError, match="cutoffs must be times of y, but holds 2030"):
        forecaster.predict_rolling(y, cutoffs=[pd.Timestamp("2030-01-01")])
    with pytest.raises(ValueError, match="cutoffs must be times of y, but is empty"):
        forecaster.predict_rolling(y, cutoffs=[])
    with pytest.raises(ValueError, match="y has the columns"):
        forecaster.predict_rolling(y[["a"]])
    with pytest.raises(ValueError, match="`fit` had no X"):
        forecaster.predict_rolling(y, X=y)
    panel = _make_hierarchical((2,), n_columns=2, min_timepoints=30, max_timepoints=30)
    panel.columns = y.columns
    with pytest.raises(ValueError, match="y must be a single series"):
        forecaster.predict_rolling(panel)
    with_x = quick(horizon=3).fit(y[["a"]], X=y[["b"]])
    with pytest.raises(ValueError, match="X must be given"):
        with_x.predict_rolling(y[["a"]])


def test_cells_fusions_and_optimisers_can_be_classes():
    by_name = fitted(cell="gru", optimizer="adam").predict()
    by_class = fitted(cell=GRU, optimizer=torch.optim.Adam).predict()
    np.testing.assert_allclose(by_name, by_class, rtol=1e-4)


def test_cell_params_reach_the_cell():
    relu = fitted(cell="elman", cell_params={"nonlinearity": "relu"})
    assert relu.net_.module_.encoder.layers[0].branch.cell.layer.nonlinearity == "relu"


class Recorder(Callback):
    """Note something at the end of every epoch."""

    def __init__(self, note):
        self.note = note
        self.notes = []

    def on_epoch_end(self, net, **kwargs):
        self.notes.append(self.note(net))


def test_callbacks_are_skorchs_own():
    recorder = Recorder(lambda net: len(net.history))
    forecaster = fitted(callbacks=[recorder], refit=False)
    assert recorder.notes == list(range(1, len(forecaster.history_) + 1))


def test_integers_may_be_numpys():
    names = ("hidden_size", "num_layers", "window_length", "horizon", "bptt_steps")
    names += ("n_members", "max_epochs", "batch_size", "patience", "random_state")
    plain = quick(**dict.fromkeys(names, 3)).fit(AIRLINE, fh=[1])
    numpys = quick(**dict.fromkeys(names, np.int64(3))).fit(AIRLINE, fh=[1])
    pd.testing.assert_series_equal(plain.predict(), numpys.predict())


def test_patience_stops_early_and_gives_the_best_weights_back():
    weights = Recorder(lambda net: copy.deepcopy(net.module_.state_dict()))
    forecaster = quick(
        max_epochs=300, patience=2, refit=False, lr=0.02, callbacks=[weights]
    ).fit(AIRLINE, fh=[1])
    losses = forecaster.history_[:, "valid_loss"]
    best = int(np.argmin(losses))
    assert len(losses) < 300 and best == len(losses) - 3
    for name, weight in forecaster.net_.module_.state_dict().items():
        assert torch.equal(weight, weights.notes[best][name])


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "patience"), [(36, 64, 100), (36, 10, 34), (144, 8, 20)]
)
def test_patience_by_default_is_20_epochs_or_100_steps(n_rows, batch_size, patience):
    params = {"max_epochs": 150, "batch_size": batch_size, "lr": 1.0, "refit": False}
    forecaster = quick(window_length=6, horizon=3, **params).fit(AIRLINE[:n_rows])
    losses = forecaster.history_[:, "valid_loss"]
    assert len(losses) == int(np.argmin(losses)) + 1 + patience
    assert patience * len(forecaster.history_[-1]["batches"]) >= 100


def test_refitting_trains_on_everything_for_the_best_number_of_epochs():
    forecaster = quick(max_epochs=300, patience=2, lr=0.02).fit(AIRLINE, fh=[1])
    losses = forecaster.history_[:, "valid_loss"]
    assert len(forecaster.net_.history) == int(np.argmin(losses)) + 1
    assert "valid_loss" not in forecaster.net_.history[-1]


class Impatient(Callback):
    """Stop the way skorch's callbacks do."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_callback_may_end_the_training():
    assert len(fitted(callbacks=[Impatient()], refit=False).history_) == 2


def test_an_interrupt_reaches_the_caller(monkeypatch):
    def interrupted(net, batch, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklrnn.training.net.SequenceNet.train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted()


def test_the_plateau_schedule_lowers_the_learning_rate():
    forecaster = fitted(schedule="plateau", patience=None, max_epochs=60, lr=0.05)
    assert forecaster.net_.optimizer_.param_groups[0]["lr"] < 0.05


def test_divergence_is_an_error_that_says_what_to_do():
    with pytest.raises(DivergenceError, match="epoch .* Lower lr .*gradient_clip"):
        quick(optimizer="sgd", lr=1e30, gradient_clip=None, warmup=0.0).fit(AIRLINE)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"cell": "lsmt"}, "cell must be one of.*did you mean 'lstm'"),
        ({"fusion": "glue"}, "fusion must be one of"),
        ({"cell_params": {"phi": 1}}, "cell_params has the key 'phi'"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"num_layers": 0}, "num_layers must be at least 1"),
        ({"window_length": 0}, "window_length must be at least 1"),
        ({"horizon": -1}, "horizon must be at least 1"),
        ({"direction": "backward"}, "direction must be one of.*got 'backward'"),
        ({"strategy": "both"}, "strategy must be one of"),
        ({"normalize": "batch"}, "normalize must be one of"),
        ({"channels": "both"}, "channels must be one of"),
        ({"channel_embedding": True}, "leave it out with channels='joint'"),
        ({"decoder": "attention"}, "decoder must be one of"),
        ({"loss": "mape"}, "loss must be one of"),
        ({"n_members": 0}, "n_members must be at least 1"),
        ({"segment_length": 0}, "segment_length must be at least 1"),
        ({"segment_length": 2, "cell": "grud"}, "segment_length must be 1 .* GRUD"),
        ({"segment_length": 2, "cell": "jordan"}, "segment_length must be 1 .* Jordan"),
        (
            {"segment_length": 2, "direction": "decoupled"},
            "segment_length must be 1 with direction='decoupled'",
        ),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"lr": 0}, "lr must be above 0"),
        ({"warmup": 1.5}, "warmup must be at least 0 and below 1"),
        ({"schedule": "step"}, "schedule must be one of"),
        ({"gradient_clip": 0}, "gradient_clip must be above 0"),
        ({"validation_fraction": 1}, "validation_fraction must be at least 0 and"),
        ({"optimizer": "adagrow"}, "optimizer must be one of"),
        ({"device": "abacus"}, "device must be a torch device"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"max_epochs": 0}, "max_epochs must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"update_epochs": -1}, "update_epochs must be at least 0"),
    ],
)
def test_bad_values_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(AIRLINE)


@pytest.mark.parametrize(
    "name",
    [
        "hidden_size",
        "window_length",
        "segment_length",
        "channel_embedding",
        "calibrate",
        "n_members",
        "lr",
        "cell_params",
        "callbacks",
        "patience",
        "refit",
        "update_epochs",
        "fine_tune_epochs",
        "random_state",
    ],
)
def test_bad_types_are_named(name):
    with pytest.raises(TypeError, match=f"{name} must be"):
        quick(**{name: "many"}).fit(AIRLINE)


# ---- manners -------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    first, again = fitted(dropout=0.2).predict(), fitted(dropout=0.2).predict()
    pd.testing.assert_series_equal(first, again, check_exact=True)
    other = fitted(dropout=0.2, random_state=1).predict()
    assert not np.allclose(first, other)


def test_global_generators_are_left_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    fitted(dropout=0.2).predict()
    quick(random_state=None).fit(AIRLINE)
    assert (torch.rand(1), np.random.rand()) == expected


def test_the_number_of_threads_is_restored():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        recorder = Recorder(lambda net: torch.get_num_threads())
        fitted(callbacks=[recorder])
        assert set(recorder.notes) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_silence_and_no_files(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster = fitted()
        forecaster.predict_interval()
        forecaster.update(AIRLINE[-1:])
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    fitted(verbose=1)
    assert "valid_loss" in capfd.readouterr().out


def test_pickled_and_copied_forecasters_forecast_the_same():
    forecaster = fitted(dropout=0.1)
    for twin in (pickle.loads(pickle.dumps(forecaster)), copy.deepcopy(forecaster)):
        pd.testing.assert_series_equal(twin.predict(), forecaster.predict())
        twin.update(AIRLINE[-2:])


class Poison(Callback):
    """Spoil the weights after some epochs."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 4:
            with torch.no_grad():
                next(net.module_.parameters()).fill_(float("nan"))


def test_divergence_keeps_the_best_weights_so_far():
    forecaster = quick(max_epochs=10, callbacks=[Poison()])
    with pytest.raises(DivergenceError, match="in epoch 4"):
        forecaster.fit(AIRLINE)
    assert all(w.isfinite().all() for w in forecaster.net_.module_.parameters())
    assert not forecaster.is_fitted
