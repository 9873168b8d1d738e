"""The command ``sklrnn``: forecast a column of a table from the shell."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from sklrnn import __version__
from sklrnn.registry import PluginError

# Help and wrong arguments are answered at once: what takes seconds to import is
# imported where it is used.
if TYPE_CHECKING:
    import pandas as pd

    from sklrnn.experiments import Backtest

COVERAGES = (0.8, 0.95)
_COMPRESSOR_UNITS = {
    "suction_pressure": "bar",
    "discharge_pressure": "bar",
    "suction_temperature": "degC",
    "discharge_temperature": "degC",
}
_MAX_SPARSITY = 100
_EXAMPLES = """\
examples:
  sklrnn forecast compressor --target discharge_pressure --horizon 24 \\
      --backtest 5 --out forecast.csv --plot forecast.png
  sklrnn forecast sales.csv --time month --target sold --exog price,holidays \\
      --horizon 12 --out forecast.csv

The table of scores has a row for the network and, forecasting the same steps, for
the last value seen and for the last season seen. MAE and RMSE are in the units of the
target; MASE is the MAE divided by the mean absolute change within a season (or a
step). Missing values are never scored.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    status : int
        0, or 2 if the arguments or the data are unusable; stderr then says why in one
        line.

    Raises
    ------
    SystemExit
        With 0 after help or version, 2 after arguments that cannot be parsed, and 130
        when interrupted.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    with _quiet_interrupt():
        try:
            _forecast(args)
        except (ValueError, TypeError, OSError, PluginError) as error:
            print(f"sklrnn: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
    return 0


def _forecast(args: argparse.Namespace) -> None:
    """Backtest, forecast and draw: the command ``sklrnn forecast``."""
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
            f"to learn from), but {_quoted(args.target)} has {len(data.y)} from its "
            "first to its last value; lower one of them"
        )

    from sklrnn.training import DivergenceError

    try:
        found = _backtest(args, data) if n_folds else None
        forecast, intervals = _continue(args, data)
    except DivergenceError as error:
        raise ValueError(str(error)) from error
    table = _table(data.y.index, forecast, intervals)
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
    from sklrnn.experiments import backtest

    found = backtest(
        _forecaster(args, "backtest"),
        data.y,
        data.X,
        horizon=args.horizon,
        n_folds=args.backtest,
        season=data.season,
        refit=args.refit,
    )
    observed = found.forecasts["observed"]
    folds = "1 fold" if args.backtest == 1 else f"{args.backtest} folds"
    print(
        f"backtest: {folds} of {args.horizon} steps from {observed.index[0]}, "
        f"{observed.count()} of {len(observed)} values observed"
    )
    for fold in found.empty_folds:
        print(f"fold {fold} has no observed value and is left out")
    print(f"\n{_aligned(found.scores)}", flush=True)
    return found


def _aligned(scores: pd.DataFrame) -> str:
    """Write each column with the decimals that give its smallest score four digits."""
    smallest = scores[scores > 0].min().fillna(1.0)
    decimals = [max(3 - math.floor(math.log10(score)), 0) for score in smallest]
    formats = [f"{{:.{n}f}}".format for n in decimals]
    return scores.to_string(
        formatters=dict(zip(scores.columns, formats, strict=True)), na_rep="-"
    )


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

    return RNNForecaster(
        cell=args.cell,
        hidden_size=args.hidden_size,
        direction=args.direction,
        window_length=args.window_length,
        strategy=args.strategy,
        normalize=None if args.normalize == "none" else args.normalize,
        max_epochs=args.max_epochs,
        callbacks=[_progress(stage)],
        random_state=args.seed,
    )


