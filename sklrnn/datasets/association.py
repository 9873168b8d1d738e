"""Generated pairs of sequences, one of which follows from the other."""

from __future__ import annotations

from datetime import date

import numpy as np

_LETTERS = "abcdefgh"
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)
_MONTHS = (
    "January February March April May June July August September October November "
    "December"
).split()


def make_copy(
    n_pairs: int = 1000,
    min_length: int = 1,
    max_length: int = 15,
    *,
    letters: str = _LETTERS,
    random_state: int | None = None,
) -> tuple[list[str], list[str]]:
    """Generate random strings, to be repeated once they were read.

    The copy task of Graves, Wayne and Danihelka (2014), there with vectors of random
    bits; as there, what is learned can be tested on longer sequences.

    Parameters
    ----------
    n_pairs : int, default=1000
    min_length, max_length : int, default=1 and 15
        Bounds of the lengths, which are equally probable.
    letters : str, default="abcdefgh"
        Letters to draw from, equally probable.
    random_state : int or None, default=None
        Makes the strings repeatable.

    Returns
    -------
    X, y : list of str
        Equal to each other.

    Raises
    ------
    ValueError
        If `n_pairs` or `min_length` is below 1, `max_length` below `min_length`, or
        there are no letters.

    References
    ----------
    A. Graves, G. Wayne and I. Danihelka, "Neural Turing machines", arXiv:1410.5401,
    2014.

    Examples
    --------
    >>> from sklrnn.datasets import make_copy
    >>> X, y = make_copy(2, 3, 3, random_state=0)
    >>> X, y
    (['gfe', 'cca'], ['gfe', 'cca'])
    """
    words = _draw_words(n_pairs, min_length, max_length, letters, random_state)
    return words, list(words)


def make_reversal(
    n_pairs: int = 1000,
    min_length: int = 1,
    max_length: int = 15,
    *,
    letters: str = _LETTERS,
    random_state: int | None = None,
) -> tuple[list[str], list[str]]:
    """Generate random strings, to be written from their end to their beginning.

    Parameters
    ----------
    n_pairs, min_length, max_length, letters, random_state
        As for `make_copy`.

    Returns
    -------
    X, y : list of str
        Every string of y is that of X reversed.

    Raises
    ------
    ValueError
        As for `make_copy`.

    References
    ----------
    E. Grefenstette et al., "Learning to transduce with unbounded memory", NeurIPS 2015,
    where sequences are copied and reversed.

    Examples
    --------
    >>> from sklrnn.datasets import make_reversal
    >>> X, y = make_reversal(2, 3, 3, random_state=0)
    >>> X, y
    (['gfe', 'cca'], ['efg', 'acc'])
    """
    words = _draw_words(n_pairs, min_length, max_length, letters, random_state)
    return words, [word[::-1] for word in words]


def make_dates(
    n_pairs: int = 1000, *, random_state: int | None = None
) -> tuple[list[str], list[str]]:
    """Generate dates as people write them, to be written as ISO 8601 has it.

    Parameters
    ----------
    n_pairs : int, default=1000
        Number of days, drawn from 1900 to 2099, each in one of five ways of writing.
    random_state : int or None, default=None
        Makes the dates repeatable.

    Returns
    -------
    X : list of str
        Such as "3 March 1987", "March 3, 1987", "3 Mar 1987", "3.3.1987" (the day
        first) or "Tuesday, 3 March 1987".
    y : list of str
        Such as "1987-03-03".

    Raises
    ------
    ValueError
        If `n_pairs` is below 1.

    Examples
    --------
    >>> from sklrnn.datasets import make_dates
    >>> X, y = make_dates(3, random_state=0)
    >>> list(zip(X, y))
    [('February 15, 2070', '2070-02-15'), ('May 24, 2027', '2027-05-24'),
     ('25 March 2002', '2002-03-25')]
    """
    _check_at_least("n_pairs", n_pairs, 1)
    rng = np.random.default_rng(random_state)
    numbers = rng.integers(_FIRST_DAY.toordinal(), _LAST_DAY.toordinal() + 1, n_pairs)
    days = [date.fromordinal(int(number)) for number in numbers]
    ways = rng.integers(5, size=n_pairs)
    written = [_write(day, way) for day, way in zip(days, ways, strict=True)]
    return written, [day.isoformat() for day in days]


_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def _write(day: date, way: int) -> str:
    # Not strftime, which writes in the language of the system.
    month, weekday = _MONTHS[day.month - 1], _WEEKDAYS[day.weekday()]
    return (
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{day.day} {month[:3]} {day.year}",
        f"{day.day}.{day.month}.{day.year}",
        f"{weekday}, {day.day} {month} {day.year}",
    )[way]


def _draw_words(
    n_words: int,
    min_length: int,
    max_length: int,
    letters: str,
    random_state: int | None,
) -> list[str]:
    _check_at_least("n_pairs", n_words, 1)
    _check_at_least("min_length", min_length, 1)
    _check_at_least("max_length", max_length, min_length)
    if not letters:
        raise ValueError("letters must hold at least one letter, got ''")
    rng = np.random.default_rng(random_state)
    lengths = rng.integers(min_length, max_length + 1, size=n_words)
    choices = list(letters)
    return ["".join(rng.choice(choices, size=n)) for n in lengths]


def _check_at_least(name: str, value: int, low: int) -> None:
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
