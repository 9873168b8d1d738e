"""The picture of absence diffusion: what each pattern removes as its level rises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklrnn.plotting.axes import PREDICTED, plainly, require_matplotlib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure, SubFigure

    from sklrnn.data.absence import AbsenceDiffusion

LEVELS = (0.1, 0.3, 0.5, 0.7, 1.0)
_KEPT = "#e4e4e4"
_LITTLE = 1e-9
"""Too little to change what is removed, but enough to be another level."""


def plot_absence(
    diffusions: dict[str, AbsenceDiffusion],
    levels: Sequence[float] = LEVELS,
    n_steps: int = 144,
    n_columns: int = 7,
    random_state: int | np.random.Generator | None = 0,
    figure: Figure | SubFigure | None = None,
) -> np.ndarray:
    """Draw what is removed from a table, a row for each pattern, a column per level.

    Parameters
    ----------
    diffusions : dict of str to AbsenceDiffusion
        Names, and what removes.
    levels : sequence of float, default=(0.1, 0.3, 0.5, 0.7, 1.0)
        From 0 to 1.
    n_steps : int, default=144
        Rows of the table, from left to right.
    n_columns : int, default=7
        Columns of the table, from top to bottom; those of the gaps, where a pattern
        takes its runs from gaps.
    random_state : int, numpy generator or None, default=0
    figure : matplotlib Figure or SubFigure, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    axes : ndarray of shape (n_patterns, n_levels) of matplotlib Axes
        Each says what share of its entries is removed.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklrnn.data.absence import AbsenceDiffusion
    >>> from sklrnn.plotting import plot_absence
    >>> axes = plot_absence({"point": AbsenceDiffusion("point")}, levels=[0.5, 1.0])
    >>> [ax.get_title(loc="left") for ax in axes[0]]
    ['level 0.5', 'level 1']
    """
    require_matplotlib()
    from matplotlib.colors import ListedColormap

    shape = (len(diffusions), len(levels))
    if figure is None:
        figure = _new_figure(*shape)
    rng = np.random.default_rng(random_state)
    axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    colours = ListedColormap([_KEPT, PREDICTED])
    for line, (name, diffusion) in zip(axes, diffusions.items(), strict=True):
        for ax, level in zip(line, levels, strict=True):
            removed = diffusion.draw(
                _in_stretches(level, n_steps, diffusion.spread), n_columns, rng
            )
            _draw_mask(ax, removed, colours)
        line[0].set_ylabel(plainly(name))
    for ax, level in zip(axes[0], levels, strict=True):
        ax.set_title(f"level {level:g}", loc="left", fontsize="medium")
    figure.supxlabel("step", fontsize="medium")
    figure.supylabel("columns of the table", fontsize="medium")
    _draw_legend(figure)
    return axes


def picture_size(n_patterns: int, n_levels: int) -> tuple[float, float]:
    """Return the width and height, in inches, at which so many panels are legible."""
    return 1.0 + 2.0 * n_levels, 1.0 + 1.1 * n_patterns


def _new_figure(n_patterns: int, n_levels: int) -> Figure:
    from matplotlib import pyplot

    return pyplot.figure(
        figsize=picture_size(n_patterns, n_levels), layout="constrained"
    )


def _in_stretches(level: float, n_steps: int, stretch: int) -> np.ndarray:
    """Return one level for all steps, but in stretches, as it is in training.

    "mixed" chooses a pattern for every stretch of equal levels.
    """
    odd = np.arange(n_steps) // stretch % 2
    return level * (1.0 - _LITTLE * odd)


def _draw_mask(ax: Any, removed: np.ndarray, colours: Any) -> None:
    n_steps, n_columns = removed.shape
    ax.imshow(
        removed.T,
        cmap=colours,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0, n_steps, n_columns, 0),
    )
    # White between the columns, which are lines of their own.
    ax.set_yticks(np.arange(1, n_columns), minor=True)
    ax.grid(axis="y", which="minor", color="white", lw=1.2)
    ax.set_yticks([])
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(
        f"{100 * removed.mean():.0f} % removed",
        loc="right",
        fontsize="small",
        color="#777777",
    )


def _draw_legend(figure: Figure | SubFigure) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=_KEPT), Patch(color=PREDICTED)],
        labels=["kept", "removed"],
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize="small",
    )
