"""Forecasts as distributions of skpro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.forecasting.distributions import EVEN_LEVELS
from sklrnn.forecasting.forecasts import Forecast


def to_skpro(
    kind: str,
    forecasts: list[Forecast],
    quantiles: Callable[[np.ndarray], list[np.ndarray]],
    to_frame: Callable[[list[np.ndarray]], pd.DataFrame],
    *,
    as_predicted: bool,
) -> Any:
    """Return forecasts as one distribution of skpro.

    Parameters
    ----------
    kind : str
        What was predicted: see `Distribution`.
    forecasts : list of Forecast
        In the units of y.
    quantiles : callable
        Takes levels to the quantiles of each series.
    to_frame : callable
        Takes a number for each entry of each series to a table.
    as_predicted : bool
        Whether distributions are left as predicted. Those that skpro has are then
        exact; others are those of 200 quantiles, and of what lies between them.

    Raises
    ------
    ImportError
        If skpro is missing.
    """
    if as_predicted:
        exact = skpro_form(kind, [one.params() for one in forecasts])
        if exact is not None:
            tables = [to_frame(rows) for rows in exact[1]]
            index, columns = tables[0].index, tables[0].columns
            values = [table.to_numpy() for table in tables]
            return exact[0](*values, index=index, columns=columns)
    from sklrnn.forecasting.quantile_table import Empirical, QuantileTable

    found = quantiles(EVEN_LEVELS)
    samples = {
        i: to_frame([rows[..., i] for rows in found]) for i in range(len(EVEN_LEVELS))
    }
    table = pd.concat(samples, names=["sample"])
    # Between two counts there is none.
    form = Empirical if kind == "negative_binomial" else QuantileTable
    return form(table, index=samples[0].index, columns=samples[0].columns)


def skpro_form(
    kind: str, params: list[np.ndarray | None]
) -> tuple[Any, list[list[np.ndarray]]] | None:
    """Return skpro's distribution of a kind, and what it takes of each series.

    None if skpro has none, or where not all entries are of that kind.
    """
    names = {
        "gaussian": "Normal",
        "student_t": "TDistribution",
        "negative_binomial": "NegativeBinomial",
    }
    known = [one for one in params if one is not None]
    if kind not in names or len(known) < len(params):
        return None
    from skpro import distributions

    found = [[one[..., i] for one in known] for i in range(known[0].shape[-1])]
    if kind == "negative_binomial":
        found[1] = [1 / dispersion for dispersion in found[1]]
    return getattr(distributions, names[kind]), found
