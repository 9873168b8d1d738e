"""Answers for every step of sequences: read from what users have, and given back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.names import arranged, quoted
from sklrnn.data.rows import check_steps, row_order
from sklrnn.data.sequences import Sequences, flat_sequences, is_flat, read_sequences


def match_steps(y: Any, X: Any) -> Any:
    """Put the answers to all steps into the order of the steps, where both tell it.

    Answers on the index of X, in whatever order, are put into its order. Where X or y
    has no index, they go by position.

    Parameters
    ----------
    y : as for `read_labels` and `read_values`
    X : Any
        What the sequences were read from, in order.

    Returns
    -------
    as y

    Raises
    ------
    ValueError
        If y is None, if answers have other times than the steps, or if they are not in
        order and nothing tells which steps they belong to.
    """
    if y is None:
        raise ValueError(
            "RNNLabeler requires y to be passed, but the target y is None; give an "
            "answer for every step, NaN or None where there is none"
        )
    if _is_panel(y):
        if _is_panel(X):
            return _on_index(y, X.index)
        check_steps(y.index, "y")
        return y
    if isinstance(y, pd.DataFrame):
        known = X.columns if isinstance(X, pd.DataFrame) and is_flat(X) else None
        return arranged(y, known, "y", strict=False)
    if not isinstance(y, (list, tuple)):
        return y
    indexes = _step_indexes(X, len(y))
    pairs = zip(y, indexes, strict=True)
    return [_on_steps(part, index, k) for k, (part, index) in enumerate(pairs)]


def _on_index(y: Any, index: pd.MultiIndex) -> Any:
    """Return answers in the order of the rows of a panel."""
    if y.index.equals(index):
        return y
    rows = y.index.get_indexer(index) if y.index.is_unique else np.full(1, -1)
    if len(y) != len(index) or (rows < 0).any():
        missing = index.difference(y.index, sort=False)
        lacking = f"no answer for the row {missing[0]} of X" if len(missing) else ""
        also = f"{len(y)} rows where X has {len(index)}, or some twice"
        raise ValueError(
            f"y has {lacking or also}; give one answer per step, NaN or None where "
            "there is none, on the index of X: y.set_axis(X.index) if they stand in "
            "its order"
        )
    return y.iloc[rows]


def _step_indexes(X: Any, n_sequences: int) -> list:
    """Return the index of each sequence's steps, None of those without."""
    if _is_panel(X):
        times = X.index.get_level_values(-1)
        X = [pd.Series(0, index=times[rows]) for rows in _places(X.index)]
    if isinstance(X, list) and len(X) == n_sequences:
        return [getattr(x, "index", None) if _has_index(x) else None for x in X]
    return [None] * n_sequences


def _on_steps(part: Any, index: pd.Index | None, number: int) -> Any:
    """Return the answers to one sequence in the order of its steps."""
    if not _has_index(part) or (index is not None and part.index.equals(index)):
        return part
    times = part.index
    if index is not None and times.is_unique and len(times) == len(index):
        rows = times.get_indexer(index)
        if (rows >= 0).all():
            return part.iloc[rows]
        if all(isinstance(each, _DATES) for each in (times, index)):
            raise ValueError(
                f"y has no answer for the time {index[int(np.argmin(rows))]} of "
                f"sequence {number} of X; give answers at its times, or arrays for "
                "answers by position"
            )
    check_steps(times, f"the answers to sequence {number} of y")
    return part


_DATES = (pd.DatetimeIndex, pd.PeriodIndex)


def _has_index(part: Any) -> bool:
    return isinstance(part, (pd.Series, pd.DataFrame))


def check_samples(y: Any, X: Any) -> None:
    """Check that answers to whole sequences do not stand in another order than these.

    Raises
    ------
    ValueError
        If y has the names of the series or rows of X as its index, in another order.
    """
    if not isinstance(y, (pd.Series, pd.DataFrame)) or not isinstance(X, pd.DataFrame):
        return
    keys, index = X.index, y.index
    if isinstance(keys, pd.RangeIndex) or isinstance(index, pd.RangeIndex):
        return  # which pandas counts by: no names
    if isinstance(keys, pd.MultiIndex):
        keys = keys.droplevel(-1)[[rows[0] for rows in _places(keys)]]
    if not (index.is_unique and keys.is_unique):
        return
    if len(index) == len(keys) and not index.equals(keys):
        if (index.get_indexer(keys) >= 0).all():
            at = int(np.argmax(np.asarray(index != keys)))
            raise ValueError(
                f"the index of y has the names of the samples of X in another order: "
                f"sample {at} is {quoted(keys[at : at + 1])} in X and "
                f"{quoted(index[at : at + 1])} in y. Give y in the order of X, or as "
                "an array if it is so already"
            )