def _progress(stage: str) -> Any:
    """Return a callback that draws the progress of each training on a terminal."""
    from tqdm import tqdm

    # skorch's, which only that module imports.
    from sklrnn.training import Callback

    class Progress(Callback):
        def __init__(self, stage: str) -> None:
            self.stage = stage

        def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
            n_batches = -(-len(X[0]) // net.batch_size)
            # Without validation part it is the training that uses all rows.
            what = "choosing the epoch" if X[1] is not None else "learning all rows"
            self.bar_ = tqdm(
                total=net.max_epochs * n_batches,
                desc=f"{self.stage}: {what}",
                unit="batch",
                leave=False,
                disable=None,  # unless stderr is a terminal
            )

        def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
            self.bar_.set_postfix_str(f"epoch {len(net.history)}")

        def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
            self.bar_.update(int(training))

        def on_train_end(self, net: Any, **kwargs: Any) -> None:
            self.bar_.close()

    return Progress(stage)


# ---- reading ----------------------------------------------------------------------


def _read(args: argparse.Namespace) -> SimpleNamespace:
    """Read the table onto a regular grid of times.

    Returns the target from its first to its last observed value (y), the exogenous
    columns on those rows (X) and on the rows to forecast (X_ahead), the season, and a
    line that says what was read.
    """
    from sklrnn.data.timegrid import infer_step, season_length

    table = _load(args.data)
    exogenous = _exogenous_names(args.exog, table.columns)
    named = [args.target, *exogenous, *([args.time] if args.time else [])]
    for name in named:
        _check_column(name, table, args.data)
        if named.count(name) > 1:
            raise ValueError(
                f"the column {_quoted(name)} is named more than once in --time, "
                "--target and --exog"
            )
    index, times = _times(table, args.time, {args.target, *exogenous})
    _check_order(index, times)
    columns = {name: _numbers(table[name]) for name in (args.target, *exogenous)}
    table = _on_grid(index, columns, times)
    y = table[args.target]
    if y.notna().sum() == 0:
        raise ValueError(f"the column {_quoted(args.target)} has no value at all")
    y = y.loc[y.first_valid_index() : y.last_valid_index()]
    season = args.season
    if season is None:
        season = season_length(infer_step(y.index))
        # One season at least must come before the first fold.
        if season and len(y) - args.backtest * args.horizon <= season:
            season = None
    step = f" ({y.index.freqstr})" if hasattr(y.index, "freqstr") else ""
    missing = 100 * y.isna().mean()
    return SimpleNamespace(
        y=y,
        X=table.loc[y.index, exogenous] if exogenous else None,
        X_ahead=_ahead(table, y, exogenous, args.horizon) if exogenous else None,
        season=None if season == 1 else season,
        report=f"{args.target}: {len(y)} steps{step} from {y.index[0]} to "
        f"{y.index[-1]}, {missing:.1f} % missing; time: {times}; season: "
        f"{season if season and season > 1 else 'none'}",
    )


def _load(name: str) -> pd.DataFrame:
    import pandas as pd

    if name == "compressor":
        from sklrnn.datasets import load_compressor

        return load_compressor(regular=True).reset_index()
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            separator = max(",;\t", key=head.count)
            table = pd.read_csv(
                file, sep=separator, skipinitialspace=True, low_memory=False
            )
    except FileNotFoundError:
        raise ValueError(
            f"there is no file {_quoted(name)} (the bundled data is called compressor)"
        ) from None
    except OSError as error:
        raise ValueError(f"cannot read {_quoted(name)}: {error.strerror}") from error
    except ValueError as error:  # not text, or no rows of equal length
        raise ValueError(f"{_quoted(name)} is not a CSV table: {error}") from error
    if len(table) < 2:
        raise ValueError(f"{_quoted(name)} has {len(table)} rows below its header")
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(
            f"{_quoted(name)} is not a CSV table: its rows have more fields than its "
            "header"
        )
    return table


def _exogenous_names(given: Sequence[str], columns: pd.Index) -> list[str]:
    names: list[str] = []
    for entry in given:
        parts = [entry] if entry in columns else entry.split(",")
        names.extend(part.strip() for part in parts)
    return names


def _check_column(name: str, table: pd.DataFrame, where: str) -> None:
    columns = [str(column) for column in table.columns]
    if name in columns:
        return
    near = get_close_matches(name, columns, n=3)
    if near:
        hint = f"did you mean {' or '.join(map(_quoted, near))}?"
    else:
        more = ", ..." if len(columns) > 12 else ""
        hint = f"it has {', '.join(columns[:12])}{more}"
    raise ValueError(f"{where} has no column {_quoted(name)}; {hint}")


def _times(
    table: pd.DataFrame, name: str | None, taken: set[str]
) -> tuple[pd.Index, str]:
    """Return the time of each row, and where it was found."""
    import pandas as pd

    if name is not None:
        return _parse_times(table[name]), f"column {_quoted(name)}"
    for column in table.columns.difference(list(taken), sort=False):
        if pd.api.types.is_numeric_dtype(table[column]):
            continue
        dates = _parse_dates(table[column])
        if dates is not None:
            return dates.rename(column), f"column {_quoted(column)}"
    return pd.RangeIndex(len(table), name="row"), "row number"


def _parse_times(column: pd.Series) -> pd.Index:
    import pandas as pd

    name = _quoted(column.name)
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax()) + 1
        raise ValueError(f"the time column {name} is empty in row {row}")
    if pd.api.types.is_bool_dtype(column):
        raise ValueError(f"the time column {name} holds neither dates nor integers")
    if pd.api.types.is_numeric_dtype(column):
        if not (column % 1 == 0).all():
            raise ValueError(
                f"the time column {name} holds fractions; write times as dates or "
                "integers"
            )
        return pd.Index(column.astype("int64"), name=column.name)
    dates = _parse_dates(column)
    if dates is None:
        raise ValueError(
            f"the time column {name} does not parse as dates throughout (its first "
            f"entry is {column.iloc[0]!r}); write them like 2024-01-31 23:00"
        )
    return dates


