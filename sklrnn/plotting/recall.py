"""Pictures of associative memories: what was recalled, and errors against the load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sklrnn.plotting.axes import (
    PREDICTED,
    SEVERAL,
    draw_frame,
    draw_legend,
    new_axes,
    plainly,
    require_matplotlib,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_OFF = 0.01
"""Part of the range of a pattern's values by which an entry may be off unnoticed."""
_WIDE = 20
"""Loads that differ by more than this factor stand on a logarithmic axis."""


def plot_recall(
    patterns: np.ndarray,
    cues: np.ndarray,
    recalled: np.ndarray | Mapping[str, np.ndarray],
    shape: tuple[int, int],
    figure: Figure | SubFigure | None = None,
) -> np.ndarray:
    """Draw patterns, the cues for them and what was recalled, a column for each.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_features)
        What was stored.
    cues : ndarray of shape (n_patterns, n_features)
        A cue for each pattern.
    recalled : ndarray of shape (n_patterns, n_features), or dict of str to ndarray
        What `HopfieldMemory.predict` returned; several memories by their names.
    shape : (int, int)
        Height and width of a pattern as an image; their product is n_features.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    axes : ndarray of shape (n_rows, n_patterns) of matplotlib Axes
        Each says how many entries differ from the pattern by more than a hundredth of
        its range.

    Raises
    ------
    ValueError
        If the arrays do not have one shape, or an image of `shape` does not hold a
        pattern.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn import HopfieldMemory
    >>> from sklrnn.plotting import plot_recall
    >>> patterns = np.random.default_rng(0).choice([-1, 1], size=(2, 25))
    >>> cues = patterns.copy()
    >>> cues[:, :3] *= -1
    >>> memory = HopfieldMemory(kind="classic").fit(patterns)
    >>> axes = plot_recall(patterns, cues, memory.predict(cues), shape=(5, 5))
    >>> [line[0].get_title() for line in axes]
    ['', '3 wrong', '0 wrong']
    """
    require_matplotlib()
    several = recalled if isinstance(recalled, Mapping) else {"recalled": recalled}
    rows = {
        name: np.asarray(row, dtype=float)
        for name, row in {"stored": patterns, "cue": cues, **several}.items()
    }
    _check_shapes(rows, shape)
    stored = rows["stored"]
    if figure is None:
        figure = _new_figure(len(rows), len(stored))
    axes = figure.subplots(len(rows), len(stored), squeeze=False)
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(plainly(name), rotation=0, ha="right", va="center")
        for ax, image, pattern in zip(line, row, stored, strict=True):
            _draw_image(ax, image.reshape(shape), pattern)
            if row is not stored:
                _count_wrong(ax, image, pattern)
    return axes


def plot_load(
    errors: pd.DataFrame,
    capacities: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many entries are recalled wrongly as more and more patterns are stored.

    Parameters
    ----------
    errors : DataFrame of shape (n_loads, n_memories)
        Share of wrong entries, from 0 to 1, NaN where not measured. The index holds
        the loads, patterns per feature; the columns name the memories.
    capacities : dict of str to float, optional
        Loads to mark, each in the colour of the column of that name.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklrnn.plotting import plot_load
    >>> errors = pd.DataFrame({"hebb": [0.0, 0.01, 0.3]}, index=[0.05, 0.1, 0.2])
    >>> plot_load(errors, {"hebb": 0.138}).get_xlabel()
    'load: patterns stored per feature'
    """
    ax = ax or new_axes(figsize=(8, 4))
    for number, name in enumerate(errors):
        color = SEVERAL[number % len(SEVERAL)]
        shown = 100 * errors[name].dropna()
        ax.plot(shown.index, shown, ".-", color=color, lw=2, label=plainly(name))
        if capacities is not None and name in capacities:
            _mark(ax, capacities[str(name)], color)
    loads = errors.index.to_numpy(dtype=float)
    if loads.min() > 0 and loads.max() > _WIDE * loads.min():
        _count_in_decades(ax)
    # A little below zero, where a line that stays at zero can be seen.
    ax.set_ylim(bottom=-0.02 * ax.get_ylim()[1])
    ax.set_xlabel("load: patterns stored per feature")
    ax.set_ylabel("wrong after recall (%)")
    draw_frame(ax)
    draw_legend(ax)
    return ax


def picture_size(n_rows: int, n_patterns: int) -> tuple[float, float]:
    """Return the width and height, in inches, at which so many images are legible."""
    return 1.2 + 0.8 * n_patterns, 1.0 * n_rows


def _new_figure(n_rows: int, n_patterns: int) -> Figure:
    from matplotlib import pyplot

    return pyplot.figure(figsize=picture_size(n_rows, n_patterns), layout="constrained")


def _check_shapes(rows: Mapping[str, np.ndarray], shape: tuple[int, int]) -> None:
    stored = rows["stored"]
    for name, row in rows.items():
        if row.shape != stored.shape:
            raise ValueError(
                f"patterns have the shape {stored.shape}, but {name} has {row.shape}; "
                "give one row for each pattern"
            )
    if stored.ndim != 2 or shape[0] * shape[1] != stored.shape[1]:
        raise ValueError(
            f"shape is {shape}, but patterns have the shape {stored.shape}; height "
            "times width must be the number of their columns"
        )


def _draw_image(ax: Any, image: np.ndarray, pattern: np.ndarray) -> None:
    # The range of the pattern, so that equal values look equal in its column.
    ax.imshow(
        image,
        cmap="gray_r",
        vmin=pattern.min(),
        vmax=pattern.max(),
        interpolation="nearest",
    )
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_color("#bbbbbb")


def _mark(ax: Axes, load: float, color: str) -> None:
    ax.axvline(load, color=color, lw=1, ls=":")
    ax.annotate(
        f"{load:g}",
        (load, 1.0),
        xytext=(3, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        color=color,
        fontsize="small",
    )


def _count_in_decades(ax: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def _count_wrong(ax: Any, image: np.ndarray, pattern: np.ndarray) -> None:
    n_wrong = int((np.abs(image - pattern) > _OFF * np.ptp(pattern)).sum())
    ax.set_title(
        f"{n_wrong} wrong",
        fontsize="x-small",
        color=PREDICTED if n_wrong else "#777777",
        pad=2,
    )
