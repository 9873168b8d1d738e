"""Tables as they are written: to fill cells and leave the others, letter by letter."""

from __future__ import annotations

import io
import os

import numpy as np
import pandas as pd

from sklrnn.data.files import open_table


def read_texts(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, str]:
    """Read the cells of a CSV table as they are written.

    Parameters
    ----------
    path : path-like
        What `sklrnn.data.files.read_table` reads.

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
