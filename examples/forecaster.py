"""RNNForecaster on the bundled compressor: forecast, intervals, new rows, grid search.

python examples/forecaster.py
"""

import argparse

from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklrnn import RNNForecaster
from sklrnn.datasets import load_compressor

parser = argparse.ArgumentParser(description="RNNForecaster on the compressor data.")
parser.add_argument("--quick", action="store_true", help="train too little, but fast")
params = {"max_epochs": 1 if parser.parse_args().quick else 10, "random_state": 0}

# Four weeks of hours, as they were recorded. The last day is kept back.
table = load_compressor(regular=True).loc["2016-11-15":"2016-12-12"]
y = table["discharge_pressure"]
past, new, last_day = y[:-36], y[-36:-24], y[-24:]
print(f"{len(past)} hours to learn from, {past.isna().sum()} of them missing")

# sktime's convention: a series, and the steps ahead.
forecaster = RNNForecaster("gru", **params).fit(past, fh=range(1, 25))
print(f"fitted; the cutoff is {forecaster.cutoff[0]}")

# New rows move the cutoff on; the weights stay as they are.
forecaster.update(new, update_params=False)
print(f"updated with 12 hours; the cutoff is {forecaster.cutoff[0]}")

forecast = forecaster.predict()
interval = forecaster.predict_interval(coverage=0.9)["discharge_pressure"][0.9]
inside = last_day.between(interval["lower"], interval["upper"])
print("\nforecast of the next day (bar), every sixth hour:")
print(interval.assign(forecast=forecast, observed=last_day)[5::6].round(2))
print(f"mean absolute error: {(forecast - last_day).abs().mean():.3f} bar")
print(f"observed values inside their 90 % interval: {inside.mean():.0%}\n")

# scikit-learn's convention: the rows of X and y go together, in time order, and
# predict(X) forecasts the rows that follow, one for each row of X. Missing values may
# stay in both. The grid is scored by R squared; a fold is one day.
X, y = table[["suction_pressure", "suction_temperature"]][-336:], y[-336:]
pipeline = make_pipeline(StandardScaler(), RNNForecaster(horizon=24, **params))
grid = {"rnnforecaster__normalize": ["window", "last"]}
search = GridSearchCV(pipeline, grid, cv=TimeSeriesSplit(2, test_size=24))
search.fit(X[:-24], y[:-24])
error = abs(search.predict(X[-24:]) - y[-24:]).mean()
print(f"the grid search chose {search.best_params_};")
print(f"its mean absolute error on the last day is {error:.3f} bar")
