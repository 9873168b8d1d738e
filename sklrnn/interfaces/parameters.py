"""Checks that parameters of any estimator go through; draws of seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def check_architecture(
    before: dict[str, Any], now: dict[str, Any], estimator: str
) -> None:
    """Raise a ValueError unless a warm start finds the network as it was built."""
    for name, value in now.items():
        if value != before[name]:
            raise ValueError(
                f"{name} is {value!r}, but the network to go on from was built with "
                f"{before[name]!r}; keep it, or fit a new {estimator}"
            )


def check_choice(name: str, value: Any, allowed: tuple) -> None:
    """Raise a ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}")


def check_integer(name: str, value: Any, low: int, auto: bool = False) -> None:
    """Raise a TypeError or ValueError unless `value` is an integer from `low` on."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        also = " or None for the default" if auto else ""
        raise TypeError(f"{name} must be an integer{also}, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")


def check_real(
    name: str,
    value: Any,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
) -> None:
    """Raise a TypeError or ValueError unless `value` is a number within bounds."""
    try:
        inside = (low < value if open_low else low <= value) and value < high
    except TypeError:
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not inside:
        above = "above" if open_low else "at least"
        below = "" if high == math.inf else f" and below {high:g}"
        raise ValueError(f"{name} must be {above} {low:g}{below}, got {value}")


_LONG_WINDOW = 1000
"""A window of so many steps costs little, however few rows there are."""


def check_window_length(window_length: int, n_rows: int) -> None:
    """Raise a ValueError if windows are far longer than the longest series."""
    if window_length > max(n_rows, _LONG_WINDOW):
        raise ValueError(
            f"window_length is {window_length}, but the longest series has {n_rows} "
            "rows, and a window reads no others; lower it, or leave it out"
        )


LARGEST_SEED = 2**32 - 1
"""The largest that torch and numpy both take without folding it."""


def draw_seed(random_state: Any) -> int:
    """Draw a seed; None gives a fresh one and leaves numpy's global state alone.

    Raises
    ------
    TypeError
        If `random_state` is neither an integer, nor a numpy generator, nor None.
    ValueError
        If it is an integer below 0 or above `LARGEST_SEED`.
    """
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, bool) or not hasattr(random_state, "__index__"):
        raise TypeError(
            "random_state must be an integer, a numpy generator or None, got "
            f"{random_state!r}"
        )
    if not 0 <= int(random_state) <= LARGEST_SEED:
        raise ValueError(
            f"random_state must be from 0 to {LARGEST_SEED} (2**32 - 1), got "
            f"{random_state}"
        )
    return int(random_state)
