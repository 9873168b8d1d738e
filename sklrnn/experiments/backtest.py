"""Backtests: a forecaster beside naive forecasts on the newest part of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.naive import NaiveForecaster
from sktime.performance_metrics.forecasting import (
    make_forecasting_scorer,
    mean_absolute_error,
    mean_squared_error,
)
from sktime.split import ExpandingWindowSplitter

from sklrnn.data.timegrid import infer_step, positions
from sklrnn.interfaces.parameters import check_integer

LAST_VALUE = "last value"
SEASONAL_NAIVE = "seasonal naive"


@dataclass(frozen=True)
class Backtest:
    """What `backtest` found.

    Attributes
    ----------
    scores : DataFrame of shape (n_models, 3)
        One row per model, the forecaster first, with the columns "MAE" and "RMSE" (in
        the units of y) and "MASE" (no unit). Each observed value of the folds counts
        once. NaN where nothing was observed, or where a model had no forecast.
    forecasts : DataFrame of shape (n_folds * horizon, 2 + n_models)
        Indexed by time: the number of the fold (from 1), "observed" (the values of y),
        and the forecasts of each model, in the units of y.
    """

    scores: pd.DataFrame
    forecasts: pd.DataFrame

    @property
    def model(self) -> str:
        """Name of the forecaster among the models."""
        return str(self.scores.index[0])

    @property
    def empty_folds(self) -> list[int]:
        """Numbers of the folds in which nothing was observed: no score counts them."""
        observed = self.forecasts["observed"].groupby(self.forecasts["fold"]).count()
        return [int(fold) for fold in observed.index[observed == 0]]


def backtest(
    forecaster: BaseForecaster,
    y: pd.Series,
    X: pd.DataFrame | None = None,
    *,
    horizon: int,
    n_folds: int,
    season: int | None = None,
    refit: bool = False,
) -> Backtest:
    """Forecast the last ``n_folds * horizon`` steps of a series, fold by fold.

    sktime's `evaluate` runs the forecaster, a forecast of the last value and, with a
    season, one of the last season, on the same folds. Missing values are never scored.

    Parameters
    ----------
    forecaster : sktime forecaster
        Left as it is: a clone is fitted. Its row is named after its `cell`, or else
        its class.
    y : Series of shape (n_steps,)
        What to forecast, on a regular time index (or consecutive integers), NaN where
        it is missing.
    X : DataFrame of shape (n_rows, n_columns), optional
        Exogenous columns for at least the times of `y`. The forecaster is told their
        values in the steps that it forecasts.
    horizon : int
        Steps that each fold forecasts at once.
    n_folds : int
        Number of folds, one after another up to the end of `y`.
    season : int, optional
        Steps in a season, for the seasonal naive forecast and as the lag of MASE. None
        leaves this forecast out; the lag is then 1.
    refit : bool, default=False
        Whether the forecaster is fitted again for each fold, on all that came before
        it. By default it is fitted once, before the first fold, and later folds move
        it along (``update(update_params=False)``): it reads the rows up to each fold
        with the weights as they are.

    Returns
    -------
    Backtest
        Scores and forecasts. MASE is the MAE divided by the mean absolute change
        within one season, or one step, in the rows before the first fold (Hyndman and
        Koehler 2006).

    Raises
    ------
    ValueError
        If the rows before the first fold are fewer than two horizons, less than a
        season or never observed, if the time index is not regular, or if a number is
        out of range.
    TypeError
        If `y` is not a Series or a number not an integer.

    References
    ----------
    R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy",
    International Journal of Forecasting 22 (4), 2006.

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> from sklrnn.experiments.backtest import backtest
    >>> from sktime.datasets import load_airline
    >>> forecaster = RNNForecaster("gru", max_epochs=2, random_state=0)
    >>> found = backtest(forecaster, load_airline(), horizon=6, n_folds=3, season=12)
    >>> found.scores.round(1).loc[["last value", "seasonal naive"]]
                     MAE  RMSE  MASE
    last value      67.4  78.1   2.3
    seasonal naive  50.7  52.8   1.7
    >>> found.forecasts.columns.to_list()
    ['fold', 'observed', 'gru', 'last value', 'seasonal naive']
    """
    n_train = _check(y, X, horizon=horizon, n_folds=n_folds, season=season)
    y = y.astype(float)
    folds = ExpandingWindowSplitter(
        fh=list(range(1, horizon + 1)), initial_window=n_train, step_length=horizon
    )
    if X is not None:
        X = X.loc[y.index]
    strategy = "refit" if refit else "no-update_params"
    forecasts = {_name(forecaster): _run(forecaster, y, X, folds, strategy)}
    # sktime's naive forecaster learns nothing: fitting is how it takes new rows in. It
    # needs no times either, and fails on some kinds of them.
    rows = y.reset_index(drop=True)
    forecasts[LAST_VALUE] = _run(_Naive(), rows, None, folds, "refit")
    if season is not None:
        forecasts[SEASONAL_NAIVE] = _run(_Naive(sp=season), rows, None, folds, "refit")
    table = pd.DataFrame(forecasts, index=y.index[n_train:])
    models = list(table.columns)
    table.insert(0, "fold", np.repeat(np.arange(1, n_folds + 1), horizon))
    table.insert(1, "observed", y.iloc[n_train:])
    return Backtest(_score(table, models, _naive_error(y[:n_train], season)), table)


class _Naive(NaiveForecaster):
    """sktime's naive forecaster with its setting chosen, so that it does not warn."""

    _config = {"remember_data": False}


