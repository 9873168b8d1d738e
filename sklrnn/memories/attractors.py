"""Weights, energies and updates of Hopfield networks, in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import lambertw, logsumexp, softmax
from sklearn.utils import gen_batches

_ROUNDING = 1e-9
"""A field that opposes its unit by less is the rounding of a field of zero."""
_DEPENDENT = 1e-9
"""Smallest part of a pattern, relative to it, that counts as outside of a space."""
_CLOSE = 1e-6
"""Patterns less separate than this, relative to their squares, count as one."""
_STRAY = 1e-7
"""Largest weight that all other patterns together get, beside a pattern itself."""
_BLOCK = 2**22
"""Most similarities that are held at a time."""
_FAILURE = 1e-3
"""Probability with which the bound on the capacity may fail."""

Update = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


# ---- what stores patterns of -1 and +1 -----------------------------------------------


def add_hebb(weights: np.ndarray, patterns: np.ndarray) -> None:
    """Add patterns by Hebb's rule, w_ij += x_i x_j / N, in place."""
    weights += patterns.T @ patterns / len(weights)
    np.fill_diagonal(weights, 0.0)


def add_storkey(weights: np.ndarray, patterns: np.ndarray) -> None:
    """Add patterns one after another by Storkey's rule, in place.

    The rule is w_ij += (x_i x_j - x_i h_ji - h_ij x_j) / N, with the field h_ij that
    unit i gets from all units but i and j. With a diagonal of zero, and squares of 1,
    that is h_ij = h_i - w_ij x_j: the whole update is one of rank two and a factor.
    """
    n_units = len(weights)
    for pattern in patterns:
        field = weights @ pattern
        half = np.outer(pattern, (pattern / 2 - field) / n_units)
        weights *= 1 + 2 / n_units
        weights += half + half.T
        np.fill_diagonal(weights, 0.0)


def add_projection(
    weights: np.ndarray, diagonal: np.ndarray, patterns: np.ndarray
) -> None:
    """Enlarge the space that is projected on by patterns, in place.

    `weights` is the projection less its `diagonal`.
    """
    basis = patterns / math.sqrt(len(weights))
    # Twice: what little is left of the old space grows when short rests are scaled.
    for _ in range(2):
        rest = basis - basis @ weights - basis * diagonal
        _, lengths, axes = np.linalg.svd(rest, full_matrices=False)
        basis = axes[lengths > _DEPENDENT]
    added = basis.T @ basis
    diagonal += np.diagonal(added)
    weights += added
    np.fill_diagonal(weights, 0.0)
    if round(float(diagonal.sum())) == len(weights):
        # The whole space: exactly nothing is left beside the diagonal.
        weights[:], diagonal[:] = 0.0, 1.0


# ---- how they are recalled -----------------------------------------------------------


