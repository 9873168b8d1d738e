"""Sequences of symbols from small grammars, with what may come next."""

from __future__ import annotations

import numpy as np

_SYLLABLES = {"b": "ba", "d": "dii", "g": "guuu"}

# From each node of the Reber grammar: symbols and the nodes they lead to.
_REBER: tuple[dict[str, int], ...] = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
    {},
)


def make_temporal_xor(n_bits: int = 3000, *, random_state: int | None = None) -> str:
    """Generate bits of which every third is the exclusive or of the two before it.

    The other two are drawn at random, so that only every third can be predicted.

    Parameters
    ----------
    n_bits : int, default=3000
    random_state : int or None, default=None
        Makes the bits repeatable.

    Returns
    -------
    str
        Of "0" and "1"; the bits that follow from others are at 2, 5, 8, ...

    Raises
    ------
    ValueError
        If `n_bits` is below 1.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (2), 1990, section
    on exclusive-or.

    Examples
    --------
    >>> from sklrnn.datasets import make_temporal_xor
    >>> make_temporal_xor(12, random_state=0)
    '110000000110'
    """
    _check_count("n_bits", n_bits)
    bits = np.random.default_rng(random_state).integers(0, 2, (-(-n_bits // 3), 3))
    bits[:, 2] = bits[:, 0] ^ bits[:, 1]
    return "".join(map(str, bits.ravel()[:n_bits]))


def make_syllables(n_consonants: int = 1000, *, random_state: int | None = None) -> str:
    """Generate letters in which vowels follow from the consonant before them.

    The consonants b, d and g come at random; each then brings its vowels: "ba", "dii",
    "guuu". Vowels can be predicted, and how many; consonants can not, but that one is
    to come.

    Parameters
    ----------
    n_consonants : int, default=1000
        Number of consonants drawn.
    random_state : int or None, default=None
        Makes the letters repeatable.

    Returns
    -------
    str
        Of the letters a, b, d, g, i, u.

    Raises
    ------
    ValueError
        If `n_consonants` is below 1.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (2), 1990, section
    on structure in letter sequences.

    Examples
    --------
    >>> from sklrnn.datasets import make_syllables
    >>> make_syllables(5, random_state=0)
    'guuudiidiibaba'
    """
    _check_count("n_consonants", n_consonants)
    drawn = np.random.default_rng(random_state).choice(list("bdg"), n_consonants)
    return "".join(_SYLLABLES[letter] for letter in drawn)


def make_reber(
    n_strings: int = 256, *, embedded: bool = True, random_state: int | None = None
) -> list[str]:
    """Generate strings of the Reber grammar, or of the embedded Reber grammar.

    The grammar is a graph with a symbol at each edge; where two edges leave a node,
    each is taken with probability 1/2. The embedded grammar sets a string of it between
    two equal symbols, T or P: B, T, a Reber string, T, E, or the same with P. Which of
    them is to come before the last symbol is known from the second alone, some ten
    symbols earlier.

    Parameters
    ----------
    n_strings : int, default=256
    embedded : bool, default=True
    random_state : int or None, default=None
        Makes the strings repeatable.

    Returns
    -------
    list of str
        Of the symbols B, E, P, S, T, V, X. Strings may be equal.

    Raises
    ------
    ValueError
        If `n_strings` is below 1.

    References
    ----------
    A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, "Finite state automata and
    simple recurrent networks", Neural Computation 1 (3), 1989. S. Hochreiter and
    J. Schmidhuber, "Long short-term memory", Neural Computation 9 (8), 1997,
    experiment 1.

    Examples
    --------
    >>> from sklrnn.datasets import make_reber
    >>> make_reber(2, random_state=0)
    ['BPBPVPXTTTTVVEPE', 'BPBPVVEPE']
    >>> make_reber(2, embedded=False, random_state=0)
    ['BPVVE', 'BTSSSSSXSE']
    """
    _check_count("n_strings", n_strings)
    rng = np.random.default_rng(random_state)
    strings = []
    for _ in range(n_strings):
        outer = "TP"[rng.integers(2)] if embedded else ""
        inner, node = "", 0
        while _REBER[node]:
            symbols = list(_REBER[node])
            inner += symbols[rng.integers(len(symbols))]
            node = _REBER[node][inner[-1]]
        strings.append(f"B{outer}{inner}{outer}E" if embedded else inner)
    return strings


def reber_successors(string: str, *, embedded: bool = True) -> list[str]:
    """Tell which symbols the grammar allows after each symbol of a string.

    Parameters
    ----------
    string : str
        A string of `make_reber`, or the beginning of one.
    embedded : bool, default=True

    Returns
    -------
    list of str
        For every symbol the one or two that may follow; "" after the last.

    Raises
    ------
    ValueError
        If the grammar does not allow the string.

    Examples
    --------
    >>> from sklrnn.datasets import reber_successors
    >>> reber_successors("BPBPVVEPE")
    ['TP', 'B', 'TP', 'TV', 'PV', 'E', 'P', 'E', '']
    """
    allowed, node, outer = "B", 0, ""
    found = []
    for place, symbol in enumerate(string):
        if symbol not in allowed:
            raise ValueError(
                f"the grammar does not allow {symbol!r} at {place} in {string!r}, but "
                f"{allowed!r}"
            )
        if embedded and place < 2:
            outer = symbol
            allowed = "TP" if place == 0 else "B"
        elif _REBER[node]:
            node = _REBER[node][symbol]
            allowed = "".join(_REBER[node]) or (outer if embedded else "")
        else:
            allowed = "E" if allowed == outer else ""
        found.append(allowed)
    return found


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
