"""Files to tables: CSV and Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import pandas as pd

_LONGEST_LINE = 1 << 20
"""Characters of a header; what has more is no table, and may never end."""


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a CSV table, separated by whichever its header has most of: , ; or tab.

    Parameters
    ----------
    path : path-like
        A UTF-8 text with a header.

    Returns
    -------
    table : DataFrame of shape (n_rows, n_columns)
        As pandas reads it, its rows numbered from 0. Blank lines are left out, but for
        those of a single column, where they are missing values.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, is not a CSV table, or has fewer than two rows.
    """
    with open_table(path) as (file, form):
        _check_header(file.readline(), form["sep"])
        file.seek(0)
        table = pd.read_csv(file, low_memory=False, **form)
    name = quoted(path)
    if len(table) < 2:
        raise ValueError(f"{name} has {len(table)} rows below its header")
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(
            f"{name} is not a CSV table: its rows have more fields than its header"
        )
    return table


def read_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a Parquet table.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    table : DataFrame of shape (n_rows, n_columns)
        With the index it was written with.

    Raises
    ------
    ValueError
        If it cannot be read, has fewer than two rows, or if pyarrow is missing.
    """
    name = quoted(path)
    if not os.path.exists(path):
        raise ValueError(f"there is no file {name}")
    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise ValueError(
            f"reading {name} needs pyarrow: pip install pyarrow, or write it as CSV"
        ) from None
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{name} is not a Parquet table: {error}") from error
    if len(table) < 2:
        raise ValueError(f"{name} has {len(table)} rows")
    return table


@contextmanager
def open_table(
    path: str | os.PathLike[str],
) -> Iterator[tuple[TextIO, dict[str, Any]]]:
    """Open a CSV table, to be read by pandas with the options that come with it.

    Parameters
    ----------
    path : path-like
        A UTF-8 text with a header.

    Yields
    ------
    file : text file
        At its beginning.
    form : dict
        What `pandas.read_csv` needs to know; "sep" is the separator.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, or if reading it raises one.
    """
    name = quoted(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            head = file.readline(_LONGEST_LINE)
            if len(head) == _LONGEST_LINE:
                raise ValueError(f"its first line has {len(head)} characters or more")
            file.seek(0)
            separator = max(",;\t", key=head.count)
            form = {
                "sep": separator,
                "skipinitialspace": True,
                "skip_blank_lines": separator in head or not head.strip(),
            }
            yield file, form
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {name}") from None
    except OSError as error:
        raise ValueError(f"cannot read {name}: {error.strerror}") from error
    except ValueError as error:  # not text, or no rows of equal length
        raise ValueError(f"{name} is not a CSV table: {error}") from error


def _check_header(head: str, separator: str) -> None:
    """Check that no two columns have one name, which pandas would change."""
    names = next(csv.reader([head], delimiter=separator, skipinitialspace=True), [])
    names = [name.strip() for name in names]
    again = [name for name in names if name and names.count(name) > 1]
    if again:
        raise ValueError(
            f"its header has the column {quoted(again[0])} more than once; give each a "
            "name of its own"
        )


def quoted(name: Any) -> str:
    """Return a name as messages quote it."""
    return f'"{name}"'
