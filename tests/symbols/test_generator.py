"""RNNGenerator: what it learns, writes and scores, and what it refuses."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.utils.estimator_checks import (
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from sklrnn import RNNGenerator
from sklrnn.data.symbols import END
from sklrnn.network.generate import Stepper, SymbolNetwork
from sklrnn.registry import plugins
from sklrnn.symbols import continuation
from sklrnn.symbols.continuation import _draw
from sklrnn.training import DivergenceError

CELLS = [p.name for p in plugins() if p.kind == "cell" and p.distribution == "sklrnn"]
TEXT = "the cat sat on the mat. " * 12
WORDS = ["cat", "mat", "cab", "tab", "bat", "act"] * 5
TOKENS = [["up", "down"], ["up", "up", "down", "down"], [("a", 1), None]] * 8


def quick(**params):
    base = {"hidden_size": 8, "max_epochs": 2, "bptt_steps": 16, "random_state": 0}
    return RNNGenerator(**base | params)


@pytest.fixture(scope="module")
def text_model():
    return quick(hidden_size=32, max_epochs=80).fit(TEXT)


@pytest.fixture(scope="module")
def word_model():
    return quick(hidden_size=16, max_epochs=100).fit(WORDS)


@pytest.fixture(scope="module")
def token_model():
    return quick(hidden_size=16, max_epochs=40).fit(TOKENS)


# ---- learning ------------------------------------------------------------------------


def test_a_text_is_learned(text_model):
    assert text_model.symbols_ == sorted(set(TEXT))
    assert text_model.generate("the cat", 24, temperature=0) == TEXT[7:31]
    assert text_model.perplexity(TEXT) < 1.3
    assert text_model.history_[-1, "valid_loss"] < 0.3


def test_sequences_are_learned_with_their_ends(word_model):
    assert word_model.symbols_ == ["a", "b", "c", "m", "t", END]
    written = [word_model.generate(random_state=seed) for seed in range(50)]
    lengths = np.array([len(word) for word in written])
    assert (lengths == 3).mean() > 0.8 and lengths.max() < 100
    assert sum(word in WORDS for word in written) > 30 and len(set(written)) > 3
    surprisal = word_model.surprisal(["cat", "ca", "cata"])
    assert surprisal[0][-1] < 0.2 and surprisal[1][-1] > 1 and surprisal[2][-2] > 1


def test_tokens_of_any_kind(token_model):
    assert token_model.generate(["up", "up"], temperature=0) == ["down", "down"]
    assert token_model.generate([("a", 1)], temperature=0) == [None]
    assert token_model.generate(np.array(["up", "up", "down"]), 1, 0) == ["down"]
    assert token_model.symbols_ == ["up", "down", ("a", 1), None, END]


@pytest.mark.parametrize("direction", ["forward", "decoupled"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_in_every_direction(cell, direction):
    params = {"cell": cell, "direction": direction, "num_layers": 2}
    for X in (TEXT, WORDS):
        generator = quick(**params).fit(X)
        again = pickle.loads(pickle.dumps(generator))
        text = generator.generate("cat", 30, random_state=1)
        assert text == again.generate("cat", 30, random_state=1)
        assert np.isfinite(generator.score(X)) and generator.score(X) == again.score(X)


def test_decoupled_trains_a_teacher_first():
    generator = quick(direction="decoupled", max_epochs=30).fit(TEXT)
    losses = generator.teacher_history_[:, "valid_loss"]
    assert min(losses) < 0.5 * losses[0]  # a text can be predicted backwards, too
    assert generator.count_parameters()["teacher"] > 0
    without = quick(direction="decoupled", max_epochs=30, matching_weight=0).fit(TEXT)
    assert generator.score(TEXT) != without.score(TEXT)
    assert without.score(TEXT) == pytest.approx(
        quick(max_epochs=30).fit(TEXT).score(TEXT), rel=1e-3
    )


@pytest.mark.parametrize(
    "params",
    [
        {"embedding_size": 4},
        {"dropout": 0.2, "recurrent_dropout": 0.2, "layer_norm": True},
        {"bptt_steps": None, "batch_size": 3},
        {"optimizer": "sgd", "schedule": "plateau", "gradient_clip": None, "lr": 0.1},
        {"validation_fraction": None, "patience": None},
        {"refit": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("X", [TEXT, WORDS], ids=["text", "words"])
def test_parameters_do_something(X, params):
    plain, changed = quick().fit(X), quick(**params).fit(X)
    assert changed.score(X) != plain.score(X)
    assert changed.score(X) == quick(**params).fit(X).score(X)


def test_the_network_in_a_text_has_no_end(text_model):
    assert text_model.net_.module_.n_outputs == len(set(TEXT))
    assert len(text_model.generate(length=300, random_state=0)) == 300


def test_the_validation_part_of_a_text_is_its_end():
    # Nothing that is learned from the beginning helps to predict it.
    text = "ab" * 100 + "xy" * 20
    held = quick(max_epochs=20, validation_fraction=1 / 6).fit(text)
    train, valid = (held.history_[:, f"{part}_loss"] for part in ("train", "valid"))
    assert min(train) < 0.7 and valid[-1] > valid[0]
    assert "valid_loss" not in quick(validation_fraction=0).fit(text).history_[-1]


def test_the_best_weights_are_kept():
    text = "ab" * 100 + "xy" * 20
    fitted = quick(max_epochs=20, validation_fraction=1 / 6, lr=0.05).fit(text)
    losses = fitted.history_[:, "valid_loss"]
    assert np.argmin(losses) < 19
    held = quick(max_epochs=20, validation_fraction=1 / 6, lr=0.05, patience=None)
    assert fitted.perplexity("xy" * 20) < held.fit(text).perplexity("xy" * 20)


def test_as_repeatable_as_silent(capsys):
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (quick(random_state=3, dropout=0.1).fit(WORDS) for _ in range(2))
    assert first.score(WORDS) == second.score(WORDS)
    assert quick(random_state=4, dropout=0.1).fit(WORDS).score(WORDS) != first.score(
        WORDS
    )
    first.generate(random_state=0)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    printed = capsys.readouterr()
    assert not printed.out and not printed.err


def test_warm_start_goes_on():
    generator = quick(warm_start=True, max_epochs=15, warmup=0.0, schedule=None)
    first = generator.fit(TEXT).score(TEXT)
    assert generator.fit(TEXT).score(TEXT) > first + 0.05
    generator.fit(TEXT[:-30].replace(".", ""))  # a part of the symbols
    assert generator.symbols_ == sorted(set(TEXT))
    with pytest.raises(ValueError, match="never seen in fit: 'z'"):
        generator.fit(TEXT + "z")
    with pytest.raises(ValueError, match="ends is True, but .* built with False"):
        generator.fit(WORDS)
    with pytest.raises(ValueError, match="hidden_size is 9, .* built with 8"):
        generator.set_params(hidden_size=9).fit(TEXT)


def test_divergence_is_told():
    generator = quick(optimizer="sgd", lr=1e30, gradient_clip=None, warmup=0.0)
    with pytest.raises(DivergenceError, match="Lower lr"):
        generator.fit(TEXT)
    assert generator.net_.module_.n_outputs == len(set(TEXT))


# ---- writing -------------------------------------------------------------------------


def test_writing_is_repeatable(text_model):
    first = text_model.generate(length=80, temperature=2.0, random_state=0)
    assert first == text_model.generate(length=80, temperature=2.0, random_state=0)
    assert first != text_model.generate(length=80, temperature=2.0, random_state=1)
    assert first[:30] == text_model.generate(length=30, temperature=2.0, random_state=0)


def test_a_text_in_two_parts_is_the_text(text_model):
    whole = text_model.generate("the", 60, temperature=0)
    assert text_model.generate("the" + whole[:25], 35, temperature=0) == whole[25:]


def test_the_first_choice_alone_is_the_most_probable(word_model):
    greedy = word_model.generate("c", temperature=0)
    for seed in range(5):
        assert word_model.generate("c", top_k=1, random_state=seed) == greedy
        assert word_model.generate("c", temperature=1e-9, random_state=seed) == greedy


def test_what_is_written_has_the_probabilities_that_are_told(word_model):
    firsts = [word_model.generate(length=1, random_state=seed) for seed in range(800)]
    (proba,) = word_model.predict_proba(["c"])
    expected = dict(zip(word_model.symbols_, proba[0], strict=True))
    for letter in "cmtba":
        share = firsts.count(letter) / 800
        assert share == pytest.approx(expected[letter], abs=0.06)


def test_draws():
    logits = np.log([0.1, 0.2, 0.4, 0.3])
    chances = (np.arange(1000) + 0.5) / 1000

    def shares(temperature, top_k=None):
        drawn = [_draw(logits, temperature, top_k, chance) for chance in chances]
        return np.bincount(drawn, minlength=4) / 1000

    np.testing.assert_allclose(shares(1.0), [0.1, 0.2, 0.4, 0.3], atol=0.002)
    squares = np.array([1, 4, 16, 9]) / 30
    np.testing.assert_allclose(shares(0.5), squares, atol=0.002)
    np.testing.assert_allclose(shares(1.0, 2), [0, 0, 4 / 7, 3 / 7], atol=0.002)
    np.testing.assert_allclose(shares(1.0, 9), shares(1.0))
    np.testing.assert_array_equal(shares(0), [0, 0, 1, 0])
    assert _draw(logits, 1.0, None, np.nextafter(1.0, 0.0)) == 3


def test_every_symbol_takes_one_step(text_model, monkeypatch):
    calls = {"sequence": 0, "step": 0}
    forward, step = SymbolNetwork.forward, Stepper.step

    def counted_forward(*args):
        calls["sequence"] += 1
        return forward(*args)

    def counted_step(*args):
        calls["step"] += 1
        return step(*args)

    monkeypatch.setattr(SymbolNetwork, "forward", counted_forward)
    monkeypatch.setattr(Stepper, "step", counted_step)
    assert len(text_model.generate("the cat", 200, random_state=0)) == 200
    assert calls == {"sequence": 1, "step": 199}


def test_nothing_to_write(text_model, token_model):
    assert text_model.generate(length=0) == ""
    assert token_model.generate(length=0) == []


def test_a_long_prefix_is_read_in_parts(text_model, monkeypatch):
    whole = text_model.generate(TEXT, 20, temperature=0)
    monkeypatch.setattr("sklrnn.symbols.continuation._PREFIX_STEPS", 7)
    assert text_model.generate(TEXT, 20, temperature=0) == whole


def test_numbers_are_drawn_as_they_are_needed(monkeypatch):
    right = np.random.default_rng(0).random(20)
    monkeypatch.setattr(continuation, "_DRAWN_AT_ONCE", 7)
    drawn = list(continuation._chances(np.random.default_rng(0), 20))
    np.testing.assert_array_equal(drawn, right)
    endless = continuation._chances(np.random.default_rng(0), 10**15)
    assert next(iter(endless)) == right[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"prefix": "Zoo"}, ValueError, "prefix has symbols that .* 'Z'; leave"),
        ({"prefix": 5}, TypeError, "prefix must be a string or .*, got 5; give a"),
        ({"prefix": None}, TypeError, "prefix must be a string or .*, got None"),
        ({"prefix": np.array(5)}, TypeError, "prefix must be a string or .*, got 5"),
        ({"temperature": -0.1}, ValueError, "temperature must be at least 0"),
        ({"temperature": np.nan}, ValueError, "temperature must be at least 0"),
        ({"temperature": "hot"}, TypeError, "temperature must be a number"),
        ({"top_k": 0}, ValueError, "top_k must be at least 1, got 0"),
        ({"top_k": 1.5}, TypeError, "top_k must be an integer"),
        ({"length": -1}, ValueError, "length must be at least 0, got -1"),
        ({"length": 2.5}, TypeError, "length must be an integer"),
        ({"random_state": "x"}, TypeError, "random_state must be an integer"),
    ],
)
def test_what_cannot_be_written(text_model, arguments, error, message):
    with pytest.raises(error, match=message):
        text_model.generate(**arguments)


# ---- scoring -------------------------------------------------------------------------


def test_scores_agree(text_model, word_model):
    proba = text_model.predict_proba(TEXT)
    assert proba.shape == (len(TEXT), len(text_model.symbols_))
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    codes = [text_model.symbols_.index(letter) for letter in TEXT]
    surprisal = -np.log(proba[np.arange(len(TEXT)), codes])
    np.testing.assert_allclose(text_model.surprisal(TEXT), surprisal)
    assert text_model.score(TEXT) == pytest.approx(-surprisal.mean())
    assert text_model.perplexity(TEXT) == pytest.approx(np.exp(surprisal.mean()))

    words = ["cat", "tab", "a"]
    parts = word_model.predict_proba(words)
    assert [part.shape for part in parts] == [(4, 6), (4, 6), (2, 6)]
    surprisal = word_model.surprisal(words)
    np.testing.assert_allclose(surprisal[0][-1], -np.log(parts[0][-1, -1]))
    assert word_model.score(words) == pytest.approx(-np.concatenate(surprisal).mean())


def test_sequences_are_scored_each_alone(word_model):
    together = word_model.surprisal(["cat", "t", "tabtab"])
    for word, found in zip(["cat", "t", "tabtab"], together, strict=True):
        np.testing.assert_allclose(word_model.surprisal(word), found, rtol=1e-5)


def test_pieces_make_no_difference_to_scores(text_model, monkeypatch):
    whole = text_model.surprisal(TEXT)
    monkeypatch.setattr("sklrnn.symbols.continuation._SCORED_STEPS", 7)
    np.testing.assert_allclose(text_model.surprisal(TEXT), whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["score", "perplexity", "predict_proba"])
def test_what_cannot_be_scored(text_model, token_model, method):
    with pytest.raises(ValueError, match="X has symbols that were never seen in fit"):
        getattr(text_model, method)("xyz")
    with pytest.raises(ValueError, match="sequence 1 of X is empty"):
        getattr(text_model, method)(["the", ""])
    with pytest.raises(ValueError, match=r"X holds strings, .* as \[X\]"):
        getattr(token_model, method)(["up", "down"])


# ---- scikit-learn --------------------------------------------------------------------


def test_checks_of_scikit_learn():
    for check in (
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
    ):
        check("RNNGenerator", RNNGenerator())


def test_clone_and_params(text_model):
    copy = clone(text_model)
    assert copy.get_params() == text_model.get_params()
    with pytest.raises(NotFittedError):
        copy.generate()
    assert copy.fit(TEXT).score(TEXT) == text_model.score(TEXT)


def test_searches():
    grid = {"max_epochs": [1, 25]}
    words = GridSearchCV(quick(), grid, cv=3, error_score="raise").fit(WORDS)
    assert words.best_params_ == {"max_epochs": 25}
    assert words.best_estimator_.symbols_[-1] is END
    # Parts of a text come as lists of characters.
    text = GridSearchCV(quick(), grid, cv=TimeSeriesSplit(2), error_score="raise")
    assert text.fit(TEXT).best_params_ == {"max_epochs": 25}
    scores = cross_val_score(quick(), TOKENS, cv=3, error_score="raise")
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("abc", ValueError, "X is a text of 3 symbols, and at least 4"),
        ("", ValueError, "X is empty"),
        (["abc", ""], ValueError, "sequence 1 of X is empty"),
        (5, TypeError, "X must be a string"),
        ([["a"], [["b"]]], TypeError, "must be hashable"),
    ],
)
def test_what_cannot_be_learned(X, error, message):
    with pytest.raises(error, match=message):
        quick().fit(X)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"direction": "coupled"}, ValueError, "direction must be 'forward' or"),
        ({"direction": "both"}, ValueError, "direction must be one of"),
        ({"embedding_size": 0}, ValueError, "embedding_size must be at least 1"),
        ({"bptt_steps": 0}, ValueError, "bptt_steps must be at least 1"),
        ({"cell": "lstn"}, ValueError, "lstm"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction"),
    ],
)
def test_what_parameters_cannot_be(params, error, message):
    with pytest.raises(error, match=message):
        quick(**params).fit(TEXT)


@pytest.mark.parametrize("X", ["aaaa", "abab", ["ab", "b"], [[1], [2]]])
def test_as_little_as_there_can_be(X):
    generator = quick(batch_size=50).fit(X)
    assert np.isfinite(generator.score(X))
    generator.generate(length=3)
