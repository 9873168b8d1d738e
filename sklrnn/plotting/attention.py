"""Pictures of where a decoder looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklrnn.plotting.axes import PREDICTED, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL = 0.28
"""Inches for a token."""


def plot_attention(
    weights: np.ndarray,
    read: Sequence[Any],
    written: Sequence[Any],
    ax: Axes | None = None,
) -> Axes:
    """Draw how much of every token read goes into every token written.

    Parameters
    ----------
    weights : ndarray of shape (n_out, n_in)
        What `RNNSeq2Seq.attention_weights` returned for one sequence.
    read : str or sequence of length n_in
        The sequence that was read.
    written : str or sequence of length n_out
        What `RNNSeq2Seq.predict` wrote for it.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    ax : matplotlib Axes
        A row for every token written, from the top; darker is more, white is 0 and
        full colour 1.

    Raises
    ------
    ValueError
        If the weights are not of as many tokens as the sequences have.
    ImportError
        If matplotlib is not installed.
    """
    weights = np.asarray(weights)
    if weights.shape != (len(written), len(read)):
        raise ValueError(
            f"weights must have the shape {(len(written), len(read))}, a row for every "
            f"token written and a column for every token read, got {weights.shape}"
        )
    if ax is None:
        size = (max(_CELL * len(read), 2) + 1.2, max(_CELL * len(written), 1) + 1.4)
        ax = new_axes(figsize=size)
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("attention", ["white", PREDICTED])
    ax.imshow(weights, cmap=colors, vmin=0, vmax=1, aspect="equal")
    _name(ax.xaxis, read)
    _name(ax.yaxis, written)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("read")
    ax.set_ylabel("written")
    _draw_grid(ax, weights.shape)
    return ax


def _name(axis: Any, tokens: Sequence[Any]) -> None:
    """Put tokens on an axis; the blank shown, and long ones turned."""
    labels = ["␣" if token == " " else str(token) for token in tokens]
    turned = max(map(len, labels), default=0) > 2 and axis.axis_name == "x"
    axis.set_ticks(range(len(labels)), labels, rotation=90 if turned else 0)
    axis.set_tick_params(length=0)


def _draw_grid(ax: Axes, shape: tuple[int, ...]) -> None:
    """Part the tokens by thin lines."""
    for ticks, n in ((ax.set_xticks, shape[1]), (ax.set_yticks, shape[0])):
        ticks(np.arange(n - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="#e5e5e5", lw=0.6)
    ax.tick_params(which="minor", length=0)
    for spine in ax.spines.values():
        spine.set_color("#cccccc")
