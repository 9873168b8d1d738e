"""Sequence recognition: adding, temporal order, a noise-free lag, digits by pixel.

Seeds are 0, 1, ...; test sequences have seeds of their own.
"""

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from sklrnn import RNNClassifier, RNNLabeler, RNNRegressor
from sklrnn.datasets import (
    load_digit_sequences,
    make_adding,
    make_noise_free_lag,
    make_temporal_order,
)

# Found beside this file, however it is run.
sys.path.insert(0, str(Path(__file__).parents[1]))
from classic_tasks.row import Row  # noqa: E402

FORWARD = {"direction": "forward", "pooling": "last", "refit": False}


def run(task, model, seeds, criterion, passed, score):
    """Score a model with every seed, and count how often it passes."""
    start = time.perf_counter()
    found = [score(seed) for seed in range(seeds)]
    return Row(
        task,
        model,
        seeds,
        sum(passed(one) for one in found),
        f"{np.mean(found):.4g} ({min(found):.4g} to {max(found):.4g})",
        criterion,
        time.perf_counter() - start,
    )


def adding(quick):
    """10,000 sequences of 100 steps to learn from, 1,000 to test."""
    n_samples, epochs, seeds = (200, 2, 1) if quick else (10_000, 25, 3)

    def score(seed, cell):
        X, y = make_adding(n_samples, random_state=seed)
        X_test, y_test = make_adding(1000, random_state=1000 + seed)
        regressor = RNNRegressor(
            cell=cell, max_epochs=epochs, random_state=seed, **FORWARD
        ).fit(X, y)
        return np.square(regressor.predict(X_test) - y_test).mean()

    return [
        run(
            "adding, 100 steps",
            cell,
            seeds,
            "MSE above .1" if cell == "elman" else "MSE below .01",
            (lambda mse: mse > 0.1) if cell == "elman" else (lambda mse: mse < 0.01),
            lambda seed, cell=cell: score(seed, cell),
        )
        for cell in ("elman", "gru", "lstm")
    ]


def temporal_order(quick):
    """3 bits: 8 classes of sequences of 100 to 110 symbols."""
    n_samples, epochs, seeds = (200, 2, 1) if quick else (8_000, 20, 5)

    def score(seed):
        X, y = make_temporal_order(n_samples, random_state=seed)
        X_test, y_test = make_temporal_order(1000, random_state=1000 + seed)
        classifier = RNNClassifier(
            cell="lstm", max_epochs=epochs, random_state=seed, **FORWARD
        )
        return classifier.fit(X, y).score(X_test, y_test)

    return [
        run("temporal order, 3 bits", "lstm", seeds, "accuracy 1", (1.0).__eq__, score)
    ]


def lag(quick):
    """The next symbol of two sequences that differ in the first and the last."""
    epochs, seeds = (20, 1) if quick else (1500, 5)
    X, y = make_noise_free_lag(100)

    def score(seed, cell):
        labeler = RNNLabeler(
            cell=cell,
            direction="forward",
            max_epochs=epochs,
            normalize=None,
            validation_fraction=None,
            random_state=seed,
        ).fit(X, y)
        proba = labeler.predict_proba(X)[[0, 1], -1]
        return proba[[0, 1], y[:, -1]].min()

    return [
        run(
            "noise-free lag, 100 steps",
            cell,
            seeds,
            "last symbol below .75" if cell == "elman" else "last symbol above .75",
            (lambda p: p < 0.75) if cell == "elman" else (lambda p: p > 0.75),
            lambda seed, cell=cell: score(seed, cell),
        )
        for cell in ("elman", "lstm")
    ]


def digits(quick):
    """8 x 8 digits, pixel by pixel; a fifth to test."""
    epochs, seeds = (1, 1) if quick else (60, 3)

    def score(seed, params):
        X, y = load_digit_sequences()
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=0.2, stratify=y, random_state=seed
        )
        classifier = RNNClassifier(max_epochs=epochs, random_state=seed, **params)
        return classifier.fit(X, y).score(X_test, y_test)

    models = {
        f"{cell}, {direction}": {"cell": cell, **FORWARD, "direction": direction}
        for cell in ("lstm", "gru")
        for direction in ("forward", "coupled")
    }
    return [
        run(
            "digits by pixel, 64 steps",
            model,
            seeds,
            "accuracy above .96",
            lambda accuracy: accuracy > 0.96,
            lambda seed, params=params: score(seed, params),
        )
        for model, params in models.items()
    ]


TASKS = {"adding": adding, "order": temporal_order, "lag": lag, "digits": digits}
