import re

import numpy as np
import pytest

from sklrnn.data.pairs import pad, read_pairs, read_side


def test_strings_and_token_sequences():
    assert read_side(["ab", "c"], "X") == ([["a", "b"], ["c"]], True)
    mixed = [np.array([1, 2]), ("a", (3, 4)), "ab"]
    assert read_side(mixed, "X") == ([[1, 2], ["a", (3, 4)], ["a", "b"]], False)
    assert read_side(np.array(["ab", "c"]), "X").sequences == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "ab",
            TypeError,
            "y must be a list of strings or of token sequences, got 'ab'",
        ),
        (3, TypeError, "y must be a list of strings or of token sequences, got 3"),
        ({"a": 1}, TypeError, "y must be a list"),
        ([1, 2], TypeError, "y[0] must be a string or a sequence of tokens, got 1"),
        (["a", {"b"}], TypeError, "y[1] must be a string or a sequence"),
        ([], ValueError, "y is empty; give at least one sequence"),
        (["a", ""], ValueError, "y[1] is empty; a sequence needs at least one token"),
    ],
)
def test_what_is_no_list_of_sequences(given, error, message):
    with pytest.raises(error, match=re.escape(message)):
        read_side(given, "y")


def test_sides_of_unequal_numbers():
    with pytest.raises(ValueError, match="X has 2 sequences and y has 1; give them"):
        read_pairs(["a", "b"], ["c"])


def test_padding_is_taken_off_again():
    rng = np.random.default_rng(0)
    sequences = [rng.integers(5, size=n) for n in (3, 1, 6)]
    table, lengths = pad(sequences, first=[7], last=[8, 9], padding=-1)
    assert table.shape == (3, 9) and lengths.tolist() == [6, 4, 9]
    for row, n, codes in zip(table, lengths, sequences, strict=True):
        assert row[:n].tolist() == [7, *codes, 8, 9]
        assert (row[n:] == -1).all()
