"""Sequences of unequal lengths: read from what users have, laid end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.frames import as_numbers, is_nested
from sklrnn.data.rows import check_steps, iterate_series
from sklrnn.data.windows import channels


class Sequences(NamedTuple):
    """Sequences laid end to end.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_channels)
        Steps of all sequences, one after another; NaN where not observed.
    lengths : ndarray of shape (n_sequences,), int64
        Number of steps of each.
    """

    values: np.ndarray
    lengths: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """First row of each sequence."""
        return np.cumsum(self.lengths) - self.lengths

    def split(self, values: np.ndarray | None = None) -> list[np.ndarray]:
        """Return rows, those of the sequences if not given, sequence by sequence."""
        rows = self.values if values is None else values
        return np.split(rows, np.cumsum(self.lengths)[:-1])

    def take(self, index: np.ndarray) -> Sequences:
        """Return some of the sequences, in this order."""
        lengths = self.lengths[index]
        rows = np.repeat(self.starts[index] - (np.cumsum(lengths) - lengths), lengths)
        return Sequences(self.values[rows + np.arange(lengths.sum())], lengths)


def is_flat(X: Any) -> bool:
    """Tell whether X is a table, each row a sequence of one channel."""
    if isinstance(X, pd.DataFrame):
        return not isinstance(X.index, pd.MultiIndex) and not is_nested(X)
    if isinstance(X, list):
        return not any(_is_sequence(item) for item in X) or _is_rectangle(X)
    return not (isinstance(X, np.ndarray) and X.ndim == 3)


def flat_sequences(table: np.ndarray) -> Sequences:
    """Return the rows of an array of shape (n_sequences, n_steps) as sequences."""
    return Sequences(table.reshape(-1, 1), np.full(len(table), table.shape[1]))


def read_sequences(X: Any, name: str = "X") -> Sequences:
    """Read a panel.

    Parameters
    ----------
    X : ndarray of shape (n_sequences, n_channels, n_steps), list, or DataFrame
        A list holds DataFrames and Series whose rows are steps, or arrays of shape
        (n_channels, n_steps) or (n_steps,). A DataFrame has a row MultiIndex whose last
        level is time, or a series in every cell.
    name : str, default="X"
        What errors call it.

    Raises
    ------
    ValueError
        If there are no sequences, one has no steps, their channels differ, a value is
        infinite, or steps with an index are not in its order.
    TypeError
        If values are no numbers.
    """
    if isinstance(X, np.ndarray) and X.ndim == 3:
        n_sequences, n_channels, n_steps = X.shape
        _check_shape(n_sequences, n_channels, name)
        values = np.moveaxis(_to_float(X, name), 1, 2).reshape(-1, n_channels)
        parts: Iterable = [values]
        lengths = np.full(n_sequences, n_steps)
    elif isinstance(X, pd.DataFrame) and isinstance(X.index, pd.MultiIndex):
        frame = as_numbers(X, name)
        parts = [part.to_numpy() for _, part in iterate_series(frame)]
        lengths = np.array([len(part) for part in parts])
    else:
        rows = X.itertuples(index=False) if isinstance(X, pd.DataFrame) else X
        read = _read_cells if isinstance(X, pd.DataFrame) else _read_item
        parts = [read(item, f"{number} of {name}") for number, item in enumerate(rows)]
        lengths = np.array([len(part) for part in parts])
    _check_shape(len(lengths), 1, name)
    _check_parts(parts, lengths, name)
    return Sequences(np.concatenate(list(parts)), lengths.astype(np.int64))


def rows_of(sequences: Sequences, masked: bool) -> np.ndarray:
    """Return the rows that a network reads, float32.

    Returns
    -------
    ndarray of shape (n_rows, n_channels) or, if `masked`, (n_rows, 3 * n_channels)
        As `sklrnn.data.windows.channels` writes them, sequence by sequence.
    """
    if not masked and not np.isnan(sequences.values).any():
        return sequences.values.astype(np.float32, copy=False)
    return np.concatenate([channels(part, masked) for part in sequences.split()])


def merge_repeats(
    sequences: Sequences, answers: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count equal sequences with equal answers once, with the sum of their weights.

    A sequence of weight 2 is thus the same as one given twice, one of weight 0 the same
    as none. The order depends on the contents alone.

    Parameters
    ----------
    sequences : Sequences
    answers : ndarray of shape (n_sequences, ...)
    weights : ndarray of shape (n_sequences,)

    Returns
    -------
    index : ndarray of int
        Which sequences to keep, in an order of their own.
    weights : ndarray of float
        Their weights.
    """
    digests = np.empty(len(weights), dtype="S32")
    for number, (part, answer) in enumerate(
        zip(sequences.split(), answers, strict=True)
    ):
        content = hashlib.blake2b(part.tobytes(), digest_size=16)
        content.update(np.asarray(answer).tobytes())
        digests[number] = content.hexdigest()
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    sums = np.bincount(group, weights=weights)
    return first[sums > 0], sums[sums > 0]


