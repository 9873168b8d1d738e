"""One network for all series of a hierarchy, and forecasts that add up.

python examples/panel.py
python examples/panel.py --plot panel.png
"""

import argparse

import numpy as np
import pandas as pd
from sktime.forecasting.naive import NaiveForecaster
from sktime.transformations.hierarchical.aggregate import Aggregator
from sktime.transformations.hierarchical.reconcile import Reconciler

from sklrnn import RNNForecaster

parser = argparse.ArgumentParser(description="Daily sales of shops in two regions.")
parser.add_argument("--quick", action="store_true", help="train too little, but fast")
parser.add_argument("--plot", metavar="FILE", help="draw forecasts and intervals")
options = parser.parse_args()

rng = np.random.default_rng(0)
days = pd.date_range("2025-01-06", periods=120 if options.quick else 240, freq="D")
time = np.arange(len(days))
shops = {}
for region, n_shops in (("north", 3), ("south", 4)):
    mood = 5 * np.sin(2 * np.pi * time / 60 + rng.uniform(0, 6))
    for number in range(n_shops):
        busy = rng.permutation([0, 2, 4, 6, 12, 16, -8])[time % 7]
        sold = 40 + rng.uniform(0.4, 1.6) * (busy + mood) + rng.normal(0, 3, len(time))
        key = region, f"shop {number + 1}"
        shops[key] = pd.DataFrame({"sold": sold.round()}, index=days)
sales = pd.concat(shops, names=["region", "shop", "day"])
horizon = range(1, 15)
newest = sales.index.get_level_values("day") > days[-15]

network = RNNForecaster("gru", max_epochs=1 if options.quick else 20, random_state=0)
forecasters = {
    "last week again": Aggregator() * NaiveForecaster(sp=7),
    "RNNForecaster": Aggregator() * network,
    "RNNForecaster, reconciled": Aggregator() * network * Reconciler("ols"),
}
true = Aggregator().fit_transform(sales[newest])
names = true.index.droplevel("day")
levels = {
    "shops": names.get_level_values("shop") != "__total",
    "regions": (names.get_level_values("shop") == "__total")
    & (names.get_level_values("region") != "__total"),
    "all": names.get_level_values("region") == "__total",
}
print(f"{'mean absolute error':28s}" + "".join(f"{level:>10s}" for level in levels))
for label, forecaster in forecasters.items():
    ahead = forecaster.fit(sales[~newest], fh=horizon).predict()
    error = (ahead - true)["sold"].abs()
    cells = "".join(f"{error[rows].mean():10.2f}" for rows in levels.values())
    print(f"{label:28s}{cells}")
gap = ahead - Aggregator().fit_transform(ahead[levels["shops"]])
print(f"reconciled shops add up to their region: {gap['sold'].abs().max() < 1e-3}")

if options.plot:
    from sklrnn.plotting import plot_panel

    shops = sales[~newest]
    network.fit(shops, fh=horizon)
    intervals = network.predict_interval(coverage=[0.5, 0.9])
    figure = plot_panel(shops, network.predict(), intervals, n_steps=56, n_series=6)
    figure.savefig(options.plot, dpi=110)
    print(f"wrote {options.plot}")
