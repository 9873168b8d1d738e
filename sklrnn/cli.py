"""The command ``sklrnn``: forecast from the shell, and list what is plugged in."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from sklrnn.arguments import make_parser
from sklrnn.registry import PluginError, plugins

# Help and wrong arguments are answered at once: what takes seconds to import is
# imported where it is used.
if TYPE_CHECKING:
    import pandas as pd

    from sklrnn.experiments.backtest import Backtest

COVERAGES = (0.8, 0.95)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    status : int
        0; 1 if ``plugins --check`` finds a broken one; 2 if the arguments or the data
        are unusable: stderr then says why in one line.

    Raises
    ------
    SystemExit
        With 0 after help or version, 2 after arguments that cannot be parsed, and 130
        when interrupted.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    with _quiet_interrupt():
        try:
            if args.command == "plugins":
                return _plugins(args)
            _forecast(args)
        except (ValueError, TypeError, OSError, PluginError) as error:
            print(f"sklrnn: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
    return 0


def _plugins(args: argparse.Namespace) -> int:
    """Print the table of cells and fusions: the command ``sklrnn plugins``."""
    found = plugins(load=args.check)
    header = tuple(name.upper() for name in found[0]._fields)
    rows = [header, *(tuple(text or "-" for text in plugin) for plugin in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(n) for text, n in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return int(any(plugin.status.startswith("broken") for plugin in found))


def _forecast(args: argparse.Namespace) -> None:
    """Backtest, forecast and draw: the command ``sklrnn forecast``."""
    files = [args.data, args.out, args.plot]
    real = [os.path.realpath(path) for path in files if path is not None]
    if len(set(real)) < len(real):
        raise ValueError(
            "the table, --out and --plot must be different files, or one would "
            "overwrite another"
        )
    for path in (args.out, args.plot):
        _check_writable(path)
    if args.plot is not None:
        _check_drawable(args.plot)
    data = _read(args)
    print(data.report, flush=True)
    horizon, n_folds = args.horizon, args.backtest
    if len(data.y) < (n_folds + 2) * horizon:
        raise ValueError(
            f"--horizon {horizon} with --backtest {n_folds} needs at least "
            f"{(n_folds + 2) * horizon} steps ({n_folds} folds and twice the horizon "
            f'to learn from), but "{args.target}" has {len(data.y)} from its first '
            "to its last value; lower one of them"
        )

    from sklrnn.experiments.report import tabulate_forecast
    from sklrnn.training import DivergenceError

    try:
        found = _backtest(args, data) if n_folds else None
        forecast, intervals = _continue(args, data)
    except DivergenceError as error:
        raise ValueError(str(error)) from error
    table = tabulate_forecast(forecast, intervals, data.y.index.name or "time")
    if args.out is None:
        print(f"\n{table.to_string(index=False)}")
    else:
        with _replacing(args.out) as path:
            table.to_csv(path, index=False, float_format="%.8g")
        print(f"\n{args.out}: {horizon} steps after {data.y.index[-1]}")
    if args.plot is not None:
        _draw(args, data, forecast, intervals, found)
        print(f"{args.plot}: picture")


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
    from sklrnn.progress import ProgressBar

    return RNNForecaster(
        cell=args.cell,
        hidden_size=args.hidden_size,
        direction=args.direction,
        window_length=args.window_length,
        strategy=args.strategy,
        normalize=None if args.normalize == "none" else args.normalize,
        max_epochs=args.max_epochs,
        callbacks=[ProgressBar(stage)],
        random_state=args.seed,
    )


# ---- reading ----------------------------------------------------------------------


def _read(args: argparse.Namespace) -> SimpleNamespace:
    """Read the table onto a regular grid of times.

    Returns the target from its first to its last observed value (y), the exogenous
    columns on those rows (X) and on the rows to forecast (X_ahead), the season, and a
    line that says what was read.
    """
    from sklrnn.data import files

    table = _load(args.data)
    exogenous = files.split_names(args.exog, table.columns)
    named = [args.target, *exogenous, *([args.time] if args.time else [])]
    for name in named:
        files.check_column(name, table.columns, args.data)
        if named.count(name) > 1:
            raise ValueError(
                f'the column "{name}" is named more than once in --time, --target '
                "and --exog"
            )
    table, times = files.put_on_grid(table, [args.target, *exogenous], args.time)
    y = files.cut_observed(table[args.target])
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


def _load(name: str) -> pd.DataFrame:
    if name == "compressor":
        from sklrnn.datasets import load_compressor

        return load_compressor(regular=True).reset_index()
    from sklrnn.data.files import read_table

    try:
        return read_table(name)
    except FileNotFoundError as error:
        raise ValueError(f"{error} (the bundled data is called compressor)") from None


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
    from sklrnn.data.files import cut_known_ahead

    ahead = cut_known_ahead(table, exogenous, y.index[-1])
    if len(ahead) < args.horizon:
        raise ValueError(
            f"--exog needs its values for the {args.horizon} steps to forecast, but "
            f'only {len(ahead)} rows with them follow the last value of "{y.name}" (at '
            f"{y.index[-1]}); add rows with the times and the exogenous values to come "
            "and the target left empty, or leave --exog out"
        )
    return ahead.iloc[: args.horizon]


# ---- writing ----------------------------------------------------------------------


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
    with _replacing(args.plot) as path:
        figure.savefig(path, dpi=150, format=args.plot.suffix[1:])


def _check_writable(path: Path | None) -> None:
    # Said now, not after minutes of training.
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a directory")
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"cannot write {path}: no permission in {path.parent}")


def _check_drawable(path: Path) -> None:
    from sklrnn.plotting import picture_formats

    try:
        known = picture_formats()
    except ImportError as error:
        raise ValueError(f"--plot: {error}") from error
    if path.suffix[1:] not in known:
        raise ValueError(
            f"cannot draw {path}: its name must end in one of .{', .'.join(known)}"
        )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to, and put the whole file in place of `path` after it.

    A link is followed; what is not a regular file, such as a device, is written to.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        yield path
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """Exit with 130 on Ctrl-C, without a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals cannot be handled
        return

    def leave(*_: Any) -> NoReturn:
        # Not a KeyboardInterrupt: skorch takes that as the end of one training, and
        # goes on.
        raise SystemExit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
