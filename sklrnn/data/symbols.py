"""Sequences of symbols: what users give, and the numbers that networks read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np


class _End(Enum):
    """The type of `END`; as a member of an Enum it stays itself when pickled."""

    END = "end of sequence"

    def __repr__(self) -> str:
        return "END"


END = _End.END
"""Stands for the end of a sequence among the symbols of a network that knows ends."""

_SHOWN = 5


class Symbols(NamedTuple):
    """What a user gave, as lists of tokens.

    Attributes
    ----------
    sequences : list of list
    strings : bool
        Whether tokens are the characters of strings.
    one : bool
        Whether it was a single text, not a list of sequences.
    """

    sequences: list[list[Hashable]]
    strings: bool
    one: bool


def read_sequences(X: Any, *, join: bool = True) -> Symbols:
    """Take a string, a list of strings or a list of token sequences apart.

    Parameters
    ----------
    X : str, list of str, or list of sequences of hashable tokens
    join : bool, default=True
        Whether a list of single characters is the text that they make, as when
        scikit-learn takes a part of a string; else each is a sequence.

    Raises
    ------
    TypeError
        If X is anything else.
    ValueError
        If X or one of its sequences is empty.
    """
    if isinstance(X, str):
        return _checked(Symbols([list(X)], strings=True, one=True))
    if isinstance(X, (bytes, dict, set, frozenset)) or not isinstance(X, Iterable):
        raise TypeError(
            "X must be a string, a list of strings or a list of token sequences, got "
            f"{type(X).__name__}"
        )
    items = X.tolist() if isinstance(X, np.ndarray) else list(X)
    strings = bool(items) and all(isinstance(item, str) for item in items)
    if strings and join and all(len(item) == 1 for item in items):
        return Symbols([items], strings=True, one=True)
    sequences = [_tokens(item, number) for number, item in enumerate(items)]
    return _checked(Symbols(sequences, strings=strings, one=False))


def read_prefix(prefix: Any) -> list[Hashable]:
    """Take apart what a text is to go on from, which may be empty.

    Raises
    ------
    TypeError
        If it is no string and no sequence.
    """
    if isinstance(prefix, np.ndarray):
        prefix = prefix.tolist()
    if isinstance(prefix, (bytes, dict, set, frozenset)) or not isinstance(
        prefix, Iterable
    ):
        raise TypeError(
            f"prefix must be a string or a sequence of tokens, got {prefix!r}; give a "
            'single token as [token], and nothing as ""'
        )
    return list(prefix)


def _tokens(item: Any, number: int) -> list[Hashable]:
    if isinstance(item, np.ndarray):
        item = item.tolist()
    if isinstance(item, (bytes, dict, set, frozenset)) or not isinstance(
        item, Iterable
    ):
        raise TypeError(
            f"sequence {number} of X must be a string or a list of tokens, got "
            f"{item!r}; a single sequence is given as [X]"
        )
    return list(item)


def _checked(symbols: Symbols) -> Symbols:
    if not symbols.sequences:
        raise ValueError("X is empty; it must hold at least one sequence")
    for number, tokens in enumerate(symbols.sequences):
        if not tokens:
            name = "X" if symbols.one else f"sequence {number} of X"
            raise ValueError(f"{name} is empty; every sequence needs a symbol or more")
    return symbols


class Vocabulary:
    """The symbols of some sequences, and their numbers.

    Parameters
    ----------
    sequences : iterable of sequences of hashable tokens

    Attributes
    ----------
    tokens : list
        Sorted where they can be compared, else in order of appearance.

    Raises
    ------
    TypeError
        If a token is not hashable.
    """

    def __init__(self, sequences: Iterable[Sequence[Hashable]]) -> None:
        try:
            found = dict.fromkeys(token for tokens in sequences for token in tokens)
        except TypeError as error:
            raise TypeError(f"every token of X must be hashable: {error}") from error
        self.tokens: list[Any] = list(found)
        try:
            self.tokens.sort()
        except TypeError:
            self.tokens = list(found)
        self._codes = {token: code for code, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Sequence[Hashable], name: str) -> np.ndarray:
        """Return the numbers of tokens, int64.

        Raises
        ------
        ValueError
            If some are not in the vocabulary, naming them and `name`, what they are
            of.
        """
        codes = self._codes
        try:
            return np.array([codes[token] for token in tokens], dtype=np.int64)
        except (KeyError, TypeError):
            raise ValueError(self._unknown(tokens, name)) from None

    def _unknown(self, tokens: Sequence[Any], name: str) -> str:
        new = [t for t in tokens if not _is_hashable(t) or t not in self._codes]
        distinct = list(dict.fromkeys(repr(token) for token in new))
        shown = ", ".join(distinct[:_SHOWN])
        more = f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else ""
        return (
            f"{name} has symbols that were never seen in fit: {shown}{more}; leave "
            "them out, replace them, or fit on data that has them"
        )


def _is_hashable(token: Any) -> bool:
    try:
        hash(token)
    except TypeError:
        return False
    return True
