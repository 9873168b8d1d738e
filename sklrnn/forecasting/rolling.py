"""Forecasts of one series from many cutoffs, as backtests want them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from sklrnn.data.rows import check_order
from sklrnn.data.series import GridSeries
from sklrnn.data.sources import names_of
from sklrnn.data.timegrid import matched, positions
from sklrnn.data.windows import cut_windows
from sklrnn.forecasting.checks import check_exogenous, check_targets
from sklrnn.forecasting.forecasts import FittedNetwork, in_units, run, stored_future

_CUTOFFS = 1024  # whose windows are copied at once


def forecast_rolling(
    fitted: FittedNetwork, known: list[GridSeries], y: Any, x: Any, cutoffs: Any
) -> np.ndarray:
    """Do what `RNNForecaster.predict_rolling` describes; `known` are those of `fit`."""
    y = pd.DataFrame(y)
    if isinstance(y.index, pd.MultiIndex):
        raise ValueError("y must be a single series; call once for each of a panel")
    matched(y.index, known[0].origin, "y")
    check_order(y.index, "y")
    if x is not None:
        x = pd.DataFrame(x)
        check_exogenous(fitted, x)
        check_order(x.index, "X")
    elif fitted.exogenous:
        raise ValueError("X must be given, since `fit` had it")
    check_targets(fitted, names_of(y))
    like = known[0] if len(known) == 1 else None
    (one,) = fitted.reader().read(y, x, like=like)
    ends = np.arange(min(fitted.window_length, one.end), one.end + 1)
    if cutoffs is not None:
        ends = _ends_of(cutoffs, y.index, one)
    return forecast_from(fitted, one, ends, fitted.horizon)


def _ends_of(cutoffs: Any, index: pd.Index, one: GridSeries) -> np.ndarray:
    """Return the number of rows up to and including each cutoff."""
    cutoffs = pd.Index(np.atleast_1d(cutoffs))
    strange = cutoffs[~cutoffs.isin(index)]
    if len(strange) or len(cutoffs) == 0:
        what = f"holds {strange[0]}" if len(strange) else "is empty"
        raise ValueError(f"cutoffs must be times of y, but {what}")
    return positions(cutoffs, one.origin, one.step) + 1


def forecast_from(
    fitted: FittedNetwork, one: GridSeries, ends: np.ndarray, n_steps: int
) -> np.ndarray:
    """Forecast one series from many cutoffs.

    Parameters
    ----------
    ends : ndarray of shape (n_cutoffs,)
        Number of rows up to and including each cutoff.
    n_steps : int
        How far to forecast; exogenous values are those of the series itself.

    Returns
    -------
    ndarray of shape (n_cutoffs, n_steps, n_targets)
        In the units of y.
    """
    masked, offset = fitted.net.module_.masked, np.arange(1, n_steps + 1)
    found = []
    for part in np.split(ends, np.arange(_CUTOFFS, len(ends), _CUTOFFS)):
        past = cut_windows(one, part, fitted.window_length, masked)
        future = None
        if fitted.exogenous:
            future = torch.from_numpy(stored_future(one, part, offset))
        parts = run(fitted.net, torch.from_numpy(past), future, n_steps)
        means = [in_units([one], part).mean() for _, part in parts]
        found.append(np.concatenate(means, axis=1))
    return np.concatenate(found)
