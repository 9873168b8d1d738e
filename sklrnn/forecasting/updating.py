"""Rows that come after `fit`: taken in, and what forecasts missed of them learned."""

from __future__ import annotations

import warnings

import pandas as pd

from sklrnn.data.arrivals import Arrival, read_arrivals
from sklrnn.data.series import GridSeries
from sklrnn.data.sources import names_of
from sklrnn.forecasting.checks import check_exogenous, check_targets
from sklrnn.forecasting.forecasts import FittedNetwork
from sklrnn.forecasting.residuals import recalibrate


def take_in(
    fitted: FittedNetwork,
    series: list[GridSeries],
    y: pd.DataFrame,
    x: pd.DataFrame | None,
    *,
    calibrate: bool,
    back: bool,
) -> tuple[FittedNetwork, list[GridSeries]]:
    """Return series with new rows, those that are new among them; nothing is changed.

    Parameters
    ----------
    fitted : FittedNetwork
    series : list of GridSeries
    y, x : pd.DataFrame
        With the columns of `fit`.
    calibrate : bool
        Whether the calibration sees what forecasts missed of the new rows.
    back : bool
        Whether older rows move the cutoff back. Else they fill in what is missing.

    Returns
    -------
    fitted : FittedNetwork
        With its calibration.
    series : list of GridSeries
    """
    check_targets(fitted, names_of(y))
    if x is not None:
        check_exogenous(fitted, x)
    arrivals, new = read_arrivals(y, x, series, fitted.reader())
    _tell_lacking(fitted, arrivals)
    written = [arrival.written(back=back) for arrival in arrivals]
    grown = {one.key: one for one, _ in written}
    if calibrate:
        n_new = [n for _, n in written]
        pooled = len(series) > 1
        fitted = recalibrate(fitted, list(grown.values()), n_new, pooled=pooled)
    return fitted, [grown.get(one.key, one) for one in series] + new


def _tell_lacking(fitted: FittedNetwork, arrivals: list[Arrival]) -> None:
    """Warn of new rows without X, which `fit` had."""
    n_lacking = sum(arrival.n_lacking for arrival in arrivals)
    if n_lacking:
        names = ", ".join(map(str, fitted.exogenous))
        warnings.warn(
            f"X lacks {n_lacking} of the rows that y brings, and `fit` had X "
            f"({names}): forecasts read its last values in their place until they are "
            "given, in `update` or `predict`",
            UserWarning,
            stacklevel=2,
        )
