"""Draw docs/data_flow.svg; windows, mask and gaps are those the library itself makes.

python docs/draw_data_flow.py
"""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (after the choice of the backend)
from matplotlib.patches import Rectangle  # noqa: E402

from sklrnn.data.gaps import fill_forward  # noqa: E402
from sklrnn.data.reader import SeriesReader  # noqa: E402
from sklrnn.data.windows import split_windows  # noqa: E402

N_ROWS, WINDOW, HORIZON, FRACTION = 30, 8, 4, 0.2
MISSING = [25, 26]
FH = [1, 2, 4]
PAST, AHEAD, KEPT, PLAIN = "#1f77b4", "#c1440e", "#e9d8a6", "#333333"
LEFT, RIGHT = -9.2, 40.5


def main():
    """Draw the picture."""
    matplotlib.rcParams.update(
        {"svg.hashsalt": "sklrnn", "font.size": 9, "font.family": "DejaVu Sans"}
    )
    y = _make_series()
    figure, axes = pyplot.subplots(
        4,
        1,
        figsize=(10, 9.6),
        layout="constrained",
        height_ratios=[6.2, 4.6, 16.1, 3.1],
    )
    _draw_rows(axes[0], y)
    _draw_gaps(axes[1], y)
    _draw_training(axes[2], y)
    _draw_prediction(axes[3], y)
    figure.savefig(
        Path(__file__).with_name("data_flow.svg"),
        metadata={"Date": None},
        facecolor="white",
    )


def _make_series():
    t = np.arange(N_ROWS)
    noise = np.random.default_rng(3).normal(size=N_ROWS)
    y = np.round(50 + 10 * np.sin(2 * np.pi * t / 7) + 2 * noise)
    y[MISSING] = np.nan
    return pd.Series(y, pd.RangeIndex(N_ROWS), name="y")


def _draw_rows(ax, y):
    _title(ax, "1   Rows are time steps, in order", bottom=-3.7, top=1.9)
    ax.plot(y.index, y / 10 - 5, "-", color=PLAIN, lw=1)
    ax.plot(y.index, y / 10 - 5, "o", color=PLAIN, ms=3.5)
    _name(ax, 0, "y")
    _name(ax, -2.1, "X")
    ax.bar(np.arange(N_ROWS), 0.7, 0.8, -2.45, color="#999999")
    ax.bar(N_ROWS - 1 + np.array(FH), 0.7, 0.8, -2.45, color=AHEAD)
    for x in MISSING:
        _text(ax, x, 0, "?", color=PLAIN)
    _bar(ax, N_ROWS - WINDOW, WINDOW, 1.75, PAST, f"window_length = {WINDOW}")
    _bar(ax, N_ROWS, HORIZON, 1.75, AHEAD, f"horizon = {HORIZON}")
    for step in FH:
        x = N_ROWS - 1 + step
        ax.plot(x, 0, "o", mfc="white", mec=AHEAD, ms=6)
        _text(ax, x, -0.75, str(step), color=AHEAD)
    _left(ax, N_ROWS + HORIZON, 0, f"fh = {FH}: steps\nafter the cutoff", AHEAD)
    _left(
        ax,
        N_ROWS + HORIZON,
        -2.1,
        "X at these steps:\ngiven to predict, fit\nor update",
        AHEAD,
    )
    _text(ax, N_ROWS - 1, -3.3, f"cutoff: the last row of y, row {N_ROWS - 1}")
    ax.plot([N_ROWS - 1] * 2, [-2.9, 1.35], color=PLAIN, lw=0.8, ls=":", zorder=0)


def _draw_gaps(ax, y):
    rows = np.arange(N_ROWS - WINDOW, N_ROWS)
    filled, mask, gap = fill_forward(y.to_numpy()[:, None])
    table = [
        ("y, as given", [f"{v:.0f}" if v == v else "?" for v in y[rows]]),
        ("value read", [f"{v:.0f}" for v in filled[rows, 0]]),
        ("mask", [str(int(m)) for m in mask[rows, 0]]),
        ("steps since last seen", [str(g) for g in gap[rows, 0]]),
    ]
    _title(ax, "2   What the network reads of the window above", bottom=-3.6, top=0.4)
    for i, (label, cells) in enumerate([("row", [str(r) for r in rows]), *table]):
        at = 0.6 - 0.95 * i
        ax.text(N_ROWS - WINDOW - 1, at, label, ha="right", va="center")
        for row, cell in zip(rows, cells, strict=True):
            missing = row in MISSING and i > 0
            _text(ax, row, at, cell, color=AHEAD if missing else PLAIN)
    note = "mask and time since last\nseen: only where fit met\na missing value"
    _left(ax, N_ROWS, -2.25, note, PLAIN)


