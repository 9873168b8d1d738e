"""Panels of 100 to 100,000 series: time and memory of training and of prediction.

    python examples/benchmarks/panels.py
    python examples/benchmarks/panels.py --sizes 100 1000

Every panel has series of 200 steps with ids that are strings. Each size runs in a
process of its own, on one thread: `fit` with the default length of training (which
does not grow with the panel beyond 64,000 windows), then `predict` of 12 steps for all
series. "data" is the memory of the table with its index, "fit" and "predict" by how
much the process grew at most beyond it. Linux only.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch

SIZES = (100, 1_000, 10_000, 100_000)
N_STEPS = 200


def make_panel(n_series):
    rng = np.random.default_rng(0)
    t = np.arange(N_STEPS, dtype=np.float64)
    ids = pd.Index([f"series {i:06d}" for i in range(n_series)], name="id")
    times = pd.date_range("2024-01-01", periods=N_STEPS, freq="D", name="time")
    index = pd.MultiIndex.from_product([ids, times])
    values = np.empty((n_series, N_STEPS))
    for row in values:
        season = np.sin(2 * np.pi * (t + rng.integers(7)) / 7)
        row[:] = 5 * rng.random() + season + rng.normal(scale=0.3, size=N_STEPS)
    return pd.DataFrame({"y": values.ravel()}, index=index)


def memory(entry):
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(entry))
    return int(line.split()[1]) / 1024


def growth(function):
    """Return seconds of CPU and wall time, and MB by which the process grew."""
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back
    before = memory("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, memory("VmHWM") - before


def measure(n_series):
    from sklrnn import RNNForecaster

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    fh = np.arange(1, 13)
    RNNForecaster(max_epochs=1).fit(make_panel(2), fh=fh).predict()  # imports
    before = memory("VmRSS")
    y = make_panel(n_series)
    data = y.memory_usage(deep=True).sum() / 2**20
    forecaster = RNNForecaster(random_state=0)
    rows = {"fit": growth(lambda: forecaster.fit(y, fh=fh))}
    rows["predict"] = growth(forecaster.predict)
    return {"series": n_series, "data": data, "made": memory("VmRSS") - before, **rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    print(f"series of {N_STEPS} steps, LSTM 64, one thread; s of CPU time and MB")
    heads = ("data", "fit s", "fit MB", "MB/data", "predict s", "predict MB", "MB/data")
    print(f"{'series':>8s}" + "".join(f"{head:>12s}" for head in heads))
    for size in options.sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        row = json.loads(out.stdout.splitlines()[-1])
        data = row["data"]
        (_, fit, fit_mb), (_, predict, predict_mb) = row["fit"], row["predict"]
        cells = (data, fit, fit_mb, fit_mb / data, predict, predict_mb)
        cells += (predict_mb / data,)
        print(f"{size:8,d}" + "".join(f"{cell:12.2f}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
