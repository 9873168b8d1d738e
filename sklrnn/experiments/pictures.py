"""Pictures of a comparison of architectures, for a page on any background."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pandas as pd

from sklrnn.plotting.axes import plainly, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the colour of the text of the page: `to_svg` puts it in."""

FAINT = "#8a8f98"
BLUE, ORANGE, GREEN, PURPLE = "#3d85c6", "#d9622b", "#2a9d5c", "#a064c8"
LINES = (BLUE, ORANGE, GREEN, PURPLE, "#b8860b", "#d6478d", "#2aa1a8", "#7f7f7f")
_WIDTH = 8.6
_MOST = 40
_NAMED = 6
_COLUMNS = 4


def to_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element whose ink is the colour of the text around it.

    Parameters
    ----------
    figure : Figure
    name : str
        What the picture shows, in a sentence, for those who cannot see it.
    """
    from html import escape
    from io import StringIO

    from matplotlib import rc_context

    text = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            text,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    # A name of its own for every identifier: there are many pictures on a page.
    prefix = f"p{crc32(name.encode()):x}-"
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
    label = escape(name, quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _figure(height: float, **grid: Any) -> tuple[Figure, Any]:
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots(**grid)


def _dress(ax: Axes, *, grid: str = "x") -> None:
    """Colour the frame of axes as the text of the page."""
    ax.set_facecolor("none")
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(FAINT)
    ax.tick_params(colors=INK, which="both", labelsize=9)
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(9.5)
    ax.grid(axis=grid, color=FAINT, alpha=0.25, lw=0.6)  # type: ignore[arg-type]
    ax.set_axisbelow(True)


def _title(ax: Axes, text: str) -> None:
    ax.set_title(plainly(text), loc="left", color=INK, fontsize=10)


def _legend(ax: Axes, **options: Any) -> None:
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=9, labelcolor=INK, **options)


def _log(ax: Axes, axis: str, values: Any) -> None:
    """Scale an axis by factors where its values differ by more than three times."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known) & (known > 0)]
    if len(known) == 0 or known.max() < 3 * known.min():
        return
    (ax.set_xscale if axis == "x" else ax.set_yscale)("log")
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    which.set_major_formatter(StrMethodFormatter("{x:g}"))
    which.set_minor_formatter(NullFormatter())


def draw_errors(
    summary: pd.DataFrame, seeds: dict[str, Sequence[float]], naive: Sequence[str]
) -> Figure:
    """Draw the error of every architecture, best first.

    Parameters
    ----------
    summary : DataFrame
        Rows of one task and view of what `summarise` returned.
    seeds : dict from name to list of float
        The micro MSE of every seed.
    naive : sequence of str
        Names of the rows that are drawn as lines.
    """
    simple = summary[summary["architecture"].isin(naive)]
    rows = summary[~summary["architecture"].isin(naive)].head(_MOST)
    figure, ax = _figure(0.8 + 0.26 * len(rows))
    place = np.arange(len(rows))[::-1]
    colors = [BLUE if inside else FAINT for inside in rows["best_group"]]
    means, spread = rows["micro_mse"].to_numpy(), 2 * rows["std"].to_numpy()
    spread = np.nan_to_num(spread)
    low = np.maximum(means - spread, 0.3 * means.min())
    ax.hlines(place, low, means + spread, colors=colors, lw=2)
    ax.scatter(means, place, s=42, c=colors, marker="|", linewidths=2, zorder=3)
    for y, name in zip(place, rows["architecture"], strict=True):
        x = seeds.get(name, [])
        ax.scatter(x, [y] * len(x), s=12, c=INK, alpha=0.75, zorder=4, linewidths=0)
    top = max([*(means + spread), *(max(seeds[n]) for n in rows["architecture"])])
    inside = simple[simple["micro_mse"] < 3 * top]
    for style, (_, row) in zip(("--", ":", "-."), inside.iterrows(), strict=False):
        ax.axvline(row["micro_mse"], color=ORANGE, ls=style, lw=1.4)
        label = f"{row['architecture']} {row['micro_mse']:.3g}"
        ax.plot([], [], color=ORANGE, ls=style, lw=1.4, label=label)
    labels = [
        f"{n} *" if c else n
        for n, c in zip(rows["architecture"], rows["choice"], strict=True)
    ]
    ax.set_yticks(place, [plainly(label) for label in labels])
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlabel("micro MSE, in squared deviations of the training part")
    _log(ax, "x", [*means, *inside["micro_mse"]])
    _dress(ax)
    _legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)
    return figure


