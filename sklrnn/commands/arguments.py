"""Arguments: what the command ``sklrnn`` accepts, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from sklrnn import __version__

_FORECAST_EXAMPLES = """\
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

_IMPUTE_EXAMPLES = """\
examples:
  sklrnn impute sensors.csv --time t --out filled.csv --plot gaps.png
  sklrnn impute compressor --columns suction_pressure,discharge_pressure \\
      --out filled.csv --intervals intervals.csv

Every row stays as it is, at the time it has; the table of columns says how many
of their cells were missing and filled. The longest gap is the one of most rows, and
lasts from the value before it to the value after it. The expected error is the mean
absolute error on known cells that were taken away, in the units of the column.
"""


_COMPARE_EXAMPLES = """\
examples:
  sklrnn compare compressor --quick --out report
  sklrnn compare compressor --start 2018-01-01 --end 2018-07-01 --seeds 3 \\
      --max-epochs 40 --n-jobs 2 --out report
  sklrnn compare sensors.parquet --time t --task prediction \\
      --grid cell=gru,lstm --grid direction=forward,coupled --out report

All are trained on the first 60 % of the rows, choose their epoch on the next 20 %, and
are scored once on the rest: the mean squared error of the values at the last step of
every window, in squared deviations. Stopped and started again with the same folder,
the comparison goes on where it was.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments of ``sklrnn`` and its commands.

    Returns
    -------
    parser : ArgumentParser
        Its `command` is None if no command is given. Arguments that are wrong end the
        process with status 2 and one line on stderr.
    """
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
        epilog=_FORECAST_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_table(command)
    _add_forecast(command)
    _add_forecast_network(command)
    _add_forecast_output(command)
    command = commands.add_parser(
        "impute",
        help="fill the gaps of a table, with expected errors, intervals and a picture",
        description="Fill the missing cells of a table with a recurrent network that "
        "reads all its\ncolumns of numbers, and say how far off the fills may be.",
        epilog=_IMPUTE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_table(command)
    _add_imputation(command)
    _add_network(
        command,
        cell="gru",
        direction="coupled",
        window="rows that training reads at a time (default: 48)",
    )
    _add_imputation_output(command)
    command = commands.add_parser(
        "compare",
        help="compare architectures on prediction and reconstruction, with a report",
        description="Train a grid of recurrent networks on a table, for prediction and "
        "for reconstruction\nof missing values, and report which are best, what is "
        "tied and what it costs.",
        epilog=_COMPARE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_table(command, "CSV or Parquet table")
    _add_comparison(command)
    _add_comparison_networks(command)
    _add_comparison_output(command)
    command = commands.add_parser(
        "plugins",
        help="list the cells and fusions that can be named, and where they come from",
        description="List the cells and fusions that can be named, and where they come "
        "from.",
        allow_abbrev=False,
    )
    command.add_argument(
        "--check",
        action="store_true",
        help="load each one, run sklrnn.testing's check of cells or fusions on it, and "
        "say what is wrong with those that are broken; the exit status is then 1 "
        "(default: load none)",
    )
    return parser


def _add_table(command: argparse.ArgumentParser, kind: str = "CSV table") -> None:
    command.add_argument(
        "data",
        metavar="DATA",
        help=f"path of a {kind} (UTF-8, with a header; separated by comma, semicolon "
        "or tab), or compressor, the bundled hourly sensors of a gas compressor",
    )


def _add_forecast(command: argparse.ArgumentParser) -> None:
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


def _add_imputation(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what to fill")
    group.add_argument(
        "--time",
        metavar="COLUMN",
        help="column of dates or integers, increasing, at any distances (default: the "
        "first column of dates, else the row number)",
    )
    group.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="COLUMN[,COLUMN...]",
        help="columns to read and to fill; the others stay as they are (may be "
        "repeated; default: all columns of numbers)",
    )


def _add_comparison(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what to compare on")
    group.add_argument(
        "--task",
        default="both",
        metavar="TASK",
        help="prediction, reconstruction or both (default: %(default)s)",
    )
    group.add_argument(
        "--time",
        metavar="COLUMN",
        help="column of dates or integers, increasing; steps that are left out count "
        "as missing values (default: the first column of dates, else the row number)",
    )
    group.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="COLUMN[,COLUMN...]",
        help="columns to compare on (may be repeated; default: all columns of numbers)",
    )
    group.add_argument(
        "--start", metavar="TIME", help="first time to use (default: that of the table)"
    )
    group.add_argument(
        "--end", metavar="TIME", help="last time to use (default: that of the table)"
    )
    group.add_argument(
        "--window-length",
        type=_integer(4),
        metavar="N",
        help="steps of a window; its last one is scored (default: 48, quick: 24)",
    )
    group.add_argument(
        "--stride",
        type=_integer(1),
        metavar="N",
        help="steps from one test window to the next (default: so many that there are "
        "at most 1000 windows)",
    )


def _add_comparison_networks(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the networks")
    group.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NAME=VALUE[,VALUE...]",
        help="values of a parameter of the estimators; all combinations are compared "
        "(may be repeated; default: elman, lstm and gru, the directions, the fusions, "
        "layer_norm, absence_pattern, loss)",
    )
    group.add_argument(
        "--seeds",
        type=_integer(1),
        metavar="N",
        help="trainings of every architecture (default: 5, quick: 2)",
    )
    group.add_argument(
        "--hidden-size",
        type=_integer(1),
        metavar="N",
        help="features of the hidden state (default: 32, quick: 16)",
    )
    group.add_argument(
        "--max-epochs",
        type=_integer(1),
        metavar="N",
        help="passes over the data, at most (default: as many as make 2000 to 4000 "
        "steps, quick: 5)",
    )
    group.add_argument(
        "--n-jobs",
        type=_integer(1),
        metavar="N",
        help="trainings at a time (default: 1, quick: 2)",
    )
    group.add_argument(
        "--quick",
        action="store_true",
        help="a small grid on the newest 1500 steps, in two minutes on two cores",
    )


def _add_comparison_output(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("output")
    group.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write index.html, results.csv, results.json and what is needed to go on "
        "after an interruption; needs the extra compare (default: print the tables)",
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="delete another comparison that FOLDER holds (default: refuse)",
    )


def _add_network(
    command: argparse.ArgumentParser, cell: str, direction: str, window: str
) -> argparse._ArgumentGroup:
    """Add the options of every network, with the defaults of one command.

    `window` says what a window is for, and how long it is by default.
    """
    group = command.add_argument_group("the network")
    group.add_argument(
        "--cell",
        default=cell,
        metavar="NAME",
        help="elman, lstm, gru, or another of those that sklrnn plugins lists "
        "(default: %(default)s)",
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
        choices=("forward", "coupled", "decoupled"),
        default=direction,
        help="coupled reads the window from both ends; decoupled reads it forward and "
        "learns from a teacher that reads it backward (default: %(default)s)",
    )
    group.add_argument("--window-length", type=_integer(1), metavar="N", help=window)
    group.add_argument(
        "--max-epochs",
        type=_integer(1),
        metavar="N",
        help="passes over the data (default: as many as make 2000 to 4000 steps)",
    )
    group.add_argument(
        "--seed",
        type=_integer(0),
        default=0,
        metavar="N",
        help="makes results repeatable (default: %(default)s)",
    )
    return group


def network_parameters(args: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of estimators that the options of every network give.

    Parameters
    ----------
    args : Namespace
        Of a command that has a network.

    Returns
    -------
    parameters : dict
        From the names that all recurrent estimators share to values.
    """
    return {
        "cell": args.cell,
        "hidden_size": args.hidden_size,
        "direction": args.direction,
        "window_length": args.window_length,
        "max_epochs": args.max_epochs,
        "random_state": args.seed,
    }


def check_network(args: argparse.Namespace) -> None:
    """Check, before anything is trained, that the cell can be found.

    Raises
    ------
    ValueError, PluginError
        If it cannot.
    """
    from sklrnn.registry import find_cell

    find_cell(args.cell)


def _add_forecast_network(command: argparse.ArgumentParser) -> None:
    group = _add_network(
        command,
        cell="lstm",
        direction="forward",
        window="past steps that a forecast reads (default: two seasons or, if longer, "
        "the horizon; without a season twice the horizon, at least 24)",
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


def _add_forecast_output(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("output")
    group.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the forecast as CSV: the time, forecast, and the bounds of 80 %% "
        "and 95 %% intervals (default: print it)",
    )
    _add_spreadsheet(group)
    _add_plot(group)
    group.add_argument(
        "--unit",
        metavar="TEXT",
        help="unit of the target, for the picture (default: none)",
    )


def _add_imputation_output(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("output")
    group.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the table as CSV, with its gaps filled and all else as it is "
        "(default: print the report only)",
    )
    group.add_argument(
        "--intervals",
        type=Path,
        metavar="FILE",
        help="write a row for each filled cell as CSV: its time and column, the value, "
        "its standard deviation, and the bounds of its 90 %% interval (default: none)",
    )
    _add_spreadsheet(group)
    _add_plot(group)


def _add_spreadsheet(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--spreadsheet-safe",
        action="store_true",
        help="put an apostrophe before names and texts that a spreadsheet would take "
        "for a formula: those that begin with = + - @ (default: as they are)",
    )


def _add_plot(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw it (.png, .pdf, .svg, ...); needs matplotlib (default: no picture)",
    )


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
