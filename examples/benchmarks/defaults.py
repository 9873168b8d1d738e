"""RNNForecaster() beside naive forecasts on many series, short ones included.

    python examples/benchmarks/defaults.py
    python examples/benchmarks/defaults.py --series airline lynx --seeds 1

The series of sktime, the bundled compressor, and generated ones: a trend, seasons, a
break, rare sales, and 10, 15, 20 and 30 points. The numbers are MASE: the mean absolute
error of a forecast of one horizon, divided by the mean absolute change within one
season in the rows before it (Hyndman and Koehler 2006), the mean over seeds and over
the last three origins, one horizon apart. "ratio" is the forecaster's over that of the
better naive forecast; both count as 0.01 at least, for the scripts end in zeros.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sktime.datasets import (
    load_airline,
    load_longley,
    load_lynx,
    load_macroeconomic,
    load_PBS_dataset,
    load_shampoo_sales,
    load_uschange,
)

from sklrnn import RNNForecaster
from sklrnn.datasets import load_compressor

N_ORIGINS = 3
SMALLEST = 0.01


class Case(NamedTuple):
    y: pd.Series
    horizon: int
    season: int


def load_cases():
    income, others = load_uschange()
    macro = load_macroeconomic()
    longley, with_it = load_longley()
    compressor = load_compressor(regular=True).loc["2016-10-01":"2016-12-20"]
    cases = {
        "airline": Case(load_airline(), 12, 12),
        "lynx": Case(load_lynx(), 10, 10),
        "shampoo sales": Case(load_shampoo_sales(), 6, 12),
        "PBS scripts": Case(load_PBS_dataset(), 6, 12),
        "longley employment": Case(longley, 2, 1),
        "longley GNP": Case(with_it["GNP"], 2, 1),
        "US consumption": Case(income, 8, 4),
        "US unemployment": Case(others["Unemployment"], 8, 4),
    }
    for name in ("realgdp", "cpi", "m1", "tbilrate", "infl"):
        cases[f"macro {name}"] = Case(macro[name], 8, 4)
    for name in ("discharge_pressure", "suction_temperature"):
        cases[f"compressor {name}"] = Case(compressor[name].ffill(), 24, 24)
    return {**cases, **generate()}


def generate():
    rng = np.random.default_rng(0)
    t = np.arange(400)
    days = pd.period_range("2020-01-01", periods=400, freq="D")
    hours = pd.date_range("2020-01-01", periods=400, freq="h")
    week, day = np.sin(2 * np.pi * t / 7), np.sin(2 * np.pi * t / 24)
    noise = rng.normal(size=400)
    sales = rng.poisson(3, size=400) * (rng.random(400) < 0.25)
    cases = {
        "trend and week": Case(pd.Series(0.1 * t + 5 * week + noise, days), 14, 7),
        "two seasons": Case(
            pd.Series(5 * day + 3 * np.sin(2 * np.pi * t / 168) + noise, hours), 24, 24
        ),
        "break": Case(pd.Series(10.0 * (t > 250) + 5 * day + noise, hours), 24, 24),
        "random walk": Case(pd.Series(noise.cumsum(), days), 14, 7),
        "noise": Case(pd.Series(noise, days), 14, 7),
        "rare sales": Case(pd.Series(sales.astype(float), days), 14, 7),
    }
    for n in (10, 15, 20, 30):
        short = pd.Series(0.5 * t[:n] + 2 * np.sin(t[:n]) + 0.5 * noise[:n], days[:n])
        cases[f"{n} points"] = Case(short, 2, 1)
    return cases


def measure(case, n_seeds):
    """Return the MASE of the forecaster, the last value and the last season."""
    errors = [[], [], []]
    steps = np.arange(case.horizon)
    for origin in range(N_ORIGINS, 0, -1):
        end = len(case.y) - origin * case.horizon
        train = case.y.iloc[:end].astype(float)
        true = case.y.iloc[end : end + case.horizon].to_numpy(dtype=float)
        scale = train.diff(case.season).abs().mean()
        season = train.to_numpy()[-case.season :][steps % case.season]
        errors[1].append(np.abs(true - train.iloc[-1]).mean() / scale)
        errors[2].append(np.abs(true - season).mean() / scale)
        for seed in range(n_seeds):
            forecaster = RNNForecaster(random_state=seed).fit(train, fh=steps + 1)
            forecast = forecaster.predict().to_numpy().ravel()
            errors[0].append(np.abs(true - forecast).mean() / scale)
    return [float(np.mean(one)) for one in errors]


def main():
    cases = load_cases()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", nargs="+", choices=cases, default=list(cases))
    parser.add_argument("--seeds", type=int, default=2, help="how many, from 0")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    columns = ("RNNForecaster", "last value", "seasonal naive", "ratio", "seconds")
    print(f"{'MASE':32s}" + "".join(f"{name:>16s}" for name in columns))
    rows = []
    for name in options.series:
        start = time.process_time()
        found = measure(cases[name], options.seeds)
        ours, *naive = np.maximum(found, SMALLEST)
        rows.append([*found, ours / min(naive)])
        n_fits = N_ORIGINS * options.seeds
        print_row(name, [*rows[-1], (time.process_time() - start) / n_fits])
    print_row("mean", np.mean(rows, axis=0))


def print_row(name, values):
    print(f"{name:32s}" + "".join(f"{x:16.2f}" for x in values), flush=True)


if __name__ == "__main__":
    main()
