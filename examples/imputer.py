"""RNNImputer on the bundled compressor, beside linear interpolation.

Cells of five sensors are taken away, single ones and blocks of up to two days, and are
filled again. What was taken away is known, so that both ways of filling can be scored.

python examples/imputer.py --plot imputation.png
"""

import argparse

import numpy as np
import pandas as pd

from sklrnn import RNNImputer
from sklrnn.datasets import load_compressor

COLUMNS = [
    "suction_pressure",
    "discharge_pressure",
    "suction_temperature",
    "discharge_temperature",
    "cooler_differential_pressure",
]
SHORTEST_BLOCK, LONGEST_BLOCK = 6, 48
SHOWN = 240


def main():
    arguments = parse_arguments()
    table = load_compressor(regular=True).loc["2022", COLUMNS]
    max_epochs = arguments.max_epochs
    if arguments.quick:
        table, max_epochs = table[:400], 1

    rng = np.random.default_rng(0)
    points = rng.random(table.shape) < 0.03
    blocks = draw_blocks(table.shape, rng)
    sensors = table.mask(points | blocks)
    share = (points | blocks).mean()
    print(f"{len(table)} hours of {len(COLUMNS)} sensors, {share:.0%} taken away")

    # Small, with few passes and no refit, to take a minute or two. More absence than by
    # default, since most of what is missing here is missing in blocks. And no squared
    # errors, which a few hours of shutdowns would rule in a single year.
    imputer = RNNImputer(
        hidden_size=32,
        batch_size=64,
        absence_rate=0.6,
        loss="laplace_nll",
        max_epochs=max_epochs,
        refit=False,
        random_state=0,
    )
    filled = imputer.fit_transform(sensors)
    interval = imputer.impute_interval(sensors, coverage=0.9)
    linear = sensors.interpolate(method="time", limit_direction="both")

    print("\nmean absolute error of what was taken away, in bar and degrees Celsius:")
    kinds = {"points": points & ~blocks, "blocks": blocks}
    print(compare(table, linear, filled, kinds))
    print("\nshare inside its 90 % interval:")
    print(count_inside(table, interval, kinds))

    if arguments.plot:
        draw(table, sensors, filled, linear, interval, arguments.plot)
        print(f"\ndrawn: {arguments.plot}")


def parse_arguments():
    parser = argparse.ArgumentParser(description="RNNImputer on the compressor data.")
    parser.add_argument(
        "--max-epochs", type=int, default=20, help="passes (default: %(default)s)"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw ten days of the fills")
    parser.add_argument(
        "--quick", action="store_true", help="train too little, but fast"
    )
    return parser.parse_args()


def draw_blocks(shape, rng):
    """Draw blocks of hours, each in one column: a tenth of the table or so."""
    n_steps, n_columns = shape
    gone = np.zeros(shape, dtype=bool)
    for _ in range(n_steps * n_columns // (5 * (SHORTEST_BLOCK + LONGEST_BLOCK))):
        start, column = rng.integers(n_steps), rng.integers(n_columns)
        length = rng.integers(SHORTEST_BLOCK, LONGEST_BLOCK + 1)
        gone[start : start + length, column] = True
    return gone


def compare(table, linear, filled, kinds):
    errors = {
        (kind, name): (fills - table).abs().where(where).mean()
        for kind, where in kinds.items()
        for name, fills in {"linear": linear, "RNNImputer": filled}.items()
    }
    return pd.DataFrame(errors).to_string(float_format="{:.3f}".format)


def count_inside(table, interval, kinds):
    inside = pd.DataFrame(
        {
            name: table[name].between(
                interval[name, 0.9, "lower"], interval[name, 0.9, "upper"]
            )
            for name in table
        }
    )
    shares = {kind: inside.where(where).mean() for kind, where in kinds.items()}
    return pd.DataFrame(shares).to_string(float_format="{:.0%}".format)


def draw(table, sensors, filled, linear, interval, path):
    """Draw the ten days in which the fills are farthest from the straight line."""
    from sklrnn.plotting import plot_imputation

    apart = ((filled - linear).abs() / table.std()).sum(axis=1).rolling(SHOWN).sum()
    end = SHOWN if len(table) <= SHOWN else int(np.nanargmax(apart)) + 1
    shown = slice(max(end - SHOWN, 0), end)
    axes = plot_imputation(
        sensors[shown], filled[shown], interval[shown], columns=COLUMNS
    )
    for ax, name in zip(axes, COLUMNS, strict=True):
        gone = sensors[name].isna()[shown]
        true = table[name][shown].where(gone)
        straight = linear[name][shown].where(gone)
        ax.plot(true.index, straight, color="#1f77b4", lw=1.2, label="linear")
        ax.plot(true.index, true, ".", color="#333333", ms=3, label="taken away")
    figure = axes[0].figure
    figure.legends[0].remove()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper left", ncols=len(labels), frameon=False
    )
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
