"""The picture of filled gaps: what was observed, what fills it, and its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklrnn.data.gaps import find_gaps
from sklrnn.plotting.axes import (
    OBSERVED,
    PREDICTED,
    axis_values,
    draw_bands,
    draw_frame,
    find_alone,
    label_time,
    plainly,
    require_matplotlib,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MAX_PANELS = 6
"""Most columns that are drawn unless they are named."""


def plot_imputation(
    observed: pd.DataFrame,
    filled: pd.DataFrame,
    intervals: pd.DataFrame | None = None,
    columns: Sequence[Any] | None = None,
    n_rows: int = 240,
    figure: Figure | SubFigure | None = None,
) -> list[Axes]:
    """Draw columns as they were observed, what fills their gaps, and its intervals.

    Of a table longer than `n_rows`, each column shows a stretch of so many rows: that
    with the most filled values (up to a third of its rows) times the median absolute
    change from one row to the next (0 if one is missing), so that it is not a
    standstill. Gaps count that begin and end in the stretch and are at most half as
    long. A column without such gaps shows one end of its first gap, a column without
    gaps its newest rows.

    Parameters
    ----------
    observed : DataFrame of shape (n_rows_of_the_table, n_columns)
        In time order, NaN where a value is missing. The names of the columns are
        those of the panels.
    filled : DataFrame of shape (n_rows_of_the_table, n_columns)
        The same, with a value for each that is missing.
    intervals : DataFrame, optional
        The intervals of the filled values, on the same rows, with the columns (column,
        coverage, "lower" or "upper"), as `RNNImputer.impute_interval` returns them;
        wider intervals are drawn lighter.
    columns : sequence, optional
        Columns to draw, one panel each. By default those with missing values, the
        most missing first, six at most.
    n_rows : int, default=240
        Rows of a panel, at most.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    axes : list of matplotlib Axes
        One for each column.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn.plotting import plot_imputation
    >>> observed = pd.DataFrame({"load": [1.0, 2.0, np.nan, 4.0]})
    >>> (ax,) = plot_imputation(observed, observed.interpolate())
    >>> ax.get_title(loc="left"), ax.get_title(loc="right")
    ('load', '1 of 4 missing')
    """
    if columns is None:
        columns = _most_missing(observed)
    stretches = [find_stretch(observed[name], n_rows) for name in columns]
    together = all(stretch == stretches[0] for stretch in stretches)
    if figure is None:
        figure = _new_figure(len(columns))
    grid = figure.subplots(nrows=len(columns), sharex=together, squeeze=False)
    axes = list(grid[:, 0])
    for ax, name, stretch in zip(axes, columns, stretches, strict=True):
        bounds = None if intervals is None else intervals[name].iloc[stretch]
        _draw_column(
            ax, observed[name].iloc[stretch], filled[name].iloc[stretch], bounds
        )
        label_time(ax, observed.index)
        if ax is not axes[-1]:
            ax.set_xlabel("")
        ax.set_title(plainly(name), loc="left", fontsize="medium")
        ax.set_title(
            _describe(observed[name].isna(), stretch),
            loc="right",
            fontsize="small",
            color="#777777",
        )
        draw_frame(ax)
        if together:
            ax.label_outer()
    _draw_legend_once(figure, axes)
    return axes


def picture_size(n_panels: int) -> tuple[float, float]:
    """Return the width and height, in inches, at which that many panels are legible."""
    return 10.0, 1.1 + 1.9 * n_panels


def find_stretch(observed: pd.Series, n_rows: int) -> slice:
    """Choose which rows of a long column to show: see `plot_imputation`.

    Parameters
    ----------
    observed : Series of shape (n_rows_of_the_table,)
        NaN where there is no value.
    n_rows : int
        The length of the stretch; the whole column if that is shorter.

    Returns
    -------
    stretch : slice
        Positions of rows.
    """
    n_all = len(observed)
    gaps = find_gaps(observed.isna().to_numpy())
    first, end = gaps.T
    inside = (first > 0) & (end < n_all) & (end - first <= n_rows // 2)
    if n_all <= n_rows:
        middle = 0
    elif inside.any():
        middle = _best_middle(observed, gaps[inside], n_rows)
    else:
        middle = int(first[0] or end[0]) if len(gaps) else n_all
    start = max(min(middle - n_rows // 2, n_all - n_rows), 0)
    return slice(start, min(start + n_rows, n_all))


def _best_middle(observed: pd.Series, gaps: np.ndarray, n_rows: int) -> int:
    """Return the middle of the gaps in the best stretch that has one whole or more."""
    first, end = gaps.T
    # Stretches that begin with the value before a gap, up to the last gap that has a
    # value after it in there.
    starts = first - 1
    last = np.searchsorted(end, starts + n_rows)
    counts = np.concatenate([[0], np.cumsum(end - first)])
    filled = np.minimum(counts[last] - counts[:-1], n_rows // 3)
    changes = observed.reset_index(drop=True).diff().abs().fillna(0)
    change = changes.rolling(n_rows, min_periods=1).median().to_numpy()
    change = change[np.minimum(starts + n_rows - 1, len(observed) - 1)]
    best = int(np.argmax(filled * (change if change.any() else 1)))
    return int(first[best] + end[last[best] - 1]) // 2


def _most_missing(observed: pd.DataFrame) -> list[Any]:
    n_missing = observed.isna().sum().sort_values(ascending=False, kind="stable")
    with_gaps = n_missing[n_missing > 0]
    return list((with_gaps if len(with_gaps) else n_missing).index[:MAX_PANELS])


def _new_figure(n_panels: int) -> Figure:
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.figure(figsize=picture_size(n_panels), layout="constrained")


def _draw_column(
    ax: Axes, observed: pd.Series, filled: pd.Series, bounds: pd.DataFrame | None
) -> None:
    times = axis_values(observed.index)
    values = observed.to_numpy(dtype=float)
    ax.plot(times, values, color=OBSERVED, lw=1.1, label="observed", zorder=4)
    alone = find_alone(values)
    ax.plot(times[alone], values[alone], ".", color=OBSERVED, ms=4, zorder=4)
    rows, joint = _gaps_with_ends(np.isnan(values))
    if not len(rows):
        return
    line = np.where(joint, np.nan, filled.to_numpy(dtype=float)[rows])
    ax.plot(times[rows], line, color=PREDICTED, lw=1.6, label="filled", zorder=3)
    if bounds is not None:
        edges = bounds.to_numpy(dtype=float)[rows]
        # Where a value is known nothing is open: bands begin and end in a point.
        known = ~np.isnan(values[rows])
        edges[known] = line[known, None]
        edges[joint] = np.nan
        draw_bands(ax, times[rows], pd.DataFrame(edges, columns=bounds.columns))


def _gaps_with_ends(missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of all gaps, each with the row before and the row after it.

    The last row of each is there twice; the second of them is marked as a joint, at
    which a line should break.
    """
    rows: list[int] = []
    joint: list[bool] = []
    for first, end in find_gaps(missing):
        last = min(end, len(missing) - 1)
        rows += [*range(max(first - 1, 0), last + 1), last]
        joint += [False] * (len(rows) - len(joint) - 1) + [True]
    return np.array(rows, dtype=int), np.array(joint, dtype=bool)


def _describe(missing: pd.Series, stretch: slice) -> str:
    text = f"{missing.sum()} of {len(missing)} missing"
    shown = missing.iloc[stretch]
    if len(shown) < len(missing):
        text += f"; {shown.sum()} of them in the {len(shown)} rows shown"
    return text


def _draw_legend_once(figure: Figure | SubFigure, axes: Sequence[Axes]) -> None:
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper left",
        ncols=len(handles),
        frameon=False,
        fontsize="small",
    )
