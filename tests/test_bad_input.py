"""Bad input of every estimator: the parameter is named, with what would be right."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest

import sklrnn

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(0)
STEPS = np.sin(np.arange(40.0))
SEQUENCES = RNG.normal(size=(20, 2, 6))
WORDS = ["abc", "bcd", "cde", "abd"] * 5
DATA = {
    "RNNForecaster": (pd.Series(STEPS),),
    "RNNImputer": (np.where(np.arange(80).reshape(40, 2) % 7, 1.0, NAN),),
    "RNNClassifier": (SEQUENCES, np.arange(20) % 2),
    "RNNRegressor": (SEQUENCES, np.arange(20.0)),
    "RNNLabeler": (SEQUENCES, np.tile(np.arange(6) % 2, (20, 1))),
    "RNNGenerator": (WORDS,),
    "RNNSeq2Seq": (WORDS, WORDS),
    "HopfieldMemory": (np.sign(RNG.normal(size=(2, 12))),),
}

# A parameter, and values that no estimator takes.
WHOLE = (0, -1, 1.5, "8", NAN, True, [4])
SHARE = (1.0, -0.1, "half", NAN, None)
BAD_VALUES = {
    "hidden_size": (*WHOLE, None),
    "num_layers": (*WHOLE, None),
    "max_epochs": WHOLE,
    "batch_size": WHOLE,
    "bptt_steps": WHOLE,
    "window_length": WHOLE,
    "horizon": WHOLE,
    "embedding_size": WHOLE,
    "segment_length": WHOLE,
    "n_members": (*WHOLE, None),
    "absence_spread": WHOLE,
    "patience": (0, -1, 1.5, "soon", True),
    "beam_width": (*WHOLE, None),
    "max_length": (0, -1, 1.5, "8", True),
    "update_epochs": (-1, 1.5, "few", None),
    "fine_tune_epochs": (-1, 1.5, "few", None),
    "dropout": SHARE,
    "recurrent_dropout": SHARE,
    "warmup": SHARE,
    "validation_fraction": (1.0, -0.1, "half", NAN),
    "absence_rate": (0.0, 1.0, "half", NAN, None),
    "absence_growth": (1.0, -0.1, "half", NAN, None),
    "teacher_forcing": (1.1, -0.1, "half", NAN, None),
    "lr": (0.0, -1.0, "fast", NAN, INF, None),
    "weight_decay": (-1.0, "much", NAN, INF, None),
    "matching_weight": (-1.0, "much", NAN, INF, None),
    "gradient_clip": (0.0, -1.0, "tight", NAN),
    "cell": ("lsmt", 3, None, int),
    "cell_params": ("relu", 3, {"alhpa": 1}),
    "fusion": ("gate", 3, None, int),
    "fusion_params": ("gru", 3, {"fusre": 1}),
    "direction": ("both", 3, None),
    "optimizer": ("adamm", 3, None, "sgd "),
    "schedule": ("cosin", 3),
    "matching_schedule": ("up", 3, None),
    "teacher_forcing_schedule": ("up", 3, None),
    "normalize": ("minmax", 3),
    "loss": ("rmse", 3),
    "pooling": ("first", 3, None),
    "strategy": ("both", 3, None),
    "decoder": ("mlp", 3, None),
    "channels": ("both", 3, None),
    "distribution": ("normal", 3, None),
    "attention": ("self", 3),
    "task": ("both", 3, None),
    "absence_pattern": ("random", 3, None),
    "score_steps": ("first", 3, None),
    "past_only": (["heat"], "heat", [3]),
    "layer_norm": ("yes", 2, None),
    "refit": ("yes", 2, None),
    "warm_start": ("yes", 2, None),
    "shortcut": ("yes", 2, None),
    "calibrate": ("yes", 2, None),
    "channel_embedding": ("yes", 2, None),
    "keep_empty_features": ("yes", 2, None),
    "device": ("gpu", "cuda:99", None),
    "accelerator": ("cpu", 3),
    "callbacks": ("EpochTimer", 3),
    "random_state": ("seed", 1.5, True),
    "verbose": (-1, "loud", None),
    "class_weight": ("even", 3),
    "kind": ("old", 3, None),
    "rule": ("hebbian", 3),
    "update": ("random", 3),
    "max_iter": WHOLE,
    "threshold": ("high", NAN),
    "beta": (0.0, -1.0, "cold", NAN),
    "tol": (-1.0, "small", NAN),
}
SMALL = {"hidden_size": 2, "max_epochs": 1}


def params_of(name):
    signature = inspect.signature(getattr(sklrnn, name).__init__).parameters
    return [parameter for parameter in signature if parameter != "self"]


CASES = [
    (name, parameter, value)
    for name in DATA
    for parameter in params_of(name)
    for value in BAD_VALUES[parameter]
]


def make(name, **params):
    small = {key: value for key, value in SMALL.items() if key in params_of(name)}
    return getattr(sklrnn, name)(**{**small, **params})


@pytest.mark.parametrize(("name", "parameter", "value"), CASES)
def test_a_bad_value_is_named_with_what_would_be_right(name, parameter, value):
    with pytest.raises((ValueError, TypeError), match=rf"\b{parameter}\b") as told:
        make(name, **{parameter: value}).fit(*DATA[name])
    assert re.search(r"must|but|takes|has the|needs|no CUDA", str(told.value))


# ---- data ----------------------------------------------------------------------------

DAYS = pd.date_range("2024-01-01", periods=40)
Y = pd.Series(STEPS, DAYS)
TABLE = pd.DataFrame({"a": STEPS, "b": -STEPS}, DAYS)
WORD = {"b": ["word"] * 40}
FRAMES = [pd.DataFrame(one.T, columns=["flow", "heat"]) for one in SEQUENCES]
RAGGED = np.array([[1.0, 2.0], [3.0]], dtype=object)
PATTERNS = DATA["HopfieldMemory"][0]
LABELS = np.arange(20) % 2

# Estimator, what is fitted, and words of the message; it must name the argument.
BAD_DATA = [
    ("RNNForecaster", (Y * INF,), "y has infinite values"),
    ("RNNForecaster", (Y * NAN,), "y has no observed value"),
    ("RNNForecaster", (Y[:0],), "y has no observed value|y needs"),
    ("RNNForecaster", (Y[:1],), "y needs at least 2 time steps"),
    (
        "RNNForecaster",
        (TABLE.assign(**WORD),),
        "y: .*'b' holds the type.*pd.to_numeric",
    ),
    ("RNNForecaster", (TABLE.set_axis(["a", "a"], axis=1),), "more than one column"),
    ("RNNForecaster", (Y, TABLE * INF), "X has infinite values in columns? a"),
    ("RNNForecaster", (Y, TABLE.set_axis(DAYS.shift(400))), "X and y share no time"),
    ("RNNForecaster", (TABLE.to_numpy(), TABLE.to_numpy()), "keywords y= and X="),
    ("RNNForecaster", (Y, ["a", "b"]), "X has the type list"),
    ("RNNImputer", (TABLE * INF,), "X has infinite values in the column 'a'"),
    ("RNNImputer", (TABLE * NAN,), "X has no observed value at all"),
    ("RNNImputer", (TABLE.assign(b=NAN),), "X has no observed value .* b; drop"),
    ("RNNImputer", (TABLE.assign(**WORD),), "the column .b. of X holds texts"),
    ("RNNImputer", (TABLE[::-1],), "rows of X .* order of time.*sort_index"),
    ("RNNImputer", (TABLE[:0],), "0 sample"),
    ("RNNImputer", (STEPS + 1j,), "[Cc]omplex|1D"),
    ("RNNImputer", ("table.csv",), "X has the type str"),
    ("RNNClassifier", (SEQUENCES * INF, LABELS), "X has infinite values"),
    ("RNNClassifier", (SEQUENCES, LABELS[:10]), "inconsistent numbers of samples"),
    ("RNNClassifier", (SEQUENCES, None), "y"),
    ("RNNClassifier", (SEQUENCES, LABELS * NAN), "y"),
    ("RNNClassifier", ([], []), "Expected 2D array"),
    ("RNNClassifier", (RAGGED, [0, 1]), "of X holds a list"),
    ("RNNClassifier", ([one[:, :0] for one in SEQUENCES], LABELS), "has no steps"),
    ("RNNRegressor", (SEQUENCES, np.full(20, INF)), "y"),
    ("RNNRegressor", (SEQUENCES, ["high"] * 20), "y|string"),
    ("RNNRegressor", (SEQUENCES, None), "y"),
    ("RNNRegressor", (SEQUENCES * 1j, np.arange(20.0)), "X|[Cc]omplex"),
    ("RNNLabeler", (SEQUENCES, np.zeros((20, 5), dtype=int)), "y"),
    ("RNNLabeler", (SEQUENCES, np.zeros((19, 6), dtype=int)), "y"),
    ("RNNGenerator", ("",), "X is a text of 0 symbols|X is empty|empty"),
    ("RNNGenerator", ([],), "X"),
    ("RNNGenerator", (["ab", ""],), "X.*empty|empty.*X"),
    ("RNNGenerator", (3,), "X"),
    ("RNNGenerator", ([["a", [1]]],), "X|hashable"),
    ("RNNSeq2Seq", (WORDS, WORDS[:3]), "X.*y|y.*X"),
    ("RNNSeq2Seq", (WORDS, None), "y"),
    ("RNNSeq2Seq", ([], []), "X"),
    ("RNNSeq2Seq", (WORDS, [""] * 20), "y|empty"),
    ("HopfieldMemory", (PATTERNS * NAN,), "NaN"),
    ("HopfieldMemory", (np.abs(PATTERNS) * INF,), "infinity"),
    ("HopfieldMemory", (PATTERNS[0],), "1D"),
    ("HopfieldMemory", (PATTERNS[:, :0],), "0 feature"),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD_DATA)
def test_bad_data_are_refused_before_training(name, data, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(name).fit(*data)


def test_there_are_hundreds():
    assert len(CASES) + len(BAD_DATA) >= 300
