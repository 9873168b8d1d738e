"""RNNLabeler as a virtual sensor: a temperature told from the other sensors.

The discharge temperature of the bundled compressor was measured for some years only.
From those it is learned how it follows from the other sensors, hour by hour, so that it
can be told where it was not measured. Weeks are the sequences; hours without a
measurement have no answer and are not learned from.

python examples/labeler.py --plot virtual_sensor.png
"""

import argparse

import numpy as np

from sklrnn import RNNLabeler
from sklrnn.datasets import load_compressor

TARGET = "discharge_temperature"
WEEK = 168


def main():
    arguments = parse_arguments()
    table = load_compressor(regular=True)
    past, later = table.loc["2019":"2021"], table.loc["2022"]
    max_epochs = arguments.max_epochs
    if arguments.quick:
        past, later, max_epochs = past[: 8 * WEEK], later[: 4 * WEEK], 1

    X, y = cut_weeks(past)
    X_test, y_test = cut_weeks(later)
    labeler = RNNLabeler(
        task="regression",
        direction="forward",
        max_epochs=max_epochs,
        refit=False,
        random_state=0,
    ).fit(X, y)
    found = labeler.predict(X_test)
    known = ~np.isnan(y_test)
    error = np.abs(found - y_test)[known].mean()
    mean = np.abs(np.nanmean(y) - y_test)[known].mean()
    print(f"{len(X)} weeks of {X.shape[1]} sensors to learn from, {len(X_test)} later")
    print(f"mean absolute error {error:.2f} degrees C; of the mean {mean:.2f}")
    print(f"share of the variance explained: {labeler.score(X_test, y_test):.2f}")
    if arguments.plot:
        draw(later, found, y_test).savefig(arguments.plot, dpi=120)
        print(f"picture: {arguments.plot}")


def cut_weeks(table):
    """Return sensors, (n_weeks, n_sensors, 168), and the target, (n_weeks, 168)."""
    table = table[: len(table) // WEEK * WEEK]
    weeks = table.drop(columns=TARGET).to_numpy(float).reshape(-1, WEEK, 6)
    return np.moveaxis(weeks, 1, 2), table[TARGET].to_numpy(float).reshape(-1, WEEK)


def draw(table, found, y):
    """Draw the estimate over what was measured, in the weeks that vary most."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    first = int(np.nan_to_num(np.nanstd(y, axis=1)).argmax())
    weeks = slice(max(first - 1, 0), first + 2)
    times = table.index[: found.size].to_numpy().reshape(-1, WEEK)[weeks].ravel()
    figure, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
    ax.plot(times, y[weeks].ravel(), color="0.4", label="measured")
    ax.plot(times, found[weeks].ravel(), color="C1", label="told from other sensors")
    ax.set_ylabel("discharge temperature (°C)")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.autofmt_xdate()
    return figure


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw estimate and measurement")
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
