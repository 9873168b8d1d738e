"""Tasks of sequence recognition from the literature."""

from __future__ import annotations

import numpy as np


def make_adding(
    n_samples: int = 1000, n_steps: int = 100, *, random_state: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Generate the adding problem: the sum of two marked values.

    The first channel holds values, uniform from 0 to 1; the second is 1 at one step of
    the first half and one of the second, else 0. Who always answers 1, the mean, has a
    mean squared error of 1/6.

    Parameters
    ----------
    n_samples : int, default=1000
    n_steps : int, default=100
        At least 2.
    random_state : int or None, default=None
        Makes the data repeatable.

    Returns
    -------
    X : ndarray of shape (n_samples, 2, n_steps)
    y : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `n_samples` is below 1 or `n_steps` below 2.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (8), 1997, section 5.4, in the form of Q. V. Le, N. Jaitly and G. E. Hinton, "A
    simple way to initialize recurrent networks of rectified linear units", 2015.

    Examples
    --------
    >>> from sklrnn.datasets import make_adding
    >>> X, y = make_adding(n_samples=3, n_steps=10, random_state=0)
    >>> X.shape, bool(((X[:, 0] * X[:, 1]).sum(axis=1) == y).all())
    ((3, 2, 10), True)
    """
    _check_sizes(n_samples=(n_samples, 1), n_steps=(n_steps, 2))
    rng = np.random.default_rng(random_state)
    X = np.zeros((n_samples, 2, n_steps))
    X[:, 0] = rng.random((n_samples, n_steps))
    half = n_steps // 2
    samples = np.arange(n_samples)
    X[samples, 1, rng.integers(half, size=n_samples)] = 1
    X[samples, 1, rng.integers(half, n_steps, size=n_samples)] = 1
    return X, (X[:, 0] * X[:, 1]).sum(axis=1)


ORDER_SYMBOLS = ("E", "B", "a", "b", "c", "d", "X", "Y")
"""Symbols of `make_temporal_order`: one channel each."""


def make_temporal_order(
    n_samples: int = 1000, n_bits: int = 3, *, random_state: int | None = None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Generate the temporal order problem: to tell in which order X and Y came.

    Sequences of 100 to 110 symbols begin with E and end with B. Between them stand a,
    b, c and d at random and, at two or three steps far from one another, X or Y. The
    label is the word of these: its letters are in no other place than their order.

    Parameters
    ----------
    n_samples : int, default=1000
    n_bits : {2, 3}, default=3
        How many X and Y.
    random_state : int or None, default=None
        Makes the data repeatable.

    Returns
    -------
    X : list of ndarray of shape (8, n_steps)
        Symbols, one-hot, in the order of `ORDER_SYMBOLS`.
    y : ndarray of shape (n_samples,)
        "XX", "XY", ...

    Raises
    ------
    ValueError
        If `n_samples` is below 1 or `n_bits` neither 2 nor 3.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (8), 1997, section 5.6.

    Examples
    --------
    >>> from sklrnn.datasets import make_temporal_order
    >>> X, y = make_temporal_order(n_samples=2, random_state=0)
    >>> X[0].shape[0], len(y[0])
    (8, 3)
    """
    _check_sizes(n_samples=(n_samples, 1))
    if n_bits not in (2, 3):
        raise ValueError(f"n_bits must be 2 or 3, got {n_bits}")
    places = {2: (10, 50), 3: (10, 33, 66)}[n_bits]
    rng = np.random.default_rng(random_state)
    X, y = [], []
    for _ in range(n_samples):
        codes = rng.integers(2, 6, size=rng.integers(100, 111))
        codes[0], codes[-1] = 0, 1
        word = rng.integers(6, 8, size=n_bits)
        for place, code in zip(places, word, strict=True):
            codes[place + rng.integers(11)] = code
        X.append(np.eye(8)[codes].T)
        y.append("".join(ORDER_SYMBOLS[code] for code in word))
    return X, np.array(y)


def make_noise_free_lag(lag: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Generate the two sequences of the task of noise-free lags.

    Both run through the same symbols 1, 2, ..., lag - 1; one begins and ends with x,
    the other with y. The next symbol is to be told at every step: all but the last
    follow from the one before, and the last from the first.

    Parameters
    ----------
    lag : int, default=100
        Number of steps from the first symbol to the last, at least 2.

    Returns
    -------
    X : ndarray of shape (2, lag + 1, lag)
        Symbols, one-hot; channels are x, y and then 1 to lag - 1.
    y : ndarray of shape (2, lag)
        The number of the channel that comes next.

    Raises
    ------
    ValueError
        If `lag` is below 2.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (8), 1997, section 5.2, task 2a.

    Examples
    --------
    >>> from sklrnn.datasets import make_noise_free_lag
    >>> X, y = make_noise_free_lag(lag=4)
    >>> X.argmax(axis=1).tolist()
    [[0, 2, 3, 4], [1, 2, 3, 4]]
    >>> y.tolist()
    [[2, 3, 4, 0], [2, 3, 4, 1]]
    """
    _check_sizes(lag=(lag, 2))
    middle = np.arange(2, lag + 1)
    codes = np.stack([np.r_[first, middle, first] for first in (0, 1)])
    X = np.moveaxis(np.eye(lag + 1)[codes[:, :-1]], 1, 2)
    return X, codes[:, 1:]


def load_digit_sequences() -> tuple[np.ndarray, np.ndarray]:
    """Load handwritten digits, pixel by pixel: row after row of 8 x 8 pixels.

    Returns
    -------
    X : ndarray of shape (1797, 64)
        Gray values from 0 to 16.
    y : ndarray of shape (1797,)
        Digits.

    References
    ----------
    The digits are scikit-learn's (`sklearn.datasets.load_digits`), from E. Alpaydin and
    C. Kaynak, "Optical recognition of handwritten digits", UCI, 1998. Reading them
    pixel by pixel is after Q. V. Le et al. 2015, who did so with larger ones.

    Examples
    --------
    >>> from sklrnn.datasets import load_digit_sequences
    >>> X, y = load_digit_sequences()
    >>> X.shape
    (1797, 64)
    """
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def _check_sizes(**sizes: tuple[int, int]) -> None:
    for name, (value, low) in sizes.items():
        if value < low:
            raise ValueError(f"{name} must be at least {low}, got {value}")
