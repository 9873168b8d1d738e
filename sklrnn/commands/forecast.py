"""The command ``sklrnn forecast``: backtest, forecast and draw a column of a table."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sklrnn.commands.arguments import check_network, network_parameters
from sklrnn.commands.files import (
    check_names,
    check_outputs,
    load_table,
    replacing,
    save_picture,
)

# What takes seconds to import is imported where it is used: see `sklrnn.commands.main`.
if TYPE_CHECKING:
    import pandas as pd

    from sklrnn.experiments.backtest import Backtest

COVERAGES = (0.8, 0.95)


def run(args: argparse.Namespace) -> int:
    """Backtest, forecast and draw."""
    check_outputs(args)
    data = _read(args)
    check_network(args)
    time = str(data.y.index.name)
    if time == "forecast" or time.startswith(("lower_", "upper_")):
        raise ValueError(
            f'the time column is named "{time}", as a column of the forecasts will be; '
            "rename it"
        )
    print(data.report, flush=True)
    horizon, n_folds = args.horizon, args.backtest
    if len(data.y) < (n_folds + 2) * horizon:
        raise ValueError(
            f"--horizon {horizon} with --backtest {n_folds} needs at least "
            f"{(n_folds + 2) * horizon} steps ({n_folds} folds and twice the horizon "
            f'to learn from), but "{args.target}" has {len(data.y)} from its first '
            "to its last value; lower one of them"
        )

    from sklrnn.data.texts import without_formulas
    from sklrnn.experiments.report import tabulate_forecast
    from sklrnn.training import DivergenceError

    try:
        found = _backtest(args, data) if n_folds else None
        forecast, intervals = _continue(args, data)
    except DivergenceError as error:
        raise ValueError(str(error)) from error
    table = tabulate_forecast(forecast, intervals, data.y.index.name or "time")
    if args.spreadsheet_safe:
        table = without_formulas(table)
    if args.out is None:
        print(f"\n{table.to_string(index=False)}")
    else:
        with replacing(args.out) as path:
            table.to_csv(path, index=False, float_format="%.8g")
        print(f"\n{args.out}: {horizon} steps after {data.y.index[-1]}")
    if args.plot is not None:
        _draw(args, data, forecast, intervals, found)
        print(f"{args.plot}: picture")
    return 0


def _backtest(args: argparse.Namespace, data: SimpleNamespace) -> Backtest:
    from sklrnn.experiments.backtest import backtest
    from sklrnn.experiments.report import describe_backtest

    found = backtest(
        _forecaster(args, "backtest"),
        data.y,
        data.X,
        horizon=args.horizon,
        n_folds=args.backtest,
        season=data.season,
        refit=args.refit,
    )
    print(describe_backtest(found), flush=True)
    return found


def _continue(
    args: argparse.Namespace, data: SimpleNamespace
) -> tuple[pd.Series, pd.DataFrame]:
    """Fit to everything and forecast what follows, with intervals."""
    forecaster = _forecaster(args, "forecast")
    forecaster.fit(y=data.y, X=data.X, fh=list(range(1, args.horizon + 1)))
    forecast = forecaster.predict(X=data.X_ahead)
    intervals = forecaster.predict_interval(X=data.X_ahead, coverage=list(COVERAGES))
    return forecast, intervals


def _forecaster(args: argparse.Namespace, stage: str) -> Any:
    from sklrnn import RNNForecaster
    from sklrnn.training.progress import ProgressBar

    return RNNForecaster(
        **network_parameters(args),
        strategy=args.strategy,
        normalize=None if args.normalize == "none" else args.normalize,
        callbacks=[ProgressBar(stage)],
    )


# ---- reading ----------------------------------------------------------------------


def _read(args: argparse.Namespace) -> SimpleNamespace:
    """Read the table onto a regular grid of times.

    Returns the target from its first to its last observed value (y), the exogenous
    columns on those rows (X) and on the rows to forecast (X_ahead), the season, and a
    line that says what was read.
    """
    from sklrnn.data import columns

    table = load_table(args.data, regular=True)
    exogenous = columns.split_names(args.exog, table.columns)
    named = [args.target, *exogenous, *([args.time] if args.time else [])]
    check_names(named, table, args.data, "--time, --target and --exog")
    table, times = columns.put_on_grid(table, [args.target, *exogenous], args.time)
    y = columns.cut_observed(table[args.target])
    season = _season(args, y)
    step = f" ({y.index.freqstr})" if hasattr(y.index, "freqstr") else ""
    return SimpleNamespace(
        y=y,
        X=table.loc[y.index, exogenous] if exogenous else None,
        X_ahead=_ahead(args, table, y, exogenous) if exogenous else None,
        season=season,
        report=f"{args.target}: {len(y)} steps{step} from {y.index[0]} to "
        f"{y.index[-1]}, {100 * y.isna().mean():.1f} % missing; time: {times}; "
        f"season: {season or 'none'}",
    )


def _season(args: argparse.Namespace, y: pd.Series) -> int | None:
    """Return the steps in a season; None if there is none."""
    from sklrnn.data.timegrid import infer_step, season_length

    season = args.season
    if season is None:
        season = season_length(infer_step(y.index))
        # One season at least must come before the first fold.
        if season and len(y) - args.backtest * args.horizon <= season:
            season = None
    return None if season == 1 else season


def _ahead(
    args: argparse.Namespace, table: pd.DataFrame, y: pd.Series, exogenous: list[str]
) -> pd.DataFrame:
    """Return the exogenous values on the rows to forecast."""
    from sklrnn.data.columns import cut_known_ahead

    ahead = cut_known_ahead(table, exogenous, y.index[-1])
    if len(ahead) < args.horizon:
        raise ValueError(
            f"--exog needs its values for the {args.horizon} steps to forecast, but "
            f'only {len(ahead)} rows with them follow the last value of "{y.name}" (at '
            f"{y.index[-1]}); add rows with the times and the exogenous values to come "
            "and the target left empty, or leave --exog out"
        )
    return ahead.iloc[: args.horizon]


# ---- drawing ----------------------------------------------------------------------


def _draw(
    args: argparse.Namespace,
    data: SimpleNamespace,
    forecast: pd.Series,
    intervals: pd.DataFrame,
    found: Backtest | None,
) -> None:
    from matplotlib.figure import Figure

    from sklrnn.datasets.compressor import UNITS
    from sklrnn.plotting import plot_forecast

    unit = args.unit
    if unit is None and args.data == "compressor":
        unit = UNITS.get(args.target)
    # The backtest and some rows before it, unless that would be too much to see.
    n_shown = args.horizon * (2 + min(args.backtest, 8))
    n_shown = max(n_shown, 3 * (data.season or args.horizon), 24)
    history = data.y.iloc[-n_shown:]
    name = args.target if unit is None else f"{args.target} ({unit})"
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    plot_forecast(
        history.rename(name), forecast, intervals, found, ax=figure.subplots()
    )
    save_picture(figure, args.plot)
