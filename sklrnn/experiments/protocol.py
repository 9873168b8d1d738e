"""The protocol of a comparison: its data, its split, its windows and its scores."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.absence import AbsenceDiffusion, find_joint_gaps
from sklrnn.data.scaling import standardisation

TRAIN, VALIDATION = 0.6, 0.2
"""Shares of the rows with a value, in time order; the rest is the test part."""

N_SEGMENTS = 10
GAP_BORDERS = (1, 2, 4, 8, 16)
"""Lower ends of the classes of gap lengths."""

MASK_SEED = 0
MASK_RATE = 0.4
_MOST_WINDOWS = 1000
_FEWEST_WINDOWS = 20

SCORES = ("micro_mse", "macro_mse", "micro_mae", "macro_mae")


@dataclass(frozen=True)
class Protocol:
    """What all architectures of a comparison have in common.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns)
        The table on a regular grid of times, standardised by its training part; NaN
        where nothing was observed.
    index : pd.Index
        Times of the rows.
    columns : tuple of str
    n_train, n_learned : int
        Rows of the training part; of it and the validation part.
    window_length : int
        Steps of a test window; its last step is scored.
    n_after : int
        Steps after it that offline reconstructions see.
    ends : ndarray of shape (n_windows,)
        Rows that are scored: the last ones of the windows.
    removed : ndarray of shape (n_windows, window_length + n_after, n_columns), bool
        What is taken from the windows to be reconstructed.
    checksum : str
        Of values and times, as they came.
    """

    values: np.ndarray
    index: pd.Index
    columns: tuple[str, ...]
    n_train: int
    n_learned: int
    window_length: int
    n_after: int
    ends: np.ndarray
    removed: np.ndarray
    checksum: str

    @cached_property
    def whole(self) -> np.ndarray:
        """Windows with the steps after them, (n_windows, n_steps, n_columns)."""
        steps = np.arange(-self.window_length + 1, self.n_after + 1)
        return self.values[self.ends[:, None] + steps]

    @property
    def seen(self) -> np.ndarray:
        """The same after absence was applied to it."""
        return np.where(self.removed, np.nan, self.whole)

    @property
    def truth(self) -> np.ndarray:
        """Return what is to be found, (n_windows, n_columns); NaN if not observed."""
        return self.values[self.ends]

    @property
    def segments(self) -> np.ndarray:
        """The number of the data segment of every window, from 0."""
        return np.arange(len(self.ends)) * N_SEGMENTS // len(self.ends)

    def learned(self) -> pd.DataFrame:
        """Return the training and validation part as estimators take it."""
        return pd.DataFrame(self.values[: self.n_learned], columns=list(self.columns))

    @property
    def validation_fraction(self) -> float:
        """Share of the rows with a value, of those learned from, kept to validate."""
        known = ~np.isnan(self.values[: self.n_learned]).all(axis=1)
        return float(known[self.n_train :].sum() / known.sum())


def split(
    table: pd.DataFrame,
    *,
    window_length: int,
    n_after: int,
    stride: int | None,
) -> Protocol:
    """Split a table into training, validation and test part, and cut test windows.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        On a regular grid of times.
    window_length, n_after : int
    stride : int or None
        Steps from one test window to the next. None: so that there are at most 1000.

    Raises
    ------
    ValueError
        If the table is too short, or if a column has no value to learn from.
    """
    n_train, n_learned = _borders(table)
    for name, lacks in _lacking(table):
        raise ValueError(
            f'the column "{name}" has no value in the {lacks} part; leave it out, or '
            "choose another period"
        )
    if window_length > n_train // 2:
        raise ValueError(
            f"window_length is {window_length}, but the training part has {n_train} "
            "rows; give more rows or a shorter window"
        )
    raw = table.to_numpy(dtype=np.float64)
    center, scale = standardisation([raw[:n_train]], True)
    values = (raw - center) / scale
    ends = np.arange(max(n_learned, window_length - 1), len(values) - n_after)
    ends = ends[~np.isnan(values[ends]).all(axis=1)]
    ends = ends[:: stride or -(-len(ends) // _MOST_WINDOWS) or 1]
    if len(ends) < _FEWEST_WINDOWS:
        raise ValueError(
            f"the test part, the last {len(values) - n_learned} rows, has "
            f"{len(ends)} windows to score, and at least {_FEWEST_WINDOWS} are "
            "needed; give more rows, or a lower stride"
        )
    n_steps = window_length + n_after
    return Protocol(
        values=values,
        index=table.index,
        columns=tuple(map(str, table.columns)),
        n_train=n_train,
        n_learned=n_learned,
        window_length=window_length,
        n_after=n_after,
        ends=ends,
        removed=_remove(values, n_learned, ends, n_steps, window_length),
        checksum=_checksum(table),
    )


def _borders(table: pd.DataFrame) -> tuple[int, int]:
    """Return the rows at which the validation part and the test part begin."""
    known = np.flatnonzero(table.notna().any(axis=1))
    if _too_short(table):
        raise ValueError(
            f"the table has {len(known)} rows with a value; a comparison needs many "
            "more"
        )
    n_train = int(known[round(TRAIN * len(known))])
    return n_train, int(known[round((TRAIN + VALIDATION) * len(known))])


def _too_short(table: pd.DataFrame) -> bool:
    return int(table.notna().any(axis=1).sum()) < 2 * _FEWEST_WINDOWS


def _lacking(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the columns without a value to learn from, and in which part."""
    n_train, n_learned = _borders(table)
    parts = {"training": table[:n_train], "validation": table[n_train:n_learned]}
    return [
        (str(name), part)
        for name in table.columns
        for part, rows in parts.items()
        if rows[name].isna().all()
    ]