def _run(
    forecaster: BaseForecaster,
    y: pd.Series,
    X: pd.DataFrame | None,
    folds: ExpandingWindowSplitter,
    strategy: str,
) -> np.ndarray:
    results = evaluate(
        forecaster,
        folds,
        y,
        X,
        strategy=strategy,
        # sktime's own scorers refuse the missing values that a fold may hold.
        scoring=make_forecasting_scorer(_observed_mae, name="MAE"),
        return_data=True,
        error_score="raise",
    )
    return np.concatenate([np.asarray(y_pred) for y_pred in results["y_pred"]])


def _score(table: pd.DataFrame, models: list[str], naive_error: float) -> pd.DataFrame:
    known = table[table["observed"].notna()]
    rows = {}
    for model in models:
        pair = known["observed"], known[model]
        mae = _observed_mae(*pair)
        rmse = np.nan if np.isnan(mae) else mean_squared_error(*pair, square_root=True)
        rows[model] = mae, rmse, mae / naive_error if naive_error > 0 else np.nan
    return pd.DataFrame.from_dict(rows, orient="index", columns=["MAE", "RMSE", "MASE"])


def _observed_mae(y_true: Any, y_pred: Any, **options: Any) -> float:
    """Mean absolute error on what was observed; NaN where a forecast is missing."""
    y_true, y_pred = (np.asarray(a, dtype=float).ravel() for a in (y_true, y_pred))
    known = ~np.isnan(y_true)
    if not known.any() or np.isnan(y_pred[known]).any():
        return np.nan
    return float(mean_absolute_error(y_true[known], y_pred[known]))


def _naive_error(y: pd.Series, season: int | None) -> float:
    """Mean absolute change within a season, or a step, where both ends are known."""
    change = y.diff(season or 1).dropna()
    return float(change.abs().mean())


def _name(forecaster: BaseForecaster) -> str:
    cell = forecaster.get_params(deep=False).get("cell", type(forecaster))
    return cell if isinstance(cell, str) else cell.__name__


def _check(y: Any, X: Any, *, horizon: Any, n_folds: Any, season: Any) -> int:
    """Check the arguments; return the number of rows before the first fold."""
    if not isinstance(y, pd.Series):
        raise TypeError(f"y must be a Series, got {type(y).__name__}")
    check_integer("horizon", horizon, low=1)
    check_integer("n_folds", n_folds, low=1)
    if season is not None:
        check_integer("season", season, low=2)
    n_train = len(y) - n_folds * horizon
    if n_train < 2 * horizon:
        raise ValueError(
            f"{n_folds} folds of {horizon} steps, and twice {horizon} steps before "
            f"them to learn from, need {(n_folds + 2) * horizon} steps, but y has "
            f"{len(y)}; lower the number of folds or the horizon"
        )
    if season is not None and n_train <= season:
        raise ValueError(
            f"season is {season}, but only {n_train} steps of y come before the first "
            "fold; give a shorter season, or None"
        )
    if y.iloc[:n_train].isna().all():
        raise ValueError(
            f"y is never observed in the {n_train} steps before the first fold; lower "
            "the number of folds or the horizon"
        )
    _check_regular(y.index)
    if X is not None and not y.index.isin(X.index).all():
        lacking = y.index[~y.index.isin(X.index)]
        raise ValueError(
            f"X lacks {len(lacking)} times of y, the first of them {lacking[0]}; give "
            "X a row for each (NaN where unknown)"
        )
    return n_train


def _check_regular(index: pd.Index) -> None:
    # Folds are counted in rows and horizons in steps: the two must be the same.
    if isinstance(index, pd.DatetimeIndex) and index.freq is not None:
        return
    step = infer_step(index)
    consecutive = not isinstance(step, int) or step == 1
    if (
        step is None
        or not consecutive
        or (np.diff(positions(index, index[0], step)) != 1).any()
    ):
        raise ValueError(
            "y does not have a regular time index; put it on one, with NaN at the "
            "times it lacks, for instance by y.asfreq"
        )