def settle(
    states: np.ndarray, update: Update, max_iter: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat an update until it moves nothing any more.

    Parameters
    ----------
    states : ndarray of shape (n_states, n_units)
    update : callable
        Takes states; returns new ones, and which of them have moved.
    max_iter : int
        Most updates of a state.

    Returns
    -------
    states : ndarray of shape (n_states, n_units)
    settled : ndarray of shape (n_states,), bool
        Whether one more update would move nothing.
    n_iter : ndarray of shape (n_states,), int
        Number of updates that have moved the state.
    """
    states = states.copy()
    n_iter = np.zeros(len(states), dtype=np.int64)
    restless = np.arange(len(states))
    for _ in range(max_iter):
        new, moved = update(states[restless])
        restless = restless[moved]
        if not len(restless):
            break
        states[restless] = new[moved]
        n_iter[restless] += 1
    else:
        restless = restless[update(states[restless])[1]]
    settled = np.ones(len(states), dtype=bool)
    settled[restless] = False
    return states, settled, n_iter


def opposed(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Tell which units are not as their field asks; a field of zero asks nothing."""
    return states * fields < -_ROUNDING


def flip_at_once(weights: np.ndarray) -> Update:
    """Return the synchronous update: all units follow the fields of one moment."""

    def update(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flips = opposed(states, states @ weights)
        return np.where(flips, -states, states), np.any(flips, axis=1)

    return update


def flip_in_turn(weights: np.ndarray, rng: np.random.Generator) -> Update:
    """Return the asynchronous update: one unit after another, in a random order.

    All states share the order, so that what becomes of one does not depend on which
    others are recalled with it.
    """

    def update(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order = rng.permutation(len(weights))
        fields = states @ weights
        moved = np.any(opposed(states, fields), axis=1)
        turning, fields = states[moved], fields[moved]
        for unit in order:
            flips = np.flatnonzero(opposed(turning[:, unit], fields[:, unit]))
            if len(flips):
                turning[flips, unit] *= -1
                fields[flips] += 2 * turning[flips, unit, None] * weights[unit]
        new = states.copy()
        new[moved] = turning
        return new, moved

    return update


def energy(weights: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return -1/2 s^T W s of every state s."""
    return -0.5 * np.einsum("ij,ij->i", states @ weights, states)


# ---- modern networks -----------------------------------------------------------------


def attend(patterns: np.ndarray, beta: float, states: np.ndarray) -> np.ndarray:
    """Return X softmax(beta X^T s) of every state s."""
    new = np.empty_like(states)
    for some, similarities in _compare(states, patterns):
        new[some] = softmax(beta * similarities, axis=1) @ patterns
    return new


def move_towards(patterns: np.ndarray, beta: float, tol: float) -> Update:
    """Return the update of modern networks; moves of at most `tol` do not count."""

    def update(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        new = attend(patterns, beta, states)
        return new, np.any(np.abs(new - states) > tol, axis=1)

    return update


def modern_energy(patterns: np.ndarray, beta: float, states: np.ndarray) -> np.ndarray:
    """Return the energy of every state s: it falls with each update.

    That is -lse(beta, X^T s) + s^T s / 2 + log(P) / beta + M^2 / 2, with P patterns
    and M the largest of their norms.
    """
    lse = np.empty(len(states))
    for some, similarities in _compare(states, patterns):
        lse[some] = logsumexp(beta * similarities, axis=1) / beta
    longest = _squares(patterns).max()
    return -lse + (_squares(states) + longest) / 2 + math.log(len(patterns)) / beta


def suitable_beta(patterns: np.ndarray) -> float:
    """Return a beta with which each pattern that can be told from the others is kept.

    The weights of all others together are then below 1e-7. The separation of a
    pattern, on which this depends, is its square less its largest product with another.
    """
    squares = _squares(patterns)
    separations = np.empty(len(patterns))
    for some, similarities in _compare(patterns, patterns):
        rows = np.arange(some.stop - some.start)
        similarities[rows, rows + some.start] = -np.inf
        separations[some] = squares[some] - similarities.max(axis=1)
    largest = squares.max()
    separate = separations[np.isfinite(separations) & (separations > _CLOSE * largest)]
    if not len(separate):
        return 1.0 / largest if largest > 0 else 1.0
    return math.log((len(patterns) - 1) / _STRAY) / float(separate.min())


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def _compare(
    states: np.ndarray, patterns: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the products of some states with all patterns, and which states."""
    for some in gen_batches(len(states), max(_BLOCK // len(patterns), 1)):
        yield some, states[some] @ patterns.T


# ---- how much they hold --------------------------------------------------------------


def hebb_capacity(n_units: int) -> float:
    """Return how many random patterns come back with few errors."""
    return 0.138 * n_units


def storkey_capacity(n_units: int) -> float:
    """Return how many random patterns come back without any error."""
    return n_units / math.sqrt(2 * math.log(n_units)) if n_units > 1 else 0.0


def projection_capacity(n_units: int) -> float:
    """Return how many linearly independent patterns come back."""
    return float(n_units - 1)


def modern_capacity(n_units: int, beta: float, length: float) -> float:
    """Return how many random patterns of one length are kept at least; NaN if unknown.

    The bound of the theorem on storage capacity in Ramsauer et al. (2021); it holds
    with a probability of 0.999.
    """
    if n_units < 2 or length == 0:
        return math.nan
    n_angles = n_units - 1
    spread = beta * length**2 / n_angles
    a = 2 / n_angles * (1 + math.log(2 * spread * _FAILURE * n_angles))
    b = 2 * spread / 5
    c = b / float(lambertw(math.exp(a + math.log(b))).real)
    if c < (2 / math.sqrt(_FAILURE)) ** (4 / n_angles):
        return math.nan
    return float(math.sqrt(_FAILURE) * np.float64(c) ** (n_angles / 4))
