"""The settings of `normalize` side by side, with naive forecasts, on seven series.

    python examples/benchmarks/normalization.py
    python examples/benchmarks/normalization.py --series airline lynx --seeds 1

The numbers are MASE: the mean absolute error of a forecast of one horizon, divided by
the mean absolute change within one season in the training part (Hyndman and Koehler
2006), of networks without a shortcut that learned by squared errors. Each is the mean
over the seeds and over the last two origins: the rows before the last two horizons are
the training part of the first origin, the rows before the last horizon that of the
second. Takes about twelve minutes.
"""

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd
from sktime.datasets import (
    load_airline,
    load_lynx,
    load_macroeconomic,
    load_shampoo_sales,
    load_uschange,
)

from sklrnn import RNNForecaster

SETTINGS = ("window", "last", "standard")
COLUMNS = (*SETTINGS, "last value", "seasonal naive")
N_ORIGINS = 2


class Case(NamedTuple):
    y: pd.Series
    horizon: int
    season: int


def load_cases():
    trend, level_shift = generate()
    return {
        "airline": Case(load_airline(), 12, 12),
        "lynx": Case(load_lynx(), 10, 10),
        "shampoo sales": Case(load_shampoo_sales(), 6, 12),
        "US income": Case(load_uschange()[1]["Income"], 8, 4),
        "US real GDP": Case(load_macroeconomic()["realgdp"], 8, 4),
        "generated trend": Case(trend, 14, 7),
        "generated break": Case(level_shift, 24, 24),
    }


def generate():
    """Make a week's season on a trend, and a day's season whose level jumps once."""
    rng = np.random.default_rng(0)
    t = np.arange(400)
    trend = pd.Series(
        0.1 * t + 5 * np.sin(2 * np.pi * t / 7) + rng.normal(size=400),
        pd.period_range("2020-01-01", periods=400, freq="D"),
    )
    level_shift = pd.Series(
        np.where(t > 250, 10, 0)
        + 5 * np.sin(2 * np.pi * t / 24)
        + rng.normal(size=400),
        pd.date_range("2020-01-01", periods=400, freq="h"),
    )
    return trend, level_shift


def measure(case, n_seeds):
    """Return the MASE of every column."""
    errors = {name: [] for name in COLUMNS}
    for origin in range(N_ORIGINS, 0, -1):
        end = len(case.y) - origin * case.horizon
        train = case.y.iloc[:end].astype(float)
        future = case.y.iloc[end : end + case.horizon].to_numpy(dtype=float)
        scale = train.diff(case.season).abs().mean()
        for name, forecast in forecasts(train, case, n_seeds):
            errors[name].append(np.abs(future - forecast).mean() / scale)
    return [np.mean(errors[name]) for name in COLUMNS]


def forecasts(train, case, n_seeds):
    """Yield the forecasts from one origin, each with the name of its column."""
    steps = np.arange(case.horizon)
    yield "last value", np.full(case.horizon, train.iloc[-1])
    last_season = train.to_numpy()[-case.season :]
    yield "seasonal naive", last_season[steps % case.season]
    for normalize in SETTINGS:
        for seed in range(n_seeds):
            forecaster = RNNForecaster(
                normalize=normalize, loss="mse", shortcut=False, random_state=seed
            )
            forecaster.fit(train, fh=steps + 1)
            yield normalize, forecaster.predict().to_numpy().ravel()


def main():
    cases = load_cases()
    parser = argparse.ArgumentParser(description="Compare the settings of normalize.")
    parser.add_argument("--series", nargs="+", choices=cases, default=list(cases))
    parser.add_argument("--seeds", type=int, default=2, help="how many, from 0")
    args = parser.parse_args()
    print(f"{'MASE':16s}" + "".join(f"{name:>16s}" for name in COLUMNS))
    rows = []
    for name in args.series:
        rows.append(measure(cases[name], args.seeds))
        print_row(name, rows[-1])
    print_row("mean", np.mean(rows, axis=0))


def print_row(name, values):
    print(f"{name:16s}" + "".join(f"{x:16.2f}" for x in values), flush=True)


if __name__ == "__main__":
    main()
