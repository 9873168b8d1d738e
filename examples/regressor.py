"""RNNRegressor on the adding problem: the sum of two values marked far apart.

A simple recurrent network (elman) is put beside a gated one (gru).

python examples/regressor.py --plot adding.png
"""

import argparse

from sklrnn import RNNRegressor
from sklrnn.datasets import make_adding


def main():
    arguments = parse_arguments()
    n_samples, max_epochs = 5000, arguments.max_epochs
    if arguments.quick:
        n_samples, max_epochs = 200, 1
    X, y = make_adding(n_samples, 60, random_state=0)
    X_test, y_test = make_adding(500, 60, random_state=1)
    print(f"{n_samples} sequences of 60 steps; who says 1 has an MSE of 0.167")
    found = {}
    for cell in ("elman", "gru"):
        regressor = RNNRegressor(
            cell=cell,
            direction="forward",
            pooling="last",
            max_epochs=max_epochs,
            refit=False,
            random_state=0,
        )
        found[cell] = regressor.fit(X, y).predict(X_test)
        error = ((found[cell] - y_test) ** 2).mean()
        print(f"{cell:6s} MSE {error:.4f}")
    if arguments.plot:
        draw(y_test, found).savefig(arguments.plot, dpi=120)
        print(f"picture: {arguments.plot}")


def draw(truth, found):
    """Draw the estimates of both networks over the true sums."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, 2, figsize=(8, 4), sharex=True, sharey=True, layout="constrained"
    )
    for ax, (cell, values) in zip(axes, found.items(), strict=True):
        ax.plot([0, 2], [0, 2], color="0.7", linewidth=1)
        ax.scatter(truth, values, s=8, alpha=0.6)
        ax.set(title=cell, xlabel="sum", aspect="equal")
    axes[0].set_ylabel("estimate")
    return figure


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw estimates over sums")
    parser.add_argument("--max-epochs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
