"""Cells of tables: each is to hold a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

_SERIES = (pd.Series, pd.DataFrame, np.ndarray)


def refuse_strange_cells(X: Any, name: str = "X") -> None:
    """Raise an error for cells with texts, or with lists in place of series.

    What holds no objects and no texts passes unseen.

    Raises
    ------
    TypeError
        If a cell holds a text.
    ValueError
        If a cell holds a list or a tuple, or an array stands in an array.
    """
    if isinstance(X, pd.DataFrame):
        for place, column in enumerate(X.columns):
            values = X.iloc[:, place]
            if pd.api.types.is_object_dtype(values.dtype):
                _check(values.to_numpy(), f"the column {column!r} of {name}", True)
            elif isinstance(values.dtype, pd.StringDtype):
                raise TypeError(f"the column {column!r} of {name} {_TEXTS}")
    elif isinstance(X, np.ndarray) and X.dtype.kind in "US":
        raise TypeError(f"{name} {_TEXTS}")
    elif isinstance(X, np.ndarray) and X.dtype == object:
        _check(X.ravel(), name, False)
    elif isinstance(X, (list, tuple)):
        for number, item in enumerate(X):
            if isinstance(item, str):
                raise TypeError(f"row {number} of {name} {_TEXTS}")
            if isinstance(item, (list, tuple)):
                for text in (cell for cell in item if isinstance(cell, str)):
                    raise TypeError(f"row {number} of {name} {_TEXTS}, as {text!r}")
            else:
                refuse_strange_cells(item, f"sequence {number} of {name}")


_TEXTS = (
    "holds texts, no numbers: leave categorical columns out, or convert numbers that "
    "are written out with astype(float)"
)


def _check(cells: np.ndarray, name: str, in_frame: bool) -> None:
    """Check the cells of a column or of an array of objects."""
    for number, cell in enumerate(cells):
        if isinstance(cell, str):
            raise TypeError(f"{name} {_TEXTS}: cell {number} is {cell!r}")
        if isinstance(cell, (list, tuple)):
            raise ValueError(
                f"cell {number} of {name} holds a {type(cell).__name__}: a cell holds "
                "a number, or a series as pd.Series; give sequences as a list of "
                "arrays or DataFrames"
            )
        if not in_frame and isinstance(cell, _SERIES):
            raise ValueError(
                f"{name} is an array of arrays; give sequences of unequal lengths as a "
                f"list: list({name})"
            )