def read_labels(y: Any, lengths: np.ndarray) -> np.ndarray:
    """Return the labels of all steps, end to end.

    Parameters
    ----------
    y : array-like of shape (n_sequences, n_steps), list, or Series on a MultiIndex
    lengths : ndarray of shape (n_sequences,)

    Returns
    -------
    ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If there are more or fewer labels than steps.
    """
    if _is_panel(y):
        parts = [part.to_numpy().ravel() for part in _instances(y)]
    else:
        parts = [np.asarray(part).ravel() for part in _rows(y)]
    _check_lengths(np.array([len(part) for part in parts]), lengths)
    labels = np.concatenate(parts)
    if labels.dtype.kind == "O" and not pd.isna(labels).any():
        return np.array(labels.tolist())
    return labels


def is_missing(labels: np.ndarray) -> np.ndarray:
    """Tell which labels are None or NaN: bool, of the same shape."""
    return np.asarray(pd.isna(labels))


def read_values(y: Any, lengths: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the values of all steps, end to end.

    Parameters
    ----------
    y : as for `read_labels`
        Several values per step have the shape (n_sequences, n_outputs, n_steps), in a
        list (n_outputs, n_steps).
    lengths : ndarray of shape (n_sequences,)

    Returns
    -------
    values : ndarray of shape (n_rows, n_outputs), float64
        NaN where there is none.
    flat : bool
        Whether there was one value per step, without a dimension of its own.

    Raises
    ------
    ValueError
        If there are more or fewer values than steps, or if one is infinite.
    """
    if _is_panel(y):
        flat = isinstance(y, pd.Series)
        values = read_sequences(y.to_frame() if flat else y, "y")
    elif isinstance(y, (list, tuple)):
        flat = all(np.ndim(part) == 1 for part in y)
        values = read_sequences(list(y), "y")
    elif is_flat(y):
        flat = True
        values = flat_sequences(np.asarray(y, dtype=np.float64))
    else:
        flat = False
        values = read_sequences(y, "y")
    _check_lengths(values.lengths, lengths)
    return values.values.astype(np.float64), flat


def restore_steps(
    values: np.ndarray, sequences: Sequences, like: Any, names: Any = None
) -> Any:
    """Give the answers of all steps the form that their sequences came in.

    Parameters
    ----------
    values : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    sequences : Sequences
    like : Any
        What the sequences were read from.
    names : pd.Index or None
        Of several outputs, for a frame.

    Returns
    -------
    ndarray, list, Series or DataFrame
        An array has the shape (n_sequences, n_steps) or (n_sequences, n_outputs,
        n_steps); for a frame on a MultiIndex a Series or DataFrame on it.
    """
    if _is_panel(like):
        back = np.argsort(row_order(like.index), kind="stable")
        if values.ndim == 1:
            return pd.Series(values[back], index=like.index)
        return pd.DataFrame(values[back], index=like.index, columns=names)
    parts = [part.T for part in sequences.split(values)]
    if is_flat(like) or isinstance(like, np.ndarray):
        return np.stack(parts)
    return parts


def _is_panel(data: Any) -> bool:
    frames = (pd.DataFrame, pd.Series)
    return isinstance(data, frames) and isinstance(data.index, pd.MultiIndex)


def _instances(y: pd.Series | pd.DataFrame) -> list:
    """Return the series of a panel, in the order in which they come first."""
    return [y.iloc[rows] for rows in _places(y.index)]


def _places(index: Any) -> list[np.ndarray]:
    """Return the rows of each series of a panel, in the order of their first."""
    codes, keys = pd.factorize(index.droplevel(-1))
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=len(keys)))[:-1])


def _rows(y: Any) -> Any:
    return y.to_numpy() if isinstance(y, pd.DataFrame) else y


def _check_lengths(found: np.ndarray, lengths: np.ndarray) -> None:
    if len(found) != len(lengths):
        raise ValueError(
            f"y has answers for {len(found)} sequences, X has {len(lengths)} sequences"
        )
    wrong = np.flatnonzero(found != lengths)
    if len(wrong):
        one = wrong[0]
        raise ValueError(
            f"y has {found[one]} answers for sequence {one}, which has {lengths[one]} "
            "steps; give one per step, NaN or None where there is none"
        )
