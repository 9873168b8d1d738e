"""RNNImputer on the bundled compressor: what linear interpolation can fill, and what not.

Cells of four sensors are taken away, single ones and blocks of hours to days, and
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
LONGEST_BLOCK = 48


def main():
    arguments = parse_arguments()
    table = load_compressor(regular=True)[COLUMNS].loc["2022"]
    max_epochs = arguments.max_epochs
    if arguments.quick:
        table, max_epochs = table[:400], 1

    rng = np.random.default_rng(0)
    points = rng.random(table.shape) < 0.03
    blocks = draw_blocks(table.shape, rng)
    gone = points | blocks
    seen = table.mask(gone)
    print(f"{len(table)} hours of {len(COLUMNS)} sensors, {gone.mean():.0%} taken away")

    imputer = RNNImputer(max_epochs=max_epochs, hidden_size=32, refit=False, random_state=0).fit(seen)
    print(f"best of {len(imputer.history_)} epochs: {best_epoch(imputer)}")
    filled = imputer.transform(seen)
    linear = seen.interpolate(method="time", limit_direction="both")

    alone = points & ~blocks
    print("\nmean absolute error of what was taken away, bar and degrees Celsius:")
    print(compare(table, linear, filled, {"points": alone, "blocks": blocks}))

    interval = imputer.impute_interval(seen, coverage=0.9)
    print("\nshare inside the 90 % interval:")
    print(count_inside(table, interval, gone).round(2).to_string())

    if arguments.plot:
        draw(table, seen, filled, linear, interval, arguments.plot)
        print(f"\ndrawn: {arguments.plot}")


def parse_arguments():
    parser = argparse.ArgumentParser(description="RNNImputer on the compressor data.")
    parser.add_argument("--max-epochs", type=int, default=40, help="passes (default: 40)")
    parser.add_argument("--plot", metavar="FILE", help="draw some of the fills")
    parser.add_argument(
        "--quick", action="store_true", help="train too little, but fast"
    )
    return parser.parse_args()


def draw_blocks(shape, rng):
    """Draw blocks of 6 to 48 hours, each in one column, a tenth of the table or so."""
    n_steps, n_columns = shape
    gone = np.zeros(shape, dtype=bool)
    for _ in range(n_steps * n_columns // 270):
        start, column = rng.integers(n_steps), rng.integers(n_columns)
        gone[start : start + rng.integers(6, LONGEST_BLOCK + 1), column] = True
    return gone


def best_epoch(imputer):
    return int(np.argmin(imputer.history_[:, "valid_loss"])) + 1


def compare(table, linear, filled, kinds):
    errors = {}
    for kind, where in kinds.items():
        for name, guess in (("linear", linear), ("RNNImputer", filled)):
            errors[kind, name] = (guess - table).abs().where(where).mean()
    return pd.DataFrame(errors).round(3).to_string()


def count_inside(table, interval, where):
    inside = {
        name: table[name].between(*(interval[name, 0.9, side] for side in ends))
        for name in table
        for ends in [("lower", "upper")]
    }
    return pd.DataFrame(inside).where(where).mean()


def draw(table, seen, filled, linear, interval, path):
    from sklrnn.plotting import plot_imputation

    axes = plot_imputation(seen, filled, interval)
    for ax in axes:
        pass
    axes[0].figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
