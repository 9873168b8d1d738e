"""Pairs of token sequences: what users give, and padded tables of their numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Side(NamedTuple):
    """One side of the pairs.

    Attributes
    ----------
    sequences : list of list
        Tokens.
    strings : bool
        Whether they were strings, whose characters are the tokens.
    """

    sequences: list[list[Hashable]]
    strings: bool


def read_side(given: Any, name: str) -> Side:
    """Take a list of strings or of token sequences apart.

    Parameters
    ----------
    given : list of str, or of sequences of hashable tokens
    name : str
        What it is called in messages.

    Raises
    ------
    TypeError
        If it is anything else, a single string for one.
    ValueError
        If it or one of its sequences is empty.
    """
    if not _is_sequence(given) or isinstance(given, str):
        raise TypeError(
            f"{name} must be a list of strings or of token sequences, got {given!r}; "
            f"a single sequence is given as [{name}]"
        )
    items = list(given)
    if not items:
        raise ValueError(f"{name} is empty; give at least one sequence")
    sequences = []
    for number, item in enumerate(items):
        if not _is_sequence(item):
            raise TypeError(
                f"{name}[{number}] must be a string or a sequence of tokens, got "
                f"{item!r}; a single sequence is given as [{name}]"
            )
        tokens = item.tolist() if isinstance(item, np.ndarray) else list(item)
        if not tokens:
            raise ValueError(
                f"{name}[{number}] is empty; a sequence needs at least one token: "
                "leave the pair out, or stand a token for nothing"
            )
        sequences.append(tokens)
    return Side(sequences, all(isinstance(item, str) for item in items))


def read_pairs(X: Any, y: Any) -> tuple[Side, Side]:
    """Take both sides apart.

    Raises
    ------
    TypeError, ValueError
        As `read_side`, and if there are not as many sequences in y as in X.
    """
    sides = read_side(X, "X"), read_side(y, "y")
    n_inputs, n_outputs = (len(side.sequences) for side in sides)
    if n_inputs != n_outputs:
        raise ValueError(
            f"X has {n_inputs} sequences and y has {n_outputs}; give them in pairs, "
            "y[i] for X[i]"
        )
    return sides


def _is_sequence(given: Any) -> bool:
    unordered = isinstance(given, (bytes, dict, set, frozenset))
    return isinstance(given, Iterable) and not unordered


def pad(
    sequences: Sequence[np.ndarray],
    *,
    first: Sequence[int] = (),
    last: Sequence[int] = (),
    padding: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Put sequences of numbers into one table.

    Parameters
    ----------
    sequences : sequence of ndarray of shape (n_tokens,), int
    first, last : sequence of int, default=()
        Marks to put before and after each of them.
    padding : int, default=0
        What to put after the shorter ones.

    Returns
    -------
    table : ndarray of shape (n_sequences, longest), int64
    lengths : ndarray of shape (n_sequences,), int64
        With the marks.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn.data.pairs import pad
    >>> table, lengths = pad([np.array([1, 2]), np.array([3])], last=[9])
    >>> table.tolist(), lengths.tolist()
    ([[1, 2, 9], [3, 9, 0]], [3, 2])
    """
    marked = [np.concatenate([first, codes, last]) for codes in sequences]
    lengths = np.array([len(codes) for codes in marked], dtype=np.int64)
    table = np.full((len(marked), lengths.max()), padding, dtype=np.int64)
    for row, codes in zip(table, marked, strict=True):
        row[: len(codes)] = codes
    return table, lengths
