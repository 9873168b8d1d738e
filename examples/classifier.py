"""RNNClassifier on handwritten digits, read pixel by pixel: 64 steps of one channel.

python examples/classifier.py --plot digits.png
"""

import argparse

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from sklrnn import RNNClassifier
from sklrnn.datasets import load_digit_sequences


def main():
    arguments = parse_arguments()
    X, y = load_digit_sequences()
    max_epochs = arguments.max_epochs
    if arguments.quick:
        X, y, max_epochs = X[:200], y[:200], 1
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=0
    )
    print(f"{len(X)} sequences of {X.shape[1]} pixels to learn from")
    classifier = RNNClassifier(
        direction="coupled",
        pooling="last",
        max_epochs=max_epochs,
        refit=False,
        random_state=0,
    ).fit(X, y)
    proba = classifier.predict_proba(X_test)
    labels = classifier.classes_[proba.argmax(axis=1)]
    print(f"{(labels == y_test).mean():.1%} of {len(y_test)} others told right")
    if arguments.plot:
        draw(X_test, y_test, labels, proba).savefig(arguments.plot, dpi=120)
        print(f"picture: {arguments.plot}")


def draw(X, y, labels, proba):
    """Draw how often each digit is taken for each, and the digits told wrong."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplot_mosaic(
        [["all", *range(3)], ["all", *range(3, 6)]],
        figsize=(9, 4),
        width_ratios=[2.4, 1, 1, 1],
        layout="constrained",
    )
    counts = confusion_matrix(y, labels, labels=np.arange(10))
    image = axes["all"].imshow(np.where(counts, counts, np.nan), cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = count > counts.max() / 2
            axes["all"].text(
                column, row, count, ha="center", va="center", color="wk"[not dark]
            )
    axes["all"].set(
        xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10)
    )
    image.set_clim(0, counts.max())
    wrong = np.flatnonzero(labels != y)
    for place in range(6):
        ax = axes[place]
        ax.set_axis_off()
        if place < len(wrong):
            one = wrong[place]
            ax.imshow(X[one].reshape(8, 8), cmap="Greys")
            ax.set_title(
                f"{y[one]}, taken for {labels[one]}\n({proba[one].max():.0%} sure)",
                fontsize="small",
            )
    return figure


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw what is mistaken for what")
    parser.add_argument("--max-epochs", type=int, default=25)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
