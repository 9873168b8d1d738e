"""HopfieldMemory: ten digits from corrupted cues, and how much a memory holds.

Four memories store the first picture of every digit in scikit-learn's small data set.
The cues have a tenth of their pixels flipped. Digits resemble each other, which the
rule of Hebb cannot stand. Then random patterns are stored, more and more of them, until
recall breaks down.

python examples/hopfield.py --plot hopfield.png
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from sklrnn import HopfieldMemory

SHAPE = 8, 8
FLIPPED = 0.1
N_CUES = 100
LOADS = [0.05, 0.07, 0.1, 0.12, 0.14, 0.17, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 2, 5]


def main():
    arguments = parse_arguments()
    n_features, loads = 200, LOADS
    if arguments.quick:
        n_features, loads = 50, LOADS[::4]

    rng = np.random.default_rng(0)
    digits = load_first_digits()
    cues = corrupt(digits, rng)
    recalled = {}
    rows = {}
    for name, memory in make_memories().items():
        memory.fit(digits)
        recalled[name] = memory.predict(cues)
        wrong = np.sign(recalled[name]) != digits
        rows[name] = {
            "wrong pixels": wrong.mean(),
            "digits recalled": (~wrong.any(axis=1)).mean(),
            "stable bits": memory.stability(digits).stable.mean(),
        }
    print(f"{len(digits)} digits, {(cues != digits).mean():.0%} of the pixels flipped")
    print(pd.DataFrame(rows).T.to_string(float_format="{:.0%}".format))

    errors = measure_errors(n_features, loads, rng)
    print(f"\nwrong bits of random patterns with {n_features} features, by load:")
    print(errors.to_string(float_format="{:.1%}".format, na_rep=""))

    if arguments.plot:
        draw(digits, cues, recalled, errors, n_features, arguments.plot)
        print(f"\ndrawn: {arguments.plot}")


def parse_arguments():
    parser = argparse.ArgumentParser(description="HopfieldMemory on ten digits.")
    parser.add_argument("--plot", metavar="FILE", help="draw digits and errors")
    parser.add_argument("--quick", action="store_true", help="store few patterns")
    return parser.parse_args()


def make_memories():
    return {
        "hebb": HopfieldMemory(kind="classic", rule="hebb", random_state=0),
        "storkey": HopfieldMemory(kind="classic", rule="storkey", random_state=0),
        "pseudo-inverse": HopfieldMemory(
            kind="classic", rule="pseudo-inverse", random_state=0
        ),
        "modern": HopfieldMemory(kind="modern"),
    }


def load_first_digits():
    """Return the first picture of every digit, ink +1 and paper -1."""
    X, y = load_digits(return_X_y=True)
    first = [np.flatnonzero(y == digit)[0] for digit in range(10)]
    return np.where(X[first] > 8, 1.0, -1.0)


def corrupt(patterns, rng):
    return np.where(rng.random(patterns.shape) < FLIPPED, -patterns, patterns)


def measure_errors(n_features, loads, rng):
    """Return the share of wrong bits for every load and memory, from up to 100 cues."""
    errors = {}
    for load in loads:
        patterns = rng.choice([-1.0, 1.0], size=(round(load * n_features), n_features))
        wanted = patterns[:N_CUES]
        cues = corrupt(wanted, rng)
        for name, memory in make_memories().items():
            # A classic memory has no room for as many patterns as features.
            if name == "modern" or load < 1:
                recalled = memory.fit(patterns).predict(cues)
                errors[load, name] = (np.sign(recalled) != wanted).mean()
    return pd.Series(errors).unstack()[list(make_memories())]


def draw(digits, cues, recalled, errors, n_features, path):
    from matplotlib.figure import Figure

    from sklrnn.plotting import plot_load, plot_recall

    figure = Figure(figsize=(9.5, 10), layout="constrained")
    above, below = figure.subfigures(2, height_ratios=[6, 3.6])
    above.suptitle("Ten digits, a tenth of the pixels flipped", x=0.01, ha="left")
    plot_recall(digits, cues, recalled, SHAPE, figure=above)
    ax = below.subplots()
    plot_load(errors, {"hebb": 0.138}, ax=ax)
    title = f"Random patterns of {n_features} bits, a tenth of them flipped in the cue"
    ax.set_title(title, loc="left", pad=26)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
