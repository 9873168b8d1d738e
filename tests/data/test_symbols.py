import pickle

import numpy as np
import pytest

from sklrnn.data.symbols import END, Symbols, Vocabulary, read_sequences


@pytest.mark.parametrize(
    ("X", "found"),
    [
        ("abc", Symbols([["a", "b", "c"]], True, True)),
        (["ab", "c"], Symbols([["a", "b"], ["c"]], True, False)),
        (["a", "b"], Symbols([["a", "b"]], True, True)),
        (np.array(["ab", "c"]), Symbols([["a", "b"], ["c"]], True, False)),
        ([[1, 2], (3,)], Symbols([[1, 2], [3]], False, False)),
        (np.array([[1, 2], [3, 4]]), Symbols([[1, 2], [3, 4]], False, False)),
        ([np.array([1, 2])], Symbols([[1, 2]], False, False)),
        ([["the", "cat"]], Symbols([["the", "cat"]], False, False)),
    ],
)
def test_sequences_are_read(X, found):
    assert read_sequences(X) == found


def test_single_characters_may_be_sequences():
    found = read_sequences(["a", "b"], join=False)
    assert found == Symbols([["a"], ["b"]], True, False)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (3, TypeError, "X must be a string, a list of strings or .* got int"),
        (b"abc", TypeError, "got bytes"),
        ({"a": 1}, TypeError, "got dict"),
        ([1, 2], TypeError, r"sequence 0 of X must be .* got 1; .* as \[X\]"),
        ("", ValueError, "X is empty; every sequence needs"),
        ([], ValueError, "X is empty; it must hold"),
        (["ab", ""], ValueError, "sequence 1 of X is empty"),
    ],
)
def test_what_cannot_be_read(X, error, message):
    with pytest.raises(error, match=message):
        read_sequences(X)


def test_symbols_are_sorted_and_numbered():
    vocabulary = Vocabulary(["cab", "bad"])
    assert vocabulary.tokens == ["a", "b", "c", "d"] and len(vocabulary) == 4
    codes = vocabulary.encode("dab", "X")
    assert codes.tolist() == [3, 0, 1] and codes.dtype == np.int64
    assert vocabulary.encode("", "X").shape == (0,)


def test_symbols_that_have_no_order_come_as_they_appear():
    assert Vocabulary([["b", 1, ("x", 2)], [None, 1]]).tokens == [
        "b",
        1,
        ("x", 2),
        None,
    ]


def test_unknown_symbols_are_named():
    vocabulary = Vocabulary(["ab"])
    with pytest.raises(ValueError, match="prefix has .* 'x', 'y'; leave them out"):
        vocabulary.encode("axyx", "prefix")
    with pytest.raises(ValueError, match="'c', 'd', 'e', 'f', 'g' and 1 more"):
        vocabulary.encode("abcdefgh", "X")
    with pytest.raises(ValueError, match=r"never seen in fit: \[1\]"):
        vocabulary.encode(["a", [1]], "X")


def test_tokens_must_be_hashable():
    with pytest.raises(TypeError, match="every token of X must be hashable"):
        Vocabulary([["a", [1]]])


def test_the_end_stays_itself():
    assert pickle.loads(pickle.dumps(END)) is END and repr(END) == "END"
