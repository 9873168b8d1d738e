"""The error of a training that diverges; light, so that commands can catch it."""

from __future__ import annotations

from typing import Any


class DivergenceError(ArithmeticError):
    """Training diverged: the loss is no longer a finite number.

    Attributes
    ----------
    net : SequenceNet or None
        The net, at its best weights so far.
    """

    net: Any = None
