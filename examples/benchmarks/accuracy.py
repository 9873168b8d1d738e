"""Accuracy of the defaults beside naive forecasts, and beside other seeds.

    python examples/benchmarks/accuracy.py

Airline passengers: the last 12 months held out, mean absolute error. Compressor: every
sensor's next 24 hours, forecast each day of the last year of data by one fit on all the
years before (`backtest` without refit); errors of observed values only. Nothing was
chosen on the parts that are scored here.
"""

import argparse

import numpy as np
import pandas as pd
from sktime.datasets import load_airline

from sklrnn import RNNForecaster
from sklrnn.datasets import load_compressor
from sklrnn.experiments.backtest import backtest


def airline(seeds):
    y = load_airline()
    train, test = y[:-12], y[-12:]
    fh = np.arange(1, 13)
    errors = []
    for seed in range(seeds):
        y_pred = RNNForecaster(random_state=seed).fit(train, fh=fh).predict()
        errors.append((y_pred - test).abs().mean())
    seasonal = np.abs(test.to_numpy() - train[-12:].to_numpy()).mean()
    last = np.abs(test.to_numpy() - train.iloc[-1]).mean()
    print("airline, last 12 months, mean absolute error (thousands of passengers)")
    each = ", ".join(f"{error:.1f}" for error in errors)
    print(f"  RNNForecaster(), {seeds} seeds: {np.mean(errors):.1f}  ({each})")
    print(f"  last value: {last:.1f}\n  seasonal naive: {seasonal:.1f}\n", flush=True)


def compressor(sensors, seeds, n_days):
    table = load_compressor(regular=True)
    rows = []
    for sensor in sensors:
        y = table[sensor]
        y = y[y.first_valid_index() : y.last_valid_index()]
        runs = [
            backtest(
                RNNForecaster(random_state=seed),
                y,
                horizon=24,
                n_folds=n_days,
                season=24,
            ).scores
            for seed in range(seeds)
        ]
        mean = pd.concat(runs).groupby(level=0, sort=False).mean()
        for model, score in mean.iterrows():
            rows.append((sensor, model, score["MAE"], score["RMSE"] ** 2))
    found = pd.DataFrame(rows, columns=["sensor", "model", "MAE", "MSE"])
    print(f"compressor, next 24 hours, {n_days} days, mean of {seeds} seed(s)")
    print(found.to_string(index=False, float_format="{:.4f}".format))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="for airline")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument(
        "--sensors", nargs="*", default=["discharge_pressure", "suction_temperature"]
    )
    parser.add_argument("--compressor-seeds", type=int, default=1)
    options = parser.parse_args()
    airline(options.seeds)
    compressor(options.sensors, options.compressor_seeds, options.days)


if __name__ == "__main__":
    main()
