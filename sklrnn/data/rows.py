"""Rows of tables and panels: whose they are, whether in order, and as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd


def iterate_series(table: pd.DataFrame) -> Iterator[tuple[Hashable, pd.DataFrame]]:
    """Yield (key, frame) for each series of a table; key is None for a single one."""
    if not isinstance(table.index, pd.MultiIndex):
        yield None, table
        return
    times = table.index.levels[-1], table.index.codes[-1]
    values = table.to_numpy(dtype=np.float64)
    order, bounds = _grouped(table.index)
    firsts = bounds[:-1] if order is None else order[bounds[:-1]]
    keys = table.index[firsts].droplevel(-1)
    for i, key in enumerate(keys):
        rows: Any = slice(bounds[i], bounds[i + 1])
        rows = rows if order is None else order[rows]
        index = times[0].take(times[1][rows])
        yield key, pd.DataFrame(values[rows], index=index, columns=table.columns)


def row_order(index: pd.Index) -> np.ndarray:
    """Return the rows of a table in the order in which `iterate_series` yields them."""
    if not isinstance(index, pd.MultiIndex):
        return np.arange(len(index))
    order, _ = _grouped(index)
    return np.arange(len(index)) if order is None else order


_REMEDY = (
    "sort them, for instance with sort_index(), or reset the index if it means nothing"
)


def check_order(
    index: pd.Index, name: str, *, once: bool = False, remedy: str = _REMEDY
) -> None:
    """Check that the rows of a table, or of each series of a panel, come in order.

    Parameters
    ----------
    index : pd.Index
        Times; of a panel the last level of a MultiIndex.
    name : str
        What the rows are of, for the message.
    once : bool, default=False
        Whether no time may come twice in a row.
    remedy : str, optional
        What the message says is to be done.

    Raises
    ------
    ValueError
        Naming the first time that comes after a later one, or twice.
    """
    if not isinstance(index, pd.MultiIndex):
        if index.is_monotonic_increasing and not (once and index.has_duplicates):
            return
    order = row_order(index)
    times = index.get_level_values(-1)[order]
    same = np.ones(max(len(index) - 1, 0), dtype=bool)
    if isinstance(index, pd.MultiIndex):
        keys = pd.factorize(index.droplevel(-1))[0][order]
        same = keys[1:] == keys[:-1]
    wrong = np.asarray(times[1:] < times[:-1])
    if once:
        wrong = wrong | np.asarray(times[1:] == times[:-1])
    wrong = wrong & same
    if not wrong.any():
        return
    at = int(np.argmax(wrong))
    row = order[at + 1]
    if times[at] == times[at + 1]:
        raise ValueError(f"{name} has {_repeated(index[row])}")
    raise ValueError(
        f"the rows of {name} are time steps and must be in the order of time, but "
        f"{index[row]} in row {row + 1} comes after {index[order[at]]}; {remedy}"
    )


def check_steps(index: pd.Index, name: str, *, once: bool = True) -> None:
    """Check that steps come in order, where their index tells an order.

    Times and numbers do. Texts do not, unless they are dates as 2024-01-31: those rows
    follow one another as they stand.

    Raises
    ------
    ValueError
        As `check_order` does.
    """
    times = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
    if _tells_order(times):
        check_order(index, name, once=once)


def _tells_order(times: pd.Index) -> bool:
    kinds = (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)
    if isinstance(times, kinds):
        return True
    what = pd.api.types.infer_dtype(times)
    if what == "string":  # of ISO dates the order is that of time
        return bool(times.str.fullmatch(r"\d{4}-\d\d(-\d\d.*)?").all())
    if pd.api.types.is_object_dtype(times.dtype):
        return what in ("date", "datetime")
    kind = times.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def check_times(index: pd.Index, name: str) -> None:
    """Raise a ValueError that names a time, if there is one, that comes again."""
    if not index.is_unique:
        raise ValueError(f"{name} has {_repeated(index[index.duplicated()][0])}")


def _repeated(time: Any) -> str:
    return (
        f"the time {time} more than once; keep one row per time, for instance with "
        "groupby(level=-1).mean()"
    )


def where_of(key: Hashable) -> str:
    """Return what messages say of the series in which something is wrong."""
    return "" if key is None else f" of series {key!r}"


def _grouped(index: pd.MultiIndex) -> tuple[np.ndarray | None, np.ndarray]:
    """Find the rows of every series, in the order in which the series appear.

    Returns
    -------
    order : ndarray of int or None
        Rows, series by series; None if they stand so already.
    bounds : ndarray of int
        Where in `order` each series begins, and the number of rows.
    """
    if len(index) == 0:
        return None, np.zeros(1, dtype=np.int64)
    changes = np.zeros(len(index) - 1, dtype=bool)
    for codes in index.codes[:-1]:
        changes |= codes[1:] != codes[:-1]
    starts = np.r_[0, np.flatnonzero(changes) + 1, len(index)]
    runs = index[starts[:-1]].droplevel(-1)
    if runs.is_unique:
        return None, starts
    numbers, keys = pd.factorize(runs)
    of_row = np.repeat(numbers, np.diff(starts))
    order = np.argsort(of_row, kind="stable")
    return order, np.searchsorted(of_row[order], np.arange(len(keys) + 1))


def check_counts(columns: pd.Index, targets: np.ndarray, where: str = "") -> None:
    """Check that targets, (n_rows, n_targets), are counts where they are observed.

    Raises
    ------
    ValueError
        Naming the columns that are not.
    """
    known = np.where(np.isnan(targets), 0.0, targets)
    wrong = ((known < 0) | (known != np.round(known))).any(axis=0)
    if wrong.any():
        names = [str(name) for name in columns[wrong]]
        raise ValueError(
            f"y{where} must hold counts, 0, 1, 2, ..., with distribution="
            f"'negative_binomial'; {listed(names)} does not"
        )


def to_float(frame: pd.DataFrame, name: str, where: str = "") -> np.ndarray:
    """Check a frame's times and values; return the values as float64, NaN for missing.

    Raises
    ------
    ValueError
        If times repeat or a value is infinite; the message names the column.
    """
    check_times(frame.index, f"{name}{where}")
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        names = [str(column) for column in frame.columns[infinite]]
        raise ValueError(
            f"{name}{where} has infinite values in {listed(names)}; replace them by "
            "NaN if they stand for missing values"
        )
    return values


def listed(names: list[str]) -> str:
    """Return names as messages list them."""
    return ("column " if len(names) == 1 else "columns ") + ", ".join(names)
