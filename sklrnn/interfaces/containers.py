"""What series may come in: containers, their indexes and their values, in our words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.rows import check_order, check_times

_REMEDY = "give a pandas Series or DataFrame, a numpy array, or a panel of sktime's"


def check_container(data: Any, name: str) -> None:
    """Check data that sktime's own checks would refuse in general words.

    Parameters
    ----------
    data : object
        None and containers that are not known here pass.
    name : str
        What the message calls it.

    Raises
    ------
    TypeError
        If the type is none of series, or its index holds no times.
    ValueError
        If times are missing, repeat, or do not come in order.
    """
    if isinstance(data, (list, tuple)) and not _holds_frames(data):
        raise TypeError(f"{name} has the type {type(data).__name__}; {_advice(data)}")
    if isinstance(data, (str, bytes, dict, set, int, float, complex)):
        raise TypeError(f"{name} has the type {type(data).__name__}; {_REMEDY}")
    if isinstance(data, (pd.Series, pd.DataFrame)):
        _check_index(data.index, name)


def check_targets_are_numbers(y: Any) -> None:
    """Check that y holds numbers, where it is one of pandas'.

    Raises
    ------
    TypeError
        If a column holds text, dates, complex numbers or objects.
    """
    if not isinstance(y, (pd.Series, pd.DataFrame)) or _is_nested(y):
        return
    frame = y.to_frame() if isinstance(y, pd.Series) else y
    wrong = {n: kind for n, kind in frame.dtypes.items() if not _is_number(kind)}
    if not wrong:
        return
    column, kind = next(iter(wrong.items()))
    if isinstance(y, pd.DataFrame) and len(wrong) > 1 and len(wrong) < y.shape[1]:
        raise TypeError(
            f"y holds no numbers in the columns {list(wrong)}: if they tell series and "
            f"time, make them its index, y.set_index({list(wrong)})"
        )
    raise TypeError(
        "Forecasters do not support categorical features in endogeneous y: its column "
        f"{column!r} holds the type {kind}; convert it to numbers, for instance with "
        "pd.to_numeric, or leave it out"
    )


def _advice(data: Any) -> str:
    numbers = len(data) and all(isinstance(i, (int, np.integer)) for i in data)
    if numbers and len(data) <= 400:
        return f"{_REMEDY}; steps to forecast are given by keyword, fh={list(data)[:6]}"
    return _REMEDY


def _holds_frames(data: Any) -> bool:
    return len(data) > 0 and isinstance(data[0], (pd.DataFrame, pd.Series))


def _is_nested(y: Any) -> bool:
    """Tell whether a frame holds a series in every cell."""
    return y.size > 0 and isinstance(y.to_numpy().ravel()[0], (pd.Series, np.ndarray))


def _is_number(kind: Any) -> bool:
    if isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_complex_dtype(kind):
        return False
    return pd.api.types.is_numeric_dtype(kind)


def _check_index(index: pd.Index, name: str) -> None:
    times = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
    if not _tells_times(times):
        raise TypeError(
            f"the index of {name} holds the type {times.dtype}, no times: convert it, "
            "for instance with pd.to_datetime, or number its rows with reset_index("
            "drop=True)"
        )
    missing = index.codes[-1] < 0 if isinstance(index, pd.MultiIndex) else index.isna()
    if np.any(missing):
        row = int(np.argmax(missing)) + 1
        raise ValueError(f"the index of {name} has no time in row {row}; drop that row")
    check_order(index, name)
    if not isinstance(index, pd.MultiIndex):
        check_times(index, name)


def _tells_times(index: pd.Index) -> bool:
    kinds = (pd.DatetimeIndex, pd.PeriodIndex)
    return isinstance(index, kinds) or pd.api.types.is_integer_dtype(index)
