"""A parameter of one name is the same thing, with one default, in every estimator."""

import inspect
import re
from collections import defaultdict

import numpy as np
import pytest

import sklrnn
from sklrnn.interfaces.parameters import draw_seed

ESTIMATORS = [
    getattr(sklrnn, name)
    for name in sklrnn.__all__
    if name.startswith("RNN") or name == "HopfieldMemory"
]
RECOGNIZERS = ("RNNClassifier", "RNNLabeler", "RNNRegressor")
BOTH_SIDES = "has both sides of what it reads before it"

# Why an estimator's default is not that of RNNForecaster (or, where that lacks the
# parameter, of the first of the others).
OTHER_DEFAULTS = {
    "cell": dict.fromkeys(
        (*RECOGNIZERS, "RNNImputer", "RNNSeq2Seq"),
        "the cell that the numbers on its page of the docs were measured with",
    ),
    "direction": dict.fromkeys((*RECOGNIZERS, "RNNImputer", "RNNSeq2Seq"), BOTH_SIDES),
    "normalize": dict.fromkeys(
        RECOGNIZERS, "the level of a sequence may be what tells its class"
    ),
    "patience": dict.fromkeys(
        (*RECOGNIZERS, "RNNGenerator", "RNNImputer", "RNNSeq2Seq"),
        "counts epochs; short series have epochs of a few steps, and so count steps",
    ),
    "loss": {"RNNImputer": "has losses of its own"},
    "hidden_size": {
        "RNNGenerator": "the size that the numbers on its page were measured with"
    },
    "lr": {"RNNGenerator": "the rate that the numbers on its page were measured with"},
    "bptt_steps": {"RNNGenerator": "a text is one sequence, too long to unroll"},
    "validation_fraction": dict.fromkeys(
        ("RNNGenerator", "RNNSeq2Seq"), "calibrates nothing on it: less will do"
    ),
    "refit": {"RNNGenerator": "doubles the time for a tenth more of a text"},
}

# Why an estimator does not take the values that RNNForecaster takes.
OTHER_VALUES = {
    "direction": {
        "RNNGenerator": "nothing comes after the symbol that it is to predict",
        "RNNSeq2Seq": "its encoder may read both ways; there is no teacher",
    },
    "normalize": dict.fromkeys(RECOGNIZERS, "reads sequences, not windows"),
    "loss": {"RNNImputer": "learns an error to expect for every entry, too"},
}


def read_docs(estimator):
    """Return a dict from parameter to (type, text) of a class docstring."""
    doc = inspect.getdoc(estimator)
    block = doc.split("Parameters\n----------\n")[1]
    block = re.split(r"\n\n\w[\w ]+\n-+\n", block)[0]
    found = {}
    for match in re.finditer(r"^(\w[\w, ]*) : (.*)\n((?:    .*\n?|\n)*)", block, re.M):
        names, kind, text = match.groups()
        for name in names.split(", "):
            found[name] = kind, " ".join(text.split())
    return found


def defaults(estimator):
    parameters = inspect.signature(estimator.__init__).parameters
    return {n: p.default for n, p in parameters.items() if n != "self"}


def first_sentence(text):
    return re.split(r"(?<=[^.][^.A-Z])\. (?=[A-Z\"`])", text)[0].rstrip(".")


def values_of(kind):
    """Return the type of a parameter without its default, the order of words aside."""
    kind = re.sub(r", default=.*", "", kind)
    return frozenset(re.findall(r'[\w".]+', kind))


DOCS = {estimator.__name__: read_docs(estimator) for estimator in ESTIMATORS}
DEFAULTS = {estimator.__name__: defaults(estimator) for estimator in ESTIMATORS}
SHARED = defaultdict(list)
for owner in ("RNNForecaster", *(name for name in DEFAULTS if name != "RNNForecaster")):
    for parameter in DEFAULTS[owner]:
        SHARED[parameter].append(owner)
SHARED = {name: owners for name, owners in SHARED.items() if len(owners) > 1}


@pytest.mark.parametrize("estimator", DEFAULTS)
def test_every_parameter_is_documented_with_its_default(estimator):
    docs = DOCS[estimator]
    assert set(docs) == set(DEFAULTS[estimator])
    for name, default in DEFAULTS[estimator].items():
        told = re.search(r"default=(.*)", docs[name][0])
        assert told and eval(told[1], {}) == default, name


@pytest.mark.parametrize("name", SHARED)
def test_one_name_has_one_meaning(name):
    first, *others = SHARED[name]
    meaning = first_sentence(DOCS[first][name][1])
    for other in others:
        assert first_sentence(DOCS[other][name][1]) == meaning, other


def different(read, exceptions, name):
    """Return the estimators that differ from the first, and those that may."""
    first, *others = SHARED[name]
    found = {other for other in others if read(other) != read(first)}
    return found, set(exceptions.get(name, ()))


@pytest.mark.parametrize("name", SHARED)
def test_one_name_has_one_default_or_a_reason(name):
    found, listed = different(lambda o: DEFAULTS[o][name], OTHER_DEFAULTS, name)
    assert found == listed


@pytest.mark.parametrize("name", SHARED)
def test_one_name_takes_the_same_values_or_there_is_a_reason(name):
    found, listed = different(lambda o: values_of(DOCS[o][name][0]), OTHER_VALUES, name)
    assert found == listed


@pytest.mark.parametrize("reasons", [OTHER_DEFAULTS, OTHER_VALUES])
def test_every_exception_is_of_a_shared_parameter_and_has_a_reason(reasons):
    for name, owners in reasons.items():
        assert set(owners) < set(SHARED[name])
        assert all(owners.values())


@pytest.mark.parametrize("seed", [-1, 2**32, 2**32 + 1, np.int64(-5)])
def test_seeds_that_would_be_folded_are_refused(seed):
    with pytest.raises(ValueError, match=rf"random_state must be from 0.*got {seed}"):
        draw_seed(seed)


def test_seeds_are_taken_as_they_are():
    assert [draw_seed(s) for s in (0, 2**32 - 1, np.uint32(7))] == [0, 2**32 - 1, 7]
