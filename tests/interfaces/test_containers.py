"""Containers that a forecaster cannot read are refused in words that help."""

import numpy as np
import pandas as pd
import pytest

from sklrnn import RNNForecaster

DAYS = pd.date_range("2024-01-01", periods=30)
Y = pd.Series(np.sin(np.arange(30.0)), DAYS)
X = Y.to_frame("x")
HOLED = DAYS.where(DAYS != DAYS[3])
TEXTS = DAYS.strftime("%Y-%m-%d")
LONG = pd.DataFrame({"shop": list("ab") * 15, "day": DAYS, "sold": Y.to_numpy()})


def panel(frame):
    return pd.concat({key: frame for key in "ab"}, names=["id", "day"])


BAD = [
    ("list", [1.0, 2.0, 3.0], TypeError, "the type list; give a pandas Series"),
    ("text", "sales", TypeError, "the type str; give a pandas Series"),
    ("number", 3, TypeError, "the type int; give"),
    ("dict", {"a": [1, 2]}, TypeError, "the type dict; give"),
    (
        "backwards",
        Y[::-1],
        ValueError,
        "in row 2 comes after .*sort_index",
    ),
    ("texts", Y.set_axis(TEXTS), TypeError, "holds the type .*pd.to_datetime"),
    ("fractions", Y.set_axis(np.arange(30) / 2), TypeError, "holds the type float64"),
    (
        "no time",
        Y.set_axis(DAYS.where(DAYS != DAYS[3])),
        ValueError,
        "no time in row 4",
    ),
    (
        "twice",
        pd.concat([Y, Y[-1:]]),
        ValueError,
        "the time .* more than once",
    ),
    ("panel backwards", panel(X[::-1]), ValueError, "in the order of time"),
    (
        "panel texts",
        panel(X.set_axis(TEXTS)),
        TypeError,
        "holds the type .*to_datetime",
    ),
]
BAD_VALUES = [
    ("words", Y.astype(str), TypeError, "holds the type .* numbers.*pd.to_numeric"),
    ("category", Y.astype(str).astype("category"), TypeError, "the type category"),
    ("complex", Y + 1j, TypeError, "the type complex128"),
    ("long", LONG, TypeError, r"set_index\(\['shop', 'day'\]\)"),
]


@pytest.fixture(scope="module")
def fitted():
    return RNNForecaster(max_epochs=1, hidden_size=2, random_state=0).fit(Y, fh=[1])


def ids(rows):
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("_", "data", "error", "message"), BAD + BAD_VALUES, ids=ids(BAD + BAD_VALUES)
)
def test_y_is_refused_in_fit_and_update(fitted, _, data, error, message):
    for act in (RNNForecaster().fit, fitted.update):
        with pytest.raises(error, match=message) as told:
            act(data)
        assert "y" in str(told.value)
    assert fitted.cutoff[0] == DAYS[-1]


@pytest.mark.parametrize(("_", "data", "error", "message"), BAD, ids=ids(BAD))
def test_x_is_refused_in_fit(_, data, error, message):
    with pytest.raises(error, match=message) as told:
        RNNForecaster().fit(y=Y, X=data)
    assert "X" in str(told.value)


def test_a_list_of_steps_by_position_is_no_x():
    with pytest.raises(TypeError, match=r"by keyword, fh=\[1, 2, 3\]"):
        RNNForecaster().fit(Y, [1, 2, 3])


def test_arrays_of_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="X has 20 rows and y has 30"):
        RNNForecaster().fit(y=Y.to_numpy(), X=np.ones((20, 1)))


def test_an_exogenous_column_without_a_value_is_refused():
    with pytest.raises(ValueError, match="X has no observed value in column dead"):
        RNNForecaster().fit(y=Y, X=X.assign(dead=np.nan))


@pytest.mark.parametrize("fh", [[10**7], [10**12], [1, 2 * 10**6], [-(10**7)]])
def test_a_horizon_out_of_reach_is_refused(fitted, fh):
    with pytest.raises(ValueError, match="fh reaches .* must stay within 1000000"):
        fitted.predict(fh=fh)


def test_a_horizon_beyond_the_times_of_pandas_is_refused():
    years = pd.Series(np.arange(20.0), pd.date_range("2000", periods=20, freq="YS"))
    params = {"max_epochs": 1, "hidden_size": 2, "random_state": 0}
    forecaster = RNNForecaster(**params).fit(years, fh=[1])
    with pytest.raises(ValueError, match="fh reaches beyond the times"):
        forecaster.predict(fh=[900_000])
