"""Tasks of sequence recognition."""

import numpy as np
import pytest

from sklrnn.datasets import (
    load_digit_sequences,
    make_adding,
    make_noise_free_lag,
    make_temporal_order,
)
from sklrnn.datasets.recognition import ORDER_SYMBOLS


def test_adding():
    X, y = make_adding(2000, 50, random_state=0)
    assert X.shape == (2000, 2, 50)
    assert (X[:, 1, :25].sum(axis=1) == 1).all()
    assert (X[:, 1, 25:].sum(axis=1) == 1).all()
    for one, total in zip(X, y, strict=True):
        assert total == pytest.approx(one[0][one[1] == 1].sum())
    assert ((y - 1) ** 2).mean() == pytest.approx(1 / 6, abs=0.01)


@pytest.mark.parametrize("n_bits", [2, 3])
def test_temporal_order(n_bits):
    X, y = make_temporal_order(50, n_bits, random_state=0)
    for one, label in zip(X, y, strict=True):
        assert (one.sum(axis=0) == 1).all() and 100 <= one.shape[1] <= 110
        word = [ORDER_SYMBOLS[code] for code in one.argmax(axis=0)]
        assert word[0] == "E" and word[-1] == "B"
        assert "".join(s for s in word if s in "XY") == label
    assert len(set(y)) == 2**n_bits


def test_noise_free_lag():
    X, y = make_noise_free_lag(100)
    assert X.shape == (2, 101, 100) and y.shape == (2, 100)
    codes = X.argmax(axis=1)
    np.testing.assert_array_equal(codes[:, 1:], y[:, :-1])
    assert (codes[0, 1:] == codes[1, 1:]).all()
    assert (y[:, -1] == codes[:, 0]).all()


def test_digits():
    X, y = load_digit_sequences()
    assert X.shape == (1797, 64) and set(y) == set(range(10))


@pytest.mark.parametrize("make", [make_adding, make_temporal_order])
def test_same_seed_same_data(make):
    one, other = make(3, random_state=1), make(3, random_state=1)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(np.hstack(list(a)), np.hstack(list(b)))


@pytest.mark.parametrize(
    ("make", "params", "message"),
    [
        (make_adding, {"n_samples": 0}, "n_samples must be at least 1"),
        (make_adding, {"n_steps": 1}, "n_steps must be at least 2"),
        (make_temporal_order, {"n_bits": 4}, "n_bits must be 2 or 3"),
        (make_noise_free_lag, {"lag": 1}, "lag must be at least 2"),
    ],
)
def test_bad_sizes(make, params, message):
    with pytest.raises(ValueError, match=message):
        make(**params)
