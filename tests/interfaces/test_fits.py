"""Tests of `sklrnn.interfaces.fits`: a fit that fails leaves all as it was."""

import numpy as np
import pandas as pd
import pytest

from sklrnn import (
    HopfieldMemory,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNImputer,
    RNNLabeler,
    RNNRegressor,
    RNNSeq2Seq,
)
from sklrnn.training import DivergenceError
from sklrnn.training.net import SequenceNet

RNG = np.random.default_rng(0)
SERIES = pd.Series(np.sin(np.arange(60) / 4))
GAPS = pd.DataFrame({"a": SERIES, "b": -SERIES}).mask(RNG.random((60, 2)) < 0.1)
X, CLASSES = RNG.normal(size=(20, 9)), np.arange(20) % 2
WORDS = ["ab", "cde", "ba", "aa"] * 5

# By estimator: what to fit, what to fit after it, what is refused, what tells it.
CASES = {
    RNNForecaster: (
        (SERIES,),
        (SERIES[:40] * 2,),
        (SERIES * np.inf,),
        lambda one: one.predict([1, 2]),
    ),
    RNNImputer: (
        (GAPS,),
        (GAPS[:40] * 2,),
        (GAPS.iloc[:, :0],),
        lambda one: one.transform(GAPS),
    ),
    RNNClassifier: (
        (X, CLASSES),
        (X[:, :4], CLASSES + 5),
        (X, None),
        lambda one: one.predict_proba(X),
    ),
    RNNRegressor: (
        (X, CLASSES * 1.0),
        (X[:, :4], CLASSES * 2.0),
        (X, None),
        lambda one: one.predict(X),
    ),
    RNNLabeler: (
        (list(X), [CLASSES[:9]] * 20),
        (list(X[:, :4]), [CLASSES[:4] + 5] * 20),
        (list(X), [CLASSES[:3]] * 20),
        lambda one: np.concatenate(one.predict_proba(list(X))),
    ),
    RNNGenerator: (
        ("abcabcabdabc" * 3,),
        ("aaxx" * 9,),
        ("",),
        lambda one: one.predict_proba("abc"),
    ),
    RNNSeq2Seq: (
        (WORDS, WORDS[::-1]),
        (["x", "yx"] * 9, ["yx", "x"] * 9),
        (["a"], [""]),
        lambda one: np.array(one.predict(["ab", "cd"])),
    ),
}


def quick(cls, **params):
    return cls(**{"hidden_size": 2, "max_epochs": 1, "random_state": 0} | params)


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize("cls", CASES)
@pytest.mark.parametrize("warm_start", [False, True])
def test_an_interrupted_or_refused_fit_leaves_the_one_before(
    cls, warm_start, monkeypatch
):
    first, second, refused, answer = CASES[cls]
    one = quick(cls, warm_start=warm_start).fit(*first)
    before, attributes = answer(one), set(vars(one))
    with monkeypatch.context() as patch:
        patch.setattr(SequenceNet, "train_step", interrupt)
        for data in [first] if warm_start else [first, second]:
            with pytest.raises(KeyboardInterrupt):
                one.fit(*data)
            np.testing.assert_array_equal(answer(one), before)
    with pytest.raises((ValueError, TypeError)):
        one.fit(*refused)
    np.testing.assert_array_equal(answer(one), before)
    assert set(vars(one)) == attributes
    one.fit(*first)  # and it can go on


@pytest.mark.parametrize("cls", CASES)
def test_a_fit_that_diverges_leaves_the_one_before_and_its_net(cls):
    first, _, _, answer = CASES[cls]
    one = quick(cls).fit(*first)
    before, net = answer(one), one.net_
    diverging = {"lr": 1e30, "gradient_clip": None, "optimizer": "sgd"}
    for name, value in (diverging | {"max_epochs": 9}).items():
        setattr(one, name, value)  # set_params would forget the fit
    with pytest.raises(DivergenceError):
        one.fit(*first)
    np.testing.assert_array_equal(answer(one), before)
    assert one.net_ is not net


@pytest.mark.parametrize("cls", CASES)
def test_an_interrupted_first_fit_leaves_nothing(cls, monkeypatch):
    one = quick(cls)
    before = set(vars(one))
    monkeypatch.setattr(SequenceNet, "train_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        one.fit(*CASES[cls][0])
    assert set(vars(one)) == before


def test_an_interrupted_memory_is_as_before(monkeypatch):
    memory = HopfieldMemory(kind="classic").fit(
        np.array([[1, -1, 1, -1], [1, 1, -1, -1]])
    )
    weights, n_patterns = memory.weights_.copy(), memory.n_patterns_
    monkeypatch.setattr(HopfieldMemory, "_count", interrupt)
    for store in (memory.fit, memory.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            store(np.array([[1, -1, -1, 1]]))
        np.testing.assert_array_equal(memory.weights_, weights)
        assert memory.n_patterns_ == n_patterns
