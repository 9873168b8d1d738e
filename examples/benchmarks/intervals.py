"""Predicted distributions: coverage, pinball loss and CRPS, beside sktime's wrappers.

    python examples/benchmarks/intervals.py
    python examples/benchmarks/intervals.py --series counts --seeds 3 --fast

Hourly series, forecast a day ahead from every day of the last fifth, which nothing was
trained on; nothing is trained in between. "80 %" and "95 %" are the shares of values
inside the intervals of that coverage, the pinball loss is the mean over the levels 0.1
to 0.9, the CRPS twice the mean over 0.05 to 0.95; both in units of the training part's
deviation. The naive forecast repeats the last day; sktime makes distributions of it by
formula, from the variance of its errors, and by conformal prediction, from the errors
of forecasts from the last 36 hours before each forecast, 12 of which reach a day ahead.
It fits anew for each of these hours, which takes most of the time; ``--fast`` leaves
these two out.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch
from sktime.forecasting.conformal import ConformalIntervals
from sktime.forecasting.naive import NaiveForecaster, NaiveVariance

from sklrnn import RNNForecaster
from sklrnn.datasets import load_compressor

DAY = 24
N_HOURS = 36
LEVELS = np.round(np.arange(1, 20) / 20, 2)
EDGES = {"80 %": (0.1, 0.9), "95 %": (0.025, 0.975)}
COLUMNS = ("80 %", "95 %", "pinball", "CRPS", "seconds")


def load_series():
    table = load_compressor(regular=True).loc["2016-01-01":"2016-06-30"]
    names = ("discharge_pressure", "suction_temperature", "cooling_supply_temperature")
    return {name: table[name].astype(float) for name in names} | generate()


def generate(n_days=150):
    rng = np.random.default_rng(0)
    hours = pd.date_range("2024-01-01", periods=n_days * DAY, freq="h")
    phase = 2 * np.pi * np.arange(len(hours)) / DAY
    course = 3 * np.sin(phase) + np.cos(2 * phase)
    normal = rng.normal(size=len(hours))
    rate = np.exp(1 + 0.4 * course)
    made = {
        "normal noise": course + normal,
        "heavy tails": course + rng.standard_t(3, size=len(hours)),
        "noise by day": course + np.exp(np.sin(phase)) * normal,
        "counts": rng.poisson(rng.gamma(4, rate / 4)).astype(float),
    }
    return {name: pd.Series(values, hours) for name, values in made.items()}


def contenders(name, seed):
    naive = NaiveForecaster(strategy="last", sp=DAY)
    window = {"initial_window": 10 * DAY}
    found = {
        "naive, formula": naive,
        "naive, variance": NaiveVariance(naive.clone(), **window),
        "naive, conformal": ConformalIntervals(naive.clone(), **window),
    }
    distributions = ["point", "gaussian", "student_t", "quantiles"]
    if name == "counts":
        distributions.append("negative_binomial")
    for distribution in distributions:
        for calibrate in (True, False):
            plain = "" if calibrate else ", as predicted"
            found[distribution + plain] = RNNForecaster(
                "gru", distribution=distribution, calibrate=calibrate, random_state=seed
            )
    return found


def measure(y, forecaster):
    """Return coverages, pinball loss, CRPS and seconds of CPU time."""
    start = time.process_time()
    n_days = len(y) // DAY
    first = (n_days - n_days // 5) * DAY
    train = y[:first]
    fh = np.arange(1, DAY + 1)
    levels = sorted({*LEVELS, *np.ravel(list(EDGES.values()))})
    trained = isinstance(forecaster, RNNForecaster)
    known = y if trained else y.ffill().bfill()
    quantiles, true = [], []
    for cutoff in range(first, n_days * DAY, DAY):
        if not trained:
            forecaster.fit(known[cutoff - 10 * DAY - N_HOURS : cutoff], fh=fh)
        elif cutoff == first:
            forecaster.fit(train, fh=fh)
        else:
            forecaster.update(known[cutoff - DAY : cutoff], update_params=False)
        found = forecaster.predict_quantiles(fh, alpha=levels)
        quantiles.append(found.to_numpy())
        true.append(y[cutoff : cutoff + DAY].to_numpy())
    true = np.concatenate(true)
    seen = ~np.isnan(true)
    found = pd.DataFrame(np.concatenate(quantiles)[seen], columns=levels)
    true = true[seen]
    scores = [
        ((found[low] <= true) & (true <= found[high])).mean()
        for low, high in EDGES.values()
    ]
    error = (true[:, None] - found[LEVELS].to_numpy()) / train.std()
    pinball = np.maximum(LEVELS * error, (LEVELS - 1) * error).mean(axis=0)
    deciles = pinball[1::2].mean()
    return [*scores, deciles, 2 * pinball.mean(), time.process_time() - start]


def main():
    series = load_series()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", nargs="+", choices=series, default=list(series))
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0")
    parser.add_argument("--fast", action="store_true", help="without sktime's wrappers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in options.series:
        print(f"{name:32s}" + "".join(f"{column:>9s}" for column in COLUMNS))
        for label, model in contenders(name, 0).items():
            if options.fast and isinstance(model, (NaiveVariance, ConformalIntervals)):
                continue
            n_seeds = 1 if "naive" in label else options.seeds
            rows = [
                measure(series[name], contenders(name, seed)[label])
                for seed in range(n_seeds)
            ]
            mean = np.mean(rows, axis=0)
            cells = f"{mean[0]:9.1%}{mean[1]:9.1%}"
            cells += "".join(f"{x:9.3f}" for x in mean[2:4]) + f"{mean[4]:9.1f}"
            print(f"  {label:30s}{cells}", flush=True)


if __name__ == "__main__":
    main()