def _is_sequence(item: Any) -> bool:
    return np.ndim(item) > 0 or isinstance(item, (pd.DataFrame, pd.Series))


def _is_rectangle(X: list) -> bool:
    """Tell whether a list holds plain sequences of numbers, all of one length."""
    plain = all(isinstance(item, (list, tuple)) for item in X)
    return plain and len({len(item) for item in X}) == 1 and np.ndim(X) == 2


def _read_item(item: Any, which: str) -> np.ndarray:
    """Return one sequence of a list, (n_steps, n_channels)."""
    where = f"sequence {which}"
    if isinstance(item, pd.Series):
        item = item.to_frame()
    if isinstance(item, pd.DataFrame):
        return as_numbers(item, where).to_numpy()
    values = _to_float(np.asarray(item), where)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{where} has {values.ndim} dimensions; arrays in a list have the shape "
            "(n_steps,) or (n_channels, n_steps)"
        )
    return values[:, None] if values.ndim == 1 else values.T


def _read_cells(row: Iterable, which: str) -> np.ndarray:
    """Return one sequence of a nested frame, (n_steps, n_channels)."""
    row = list(row)
    check_cells(row, f"row {which}")
    cells = [_to_float(np.asarray(cell), f"row {which}") for cell in row]
    if len({len(cell) for cell in cells}) > 1:
        raise ValueError(
            f"the channels in row {which} have {[len(c) for c in cells]} steps; all "
            " channels of a sequence must be equally long, NaN where not observed"
        )
    return np.column_stack(cells)


def check_cells(row: list, where: str) -> None:
    """Check that the series in the cells of a row are in order, and of the same times.

    Raises
    ------
    ValueError
        Naming the channel, by its place, and the time.
    """
    dates = (pd.DatetimeIndex, pd.PeriodIndex)
    indexes = [cell.index for cell in row if isinstance(cell, pd.Series)]
    for place, index in enumerate(indexes):
        check_steps(index, f"channel {place} in {where}")
        first = indexes[0]
        if isinstance(index, dates) and len(index) == len(first):
            apart = np.flatnonzero(np.asarray(index != first))
            if len(apart):
                raise ValueError(
                    f"the channels in {where} have different times: channel 0 has "
                    f"{first[apart[0]]} where channel {place} has {index[apart[0]]}; "
                    "put them on the same times, NaN where not observed"
                )


def _to_float(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype in (np.float32, np.float64):
        return values
    if values.dtype.kind not in "biufO":
        raise TypeError(f"{where} holds {values.dtype}, no numbers")
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{where} does not hold numbers alone: {error}") from error


def _check_shape(n_sequences: int, n_channels: int, name: str) -> None:
    if n_sequences == 0 or n_channels == 0:
        raise ValueError(
            f"{name} holds {n_sequences} sequence(s) of {n_channels} channel(s): a "
            "minimum of 1 of both is required"
        )


def _check_parts(parts: Any, lengths: np.ndarray, name: str) -> None:
    if (lengths == 0).any():
        raise ValueError(
            f"sequence {int(np.argmin(lengths))} of {name} has no steps; leave empty "
            "sequences out"
        )
    widths = [part.shape[1] for part in parts]
    for number, width in enumerate(widths):
        if width != widths[0]:
            raise ValueError(
                f"sequence {number} of {name} has {width} channels, sequence 0 has "
                f"{widths[0]}; arrays in a list have the shape (n_channels, n_steps), "
                "DataFrames one row per step"
            )
    for number, part in enumerate(parts):
        if np.isinf(part).any():
            which = name
            if len(widths) == len(lengths):
                which = f"sequence {number} of {name}"
            raise ValueError(
                f"{which} has infinite values; replace them by NaN if they stand for "
                "missing values"
            )
