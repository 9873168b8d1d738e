"""Reports: what a backtest found and what a forecast says, as text and as a table."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from sklrnn.experiments.backtest import Backtest


def describe_backtest(found: Backtest) -> str:
    """Say what was forecast and scored in a backtest, and how well.

    Parameters
    ----------
    found : Backtest
        What `backtest` returned.

    Returns
    -------
    text : str
        A line on the folds, one for each fold without an observed value, and the
        table of scores.
    """
    observed = found.forecasts["observed"]
    n_folds = found.forecasts["fold"].nunique()
    folds = "1 fold" if n_folds == 1 else f"{n_folds} folds"
    lines = [
        f"backtest: {folds} of {len(observed) // n_folds} steps from "
        f"{observed.index[0]}, {observed.count()} of {len(observed)} values observed"
    ]
    for fold in found.empty_folds:
        lines.append(f"fold {fold} has no observed value and is left out")
    return "\n".join([*lines, "", format_scores(found.scores)])


def format_scores(scores: pd.DataFrame) -> str:
    """Write each column with the decimals that give its smallest score four digits.

    Six decimals are the most.

    Parameters
    ----------
    scores : DataFrame of shape (n_models, n_scores)
        Such as the scores of a `Backtest`.

    Returns
    -------
    text : str
        The table, with "-" where there is no score.

    Examples
    --------
    >>> scores = {"MAE": [12.3456, 110.0], "MASE": [0.98765, float("nan")]}
    >>> print(format_scores(pd.DataFrame(scores, index=["lstm", "last value"])))
                  MAE   MASE
    lstm        12.35 0.9877
    last value 110.00      -
    """
    smallest = scores[scores > 0].min().fillna(1.0)
    decimals = [min(max(3 - math.floor(math.log10(s)), 0), 6) for s in smallest]
    formats = [f"{{:.{n}f}}".format for n in decimals]
    return scores.to_string(
        formatters=dict(zip(scores.columns, formats, strict=True)), na_rep="-"
    )


def tabulate_forecast(
    forecast: pd.Series, intervals: pd.DataFrame, time: str = "time"
) -> pd.DataFrame:
    """Put a forecast and its intervals into one table of plain columns.

    Parameters
    ----------
    forecast : Series of shape (horizon,)
        What `predict` returned.
    intervals : DataFrame of shape (horizon, 2 * n_coverages)
        What `predict_interval` returned for the same steps.
    time : str, default="time"
        Name of the first column, which holds the times.

    Returns
    -------
    table : DataFrame of shape (horizon, 2 + 2 * n_coverages)
        The times, "forecast", and "lower_80" and "upper_80" for a coverage of 0.8,
        all but the times in the units of the series.
    """
    table = forecast.to_frame("forecast")
    column: Any
    for column in intervals.columns:
        _, coverage, bound = column
        table[f"{bound}_{100 * coverage:g}"] = intervals[column]
    table.insert(0, time, forecast.index)
    return table
