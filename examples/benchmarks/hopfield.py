"""How many patterns HopfieldMemory recalls, for each rule and the modern network.

    python examples/benchmarks/hopfield.py

Patterns of -1 and +1 are drawn at random, and stored. The cues are the first hundred of
them with 5 % of their bits flipped, each bit on its own. The error is the share of bits
that differ from the pattern after recall; recall in the modern network counts a bit by
its sign. "patterns" is the share of patterns that come back without any wrong bit. The
spread is the standard deviation over the seeds; seed s draws patterns and cues
(``numpy.random.default_rng(s)``) and the order of the updates. Times are means, in
seconds.

What should be seen, and is said below the table:

- hebb, 1000 units: an error of less than 3 % at a load of 0.12, of more than 10 % at
  0.16; in the limit of many units the border is at 0.138 (Amit, Gutfreund and
  Sompolinsky 1985).
- storkey, 200 units: less than 3 % at a load of 0.25, where hebb has more than 10 %.
- pseudo-inverse, 200 units: less than 3 % at a load of 0.5.
- modern, 200 units: less than 3 % with 50 patterns per unit.

Takes about a minute.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time

import numpy as np
import pandas as pd

from sklrnn import HopfieldMemory

N_CUES = 100
FLIPPED = 0.05
SMALL, LARGE = 0.03, 0.10
LOADS = {
    ("hebb", 1000): [0.08, 0.10, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.20],
    ("hebb", 200): [0.05, 0.10, 0.15, 0.20, 0.25],
    ("storkey", 200): [0.10, 0.20, 0.25, 0.30, 0.40, 0.50],
    ("pseudo-inverse", 200): [0.25, 0.50, 0.60, 0.75, 0.90],
    ("modern", 200): [0.5, 1, 10, 50],
}
CRITERIA = [
    ("hebb", 1000, 0.12, "<", SMALL),
    ("hebb", 1000, 0.16, ">", LARGE),
    ("hebb", 200, 0.25, ">", LARGE),
    ("storkey", 200, 0.25, "<", SMALL),
    ("pseudo-inverse", 200, 0.50, "<", SMALL),
    ("modern", 200, 50, "<", SMALL),
]


def main():
    parser = argparse.ArgumentParser(description="Errors of recall against the load.")
    parser.add_argument(
        "--seeds", type=int, default=5, help="how many, from 0 (default: %(default)s)"
    )
    n_seeds = parser.parse_args().seeds
    print(
        f"{'':15s}{'units':>6s}{'load':>7s}{'error %':>9s}{'spread':>8s}"
        f"{'patterns %':>12s}{'fit s':>8s}{'recall s':>10s}"
    )
    errors = {}
    for (name, n_units), loads in LOADS.items():
        for load in loads:
            runs = [measure(name, n_units, load, seed) for seed in range(n_seeds)]
            table = pd.DataFrame(runs)
            mean = table.mean()
            errors[name, n_units, load] = mean["error"]
            print(
                f"{name:15s}{n_units:6d}{load:7g}{100 * mean['error']:9.2f}"
                f"{100 * table['error'].std(ddof=0):8.2f}{100 * mean['whole']:12.1f}"
                f"{mean['fit']:8.3f}{mean['recall']:10.3f}",
                flush=True,
            )
    print()
    for name, n_units, load, sign, bound in CRITERIA:
        error = errors[name, n_units, load]
        met = error < bound if sign == "<" else error > bound
        print(
            f"{'met' if met else 'NOT met':8s}{name}, {n_units} units, load {load:g}: "
            f"error {100 * error:.2f} % {sign} {100 * bound:g} %"
        )


def measure(name, n_units, load, seed):
    """Return the errors of one memory, and its times."""
    rng = np.random.default_rng(seed)
    patterns = rng.choice([-1.0, 1.0], size=(round(load * n_units), n_units))
    wanted = patterns[:N_CUES]
    cues = np.where(rng.random(wanted.shape) < FLIPPED, -wanted, wanted)
    memory = HopfieldMemory(random_state=seed)
    if name != "modern":
        memory.set_params(kind="classic", rule=name)
    begin = time.perf_counter()
    memory.fit(patterns)
    stored = time.perf_counter()
    wrong = np.sign(memory.predict(cues)) != wanted
    recalled = time.perf_counter()
    return {
        "error": wrong.mean(),
        "whole": (~wrong.any(axis=1)).mean(),
        "fit": stored - begin,
        "recall": recalled - stored,
    }


if __name__ == "__main__":
    main()
