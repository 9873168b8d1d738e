"""RNNForecaster on counts: predicted distributions, their intervals and their scores.

python examples/distributions.py
python examples/distributions.py --plot fan.png
"""

import argparse

import numpy as np
import pandas as pd

from sklrnn import RNNForecaster

parser = argparse.ArgumentParser(description="Distributions of hourly counts.")
parser.add_argument("--quick", action="store_true", help="train too little, but fast")
parser.add_argument("--plot", metavar="FILE", help="draw a fan chart")
options = parser.parse_args()

# Calls per hour: a day's course, quiet Sundays, and more spread than Poisson's.
rng = np.random.default_rng(0)
hours = pd.period_range(
    "2024-01-01", periods=24 * (30 if options.quick else 120), freq="h"
)
course = np.sin((np.arange(len(hours)) / 24 - 0.3) * 2 * np.pi)
rate = np.exp(1.2 + 1.3 * course - 0.8 * (hours.dayofweek == 6))
calls = pd.Series(rng.poisson(rng.gamma(4, rate / 4)), hours, name="calls")
past, next_days = calls[:-168], calls[-168:]

params = {"window_length": 48, "horizon": 24, "random_state": 0}
params |= {"max_epochs": 1 if options.quick else 10}
levels = np.round(np.arange(0.05, 1.0, 0.05), 2)
print(
    "a week of forecasts, a day each        pinball loss   inside 90 %   lowest bound"
)
for distribution in ("point", "gaussian", "negative_binomial", "quantiles"):
    forecaster = RNNForecaster("gru", distribution=distribution, **params).fit(past)
    losses, inside, lowest = [], [], []
    for day in range(7):
        true = next_days[24 * day : 24 * day + 24]
        if day:
            before = next_days[24 * day - 24 : 24 * day]
            forecaster.update(before, update_params=False)
        quantiles = forecaster.predict_quantiles(range(1, 25), alpha=list(levels))
        error = true.to_numpy()[:, None] - quantiles.to_numpy()
        losses.append(np.maximum(levels * error, (levels - 1) * error).mean())
        low, high = quantiles.to_numpy()[:, [0, -1]].T
        inside.append(((low <= true) & (true <= high)).mean())
        lowest.append(low.min())
    print(
        f"{distribution:38s} {np.mean(losses):12.3f} {np.mean(inside):13.0%} "
        f"{min(lowest):14.1f}"
    )

if options.plot:
    from sklrnn.plotting import plot_forecast

    forecaster = RNNForecaster("gru", distribution="negative_binomial", **params)
    forecaster.fit(past, fh=range(1, 49))
    intervals = forecaster.predict_interval(coverage=[0.5, 0.8, 0.95])
    ax = plot_forecast(past[-96:], forecaster.predict(), intervals)
    ax.figure.savefig(options.plot, dpi=120, bbox_inches="tight")
    print(f"wrote {options.plot}")
