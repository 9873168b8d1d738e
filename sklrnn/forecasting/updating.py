"""Rows that come after `fit`: taken in, and what forecasts missed of them learned."""

from __future__ import annotations

import pandas as pd

from sklrnn.data.arrivals import read_arrivals
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
) -> FittedNetwork:
    """Write new rows to their series, in place, and add series that are new.

    Everything is checked before the first row is written.

    Parameters
    ----------
    fitted : FittedNetwork
    series : list of GridSeries
    y, x : pd.DataFrame
        With the columns of `fit`.
    calibrate : bool
        Whether the calibration sees what forecasts missed of the new rows.

    Returns
    -------
    fitted : FittedNetwork
        With its calibration.
    """
    check_targets(fitted, names_of(y))
    if x is not None:
        check_exogenous(fitted, x)
    arrivals, new = read_arrivals(y, x, series, fitted.reader())
    n_new = [arrival.write() for arrival in arrivals]
    if calibrate:
        grown = [arrival.series for arrival in arrivals]
        fitted = recalibrate(fitted, grown, n_new, pooled=len(series) > 1)
    series += new
    return fitted