def _without_lacking(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the columns without a value to learn from, and say so."""
    if _too_short(table):  # which `split` says
        return table, []
    lacking = dict(reversed(_lacking(table)))
    if not lacking or len(lacking) == table.shape[1]:
        return table, []
    return table.drop(columns=list(lacking)), [
        f"left out: {name}, which has no value in the {part} part"
        for name, part in reversed(lacking.items())
    ]


def _remove(
    values: np.ndarray, n_learned: int, ends: np.ndarray, n_steps: int, length: int
) -> np.ndarray:
    """Draw what is missing from the windows: the same for every architecture."""
    rng = np.random.default_rng(MASK_SEED)
    gaps = find_joint_gaps(~np.isnan(values[:n_learned]))
    absence = AbsenceDiffusion("mixed", MASK_RATE, length // 2, gaps)
    n_columns = values.shape[1]
    levels = rng.random(len(ends))
    removed = absence.draw(np.repeat(levels, n_steps), n_columns, rng)
    removed = removed.reshape(len(ends), n_steps, n_columns)
    # What is scored is always removed.
    removed[:, length - 1] = True
    whole = values[ends[:, None] + np.arange(1 - length, n_steps - length + 1)]
    return removed & ~np.isnan(whole)


def _checksum(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(table.to_numpy(dtype="<f8")).tobytes())
    digest.update("\n".join(map(str, table.columns)).encode())
    digest.update(f"{table.index[0]}/{table.index[-1]}/{len(table)}".encode())
    return digest.hexdigest()


# ---- scores -------------------------------------------------------------------------


def score(error: np.ndarray) -> dict[str, float]:
    """Score errors in standardised units.

    Parameters
    ----------
    error : ndarray of shape (..., n_columns)
        NaN where nothing is scored.

    Returns
    -------
    dict
        "micro_mse" and "micro_mae" are sums over all entries divided by their
        number, "macro_mse" and "macro_mae" means over columns of those of each.
    """
    error = error.reshape(-1, error.shape[-1])
    count = (~np.isnan(error)).sum(axis=0)
    square = np.nansum(error**2, axis=0)
    size = np.nansum(np.abs(error), axis=0)
    known = count > 0
    if not known.any():
        return dict.fromkeys(SCORES, float("nan"))
    return {
        "micro_mse": float(square.sum() / count.sum()),
        "macro_mse": float((square[known] / count[known]).mean()),
        "micro_mae": float(size.sum() / count.sum()),
        "macro_mae": float((size[known] / count[known]).mean()),
    }


def segment_scores(error: np.ndarray, segments: np.ndarray) -> list[float]:
    """Return the micro MSE of every data segment."""
    return [
        score(error[segments == number])["micro_mse"] for number in range(N_SEGMENTS)
    ]


def gap_scores(error: np.ndarray, gap: np.ndarray) -> list[dict[str, Any]]:
    """Return the micro MSE of the entries of every class of gap lengths.

    Parameters
    ----------
    error, gap : ndarray of shape (n_windows, n_columns)
        Errors, NaN where nothing is scored, and lengths of the gaps they lie in.
    """
    rows = []
    for low, high in zip(GAP_BORDERS, (*GAP_BORDERS[1:], np.inf), strict=True):
        inside = np.where((gap >= low) & (gap < high), error, np.nan)
        count = int((~np.isnan(inside)).sum())
        mse = score(inside)["micro_mse"] if count else None
        rows.append({"from": low, "entries": count, "micro_mse": mse})
    return rows


def gap_lengths(unseen: np.ndarray, at: int) -> np.ndarray:
    """Return how many steps a gap has that holds the step `at`.

    Parameters
    ----------
    unseen : ndarray of shape (n_windows, n_steps, n_columns), bool
    at : int

    Returns
    -------
    ndarray of shape (n_windows, n_columns), int
        0 where the step is seen.
    """
    before = np.cumprod(unseen[:, at::-1], axis=1).sum(axis=1)
    after = np.cumprod(unseen[:, at + 1 :], axis=1).sum(axis=1)
    return np.where(before > 0, before + after, 0)


def naive_errors(protocol: Protocol) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Return what simple answers miss.

    Returns
    -------
    dict from (task, name)
        To a dict from "online" and "offline" to errors at the scored entries, of
        shape (n_windows, n_columns), and from "removed" and "offline_removed" to
        those at all removed entries of the windows, (n_windows, window_length,
        n_columns).
    """
    truth, last = protocol.truth, protocol.window_length - 1
    length = protocol.window_length
    past = pd.DataFrame(protocol.values).ffill().shift(1).fillna(0.0).to_numpy()
    linear = _interpolate(_without_last(protocol.whole, last))
    whole = protocol.whole[:, :length]
    gone = protocol.removed[:, :length]
    filled = {
        "online": _interpolate(protocol.seen[:, :length]),
        "offline": _interpolate(protocol.seen)[:, :length],
    }
    held = _hold(protocol.seen[:, :length])

    def missed(estimate: np.ndarray) -> np.ndarray:
        return np.where(gone, estimate - whole, np.nan)

    return {
        ("prediction", "last value"): {"online": past[protocol.ends] - truth},
        ("prediction", "linear interpolation"): {"offline": linear[:, last] - truth},
        ("prediction", "mean"): {"online": -truth},
        ("reconstruction", "last value"): {
            "online": held[:, last] - truth,
            "removed": missed(held),
        },
        ("reconstruction", "linear interpolation"): {
            "online": filled["online"][:, last] - truth,
            "offline": filled["offline"][:, last] - truth,
            "removed": missed(filled["online"]),
            "offline_removed": missed(filled["offline"]),
        },
        ("reconstruction", "mean"): {
            "online": -truth,
            "removed": missed(np.zeros_like(whole)),
        },
    }


def _without_last(windows: np.ndarray, last: int) -> np.ndarray:
    windows = windows.copy()
    windows[:, last] = np.nan
    return windows


def _columns(windows: np.ndarray) -> pd.DataFrame:
    """Lay windows side by side, (n_steps, n_windows * n_columns)."""
    return pd.DataFrame(windows.transpose(1, 0, 2).reshape(windows.shape[1], -1))


def _windows(table: pd.DataFrame, like: np.ndarray) -> np.ndarray:
    n_windows, n_steps, n_columns = like.shape
    values = table.fillna(0.0).to_numpy()
    return values.reshape(n_steps, n_windows, n_columns).transpose(1, 0, 2)


def _interpolate(windows: np.ndarray) -> np.ndarray:
    """Interpolate linearly; beyond the first and last value seen, hold them."""
    return _windows(_columns(windows).interpolate(limit_direction="both"), windows)


def _hold(windows: np.ndarray) -> np.ndarray:
    """Hold the last value seen; before the first, the mean, which is 0."""
    return _windows(_columns(windows).ffill(), windows)


# ---- data ---------------------------------------------------------------------------


def load(
    data: Any,
    columns: Any = None,
    time: str | None = None,
    start: Any = None,
    end: Any = None,
    newest: int | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Load the columns to compare on, on a regular grid of times.

    Parameters
    ----------
    data : DataFrame, path-like, or "compressor"
    columns : list of str, optional
        All columns of numbers by default.
    time : str, optional
        Column of times.
    start, end : str, timestamp or int, optional
        First and last time to use.
    newest : int, optional
        Largest number of rows to use, the newest.

    Returns
    -------
    table : DataFrame of shape (n_rows, n_columns)
    lines : list of str
        What was read.

    Raises
    ------
    ValueError
        If it cannot be read, or if a column is not there or not numeric.
    """
    from sklrnn.data import columns as named

    table, source, own_time = _read(data)
    time = time or own_time
    entries = [columns] if isinstance(columns, str) else list(columns or [])
    names = named.split_names(entries, table.columns)
    for name in [*names, *([time] if time else [])]:
        named.check_column(name, table.columns, source)
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f'the column "{repeated[0]}" is named more than once')
    rows, times = named.index_rows(table, names or None, time)
    chosen = [str(name) for name in rows.columns]
    table = table.rename(columns=str)
    grid, times = named.put_on_grid(table, chosen, time)
    others = [name for name in table.columns if name not in (*chosen, grid.index.name)]
    grid = _period(grid, start, end)
    if newest is not None:
        grid = grid.iloc[-newest:]
    lines = [f"left out: {', '.join(others)}"] if others else []
    if not names:
        grid, lacking = _without_lacking(grid)
        lines += lacking
    missing = 100 * grid.isna().to_numpy().mean()
    read = (
        f"{source}: {len(grid)} steps from {grid.index[0]} to {grid.index[-1]}, "
        f"{missing:.1f} % missing; time: {times}; columns: {', '.join(grid.columns)}"
    )
    return grid, [read, *lines]


def _read(data: Any) -> tuple[pd.DataFrame, str, str | None]:
    """Return the table, where it came from, and the column of its own times."""
    if isinstance(data, pd.DataFrame):
        table, time = _without_index(data)
        return table, "the table", time
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(
            "data must be a DataFrame, a path or 'compressor', got "
            f"{type(data).__name__}"
        )
    from sklrnn.data.csv import read_parquet, read_table

    if str(data) == "compressor":
        from sklrnn.datasets import load_compressor

        return load_compressor(regular=True).reset_index(), "compressor", None
    if str(data).lower().endswith((".parquet", ".pq")):
        table, time = _without_index(read_parquet(data))
        return table, str(data), time
    try:
        return read_table(data), str(data), None
    except FileNotFoundError as error:
        raise ValueError(f"{error} (the bundled data is called compressor)") from None


def _without_index(table: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Make the index of a table its first column, if it tells times."""
    index = table.index
    if isinstance(index, pd.MultiIndex):
        raise TypeError("data must be one series, and this table has several")
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp().rename(index.name)
    told = isinstance(index, pd.DatetimeIndex) or index.name is not None
    table = table.set_axis(index).rename(columns=str)
    if not told:
        return table.reset_index(drop=True), None
    name = str(index.name or "time")
    return table.rename_axis(name).reset_index(), name


def _period(table: pd.DataFrame, start: Any, end: Any) -> pd.DataFrame:
    bounds = []
    for name, value in (("start", start), ("end", end)):
        if value is not None and isinstance(table.index, pd.DatetimeIndex):
            try:
                value = pd.Timestamp(value)
            except ValueError:
                raise ValueError(f"{name} must be a date, got {value!r}") from None
        elif value is not None:
            try:
                value = int(value)
            except ValueError:
                raise ValueError(
                    f"{name} must be an integer, as the times are, got {value!r}"
                ) from None
        bounds.append(value)
    low, high = bounds
    keep = np.ones(len(table), dtype=bool)
    if low is not None:
        keep &= np.asarray(table.index >= low)
    if high is not None:
        keep &= np.asarray(table.index <= high)
    if keep.sum() < 2:
        raise ValueError(
            f"there are {keep.sum()} rows from {start} to {end}; the table goes from "
            f"{table.index[0]} to {table.index[-1]}"
        )
    return table[keep]
