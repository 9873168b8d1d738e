"""Tables as they are written: to fill cells and leave the others, letter by letter."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.csv import open_table


def read_texts(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, str]:
    """Read the cells of a CSV table as they are written.

    Parameters
    ----------
    path : path-like
        What `sklrnn.data.csv.read_table` reads.

    Returns
    -------
    texts : DataFrame of shape (1 + n_rows, n_columns)
        Strings, the header first; below it, row by row, what `read_table` reads.
    separator : str
        What stands between the cells of a row. Quotation marks are not part of them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read or is not a CSV table.
    """
    with open_table(path) as (file, form):
        texts = pd.read_csv(file, header=None, dtype=str, na_filter=False, **form)
    return texts, form["sep"]


def to_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Write a table, without its index, into such cells.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Nothing is written where a value is missing.

    Returns
    -------
    texts : DataFrame of shape (1 + n_rows, n_columns)
        Strings, the header first.
    """
    written = io.StringIO(table.to_csv(index=False))
    return pd.read_csv(
        written, header=None, dtype=str, na_filter=False, skip_blank_lines=False
    )


def fill_texts(
    texts: pd.DataFrame, table: pd.DataFrame, filled: pd.DataFrame
) -> pd.DataFrame:
    """Write numbers into the cells of a table that hold none.

    Parameters
    ----------
    texts : DataFrame of shape (1 + n_rows, n_columns)
        The cells, the header first.
    table : DataFrame of shape (n_rows, n_columns)
        What they were read as: NaN where a value is missing.
    filled : DataFrame of shape (n_rows, n_filled)
        Values of some of the columns of `table`, on its rows in its order.

    Returns
    -------
    texts : DataFrame of shape (1 + n_rows, n_columns)
        New cells, with eight digits; those that held a value are as they were.
    """
    cells = texts.to_numpy(dtype=object, copy=True)
    for name in filled.columns:
        rows = np.flatnonzero(table[name].isna())
        values = filled[name].to_numpy()[rows]
        column = table.columns.get_loc(name)
        cells[rows + 1, column] = [f"{value:.8g}" for value in values]
    return pd.DataFrame(cells)


_COMMANDS = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take a cell that begins with it for."""


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before names and texts that a spreadsheet would compute.

    Numbers stay as they are, negative ones too.
    """
    safe = table.rename(columns=_as_text)
    for place in range(safe.shape[1]):
        column = safe.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(column):
            safe.isetitem(place, column.map(_as_text).to_numpy(dtype=object))
    return safe


def _as_text(cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.startswith(_COMMANDS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
