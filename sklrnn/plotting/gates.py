"""The picture of the gate between past and future."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sklrnn.plotting.axes import (
    COMPARED,
    GAP,
    draw_frame,
    draw_legend,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_fusion_gates(gates: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how much of every step comes from the past and how much from the future.

    Parameters
    ----------
    gates : DataFrame of shape (n_steps, hidden_size)
        What `sklrnn.inspection.fusion_gates` returned for one series.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    ax : matplotlib Axes
        The mean over the hidden units, and the range of the middle 80 % of them.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    ax = ax or new_axes(figsize=(8, 3.5))
    steps = gates.index.to_numpy()
    low, high = gates.quantile([0.1, 0.9], axis=1).to_numpy()
    ax.fill_between(steps, low, high, color=GAP, lw=0, label="80 % of the units")
    ax.plot(steps, gates.mean(axis=1), color=COMPARED, lw=2, label="mean")
    ax.axhline(0.5, color="#999999", lw=0.8, ls=":")
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1], ["0: all future", "0.5", "1: all past"])
    ax.set_xlabel("step of the window (0 is the newest)")
    ax.set_title("Gate between past and future", loc="left", pad=26)
    draw_frame(ax)
    draw_legend(ax)
    return ax
