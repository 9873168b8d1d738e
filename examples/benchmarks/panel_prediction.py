"""Forecasting the 1,000 series of a panel in one pass, beside a hand-written loop.

    python examples/benchmarks/panel_prediction.py

The hand-written loop has each series' last window in an array already, runs the same
network in batches and puts the numbers into one DataFrame, whose index it has, too.
RNNForecaster is called through its public interface: `predict` after `fit`, with its
checks and the index to make. Medians of several turns, one thread.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time

import numpy as np
import pandas as pd
import torch

from sklrnn import RNNForecaster

N_SERIES, N_STEPS, WINDOW, HORIZON = 1000, 200, 48, 24


def make_panel(n_series, n_steps):
    t = np.arange(n_steps)
    phase = np.random.default_rng(0).uniform(0, 6, size=(n_series, 1))
    values = np.sin(t / 4 + phase) + phase
    times = pd.date_range("2024-01-01", periods=n_steps, freq="h")
    ids = [f"s{i:04d}" for i in range(n_series)]
    index = pd.MultiIndex.from_product([ids, times], names=["id", "time"])
    return pd.DataFrame({"y": values.ravel()}, index=index)


def hand_written(module, windows, index):
    with torch.no_grad():
        parts = [module(batch) for batch in torch.from_numpy(windows).split(256)]
    return pd.DataFrame({"y": torch.cat(parts).numpy().ravel()}, index=index)


def timed(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def main():
    torch.set_num_threads(1)
    y = make_panel(N_SERIES, N_STEPS)
    fh = np.arange(1, HORIZON + 1)
    forecaster = RNNForecaster(
        window_length=WINDOW, normalize="standard", max_epochs=1, random_state=0
    ).fit(y, fh=fh)
    index = forecaster.predict().index
    wide = y["y"].to_numpy().reshape(N_SERIES, N_STEPS)
    center, scale = wide.mean(1, keepdims=True), wide.std(1, keepdims=True)
    windows = ((wide - center) / scale)[:, -WINDOW:, None].astype(np.float32)
    times = {"hand-written loop": [], "RNNForecaster.predict": []}
    for _ in range(15):
        seconds, by_hand = timed(hand_written, forecaster.net_.module_, windows, index)
        times["hand-written loop"].append(seconds)
        seconds, ours = timed(forecaster.predict)
        times["RNNForecaster.predict"].append(seconds)
    by_hand["y"] = by_hand["y"] * scale.repeat(HORIZON) + center.repeat(HORIZON)
    print(f"{N_SERIES:,} series, window {WINDOW}, horizon {HORIZON}, LSTM 64")
    base = statistics.median(times["hand-written loop"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:24s} {1000 * median:8.1f} ms   ratio {median / base:5.2f}")
    print(f"largest difference: {np.abs(by_hand - ours).max(axis=None):.1e}")


if __name__ == "__main__":
    main()
