import re

import numpy as np
import pytest

from sklrnn.datasets import (
    make_reber,
    make_syllables,
    make_temporal_xor,
    reber_successors,
)


def test_every_third_bit_follows():
    text = make_temporal_xor(3001, random_state=0)
    assert len(text) == 3001 and set(text) == set("01")
    bits = np.array(list(text[:3000]), dtype=int).reshape(-1, 3)
    np.testing.assert_array_equal(bits[:, 2], bits[:, 0] ^ bits[:, 1])
    assert len(np.unique(bits[:, :2], axis=0)) == 4
    assert abs(bits.mean() - 0.5) < 0.05


def test_vowels_follow_from_consonants():
    text = make_syllables(500, random_state=0)
    syllables = re.findall("ba|dii|guuu", text)
    assert "".join(syllables) == text and len(syllables) == 500
    assert min(syllables.count(one) for one in set(syllables)) > 120


def outer(string):
    return string[1] == string[-2] and string[0] == "B" and string[-1] == "E"


@pytest.mark.parametrize("embedded", [True, False])
def test_every_symbol_of_a_reber_string_is_allowed(embedded):
    strings = make_reber(500, embedded=embedded, random_state=0)
    assert len(strings) == 500
    for string in strings:
        allowed = reber_successors(string, embedded=embedded)
        assert allowed[-1] == "" and all(allowed[:-1])
        for following, symbols in zip(string[1:], allowed[:-1], strict=True):
            assert following in symbols


def test_the_outer_symbols_agree():
    strings = make_reber(300, random_state=0)
    assert all(outer(string) for string in strings)
    assert {string[1] for string in strings} == {"T", "P"}
    assert all(string[2] == "B" and string[-3] == "E" for string in strings)
    assert all(
        reber_successors(string)[len(string) - 3] == string[1] for string in strings
    )


def test_known_strings_of_the_reber_grammar():
    for string in ("BTXSE", "BPVVE", "BTSSXSE", "BTXXVVE", "BPTVPSE", "BPVPXTVVE"):
        assert reber_successors(string, embedded=False)[-1] == ""


@pytest.mark.parametrize("string", ["BTPE", "BTXSEE", "T", "BTXST"])
def test_what_the_grammar_does_not_allow(string):
    with pytest.raises(ValueError, match="the grammar does not allow"):
        reber_successors(string, embedded=False)
    with pytest.raises(ValueError, match="the grammar does not allow 'T' at 7"):
        reber_successors("BPBTXSETE")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (make_temporal_xor, "n_bits"),
        (make_syllables, "n_consonants"),
        (make_reber, "n_strings"),
    ],
)
def test_repeatable_and_checked(make, name):
    assert make(50, random_state=1) == make(50, random_state=1)
    assert make(50, random_state=1) != make(50, random_state=2)
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        make(0)
