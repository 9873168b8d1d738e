"""Frames of any dtypes to frames of numbers, and fills back into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.rows import check_order, check_steps


def as_numbers(X: pd.DataFrame, name: str = "X") -> pd.DataFrame:
    """Return a table or panel as float64, on row numbers if its index means nothing.

    Raises
    ------
    TypeError
        If a column does not hold numbers.
    ValueError
        If a number is infinite, or if rows, called those of `name`, are not in the
        order of time.
    """
    frame = pd.DataFrame(
        {place: column_numbers(X.iloc[:, place]) for place in range(X.shape[1])}
    )
    frame.columns = X.columns
    frame.index = pd.RangeIndex(len(X))
    if isinstance(X.index, pd.MultiIndex):
        check_steps(X.index, name)
        frame.index = X.index
    elif tells_times(X):
        check_order(X.index, name, once=True)
        frame.index = X.index
    else:
        check_steps(X.index, name, once=False)
    return frame


def column_numbers(column: pd.Series) -> np.ndarray:
    """Return a column as float64, NaN where missing.

    Raises
    ------
    TypeError
        If it does not hold numbers; the message names the column.
    ValueError
        If a number is infinite.
    """
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_object_dtype(kind)
    ):
        raise TypeError(
            f"the column {column.name!r} holds {kind}, no numbers: leave dates and "
            "categorical columns out, for instance with a ColumnTransformer"
        )
    if pd.api.types.is_complex_dtype(kind):
        raise ValueError(f"Complex data not supported: the column {column.name!r}")
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the column {column.name!r} does not hold numbers alone: {error}"
        ) from error
    if np.isinf(values).any():
        raise ValueError(
            f"X has infinite values in the column {column.name!r}; replace them by NaN "
            "if they stand for missing values"
        )
    return values


def is_nested(X: pd.DataFrame) -> bool:
    """Tell whether a frame holds a series in every cell."""
    return X.size > 0 and isinstance(X.iat[0, 0], (pd.Series, np.ndarray))


def tells_times(X: Any) -> bool:
    """Tell whether X has an index of times; else its rows follow one another."""
    if not isinstance(X, (pd.DataFrame, pd.Series)):
        return False
    kinds = (pd.DatetimeIndex, pd.PeriodIndex)
    return isinstance(X.index, kinds) or pd.api.types.is_integer_dtype(X.index)


def put_fills(X: pd.DataFrame, filled: pd.DataFrame) -> pd.DataFrame:
    """Put fills into the gaps of X; all else, index and dtypes included, stays."""
    columns = []
    for place in range(X.shape[1]):
        column = X.iloc[:, place]
        missing = column.isna().to_numpy()
        if missing.any():
            fills = filled.iloc[:, place].to_numpy()
            kind: Any = column.dtype
            if not pd.api.types.is_float_dtype(kind):
                # Of integers the fills are fractions all the same.
                kind = "Float64" if hasattr(kind, "na_value") else np.float64
            column = column.astype(kind)
            column = column.mask(
                missing, pd.Series(fills, index=column.index, dtype=kind)
            )
        columns.append(column)
    result = pd.concat(columns, axis=1)
    result.columns = X.columns
    return result
