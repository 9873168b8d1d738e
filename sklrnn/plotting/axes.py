"""Axes: what the pictures share. Colours, bands, axes of time, frame and legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OBSERVED = "#333333"
PREDICTED = "#c1440e"
COMPARED = "#1f77b4"
GAP = "#ececec"
SEVERAL = ("#c1440e", "#1f77b4", "#2a9d5c", "#8450a8", "#8c6d1f", "#333333")
"""Lines beside each other."""


def require_matplotlib() -> None:
    """Raise an ImportError that says what to install if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401  (asked for, to be used later)
    except ImportError as error:
        raise ImportError(
            'drawing needs matplotlib: pip install "sklrnn[plot]"'
        ) from error


def picture_formats() -> list[str]:
    """Return the formats in which matplotlib saves a picture, such as "png".

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    return sorted(Figure().canvas.get_supported_filetypes())


def plainly(name: Any) -> str:
    """Return a name as matplotlib is to draw it: a dollar sign begins no formula."""
    return str(name).replace("$", r"\$")


def new_axes(figsize: tuple[float, float], ncols: int = 1, nrows: int = 1) -> Any:
    """Make a new figure and return its axes."""
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.subplots(nrows, ncols, figsize=figsize, layout="constrained")[1]


def axis_values(index: pd.Index) -> np.ndarray:
    """Return times that matplotlib knows how to place."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        # As on the clock of the data: matplotlib would turn them to UTC.
        return index.tz_localize(None).to_numpy()
    return index.to_numpy()


def find_alone(values: np.ndarray) -> np.ndarray:
    """Tell which values have no neighbour that a line could join them to."""
    missing = np.isnan(np.concatenate([[np.nan], values, [np.nan]]))
    return ~missing[1:-1] & missing[:-2] & missing[2:]


def draw_bands(ax: Axes, times: np.ndarray, bounds: pd.DataFrame) -> None:
    """Draw intervals of one column, wider ones lighter and below the others.

    `bounds` has the columns (coverage, "lower" or "upper"); the band is open where
    they are NaN.
    """
    from matplotlib.colors import to_rgb

    coverages = sorted(set(bounds.columns.get_level_values(0)))
    for place, coverage in enumerate(coverages):
        # A tint that hides what is below, not alpha: bands that show through each
        # other would not have the colours of the legend.
        share = 0.5 / (place + 1)
        tint = [1 - share * (1 - part) for part in to_rgb(PREDICTED)]
        ax.fill_between(
            times,
            bounds[coverage]["lower"].to_numpy(dtype=float),
            bounds[coverage]["upper"].to_numpy(dtype=float),
            color=tint,
            lw=0,
            label=f"{100 * coverage:g} % interval",
            zorder=2 - place / len(coverages),
        )


def draw_frame(ax: Axes) -> None:
    """Leave of the frame what the eye needs."""
    ax.margins(x=0.01)
    ax.grid(axis="y", color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def draw_legend(ax: Axes, last: str | None = None) -> None:
    """Put the legend above the axes, below the title."""
    handles: Any
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i] == last)
    ax.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.99),
        ncols=len(order),
        frameon=False,
        fontsize="small",
    )


def label_time(ax: Axes, index: pd.Index) -> None:
    """Name the horizontal axis after a time index, and write its dates short."""
    if isinstance(index, pd.PeriodIndex | pd.DatetimeIndex):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    name = plainly("time" if index.name is None else index.name)
    zone = getattr(index, "tz", None)
    ax.set_xlabel(name if zone is None else f"{name} ({zone})")
