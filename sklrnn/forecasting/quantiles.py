"""Quantiles and variances of forecasts, with what calibration makes of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from sklrnn.data.series import GridSeries
from sklrnn.forecasting.distributions import EVEN_LEVELS, count_unit, interpolate
from sklrnn.forecasting.forecasts import FittedNetwork, Forecast
from sklrnn.training.calibration import LEVELS, Correction, ResidualQuantiles, widened

Rule = Callable[[Forecast, np.ndarray], np.ndarray]
"""Takes a forecast and the scale of its series, (n_targets, 1), to its quantiles."""


def quantiles(
    fitted: FittedNetwork,
    series: list[GridSeries],
    forecasts: list[Forecast],
    offsets: list[np.ndarray],
    alpha: np.ndarray,
    *,
    normal: bool = False,
) -> list[np.ndarray]:
    """Return the quantiles of every series' forecast.

    Parameters
    ----------
    fitted : FittedNetwork
    series : list of GridSeries
    forecasts : list of Forecast
        In the units of y.
    offsets : list of ndarray of shape (n_times,)
        Steps from each series' cutoff; those in-sample count as one step ahead.
    alpha : ndarray of shape (n_levels,)
        Levels in (0, 1).
    normal : bool, default=False
        Whether errors of point forecasts are taken for normal ones.

    Returns
    -------
    list of ndarray of shape (n_times, n_targets, n_levels)
        In the units of y; they never cross.
    """
    # Series with one cutoff share their offsets, and what calibration says of them.
    distinct = {id(offset): offset for offset in offsets}
    rules = {
        name: _rule(fitted, np.maximum(offset, 1), alpha, normal)
        for name, offset in distinct.items()
    }
    return [
        rules[id(offset)](of_one, one.forecast_scale()[:, None])
        for one, of_one, offset in zip(series, forecasts, offsets, strict=True)
    ]


def variances(
    fitted: FittedNetwork,
    series: list[GridSeries],
    forecasts: list[Forecast] | None,
    offsets: list[np.ndarray],
    *,
    normal: bool = False,
) -> list[np.ndarray]:
    """Return the variances of every series' forecast, (n_times, n_targets) each.

    Parameters are those of `quantiles`. Calibrated ones, and those of forecasts of
    which a part was drawn, are those of 200 quantiles, so that they agree with them.
    Forecasts may be None where they are points, on which the variance does not depend.

    Raises
    ------
    ValueError
        If a variance is larger than any number that float64 has.
    """
    with np.errstate(over="ignore"):
        found = _variances(fitted, series, forecasts, offsets, normal)
    for one, variance in zip(series, found, strict=True):
        if np.isinf(variance).any():
            deviation = one.scale[: one.n_targets].max()
            raise ValueError(
                f"the variance of y{one.where}, whose deviation is {deviation:.3g}, is "
                "larger than any number of float64; divide y by a power of 10, or ask "
                "for intervals or quantiles"
            )
    return found


def _variances(
    fitted: FittedNetwork,
    series: list[GridSeries],
    forecasts: list[Forecast] | None,
    offsets: list[np.ndarray],
    normal: bool,
) -> list[np.ndarray]:
    calibration = fitted.calibration
    if forecasts is not None and calibration is None:
        if all(one.params() is not None for one in forecasts):
            return [one.variance() for one in forecasts]
    if forecasts is not None and not isinstance(calibration, ResidualQuantiles):
        found = quantiles(fitted, series, forecasts, offsets, EVEN_LEVELS)
        return [one.var(axis=-1) for one in found]
    assert isinstance(calibration, ResidualQuantiles)
    distinct = {id(offset): np.maximum(offset, 1) for offset in offsets}
    known = {
        name: calibration.variance(steps)
        if normal
        else calibration.quantiles(steps, EVEN_LEVELS).var(axis=-1)
        for name, steps in distinct.items()
    }
    return [
        known[id(offset)] * one.forecast_scale() ** 2
        for one, offset in zip(series, offsets, strict=True)
    ]


def _rule(
    fitted: FittedNetwork, steps: np.ndarray, alpha: np.ndarray, normal: bool
) -> Rule:
    calibration = fitted.calibration
    if calibration is None:
        counts = fitted.architecture["distribution"] == "negative_binomial"

        def as_predicted(of_one: Forecast, scale: np.ndarray) -> np.ndarray:
            levels = np.broadcast_to(alpha, (*of_one.shape, len(alpha)))
            found = of_one.quantile(levels)
            return found.round() if counts else found

        return as_predicted
    if isinstance(calibration, Correction):
        return _corrected(calibration, steps, alpha)
    errors = _errors(calibration, steps, alpha, normal)
    return lambda of_one, scale: of_one.mean()[..., None] + errors * scale


def _errors(
    calibration: ResidualQuantiles, steps: np.ndarray, alpha: np.ndarray, normal: bool
) -> np.ndarray:
    if not normal:
        return calibration.quantiles(steps, alpha)
    return np.sqrt(calibration.variance(steps))[..., None] * norm.ppf(alpha)


def _corrected(calibration: Correction, steps: np.ndarray, alpha: np.ndarray) -> Rule:
    levels = calibration.levels.levels(steps, LEVELS)
    offsets, spread = calibration.offsets.at(steps), calibration.spread
    least = None if spread is None else spread.least(steps, LEVELS)

    def rule(of_one: Forecast, scale: np.ndarray) -> np.ndarray:
        if least is None:  # counts
            unit = count_unit(of_one.variance())[..., None]
            table = np.sort(of_one.quantile(levels) + offsets * unit)
            return np.maximum(interpolate(LEVELS, table, alpha).round(), 0)
        table = np.sort(of_one.quantile(levels) + offsets * scale)
        table = widened(table, table[..., LEVELS == 0.5], least * scale)
        return interpolate(LEVELS, table, alpha)

    return rule
