"""Answers for every step of sequences: read from what users have, and given back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.rows import row_order
from sklrnn.data.sequences import Sequences, flat_sequences, is_flat, read_sequences


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


def restore_steps(values: np.ndarray, sequences: Sequences, like: Any) -> Any:
    """Give the answers of all steps the form that their sequences came in.

    Parameters
    ----------
    values : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    sequences : Sequences
    like : Any
        What the sequences were read from.

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
        return pd.DataFrame(values[back], index=like.index)
    parts = [part.T for part in sequences.split(values)]
    if is_flat(like) or isinstance(like, np.ndarray):
        return np.stack(parts)
    return parts


def _is_panel(data: Any) -> bool:
    frames = (pd.DataFrame, pd.Series)
    return isinstance(data, frames) and isinstance(data.index, pd.MultiIndex)


def _instances(y: pd.Series | pd.DataFrame) -> list:
    """Return the series of a panel, in the order in which they come first."""
    index: Any = y.index
    codes, keys = pd.factorize(index.droplevel(-1))
    return [y.iloc[np.flatnonzero(codes == code)] for code in range(len(keys))]


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