def draw_tasks(pairs: pd.DataFrame) -> Figure:
    """Draw prediction against reconstruction, a point for each pair of networks.

    Parameters
    ----------
    pairs : DataFrame
        What `compare_tasks` returned.
    """
    figure, ax = _figure(4.8)
    shown = (("online", "o", BLUE), ("offline", "^", GREEN))
    values = [pairs["prediction"]]
    for view, marker, color in shown:
        known = pairs[pairs[view].notna()]
        ax.scatter(
            known["prediction"],
            known[view],
            s=34,
            marker=marker,
            color=color,
            alpha=0.75,
            linewidths=0,
            label=f"reconstruction {view}",
        )
        values.append(known[view])
    every = np.concatenate(values)
    ends = [0.9 * every.min(), 1.1 * every.max()]
    ax.plot(ends, ends, color=FAINT, lw=1, ls="--", label="alike")
    ax.set_xlabel("micro MSE of prediction")
    ax.set_ylabel("micro MSE of reconstruction")
    _log(ax, "x", every)
    _log(ax, "y", every)
    _dress(ax, grid="both")
    _legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def draw_teachers(table: pd.DataFrame) -> Figure:
    """Draw decoupled networks, online and offline, beside the plain forward one.

    Parameters
    ----------
    table : DataFrame
        What `compare_teacher` returned.
    """
    table = table.head(_MOST)
    figure, ax = _figure(0.9 + 0.3 * len(table))
    place = np.arange(len(table))[::-1]
    shown = (
        ("forward", "s", FAINT, 0.2, "forward, without teacher"),
        ("online", "o", BLUE, 0.0, "decoupled, online"),
        ("offline", "^", GREEN, -0.2, "decoupled, offline"),
    )
    for name, marker, color, shift, label in shown:
        known = table[name].notna().to_numpy()
        y, x = place[known] + shift, table[name][known].to_numpy(dtype=float)
        std = 2 * np.nan_to_num(table[f"{name}_std"][known].to_numpy(dtype=float))
        ax.hlines(y, np.maximum(x - std, x * 0.5), x + std, color=color, lw=1.6)
        ax.scatter(x, y, s=26, marker=marker, color=color, zorder=3, label=label)
    tasks = table["task"].nunique() > 1
    names = [
        f"{name} ({task[:4]}.)" if tasks else name
        for name, task in zip(table["architecture"], table["task"], strict=True)
    ]
    ax.set_yticks(place, [plainly(name) for name in names])
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.set_xlabel("micro MSE; bars are two deviations over seeds")
    _log(ax, "x", table[["forward", "online", "offline"]])
    _dress(ax)
    _legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def draw_curves(curves: dict[str, dict[str, Sequence[Sequence[float]]]]) -> Figure:
    """Draw validation losses by epoch.

    Parameters
    ----------
    curves : dict from panel to dict from name to list of curves
        A curve for each seed; the first few names of a panel are told apart.
    """
    from matplotlib.ticker import MaxNLocator

    n_rows = -(-len(curves) // 2)
    figure, axes = _figure(4.4 * n_rows, nrows=n_rows, ncols=2, squeeze=False)
    for ax, (title, named) in zip(axes.flat, curves.items(), strict=False):
        every: list[float] = []
        for number, (name, runs) in enumerate(named.items()):
            color = LINES[number] if number < _NAMED else FAINT
            for i, run in enumerate(runs):
                losses = np.array(run, dtype=float)
                epochs = np.arange(1, len(losses) + 1)
                ax.plot(
                    epochs,
                    losses,
                    color=color,
                    lw=1.2 if number < _NAMED else 0.6,
                    alpha=0.85 if number < _NAMED else 0.35,
                    zorder=3 if number < _NAMED else 2,
                    label=plainly(name) if i == 0 and number < _NAMED else None,
                )
                best = int(np.argmin(losses))
                if number < _NAMED:
                    ax.plot(best + 1, losses[best], "o", color=color, ms=4, zorder=4)
                every.extend(losses)
        _title(ax, title)
        ax.set_xlabel("epoch")
        ax.set_ylabel("validation loss")
        if min(every) > 0:
            _log(ax, "y", every)
        _dress(ax, grid="both")
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        _legend(ax, loc="upper left", bbox_to_anchor=(0, -0.2), handlelength=1.2)
    for ax in axes.flat[len(curves) :]:
        ax.remove()
    return figure


def draw_window(window: dict[str, Any], columns: Sequence[str], length: int) -> Figure:
    """Draw a test window with its gaps and what a network made of it.

    Parameters
    ----------
    window : dict
        "values", "removed" and "estimate" of shape (n_steps, n_columns).
    columns : sequence of str
    length : int
        Steps up to the one that is scored, it included.
    """
    values, estimate = (
        np.array(window[name], dtype=float) for name in ("values", "estimate")
    )
    removed = np.array(window["removed"], dtype=bool)
    # Columns with a value to score, those with the largest errors first.
    error = np.nan_to_num(np.abs(estimate - values)[length - 1], nan=-1.0)
    chosen = np.sort(np.argsort(-error, kind="stable")[: min(_COLUMNS, len(columns))])
    figure, axes = _figure(
        0.5 + 1.25 * len(chosen), nrows=len(chosen), sharex=True, squeeze=False
    )
    steps = np.arange(len(values)) - length + 1
    for ax, column in zip(axes[:, 0], chosen, strict=True):
        _draw_column(
            ax, steps, values[:, column], removed[:, column], estimate[:, column]
        )
        _title(ax, columns[column])
        ax.axvline(0, color=FAINT, lw=0.8, ls="--")
        _dress(ax, grid="y")
    axes[-1, 0].set_xlabel("steps from the one that is scored; values in deviations")
    _legend(axes[0, 0], loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderpad=0)
    return figure


def _draw_column(
    ax: Axes,
    steps: np.ndarray,
    values: np.ndarray,
    removed: np.ndarray,
    estimate: np.ndarray,
) -> None:
    gone = removed.copy()
    gone[steps == 0] = True
    seen = np.where(gone, np.nan, values)
    ax.plot(steps, seen, color=INK, lw=1.3, marker=".", ms=3.5, label="seen")
    hidden = np.where(gone, values, np.nan)
    ax.plot(steps, hidden, "o", ms=4, mfc="none", mec=BLUE, label="hidden")
    filled = np.where(gone | np.isnan(values), estimate, np.nan)
    ax.plot(steps, filled, "x", ms=5, color=ORANGE, mew=1.4, label="estimate")
    ax.margins(y=0.15)


def draw_gates(gates: dict[str, Sequence[float]], length: int) -> Figure:
    """Draw the gates of gated fusions over the steps of a window.

    Parameters
    ----------
    gates : dict from name to sequence of float
        Means over units, windows and seeds, from 0 (future) to 1 (past); the last is
        that of the newest step read.
    length : int
        Steps of a window.
    """
    figure, ax = _figure(3.4)
    for number, (name, gate) in enumerate(gates.items()):
        steps = np.arange(-len(gate) + 1, 1)
        ax.plot(
            steps, gate, color=LINES[number % len(LINES)], lw=1.6, label=plainly(name)
        )
    ax.axhline(0.5, color=FAINT, lw=0.8, ls="--")
    ax.set_xlabel("steps from the newest one read")
    ax.set_ylabel("gate: 1 past, 0 future")
    _dress(ax, grid="both")
    _legend(ax, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_gaps(
    lines: dict[str, Sequence[dict[str, Any]]], naive: Sequence[str]
) -> Figure:
    """Draw the error against the length of the gap that it lies in.

    Parameters
    ----------
    lines : dict from name to list of dict
        With "from", "entries" and "micro_mse", as `gap_scores` returns them.
    naive : sequence of str
        Names that are drawn dashed.
    """
    figure, ax = _figure(3.6)
    every: list[float] = []
    number = 0
    counts = next(iter(lines.values()))
    filled = max((i for i, row in enumerate(counts) if row["entries"]), default=0)
    lines = {name: rows[: filled + 1] for name, rows in lines.items()}
    counts = counts[: filled + 2]
    for name, rows in lines.items():
        y = [np.nan if row["micro_mse"] is None else row["micro_mse"] for row in rows]
        simple = name in naive
        color = FAINT if simple else LINES[number % len(LINES)]
        style = ("--" if name == naive[0] else ":") if simple else "-"
        number += not simple
        ax.plot(
            range(len(y)),
            y,
            color=color,
            ls=style,
            marker="o",
            ms=4,
            lw=1.5,
            label=plainly(name),
        )
        every.extend(y)
    lows = [row["from"] for row in counts]
    labels = []
    for i, row in enumerate(counts[: filled + 1]):
        name = f"{lows[i]}+" if i + 1 == len(lows) else f"{lows[i]}-{lows[i + 1] - 1}"
        name = str(lows[i]) if name == f"{lows[i]}-{lows[i]}" else name
        labels.append(f"{name}\n{row['entries']} entries")
    ax.set_xticks(range(len(labels)), labels)
    ax.set_xlabel("length of the gap, in steps")
    ax.set_ylabel("micro MSE")
    _log(ax, "y", every)
    _dress(ax, grid="y")
    _legend(ax, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_ranks(ranks: Any) -> Figure:
    """Draw average ranks; architectures that a bar joins cannot be told apart.

    Parameters
    ----------
    ranks : Ranks
        What `sklrnn.experiments.statistics.rank` returned.
    """
    import scikit_posthocs

    n = len(ranks.average)
    figure, ax = _figure(1.1 + 0.25 * n)
    scikit_posthocs.critical_difference_diagram(
        ranks.average,
        ranks.p_values,
        cd=ranks.difference,
        ax=ax,
        label_props={"fontsize": 9},
        elbow_props={"color": FAINT, "lw": 1},
        marker_props={"color": BLUE, "s": 22},
        crossbar_props={"color": ORANGE, "linewidth": 2.5},
        text_h_margin=0.05 * n,
    )
    for text in ax.texts:
        text.set_color(INK)
    # Off the numbers of the axis, on which scikit-posthocs puts them.
    ax.lines[-1].set_ydata([1.9, 1.9])
    ax.texts[-1].set_y(2.35)
    ax.set_ylim(top=2.9)
    ax.set_facecolor("none")
    ax.spines["top"].set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=9)
    return figure
