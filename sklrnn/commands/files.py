"""Files of the commands: the table is loaded, outputs are checked first, then put."""

from __future__ import annotations

import argparse
import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sklrnn.data.writing import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_OUTPUTS = ("out", "intervals", "plot")


def load_table(name: str, *, regular: bool = False) -> pd.DataFrame:
    """Return the table that the argument DATA names.

    Parameters
    ----------
    name : str
        A path, or "compressor".
    regular : bool, default=False
        Whether the compressor comes with the hours that its source leaves out.

    Returns
    -------
    table : DataFrame of shape (n_rows, n_columns)
        As `sklrnn.data.csv.read_table` returns it.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    if name == "compressor":
        from sklrnn.datasets import load_compressor

        return load_compressor(regular=regular).reset_index()
    from sklrnn.data.csv import read_table

    try:
        return read_table(name)
    except FileNotFoundError as error:
        raise ValueError(f"{error} (the bundled data is called compressor)") from None


def load_texts(name: str, table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the cells of that table as they are written, and what separates them."""
    from sklrnn.data.texts import read_texts, to_texts

    return (to_texts(table), ",") if name == "compressor" else read_texts(name)


def check_names(
    names: Sequence[str], table: pd.DataFrame, source: str, options: str
) -> None:
    """Check that the columns named by some options are there, each named once.

    Parameters
    ----------
    names : sequence of str
        All columns that were named.
    table : DataFrame
        The table that should have them.
    source : str
        Where it came from, for the error.
    options : str
        Where they were named, for the error.

    Raises
    ------
    ValueError
        If a column is not there or named again.
    """
    from sklrnn.data.columns import check_column

    for name in names:
        check_column(name, table.columns, source)
        if names.count(name) > 1:
            raise ValueError(
                f'the column "{name}" is named more than once in {options}'
            )


def check_outputs(args: argparse.Namespace) -> None:
    """Check that the files to write can be written, before minutes of training.

    Parameters
    ----------
    args : Namespace
        Its `data` is the table; its `out`, `intervals` and `plot`, as far as the
        command has them, are what it will write.

    Raises
    ------
    ValueError
        If one file would overwrite another or cannot be written, if the format of the
        picture is unknown, or if matplotlib is missing.
    """
    options = [name for name in _OUTPUTS if name in args]
    paths = [vars(args)[name] for name in options]
    real = [os.path.realpath(path) for path in [args.data, *paths] if path is not None]
    if len(set(real)) < len(real):
        *names, last = (f"--{name}" for name in options)
        raise ValueError(
            f"the table, {', '.join(names)} and {last} must be different files, or one "
            "would overwrite another"
        )
    for path in paths:
        if path is not None:
            _check_writable(path)
    if args.plot is not None:
        _check_drawable(args.plot)


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a directory")
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"cannot write {path}: no permission in {path.parent}")
    if path.exists() and not path.is_file():
        _check_device(path)
        return
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error


def _check_device(path: Path) -> None:
    """Check what is no regular file; Linux has one that is always full."""
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error
    if os.path.realpath(path) == "/dev/full":
        raise ValueError(f"cannot write {path}: {os.strerror(errno.ENOSPC)}")


def _check_drawable(path: Path) -> None:
    from sklrnn.plotting.axes import picture_formats

    try:
        known = picture_formats()
    except ImportError as error:
        raise ValueError(f"--plot: {error}") from error
    if path.suffix[1:] not in known:
        raise ValueError(
            f"cannot draw {path}: its name must end in one of .{', .'.join(known)}"
        )


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the name of the file ends in."""
    with replacing(path) as part:
        figure.savefig(part, dpi=150, format=path.suffix[1:])
