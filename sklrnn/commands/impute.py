"""The command ``sklrnn impute``: fill the gaps of a table, and draw them."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import TYPE_CHECKING

from sklrnn.commands.arguments import check_network, network_parameters
from sklrnn.commands.files import (
    check_names,
    check_outputs,
    load_table,
    load_texts,
    replacing,
    save_picture,
)

# What takes seconds to import is imported where it is used: see `sklrnn.commands.main`.
if TYPE_CHECKING:
    import pandas as pd

COVERAGE = 0.9


def run(args: argparse.Namespace) -> int:
    """Fill the gaps of a table."""
    check_outputs(args)
    data = _read(args)
    check_network(args)
    print(data.report, flush=True)
    if data.n_missing == 0:
        print("\nnothing is missing in these columns")
        found = SimpleNamespace(filled=data.observed, std=None, intervals=None)
    else:
        from sklrnn.experiments.report import describe_imputation

        found = _impute(args, data.observed)
        print(f"\n{describe_imputation(data.observed, found.filled, found.errors)}")
    _write(args, data, found)
    return 0


# ---- reading ----------------------------------------------------------------------


def _read(args: argparse.Namespace) -> SimpleNamespace:
    """Read the table, row by row as it is.

    Returns the table, its cells as they are written with their separator (texts), its
    columns to fill, indexed by time (observed), how many of their cells are missing,
    and a line that says what was read.
    """
    from sklrnn.data.columns import index_rows, split_names

    table = load_table(args.data)
    names = split_names(args.columns, table.columns)
    time = [args.time] if args.time else []
    check_names([*names, *time], table, args.data, "--time and --columns")
    observed, times = index_rows(table, names or None, args.time)
    others = table.columns.difference([*observed, observed.index.name], sort=False)
    report = (
        f"{args.data}: {len(observed)} rows from {observed.index[0]} to "
        f"{observed.index[-1]}; time: {times}; columns: {_listed(observed.columns)}"
    )
    if len(others):
        report += f"; left as they are: {_listed(others)}"
    return SimpleNamespace(
        table=table,
        texts=None if args.out is None else load_texts(args.data, table),
        observed=observed,
        n_missing=int(observed.isna().sum().sum()),
        report=report,
    )


def _listed(names: pd.Index) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(map(str, names[:12])) + more


# ---- filling ----------------------------------------------------------------------


def _impute(args: argparse.Namespace, observed: pd.DataFrame) -> SimpleNamespace:
    """Fit to the table and fill it; how sure that is only if it is asked for."""
    from sklrnn import RNNImputer
    from sklrnn.training import DivergenceError
    from sklrnn.training.progress import ProgressBar

    imputer = RNNImputer(**network_parameters(args), callbacks=[ProgressBar("impute")])
    try:
        imputer.fit(observed)
    except DivergenceError as error:
        raise ValueError(str(error)) from error
    found = SimpleNamespace(
        filled=imputer.transform(observed),
        errors=imputer.validation_error_,
        std=None,
        intervals=None,
    )
    if args.intervals is not None:
        found.std = imputer.impute_proba(observed).std
    if args.intervals is not None or args.plot is not None:
        found.intervals = imputer.impute_interval(observed, coverage=COVERAGE)
    return found


# ---- writing ----------------------------------------------------------------------


def _write(
    args: argparse.Namespace, data: SimpleNamespace, found: SimpleNamespace
) -> None:
    """Write the files that were asked for."""
    if any(path is not None for path in (args.out, args.intervals, args.plot)):
        print()
    if args.out is not None:
        from sklrnn.data.texts import fill_texts, without_formulas

        texts, separator = data.texts
        texts = fill_texts(texts, data.table, found.filled)
        if args.spreadsheet_safe:
            texts = without_formulas(texts)
        with replacing(args.out) as path:
            texts.to_csv(path, sep=separator, header=False, index=False)
        print(f"{args.out}: {len(data.table)} rows, {data.n_missing} cells filled")
    if args.intervals is not None:
        from sklrnn.experiments.report import tabulate_fills

        table = tabulate_fills(
            data.observed, found.filled, found.std, found.intervals, COVERAGE
        )
        if args.spreadsheet_safe:
            from sklrnn.data.texts import without_formulas

            table = without_formulas(table)
        with replacing(args.intervals) as path:
            table.to_csv(path, index=False, float_format="%.8g")
        print(f"{args.intervals}: {len(table)} filled cells")
    if args.plot is not None:
        _draw(args, data.observed, found)
        print(f"{args.plot}: picture")


def _draw(
    args: argparse.Namespace, observed: pd.DataFrame, found: SimpleNamespace
) -> None:
    from matplotlib.figure import Figure

    from sklrnn.datasets.compressor import UNITS
    from sklrnn.plotting.imputation import picture_size, plot_imputation

    units = UNITS if args.data == "compressor" else {}
    names = {name: f"{name} ({unit})" for name, unit in units.items()}
    intervals = found.intervals
    if intervals is not None:
        intervals = intervals.rename(columns=names, level=0)
    figure = Figure(layout="constrained")
    axes = plot_imputation(
        observed.rename(columns=names),
        found.filled.rename(columns=names),
        intervals,
        figure=figure,
    )
    figure.set_size_inches(*picture_size(len(axes)))
    save_picture(figure, args.plot)
