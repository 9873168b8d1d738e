"""RNNSeq2Seq as its users call it."""

import copy
import pickle
import re
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import Callback

from sklrnn import RNNSeq2Seq
from sklrnn.registry import plugins
from sklrnn.symbols.seq2seq import narrowed
from sklrnn.symbols.translation import decode
from sklrnn.training import DivergenceError

CELLS = [row.name for row in plugins() if row.kind == "cell"]
X = ["".join(word) for n in (1, 2, 3, 4) for word in product("abc", repeat=n)]
Y = [word.upper()[::-1] for word in X]


def quick(**params):
    base = {"max_epochs": 1, "hidden_size": 6, "refit": False, "random_state": 0}
    return RNNSeq2Seq(**{**base, **params})


def able(**params):
    base = {"max_epochs": 15, "hidden_size": 16, "lr": 0.02}
    return quick(**{**base, **params})


@pytest.fixture(scope="module")
def fitted():
    return able().fit(X, Y)


# ---- learning ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"attention": "location"},
        {"attention": "dot"},
        {"attention": None, "max_epochs": 60},
        {"embedding_size": 4, "direction": "forward", "max_epochs": 30},
        {"fusion": "gated", "num_layers": 2, "layer_norm": True},
        {"teacher_forcing": 0.7, "refit": True},
        {"teacher_forcing_schedule": "fall"},
        {"schedule": "plateau", "optimizer": "adam", "weight_decay": 0.0},
    ],
    ids=str,
)
def test_it_learns_to_reverse(params):
    model = able(**params).fit(X, Y)
    assert model.score(X, Y) > 0.85
    assert model.token_accuracy(X, Y) > 0.95