def _parse_dates(column: pd.Series) -> pd.DatetimeIndex | None:
    """Parse dates written alike: the month first, or the day; in UTC if zones mix."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    for dayfirst, utc in ((False, False), (True, False), (False, True)):
        # pandas warns where it would have to guess entry by entry.
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            try:
                dates = pd.DatetimeIndex(
                    pd.to_datetime(column, dayfirst=dayfirst, utc=utc)
                )
            except (ValueError, TypeError):
                continue
        if not doubts and not dates.hasnans:
            return dates
    return None


def _check_order(index: pd.Index, times: str) -> None:
    if index.is_monotonic_increasing and index.is_unique:
        return
    for row in range(1, len(index)):
        if index[row] < index[row - 1]:
            raise ValueError(
                f"the times are not sorted ({times}): {index[row]} in row {row + 1} "
                f"comes after {index[row - 1]}; sort the rows by time"
            )
        if index[row] == index[row - 1]:
            raise ValueError(
                f"the time {index[row]} is repeated in row {row + 1} ({times}); keep "
                "one row per time"
            )


def _numbers(column: pd.Series) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ValueError(
            f"the column {_quoted(column.name)} is not numeric: {column.iloc[row]!r} "
            f"in row {row + 1}"
        )
    return numbers


def _on_grid(
    index: pd.Index, columns: dict[str, pd.Series], times: str
) -> pd.DataFrame:
    """Put rows on a regular grid of times, with NaN at the times that are missing."""
    import numpy as np
    import pandas as pd

    from sklrnn.data.timegrid import infer_step, positions

    step = infer_step(index)
    assert step is not None  # of two rows or more
    at = positions(index, index[0], step)
    apart = np.gcd.reduce(np.diff(at))
    if isinstance(step, int) and apart > 1:
        raise ValueError(
            f"the integer times ({times}) are {apart} apart; write them as dates, or "
            "count the steps"
        )
    n_steps = int(at[-1]) + 1
    if n_steps > _MAX_SPARSITY * len(index):
        raise ValueError(
            f"the times ({times}) span {n_steps} steps of {_step_name(step)} for "
            f"{len(index)} rows: too sparse for a series"
        )
    table = pd.DataFrame({name: c.to_numpy() for name, c in columns.items()})
    # Times between two points of the grid go to the nearest, and share it.
    table = table.groupby(at).mean().reindex(range(n_steps))
    if isinstance(step, int):
        table.index = pd.RangeIndex(index[0], index[0] + n_steps, name=index.name)
    else:
        table.index = pd.date_range(
            index[0], periods=n_steps, freq=step, name=index.name
        )
    return table


def _step_name(step: Any) -> str:
    return str(getattr(step, "freqstr", step))


def _ahead(
    table: pd.DataFrame, y: pd.Series, exogenous: list[str], horizon: int
) -> pd.DataFrame:
    """Return the exogenous values on the rows to forecast."""
    after = table.loc[table.index > y.index[-1], exogenous]
    known = after.notna().any(axis=1).to_numpy()
    n_known = int(known.nonzero()[0][-1]) + 1 if known.any() else 0
    if n_known < horizon:
        raise ValueError(
            f"--exog needs its values for the {horizon} steps to forecast, but only "
            f"{n_known} rows with them follow the last value of {_quoted(y.name)} (at "
            f"{y.index[-1]}); add rows with the times and the exogenous values to come "
            "and the target left empty, or leave --exog out"
        )
    return after.iloc[:horizon]


# ---- writing ----------------------------------------------------------------------


def _table(
    past: pd.Index, forecast: pd.Series, intervals: pd.DataFrame
) -> pd.DataFrame:
    table = forecast.to_frame("forecast")
    variable = intervals.columns[0][0]
    for coverage in COVERAGES:
        for bound in ("lower", "upper"):
            column = intervals[(variable, coverage, bound)]
            table[f"{bound}_{100 * coverage:g}"] = column
    table.insert(0, past.name or "time", forecast.index)
    return table


def _draw(
    args: argparse.Namespace,
    data: SimpleNamespace,
    forecast: pd.Series,
    intervals: pd.DataFrame,
    found: Backtest | None,
) -> None:
    from matplotlib.figure import Figure

    from sklrnn.plotting import plot_forecast

    unit = args.unit
    if unit is None and args.data == "compressor":
        unit = _COMPRESSOR_UNITS.get(args.target)
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
    from sklrnn.plotting import require_matplotlib

    try:
        require_matplotlib()
    except ImportError as error:
        raise ValueError(f"--plot: {error}") from error
    from matplotlib.figure import Figure

    known = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix[1:] not in known:
        raise ValueError(
            f"cannot draw {path}: its name must end in one of .{', .'.join(known)}"
        )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to, and put the whole file in place of `path` after it."""
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