def _draw_training(ax, y):
    series = SeriesReader(standardize=True).read(y.to_frame())
    _title(ax, "3   fit: windows to learn from, windows to validate", -14.6, 0.9)
    shape = {"window_length": WINDOW, "horizon": HORIZON, "masked": True}
    train, valid = split_windows(series, validation_fraction=FRACTION, **shape)
    everything, _ = split_windows(series, validation_fraction=None, **shape)
    n_kept = len(valid) if valid is not None else 0
    split = N_ROWS - n_kept
    ax.add_patch(Rectangle((-0.5, 0.4), split, 0.9, color="#dddddd"))
    ax.add_patch(Rectangle((split - 0.5, 0.4), n_kept, 0.9, color=KEPT))
    _text(ax, split / 2, 0.85, "training part")
    _text(ax, split + n_kept / 2 - 0.5, 0.85, "validation part")
    _left(
        ax, N_ROWS, 0.85, f"validation_fraction = {FRACTION}: the\nnewest rows", PLAIN
    )
    at = -0.6
    groups = [
        (
            "first network\nlearns from",
            train,
            [0, 1, -1],
            "futures end where the\ntraining part ends",
        ),
        (
            "... and is\nvalidated on",
            valid,
            [0, 1, -1],
            "pasts may reach back.\nErrors choose the epoch\nand, by step ahead,\n"
            "become the intervals",
        ),
        (
            "second network\n(refit) learns from",
            everything,
            [0, 1, -1],
            "all rows, for as many\nepochs as were best;\nit makes the forecasts",
        ),
    ]
    for label, windows, chosen, note in groups:
        _name(ax, at - 1.7, label)
        _left(ax, N_ROWS, at - 1.7, note, PLAIN)
        for i, which in enumerate(chosen):
            _draw_window(ax, windows, which, at)
            at -= 1.0
            if i == 1:
                _text(ax, 15, at + 0.1, "one window per row")
                at -= 1.0
        at -= 0.9
    ax.plot([split - 0.5] * 2, [at + 0.6, 1.3], color=PLAIN, lw=0.8, ls=":", zorder=0)


def _draw_window(ax, windows, which, at):
    start = int(windows.starts[which]) - WINDOW  # behind rows of padding
    ax.add_patch(Rectangle((start - 0.5, at - 0.35), WINDOW, 0.7, color=PAST))
    n_valid = int(windows.n_valid[which])
    ahead = (start + WINDOW - 0.5, at - 0.35)
    ax.add_patch(Rectangle(ahead, n_valid, 0.7, color=AHEAD))


def _draw_prediction(ax, y):
    _title(ax, "4   predict: from the window that ends at the cutoff", -2.4, 0.1)
    _name(ax, 0, "predict")
    _name(ax, -1.2, "after update\nwith 3 rows")
    for shift, at in ((0, 0), (3, -1.2)):
        start = N_ROWS + shift - WINDOW
        ax.add_patch(Rectangle((start - 0.5, at - 0.35), WINDOW, 0.7, color=PAST))
        ahead = (N_ROWS + shift - 0.5, at - 0.35)
        ax.add_patch(Rectangle(ahead, HORIZON, 0.7, color=AHEAD))
    _key(ax, 0, PAST, "rows read")
    _key(ax, 9, AHEAD, "steps forecast")


def _key(ax, x, color, label):
    ax.add_patch(Rectangle((x - 0.5, -2.35), 1.2, 0.5, color=color))
    ax.text(x + 1.1, -2.1, label, ha="left", va="center")


def _title(ax, words, bottom, top):
    ax.set(xlim=(LEFT, RIGHT), ylim=(bottom, top + 0.6))
    ax.set_axis_off()
    ax.set_title(words, loc="left", fontsize=11, fontweight="bold")


def _bar(ax, first, length, at, color, label):
    ax.add_patch(Rectangle((first - 0.5, at - 0.3), length, 0.35, color=color))
    _text(ax, first + length / 2 - 0.5, at + 0.5, label, color=color)


def _text(ax, x, at, words, color=PLAIN):
    ax.text(x, at, words, ha="center", va="center", color=color)


def _name(ax, at, words):
    ax.text(-1.3, at, words, ha="right", va="center", fontweight="bold")


def _left(ax, x, at, words, color):
    ax.text(x + 0.2, at, words, ha="left", va="center", color=color)


if __name__ == "__main__":
    main()
