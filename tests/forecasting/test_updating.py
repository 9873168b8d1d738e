"""Rows that come after `fit`: late, again, with and without X; interrupts."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from sklrnn import RNNForecaster

DAYS = pd.date_range("2024-01-01", periods=70, freq="D")
Y = pd.Series(np.sin(np.arange(70) / 4) * 3 + 10, DAYS, name="load")
X = pd.DataFrame({"heat": np.cos(np.arange(70) / 3)}, DAYS)


def quick(**params):
    base = {"hidden_size": 4, "max_epochs": 2, "random_state": 0, "window_length": 8}
    return RNNForecaster("gru", **{**base, **params})


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(Y[:50], fh=[1, 2, 3])


@pytest.fixture(scope="module")
def fitted_with_x():
    return quick().fit(y=Y[:50], X=X[:50], fh=[1, 2])


def updated(forecaster, *tables, **options):
    forecaster = copy.deepcopy(forecaster)
    for table in tables:
        forecaster.update(table, update_params=False, **options)
    return forecaster


def panel(*ends):
    parts = {
        key: Y[:end].to_frame("load") + 5 * i
        for i, (key, end) in enumerate(zip("ab", ends, strict=True))
    }
    return pd.concat(parts, names=["id", "day"])


# ---- the order of arrival ------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        (slice(53, 56), slice(50, 53)),
        (slice(55, 56), slice(50, 52), slice(52, 55)),
        (slice(51, 56), slice(50, 51)),
    ],
)
def test_late_rows_give_what_all_rows_at_once_give(pieces):
    forecaster = quick(calibrate=False).fit(Y[:50], fh=[1, 2])
    late = updated(forecaster, *(Y[piece] for piece in pieces))
    whole = updated(forecaster, Y[50:56])
    assert late.cutoff[0] == DAYS[55]
    pd.testing.assert_series_equal(late.predict(), whole.predict())
    pd.testing.assert_frame_equal(late.predict_interval(), whole.predict_interval())


def test_a_corrected_value_takes_the_place_of_the_one_known(fitted):
    wrong = Y[50:56].copy()
    wrong.iloc[4] = 99.0
    mended = updated(fitted, wrong, Y[54:55])
    right = updated(fitted, Y[50:56])
    assert mended.cutoff[0] == DAYS[55]
    pd.testing.assert_series_equal(mended.predict(), right.predict())


def test_a_missing_value_takes_the_place_of_none(fitted):
    right = updated(fitted, Y[50:56])
    again = updated(right, Y[53:54] * np.nan)
    pd.testing.assert_series_equal(again.predict(), right.predict())


def test_one_late_member_of_a_panel_leaves_the_others():
    forecaster = quick(calibrate=False).fit(panel(50, 50), fh=[1, 2])
    new = panel(56, 56)
    first = new.loc[["a"]].groupby("id").tail(3)
    late = pd.concat([new.loc[["a"]].groupby("id").nth(slice(50, 53)), new.loc[["b"]]])
    found = updated(forecaster, first, late.groupby("id").tail(6)).predict()
    whole = updated(forecaster, new.groupby("id").tail(6)).predict()
    pd.testing.assert_frame_equal(found, whole)


def test_an_array_still_follows_after_late_rows(fitted):
    late = updated(fitted, Y[52:54], Y[50:52], Y[54:56].to_numpy())
    assert late.cutoff[0] == DAYS[55]


# ---- exogenous rows ------------------------------------------------------------------


def test_rows_without_x_are_told_and_taken_when_they_come(fitted_with_x):
    right = updated(fitted_with_x, Y[50:54], X=X[50:54]).predict(X=X[54:56])
    lacking = copy.deepcopy(fitted_with_x)
    with pytest.warns(UserWarning, match=r"X lacks 4 of the rows that y brings.*heat"):
        lacking.update(Y[50:54], update_params=False)
    assert not np.allclose(lacking.predict(X=X[54:56]), right)
    pd.testing.assert_series_equal(lacking.predict(X=X[50:56]), right)
    lacking.update(Y[53:54], X=X[50:54], update_params=False)
    pd.testing.assert_series_equal(lacking.predict(X=X[54:56]), right)


def test_rows_whose_x_was_known_ahead_are_not_told():
    ahead = quick().fit(y=Y[:50], X=X[:54], fh=[1, 2])
    updated(ahead, Y[50:54]).predict(X=X[54:56])


# ---- interrupts ----------------------------------------------------------------------


def test_an_interrupted_update_leaves_all_as_it_was(monkeypatch):
    forecaster = quick(update_epochs=3).fit(Y[:50], fh=[1, 2])
    before = forecaster.predict(), forecaster.predict_interval(), forecaster.cutoff
    steps, real = [], type(forecaster.net_).train_step

    def interrupted(net, batch, **kwargs):
        steps.append(1)
        if len(steps) > 4:
            raise KeyboardInterrupt
        return real(net, batch, **kwargs)

    monkeypatch.setattr("sklrnn.training.net.SequenceNet.train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        forecaster.update(Y[50:60])
    assert len(steps) == 5
    pd.testing.assert_series_equal(forecaster.predict(), before[0])
    pd.testing.assert_frame_equal(forecaster.predict_interval(), before[1])
    assert forecaster.cutoff.equals(before[2])
    monkeypatch.undo()
    assert forecaster.update(Y[50:60]).cutoff[0] == DAYS[59]
    assert pickle.loads(pickle.dumps(forecaster)).predict().notna().all()


def test_an_update_of_weights_starts_from_those_there(fitted):
    forecaster = copy.deepcopy(fitted)
    before = copy.deepcopy(forecaster.net_.module_.state_dict())
    forecaster.update(Y[50:60])
    after = forecaster.net_.module_.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


# ---- the container -------------------------------------------------------------------


@pytest.mark.parametrize(
    "of",
    [
        lambda y: y,
        lambda y: y.rename(None),
        lambda y: y.to_frame(),
        lambda y: pd.concat([y, y * 2], axis=1, keys=["a", "b"]),
        lambda y: y.to_numpy(),
        lambda y: y.to_numpy()[:, None],
    ],
    ids=["series", "nameless", "frame", "two", "array", "column"],
)
def test_every_method_returns_the_container_it_was_given(of):
    forecaster = quick().fit(of(Y[:50]), fh=[1, 2])
    forecast = forecaster.predict()
    new = of(Y[50:55])
    found = {
        "single": copy.deepcopy(forecaster).update_predict_single(
            new, fh=[1, 2], update_params=False
        ),
        "updated": copy.deepcopy(forecaster).update(new, update_params=False).predict(),
    }
    for name, one in found.items():
        assert type(one) is type(forecast), name
        assert np.shape(one) == np.shape(forecast)
        np.testing.assert_array_equal(one, found["updated"])
        if isinstance(forecast, pd.Series):
            assert one.name == forecast.name == of(Y).name
        if isinstance(forecast, pd.DataFrame):
            assert list(one.columns) == list(of(Y).columns)
