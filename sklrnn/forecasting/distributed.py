"""Forecasts of many series on many machines: the partitions of a Dask table."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sktime.exceptions import NotFittedError
from sktime.forecasting.base import ForecastingHorizon

from sklrnn.forecasting.forecasts import FittedNetwork, forecast
from sklrnn.forecasting.horizons import plan, to_frame

if TYPE_CHECKING:
    from sklrnn.forecasting.forecaster import RNNForecaster


def forecast_panel(
    forecaster: RNNForecaster,
    table: Any,
    fh: Any = None,
    *,
    series: Hashable | list[Hashable],
    time: Hashable,
    check: bool = True,
) -> Any:
    """Forecast each series of a Dask table with the weights of a trained network.

    Every partition is forecast where it lies, by one pass of the network, when the
    result is computed; nothing is trained (zero-shot).

    Parameters
    ----------
    forecaster : RNNForecaster
        After `pretrain` or `fit`.
    table : dask.dataframe.DataFrame
        One row for each series and time, with the columns that the network was trained
        on. Rows may come in any order, but all rows of a series lie in one partition,
        for instance after ``table.shuffle(series)``. Where the network has exogenous
        columns, the rows after the last observed target tell what is known of them
        ahead.
    fh : int, list or ForecastingHorizon, optional
        Steps to forecast; those of the forecaster if not given.
    series : str or list of str
        The columns, or the name of the index, that tell the series.
    time : str
        The column of times.
    check : bool, default=True
        Whether to check now that no series lies in two partitions, for which the
        columns `series` are read once. (There is no need for it where they are an
        index with known divisions.) If False, each piece of a series would be forecast
        by itself.

    Returns
    -------
    dask.dataframe.DataFrame
        One row for each series and time to forecast, series by series, in partitions
        as those of `table`: the columns `series` and `time`, and the targets in the
        units of the table.

    Raises
    ------
    sktime.exceptions.NotFittedError
        If the forecaster has no weights yet.
    TypeError
        If the table is not one of Dask's.
    ValueError
        If a column is missing, if a series lies in two partitions, or if there is no
        `fh`. When the result is computed, if a series cannot be forecast.
    ImportError
        If Dask is missing.

    See Also
    --------
    RNNForecaster.pretrain : trains on panels larger than memory.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from sklrnn import RNNForecaster, forecast_panel
    >>> sold = pd.DataFrame({"shop": list("ab") * 20, "day": range(40)})
    >>> sold["day"] //= 2
    >>> sold["number"] = sold.index % 7 + 1.0
    >>> forecaster = RNNForecaster(max_epochs=1, random_state=0)
    >>> forecaster = forecaster.pretrain(sold.set_index(["shop", "day"]), fh=[1, 2])
    >>> table = dd.from_pandas(sold, npartitions=2).shuffle("shop")
    >>> found = forecast_panel(forecaster, table, [1, 2], series="shop", time="day")
    >>> found.compute().sort_values(["shop", "day"])[["shop", "day"]].values.tolist()
    [['a', 20], ['a', 21], ['b', 20], ['b', 21]]
    """
    try:
        import dask
        import dask.dataframe as dd
    except ImportError as error:
        raise ImportError(
            "forecast_panel needs Dask: pip install 'sklrnn[dask]'"
        ) from error
    if not isinstance(table, dd.DataFrame):
        raise TypeError(
            f"table must be a dask.dataframe.DataFrame, got {type(table).__name__}; "
            "what is in memory is forecast by `fit` and `predict`"
        )
    fitted = _weights_of(forecaster)
    horizon = _check_horizon(fh, forecaster)
    names = list(series) if isinstance(series, (list, tuple)) else [series]
    divided = table.known_divisions and [table._meta.index.name] == names
    table = _check_columns(table, [*names, time], fitted)
    if check and not divided:
        _check_whole(table, names)
    meta = _empty_result(table._meta, [*names, time], fitted.targets)
    return table.map_partitions(
        _forecast_partition,
        dask.delayed(fitted),  # or every task would carry them
        horizon,
        names,
        time,
        meta,
        meta=meta,
    )


def _weights_of(forecaster: RNNForecaster) -> FittedNetwork:
    """Return what forecasting takes of a forecaster, and nothing else of it."""
    if forecaster.state == "new":
        raise NotFittedError(
            "forecaster has no weights yet; call `pretrain` or `fit` first"
        )
    name = "_fitted" if forecaster.state == "fitted" else "pretrained_"
    return getattr(forecaster, name)._replace(histories={}, calibration=None)


def _check_horizon(fh: Any, forecaster: RNNForecaster) -> ForecastingHorizon:
    fh = forecaster._fh if fh is None else fh
    if fh is None:
        raise ValueError("fh must be given, since the forecaster was fitted without")
    return fh if isinstance(fh, ForecastingHorizon) else ForecastingHorizon(fh)


def _check_columns(table: Any, keys: list[Hashable], fitted: FittedNetwork) -> Any:
    """Return the columns that are needed, those of the index among them."""
    if table._meta.index.name in keys:
        table = table.reset_index()
    values = [*fitted.targets, *fitted.exogenous]
    missing = [name for name in [*keys, *values] if name not in table.columns]
    if missing:
        raise ValueError(
            f"table has the columns {list(table.columns)}, but no {missing[0]!r}; it "
            f"needs {keys}, which tell series and time, and {values}, which the "
            "network was trained on"
        )
    return table[[*keys, *values]]


def _check_whole(table: Any, names: list[Hashable]) -> None:
    """Check that no series lies in two partitions."""
    keys = table[names]
    found = keys.map_partitions(pd.DataFrame.drop_duplicates, meta=keys._meta)
    found = found.compute()
    again = found[found.duplicated()]
    if len(again):
        key = again.iloc[0].tolist()
        raise ValueError(
            f"the series {key[0] if len(key) == 1 else tuple(key)!r} lies in more than "
            f"one partition; bring each together with table.shuffle({names})"
        )


def _empty_result(
    meta: pd.DataFrame, keys: list[Hashable], targets: tuple[Hashable, ...]
) -> pd.DataFrame:
    result = meta[keys].iloc[:0].reset_index(drop=True)
    for name in targets:
        result[name] = np.empty(0)
    return result


def _forecast_partition(
    part: pd.DataFrame,
    fitted: FittedNetwork,
    fh: ForecastingHorizon,
    names: list[Any],
    time: Any,
    meta: pd.DataFrame,
) -> pd.DataFrame:
    if len(part) == 0:
        return meta
    panel = part.sort_values([*names, time]).set_index([*names, time])
    y = panel[list(fitted.targets)]
    x = None
    if fitted.exogenous:
        x = panel[list(fitted.exogenous)]
        y = _until_last_observed(y)
    series = fitted.reader().read(y, x)
    times, offsets = plan(fh, series, y.index.get_level_values(-1)[:1])
    means = [one.mean() for one in forecast(fitted, series, offsets, {})]
    result = to_frame(series, times, means, list(fitted.targets), y.index.names)
    kinds = {name: part[name].dtype for name in [*names, time]}
    return result.reset_index().astype(kinds | dict.fromkeys(fitted.targets, float))


def _until_last_observed(y: pd.DataFrame) -> pd.DataFrame:
    """Drop the rows of each series that come after its last observed target."""
    assert isinstance(y.index, pd.MultiIndex)
    key = pd.factorize(y.index.droplevel(-1))[0]
    row = np.arange(len(y))
    last = pd.Series(np.where(y.notna().any(axis=1), row, -1)).groupby(key)
    end = last.transform("max").to_numpy()
    # A series without any is left whole: reading it tells what is wrong.
    return y[(row <= end) | (end < 0)]
