"""Associative memories: what each rule recalls at which load.

The whole table, error against load, is that of `examples/benchmarks/hopfield.py`.
"""

import sys
import time
from pathlib import Path

import numpy as np

# Found beside this file, however it is run.
sys.path.insert(0, str(Path(__file__).parents[1]))
from classic_tasks.row import Row  # noqa: E402
from hopfield import CRITERIA, measure  # noqa: E402


def memories(quick):
    """Cues with 5 % of their bits wrong; share of wrong bits after recall."""
    return [recall(*criterion, range(1 if quick else 5)) for criterion in CRITERIA]


def recall(rule, n_units, load, sign, bound, seeds):
    start = time.perf_counter()
    errors = np.array([measure(rule, n_units, load, seed)["error"] for seed in seeds])
    met = errors < bound if sign == "<" else errors > bound
    return Row(
        f"memory of {n_units} units",
        f"{rule}, load {load:g}",
        len(seeds),
        int(met.sum()),
        f"wrong bits {100 * errors.mean():.2f} %",
        f"{sign} {100 * bound:g} %",
        time.perf_counter() - start,
    )


TASKS = {"memories": memories}
