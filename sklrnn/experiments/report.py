"""Reports on backtests, forecasts, filled gaps, comparisons, as text and as tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklrnn.data.gaps import find_gaps

if TYPE_CHECKING:
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


def describe_imputation(
    observed: pd.DataFrame, filled: pd.DataFrame, errors: pd.Series
) -> str:
    """Say how much of each column was missing and filled, and how well.

    Parameters
    ----------
    observed : DataFrame of shape (n_rows, n_columns)
        In time order, NaN where a value is missing.
    filled : DataFrame of shape (n_rows, n_columns)
        The same, filled.
    errors : Series of shape (n_columns,)
        The error to expect of each column, in its units; NaN where it is not known.

    Returns
    -------
    text : str
        A table with a row for each column; "-" where there is no gap or error. The
        longest gap is that of most rows; if the index holds dates it comes with the
        time from the value before it to the value after it, or to the end of the table.

    Examples
    --------
    >>> observed = pd.DataFrame({"load": [1.0, None, None, 4.0], "price": 2.0})
    >>> errors = pd.Series({"load": 0.123456, "price": float("nan")})
    >>> print(describe_imputation(observed, observed.interpolate(), errors))
           missing  filled  longest gap  expected error
    load         2       2       2 rows          0.1235
    price        0       0            -               -
    """
    missing = observed.isna()
    error = errors.reindex(observed.columns)
    table = pd.DataFrame(
        {
            "missing": missing.sum(),
            "filled": (missing & filled.notna()).sum(),
            "longest gap": [_longest_gap(missing[name]) for name in missing],
            "expected error": [f"{e:.4g}" if e == e else "-" for e in error],
        },
        index=observed.columns,
    )
    return table.to_string(
        col_space=[0, *(len(name) + 1 for name in table.columns[1:])]
    )


def describe_comparison(results: pd.DataFrame) -> str:
    """Say which architectures were best, and that ties are ties.

    Parameters
    ----------
    results : DataFrame
        What `sklrnn.experiments.compare` returned.

    Returns
    -------
    text : str
        A table for each task, best first, with the best group and the choice marked.
    """
    from sklrnn.experiments.statistics import summarise

    parts = []
    summary = summarise(results)
    for (task, view), rows in summary.groupby(["task", "view"], sort=False):
        table = pd.DataFrame(
            {
                "micro MSE": [f"{value:.4g}" for value in rows["micro_mse"]],
                "+-": ["-" if s != s else f"{s:.2g}" for s in rows["std"]],
                "MAE": [f"{value:.4g}" for value in rows["micro_mae"]],
                "multiply-adds": [
                    "-" if pd.isna(n) else f"{n:,}" for n in rows["multiply_adds"]
                ],
                "": [_mark(row) for row in rows.to_dict("records")],
            },
            index=list(rows["architecture"]),
        )
        parts.append(f"{task}, {view}\n{table.to_string()}")
    n_seeds = int(summary["seeds"].max())
    seeds = (
        "one seed, of which no deviation is known"
        if n_seeds == 1
        else (
            f"{n_seeds} seeds; those within two deviations of the best are tied with it"
        )
    )
    return "\n\n".join([*parts, f"best: {seeds}; choice: of these, the cheapest"])


def _mark(row: dict[Any, Any]) -> str:
    if row["choice"]:
        return "best, choice"
    return "best" if row["best_group"] else ""


def _longest_gap(missing: pd.Series) -> str:
    gaps = find_gaps(missing.to_numpy())
    if not len(gaps):
        return "-"
    first, end = gaps[np.argmax(gaps[:, 1] - gaps[:, 0])]
    text = "1 row" if end - first == 1 else f"{end - first} rows"
    if not isinstance(missing.index, pd.DatetimeIndex):
        return text
    before, after = missing.index[[max(first - 1, 0), min(end, len(missing) - 1)]]
    days, hours = str(after - before).split(" days ")
    lasts = [] if days == "0" else [f"{days} day" if days == "1" else f"{days} days"]
    if hours != "00:00:00" or not lasts:
        lasts.append(hours)
    return f"{text} ({' '.join(lasts)})"


def tabulate_fills(
    observed: pd.DataFrame,
    filled: pd.DataFrame,
    std: pd.DataFrame | None,
    intervals: pd.DataFrame | None,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """List the filled cells, with their deviations and intervals.

    Parameters
    ----------
    observed : DataFrame of shape (n_rows, n_columns)
        NaN where a value is missing. Its index holds the times.
    filled : DataFrame of shape (n_rows, n_columns)
        The same, filled.
    std : DataFrame of shape (n_rows, n_columns)
        Standard deviations of what is filled. None if nothing is missing.
    intervals : DataFrame, optional
        What `impute_interval` returned for the same rows. None if nothing is missing.
    coverage : float, default=0.9
        Which of the intervals to list.

    Returns
    -------
    table : DataFrame of shape (n_filled, 6)
        By time, then in the order of the columns: the time, "column", and in its units
        "value", "std", and "lower_90" and "upper_90" for a coverage of 0.9.
    """
    row, column = np.nonzero(observed.isna().to_numpy())

    def pick(values: pd.DataFrame | None) -> Any:
        if values is None:
            return np.empty(0)
        return values[observed.columns].to_numpy()[row, column]

    table = pd.DataFrame({"column": observed.columns[column], "value": pick(filled)})
    table["std"] = pick(std)
    for bound in ("lower", "upper"):
        bounds: Any = intervals
        if bounds is not None:
            bounds = bounds.xs((coverage, bound), level=[1, 2], axis="columns")
        table[f"{bound}_{100 * coverage:g}"] = pick(bounds)
    name = observed.index.name or "time"
    table.insert(0, name, observed.index[row], allow_duplicates=True)
    return table
