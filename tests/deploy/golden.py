"""Golden files: one of each estimator, and what it answers.

Later versions must load them and answer alike. As a script this file writes those that
are not there, for a new version of the format or a new estimator:

    python tests/deploy/golden.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import sklrnn
from sklrnn.deploy.saving import FORMAT

FOLDER = Path(__file__).parent / "golden"
QUICK = {"max_epochs": 3, "hidden_size": 6, "random_state": 0}
STEPS = np.arange(60)
Y = pd.Series(
    np.round(np.sin(STEPS / 4) + STEPS / 30, 3),
    index=pd.date_range("2024-01-01", periods=60, freq="D"),
    name="load",
)
X = pd.DataFrame(
    {"temperature": np.round(np.cos(STEPS / 4), 3), "shift": list("abc") * 20},
    index=Y.index,
)
AHEAD = pd.DataFrame(
    {"temperature": [0.5, 0.25], "shift": ["a", "c"]},
    index=pd.date_range("2024-03-01", periods=2, freq="D"),
)
TABLE = pd.DataFrame(
    {"p": np.round(np.sin(STEPS / 5), 3), "q": np.round(np.cos(STEPS / 5), 3)},
    index=Y.index,
)
TABLE.iloc[20:26, 0] = np.nan
SEQUENCES = np.round(
    np.sin(np.arange(10)[None, None] * (1 + np.arange(12)[:, None, None]) / 9), 3
)
WORDS = ["ab", "ba", "aab", "bab"] * 3
PATTERNS = np.where(np.add.outer(np.arange(3) * 5, np.arange(20)) % 7 < 3, 1.0, -1.0)


def forecaster():
    made = sklrnn.RNNForecaster(cell="lstm", **QUICK)
    return made.fit(Y, X=X, fh=[1, 2])


def distribution():
    made = sklrnn.RNNForecaster(distribution="student_t", n_members=2, **QUICK)
    return made.fit(Y[:-6], fh=[1, 2]).update(Y[-6:], update_params=False)


def pretrained():
    panel = pd.concat({"a": Y.to_frame(), "b": 2 * Y.to_frame()})
    return sklrnn.RNNForecaster(direction="decoupled", **QUICK).pretrain(panel, fh=[1])


def imputer():
    made = sklrnn.RNNImputer(direction="forward", **QUICK).fit(TABLE)
    made.partial_transform(TABLE[:20])
    return made


def classifier():
    return sklrnn.RNNClassifier(**QUICK).fit(SEQUENCES, ["low", "high", "mid"] * 4)


def regressor():
    return sklrnn.RNNRegressor(**QUICK).fit(SEQUENCES, np.arange(12.0))


def labeler():
    labels = (SEQUENCES[:, 0] > 0).astype(int)
    return sklrnn.RNNLabeler(direction="coupled", **QUICK).fit(SEQUENCES, labels)


def generator():
    return sklrnn.RNNGenerator(**QUICK).fit(["the cat sat on the mat. "] * 3)


def translator():
    return sklrnn.RNNSeq2Seq(**QUICK).fit(WORDS, [word[::-1] for word in WORDS])


def memory():
    return sklrnn.HopfieldMemory(kind="classic", random_state=0).fit(PATTERNS)


MAKERS = {
    made.__name__: made
    for made in (
        forecaster,
        distribution,
        pretrained,
        imputer,
        classifier,
        regressor,
        labeler,
        generator,
        translator,
        memory,
    )
}


def answers(name, estimator):
    """Return what an estimator answers, as lists of numbers or texts."""
    if name == "forecaster":
        found = [estimator.predict(X=AHEAD), estimator.predict_interval(X=AHEAD)]
        estimator.update(2 + Y[:2].set_axis(AHEAD.index), X=AHEAD, update_params=False)
        later = AHEAD.set_axis(AHEAD.index + 2 * AHEAD.index.freq)
        found.append(estimator.predict(X=later))
    elif name == "distribution":
        found = [estimator.predict(), estimator.predict_quantiles(alpha=[0.1, 0.9])]
    elif name == "pretrained":
        found = [estimator.fit(Y, fh=[1]).predict()]
    elif name == "imputer":
        found = [estimator.partial_transform(TABLE[20:30]), estimator.transform(TABLE)]
    elif name in ("classifier", "labeler"):
        found = [estimator.predict_proba(SEQUENCES)]
    elif name == "regressor":
        found = [estimator.predict(SEQUENCES)]
    elif name == "generator":
        found = [estimator.score(["the cat sat"])]
    elif name == "translator":
        found = [estimator.predict(WORDS)]
    else:
        found = [estimator.predict(PATTERNS * np.where(np.arange(20) < 3, -1, 1))]
    return [plain(one) for one in found]


def plain(found):
    if isinstance(found, list):
        return [plain(one) for one in found]
    return np.asarray(found).ravel().tolist() if not isinstance(found, str) else found


def write():
    FOLDER.mkdir(exist_ok=True)
    for name, make in MAKERS.items():
        path = FOLDER / f"{name}.{FORMAT}.sklrnn"
        if path.exists():
            print(f"{path.name} is there, and stays")
            continue
        sklrnn.save(make(), path)
        found = answers(name, sklrnn.load(path))
        path.with_suffix(".json").write_text(json.dumps(found) + "\n")
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(write())