def _quoted(name: Any) -> str:
    return f'"{name}"'


# ---- arguments --------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the command does about data."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sklrnn: error: {message} (see {self.prog} --help)\n")


def _integer(low: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {low}, got {text!r}"
            )
        return value

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sklrnn",
        description="Recurrent networks for sequences.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sklrnn {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands"
    )
    command = commands.add_parser(
        "forecast",
        help="continue a column of a table, with intervals, a backtest and a picture",
        description="Continue a column of a table with a recurrent network, and compare"
        "\nthe network with simple forecasts on the newest part of the data.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_data(command)
    _add_network(command)
    _add_output(command)
    return parser


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "data",
        metavar="DATA",
        help="path of a CSV table (UTF-8, with a header; separated by comma, semicolon "
        "or tab), or compressor, the bundled hourly sensors of a gas compressor",
    )
    group = command.add_argument_group("what to forecast")
    group.add_argument(
        "--target", required=True, metavar="COLUMN", help="column to forecast"
    )
    group.add_argument(
        "--horizon",
        required=True,
        type=_integer(1),
        metavar="N",
        help="number of steps to forecast, after the last value of the target",
    )
    group.add_argument(
        "--time",
        metavar="COLUMN",
        help="column of dates or integers, increasing; steps that are left out count "
        "as missing values (default: the first column of dates, else the row number)",
    )
    group.add_argument(
        "--exog",
        action="append",
        default=[],
        metavar="COLUMN[,COLUMN...]",
        help="columns known in advance that explain the target; the table must go on "
        "with them for the steps to forecast (may be repeated; default: none)",
    )
    group.add_argument(
        "--season",
        type=_integer(1),
        metavar="N",
        help="steps in a season, for the seasonal naive forecast and MASE; 1 is none "
        "(default: from the times, such as 24 for hours, else none)",
    )
    group.add_argument(
        "--backtest",
        type=_integer(0),
        default=5,
        metavar="N",
        help="forecast the newest N times HORIZON steps, HORIZON at a time, each from "
        "what came before; 0 is no backtest (default: %(default)s)",
    )
    group.add_argument(
        "--refit",
        action="store_true",
        help="fit again for each fold of the backtest (default: one fit before the "
        "first fold; later folds read the newer rows with the weights as they are)",
    )


def _add_network(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the network")
    group.add_argument(
        "--cell",
        default="lstm",
        metavar="NAME",
        help="elman, lstm, gru, or the name of a plug-in (default: %(default)s)",
    )
    group.add_argument(
        "--hidden-size",
        type=_integer(1),
        default=64,
        metavar="N",
        help="features of the hidden state (default: %(default)s)",
    )
    group.add_argument(
        "--direction",
        choices=("forward", "coupled"),
        default="forward",
        help="coupled reads the window from both ends (default: %(default)s)",
    )
    group.add_argument(
        "--window-length",
        type=_integer(1),
        metavar="N",
        help="past steps that a forecast reads (default: two seasons, else twice the "
        "horizon and at least 24)",
    )
    group.add_argument(
        "--strategy",
        choices=("direct", "recursive"),
        default="direct",
        help="all steps at once, or one step fed back (default: %(default)s)",
    )
    group.add_argument(
        "--normalize",
        choices=("standard", "window", "last", "none"),
        default="window",
        help="by the mean and deviation of the column, of each window, by the last "
        "value of each window, or not at all (default: %(default)s)",
    )
    group.add_argument(
        "--max-epochs",
        type=_integer(1),
        metavar="N",
        help="passes over the data (default: as many as make about 2000 steps)",
    )
    group.add_argument(
        "--seed",
        type=_integer(0),
        default=0,
        metavar="N",
        help="makes results repeatable (default: %(default)s)",
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("output")
    group.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the forecast as CSV: the time, forecast, and the bounds of 80 %% "
        "and 95 %% intervals (default: print it)",
    )
    group.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw it (.png, .pdf, .svg, ...); needs matplotlib (default: no picture)",
    )
    group.add_argument(
        "--unit",
        metavar="TEXT",
        help="unit of the target, for the picture (default: none)",
    )
