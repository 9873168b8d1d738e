"""Pictures of sequences of symbols: where a network was surprised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklrnn.plotting.axes import (
    COMPARED,
    PREDICTED,
    draw_frame,
    draw_legend,
    new_axes,
    plainly,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_surprisal(
    symbols: Sequence[Any],
    surprisal: np.ndarray,
    ax: Axes | None = None,
    *,
    baseline: float | None = None,
) -> Axes:
    """Draw how little each symbol of a sequence was expected.

    Where the line dips, what came before told what was to come (Elman 1990).

    Parameters
    ----------
    symbols : str or sequence of tokens
    surprisal : array-like of shape (n_steps,)
        In nats, of `RNNGenerator.surprisal`; with one step more than there are symbols,
        the last is that of the end.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.
    baseline : float, optional
        A surprisal to compare with, such as the logarithm of the number of symbols,
        which is that of guessing.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If there are not as many numbers as symbols.
    ImportError
        If matplotlib is not installed.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (2), 1990.
    """
    surprisal = np.asarray(surprisal, dtype=float)
    names = [str(symbol) for symbol in symbols]
    if surprisal.shape == (len(names) + 1,):
        names.append("END")
    if surprisal.shape != (len(names),):
        raise ValueError(
            f"surprisal must have a number for each of the {len(names)} symbols, got "
            f"the shape {surprisal.shape}"
        )
    ax = ax or new_axes(figsize=(max(4.0, 1.5 + 0.2 * len(names)), 3))
    steps = np.arange(len(names))
    ax.plot(steps, surprisal, "o-", color=PREDICTED, lw=1.2, ms=4, label="surprisal")
    if baseline is not None:
        ax.axhline(baseline, color=COMPARED, lw=1.2, ls="--", label="guessing")
        draw_legend(ax)
    ax.set_xticks(steps, [plainly(name) for name in names])
    ax.set_ylim(bottom=0)
    ax.set_ylabel("nats")
    draw_frame(ax)
    return ax