@pytest.mark.parametrize("direction", ["forward", "coupled"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_in_every_direction(cell, direction):
    model = quick(cell=cell, direction=direction, num_layers=2, max_epochs=2)
    losses = model.fit(X, Y).history_[:, "train_loss"]
    assert losses[1] < losses[0]
    found = model.predict(X[:20], beam_width=3)
    assert pickle.loads(pickle.dumps(model)).predict(X[:20], beam_width=3) == found
    shapes = [weights.shape for weights in model.attention_weights(X[:20], 3)]
    assert shapes == [(len(z), len(x)) for x, z in zip(X[:20], found, strict=True)]


def test_the_same_seed_gives_the_same_weights():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    params = {"dropout": 0.2, "recurrent_dropout": 0.2, "teacher_forcing": 0.5}
    first, again = (quick(**params).fit(X, Y) for _ in range(2))
    other = quick(**params, random_state=1).fit(X, Y)
    for a, b in zip(
        *(m.net_.module_.parameters() for m in (first, again)), strict=True
    ):
        assert torch.equal(a, b)
    pairs = zip(*(m.net_.module_.parameters() for m in (first, other)), strict=True)
    assert not any(torch.equal(a, b) for a, b in pairs)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


def test_dropout_changes_the_training():
    losses = {
        name: quick(**{name: 0.5} if name else {}).fit(X, Y).history_[-1, "train_loss"]
        for name in ("", "dropout", "recurrent_dropout")
    }
    assert len(set(losses.values())) == 3


def test_validation_is_a_random_share_of_the_pairs():
    model = quick(validation_fraction=0.25)
    sizes = []

    class Count(Callback):
        def on_train_begin(self, net, X=None, y=None, **kwargs):
            sizes.append([None if part is None else len(part) for part in X])

    model.set_params(callbacks=[Count()]).fit(X, Y)
    model.set_params(validation_fraction=None).fit(X, Y)
    model.set_params(validation_fraction=0.25, refit=True).fit(X, Y)
    assert sizes == [[90, 30], [120, None], [90, 30], [120, None]]
    assert "valid_loss" in model.history_[0]


def test_defaults_in_use():
    model = quick(max_epochs=None, callbacks=[_Stop()]).fit(X, Y)
    assert model.batch_size_ == 16 and model.max_epochs_ == 285
    assert model.input_tokens_ == list("abc") and model.output_tokens_ == list("ABC")
    assert model.seed_ == 0


class _Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_a_single_pair():
    model = quick(max_epochs=30, lr=0.05).fit(["ab"], ["cd"])
    assert model.predict(["ab"]) == ["cd"]


def test_silent_by_default(capsys):
    quick().fit(X, Y).predict(X)
    assert capsys.readouterr() == ("", "")
    quick(verbose=1).fit(X, Y)
    assert "train_loss" in capsys.readouterr().out


def test_warm_start(fitted):
    model = copy.deepcopy(fitted).set_params(warm_start=True, max_epochs=1, lr=1e-6)
    assert model.fit(X[:30], Y[:30]).score(X, Y) == pytest.approx(
        fitted.score(X, Y), abs=0.05
    )
    assert model.predict(["cab"]) == ["BAC"]
    with pytest.raises(
        ValueError, match=r"X\[0\] has symbols .* never seen in fit: 'd'"
    ):
        model.fit(["d"], ["A"])
    with pytest.raises(ValueError, match="hidden_size is 8, but the network to go on"):
        model.set_params(hidden_size=8).fit(X, Y)
    assert model.predict(["cab"]) == ["BAC"]  # what was learned outlasts an error


def test_divergence_leaves_a_network():
    model = quick(optimizer="sgd", lr=1e30, gradient_clip=None)
    with pytest.raises(DivergenceError, match="Lower lr"):
        model.fit(X, Y)
    assert model.net_.module_ is not None


# ---- writing -------------------------------------------------------------------------


def test_tokens_of_any_kind():
    pairs = [([1, ("x", 2)], ["one", None]), ([1], ["one"]), ([("x", 2)], [None])] * 9
    inputs, outputs = map(list, zip(*pairs, strict=True))
    model = able(max_epochs=40).fit(inputs, outputs)
    assert model.predict(inputs[:2]) == outputs[:2]
    assert model.predict([np.array([1])]) == [["one"]]


def test_what_is_written_does_not_depend_on_the_batch(fitted):
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = [X[i] for i in order]
    for width in (1, 3):
        together = fitted.predict(shuffled, beam_width=width)
        assert together == [fitted.predict([x], beam_width=width)[0] for x in shuffled]


def test_the_parameter_and_the_argument_mean_the_same():
    model = quick(attention=None).fit(X, Y)
    wide = model.predict(X, beam_width=5)
    assert wide != model.predict(X)
    assert model.set_params(beam_width=5).predict(X) == wide


def test_a_beam_is_no_wider_than_there_are_outputs():
    # Of 2 tokens: a, b, aa, ab, ba, bb, ...
    assert [narrowed(1000, 2, limit) for limit in (1, 2, 3)] == [2, 6, 14]
    assert narrowed(5, 2, 3) == 5 and narrowed(1000, 30, 10**9) == 1000
    model = quick(attention=None, max_length=2).fit(["a", "ba"], ["c", "dc"])
    X = ["a", "b", "ab"]
    with pytest.raises(ValueError, match="beam_width must be at most 1000, got 1001"):
        model.predict(X, beam_width=1001)
    _, codes = model._decode(X, 1000)
    marked = [np.array([model.input_tokens_.index(t) for t in x]) for x in X]
    wider = decode(model._fitted, marked, np.array([2, 2, 2]), 50)
    assert codes == wider


def test_longest_output():
    model = quick(attention=None).fit(["ab", "a"], ["cde", "c"])
    with torch.no_grad():
        model.net_.module_.head.bias[3] = -100.0  # the end
    assert [len(z) for z in model.predict(["a", "bbbb"])] == [12, 16]
    model.set_params(max_length=3)
    assert [len(z) for z in model.predict(["a", "bbbb"])] == [3, 3]


def test_attention_of_what_is_written(fitted):
    longer = X[-5:]
    found = fitted.attention_weights(longer)
    for weights, x, z in zip(found, longer, fitted.predict(longer), strict=True):
        assert weights.shape == (len(z), len(x))
        assert (weights >= 0).all() and (weights.sum(axis=1) <= 1.0001).all()
    alone = fitted.attention_weights(X[3:4])[0]
    together = fitted.attention_weights(X)[3]
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_no_attention_no_weights():
    model = quick(attention=None).fit(X, Y)
    with pytest.raises(
        ValueError, match="attention_weights needs .* attention is None"
    ):
        model.attention_weights(X)
    assert model.count_parameters()["attention"] == 0


def test_scores(fitted, monkeypatch):
    monkeypatch.setattr(type(fitted), "predict", lambda self, X: ["AB", "C", "AAA"])
    wanted = ["AB", "CC", "AB?"]
    assert fitted.score(["a", "a", "a"], wanted) == pytest.approx(1 / 3)
    assert fitted.token_accuracy(["a", "a", "a"], wanted) == pytest.approx(4 / 7)


# ---- scikit-learn --------------------------------------------------------------------


def test_clone_and_not_fitted(fitted):
    model = clone(fitted)
    assert model.get_params() == fitted.get_params()
    for call in (
        lambda: model.predict(X),
        lambda: model.attention_weights(X),
        lambda: model.score(X, Y),
        model.count_parameters,
    ):
        with pytest.raises(NotFittedError):
            call()


def test_search_and_cross_validation():
    grid = {"max_epochs": [1, 15]}
    search = GridSearchCV(able(), grid, cv=2).fit(X, Y)
    assert search.best_params_ == {"max_epochs": 15}
    assert search.predict(["cab"]) == ["BAC"]
    assert cross_val_score(quick(), X, Y, cv=2).shape == (2,)


# ---- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"beam_width": 0}, ValueError, "beam_width must be at least 1, got 0"),
        (
            {"beam_width": 10**7},
            ValueError,
            "beam_width must be at most 1000, got 10000",
        ),
        ({"beam_width": None}, TypeError, "beam_width must be an integer, got None"),
        ({"max_length": 0}, ValueError, "max_length must be at least 1, got 0"),
        ({"embedding_size": 0}, ValueError, "embedding_size must be at least 1, got 0"),
        ({"attention": "self"}, ValueError, "attention must be one of ['additive', "),
        ({"direction": "decoupled"}, ValueError, "direction must be 'forward' or 'cou"),
        ({"direction": "back"}, ValueError, "direction must be one of"),
        ({"teacher_forcing": 1.5}, ValueError, "teacher_forcing must be from 0 to 1"),
        ({"teacher_forcing": "no"}, TypeError, "teacher_forcing must be a number"),
        (
            {"teacher_forcing_schedule": "rise"},
            ValueError,
            "teacher_forcing_schedule must be one of ['constant', 'fall'], got 'rise'",
        ),
        ({"cell": "gruu"}, ValueError, "gru"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1"),
        ({"warm_start": 1.5}, TypeError, "warm_start must be True or False"),
    ],
)
def test_bad_parameters(params, error, message):
    with pytest.raises(error, match=re.escape(message)):
        quick(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("inputs", "outputs", "error", "message"),
    [
        ("ab", ["c"], TypeError, "X must be a list of strings"),
        (["ab"], "c", TypeError, "y must be a list of strings"),
        (["ab", ""], ["c", "d"], ValueError, "X[1] is empty"),
        (["ab", "b"], ["c", ""], ValueError, "y[1] is empty"),
        ([], [], ValueError, "X is empty"),
        (["ab"], ["c", "d"], ValueError, "X has 1 sequences and y has 2"),
        ([[["a"]]], ["c"], TypeError, "hashable"),
    ],
)
def test_bad_pairs(inputs, outputs, error, message):
    with pytest.raises(error, match=re.escape(message)):
        quick().fit(inputs, outputs)


def test_bad_inputs_of_predict(fitted):
    with pytest.raises(
        ValueError, match=r"X\[1\] has symbols that were never seen .*'d'"
    ):
        fitted.predict(["a", "bd"])
    with pytest.raises(ValueError, match=r"X\[0\] is empty"):
        fitted.predict([""])
    with pytest.raises(TypeError, match="X must be a list of strings"):
        fitted.predict("abc")
    with pytest.raises(ValueError, match="beam_width must be at least 1, got 0"):
        fitted.predict(["a"], beam_width=0)
