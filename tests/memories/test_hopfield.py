"""HopfieldMemory: equations, capacities, recall, and what it says of bad input."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklrnn import HopfieldMemory
from sklrnn.memories.hopfield import RULES


def draw_patterns(n_patterns, n_features, seed=0):
    return np.random.default_rng(seed).choice(
        [-1.0, 1.0], size=(n_patterns, n_features)
    )


def flip(patterns, share, seed=1):
    flips = np.random.default_rng(seed).random(patterns.shape) < share
    return np.where(flips, -patterns, patterns)


def classic(rule="hebb", **params):
    return HopfieldMemory(kind="classic", rule=rule, random_state=0, **params)


# ---- weights and energies: the equations of the papers, written out ------------------


def hebb(patterns):
    n = patterns.shape[1]
    weights = np.zeros((n, n))
    for x in patterns:
        for i in range(n):
            for j in range(n):
                if i != j:
                    weights[i, j] += x[i] * x[j] / n
    return weights


def storkey(patterns):
    n = patterns.shape[1]
    weights = np.zeros((n, n))
    for x in patterns:
        new = weights.copy()
        for i in range(n):
            for j in range(n):
                if i == j:
                    continue
                others = [k for k in range(n) if k not in (i, j)]
                h_ij = sum(weights[i, k] * x[k] for k in others)
                h_ji = sum(weights[j, k] * x[k] for k in others)
                new[i, j] += (x[i] * x[j] - x[i] * h_ji - h_ij * x[j]) / n
        weights = new
    return weights


def pseudo_inverse(patterns):
    projection = np.linalg.pinv(patterns) @ patterns
    return projection - np.diag(np.diag(projection))


@pytest.mark.parametrize("written_out", [hebb, storkey, pseudo_inverse])
def test_weights_are_those_of_the_equations(written_out):
    patterns = draw_patterns(6, 12)
    rule = written_out.__name__.replace("_", "-")
    weights = classic(rule).fit(patterns).weights_
    np.testing.assert_allclose(weights, written_out(patterns), atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_weights_are_symmetric_without_self_connections(rule):
    memory = classic(rule).fit(draw_patterns(30, 80))
    np.testing.assert_array_equal(memory.weights_, memory.weights_.T)
    assert not memory.weights_.diagonal().any()
    assert memory.patterns_ is None


def test_classic_energy():
    memory = classic().fit(draw_patterns(3, 10))
    states = draw_patterns(4, 10, seed=5)
    written_out = [
        -sum(memory.weights_[i, j] * s[i] * s[j] for i in range(10) for j in range(10))
        / 2
        for s in states
    ]
    np.testing.assert_allclose(memory.energy(states), written_out)


def test_energy_of_the_pseudo_inverse_is_the_distance_to_the_space_of_patterns():
    # Kanter and Sompolinsky 1987; the diagonal that is left out adds a constant.
    patterns, states = draw_patterns(7, 20), draw_patterns(50, 20, seed=3)
    memory = classic("pseudo-inverse").fit(patterns)
    rest = states - states @ np.linalg.pinv(patterns) @ patterns
    distances = (rest**2).sum(axis=1)
    np.testing.assert_allclose(memory.energy(states), (distances - 20 + 7) / 2)
    assert (memory.energy(patterns)[:, None] <= memory.energy(states) + 1e-9).all()


def test_modern_energy_and_update():
    rng = np.random.default_rng(0)
    patterns, states = rng.normal(size=(6, 4)), rng.normal(size=(3, 4))
    beta = 1.7
    memory = HopfieldMemory(beta=beta, max_iter=1, tol=1e9).fit(patterns)
    largest = max(np.linalg.norm(x) for x in patterns)
    for state, energy in zip(states, memory.energy(states), strict=True):
        weights = np.exp(beta * patterns @ state)
        expected = (
            -np.log(weights.sum()) / beta
            + state @ state / 2
            + np.log(6) / beta
            + largest**2 / 2
        )
        assert energy == pytest.approx(expected)
        moved = memory.stability(state[None]).crosstalk[0]
        new = patterns.T @ (weights / weights.sum())
        np.testing.assert_allclose(moved, np.abs(new - state))


# ---- recall --------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_asynchronous_recall_never_raises_the_energy(rule):
    # Far above the capacity, from anywhere.
    memory = classic(rule, max_iter=1).fit(draw_patterns(25, 60))
    states = draw_patterns(40, 60, seed=9)
    energies = [memory.energy(states)]
    with pytest.warns(ConvergenceWarning):
        for _ in range(3):
            states = memory.predict(states)
            energies.append(memory.energy(states))
    assert (np.diff(energies, axis=0) <= 1e-9).all()
    assert (energies[-1] < energies[0]).any()


def test_modern_recall_never_raises_the_energy():
    rng = np.random.default_rng(0)
    memory = HopfieldMemory(beta=0.5, max_iter=1).fit(rng.normal(size=(30, 5)))
    states = 3 * rng.normal(size=(40, 5))
    energies = [memory.energy(states)]
    with pytest.warns(ConvergenceWarning):
        for _ in range(3):
            states = memory.predict(states)
            energies.append(memory.energy(states))
    assert (np.diff(energies, axis=0) <= 1e-9).all()


@pytest.mark.parametrize("update", ["asynchronous", "synchronous"])
@pytest.mark.parametrize("rule", RULES)
def test_patterns_are_fixed_points_and_come_back_from_cues(rule, update):
    patterns = draw_patterns(8, 200)
    memory = classic(rule, update=update).fit(patterns)
    recall = memory.recall(patterns)
    np.testing.assert_array_equal(recall.states, patterns)
    assert recall.converged.all() and not recall.n_iter.any()
    recall = memory.recall(flip(patterns, 0.15))
    np.testing.assert_array_equal(recall.states, patterns)
    assert recall.converged.all() and (recall.n_iter > 0).all()


def test_negatives_of_patterns_are_fixed_points_too():
    patterns = draw_patterns(8, 200)
    memory = classic().fit(patterns)
    np.testing.assert_array_equal(memory.predict(-patterns), -patterns)
    np.testing.assert_allclose(memory.energy(-patterns), memory.energy(patterns))


def test_one_unit_after_another_is_what_asynchronous_means():
    patterns, cues = draw_patterns(12, 30), draw_patterns(5, 30, seed=4)
    memory = classic().fit(patterns)
    recalled = memory.predict(cues)
    rng = np.random.default_rng(memory.seed_)
    states = cues.copy()
    for _ in range(20):
        order = rng.permutation(30)
        for state in states:
            for unit in order:
                field = memory.weights_[unit] @ state
                if abs(field) > 1e-9:
                    state[unit] = np.sign(field)
    np.testing.assert_array_equal(recalled, states)


def test_all_units_at_once_is_what_synchronous_means():
    patterns, cues = draw_patterns(4, 31), draw_patterns(5, 31, seed=4)
    memory = classic(update="synchronous", max_iter=1).fit(patterns)
    with pytest.warns(ConvergenceWarning):
        recalled = memory.predict(cues)
    fields = cues @ memory.weights_
    kept = np.abs(fields) < 1e-9
    np.testing.assert_array_equal(recalled, np.where(kept, cues, np.sign(fields)))


def test_a_field_of_zero_leaves_the_unit_as_it_is():
    # To the last unit the others say one thing with the first pattern, and the
    # contrary with the second.
    memory = classic().fit([[1, 1, 1], [1, 1, -1]])
    cues = [[1, 1, 1], [1, 1, -1], [-1, -1, 1], [-1, -1, -1]]
    np.testing.assert_array_equal(memory.predict(cues), cues)
    assert memory.stability(cues).stable.all()
    np.testing.assert_allclose(memory.stability(cues).crosstalk[:, 2], 1.0)


def test_a_memory_without_weights_says_so():
    with pytest.warns(UserWarning, match="rule='hebb' these 2 patterns of 2 features"):
        memory = classic().fit([[1, 1], [1, -1]])
    np.testing.assert_array_equal(memory.predict([[1, -1]]), [[1, -1]])


def test_synchronous_recall_may_swing():
    memory = classic(update="synchronous").fit([[1, 1]])
    with pytest.warns(ConvergenceWarning, match="1 of 2 cues .*'asynchronous' settles"):
        recall = memory.recall([[1, -1], [1, 1]])
    assert recall.converged.tolist() == [False, True]
    assert recall.n_iter.tolist() == [100, 0]
    memory.set_params(update="asynchronous")
    assert memory.recall([[1, -1], [1, 1]]).converged.all()


def test_too_few_iterations_are_told():
    patterns = draw_patterns(60, 200)
    memory = classic(max_iter=1).fit(patterns)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=1 iterations: raise"):
        memory.predict(flip(patterns, 0.3))


def test_what_becomes_of_a_cue_does_not_depend_on_the_others():
    patterns = draw_patterns(40, 100)
    memory = classic().fit(patterns)
    cues = flip(patterns, 0.3)
    recall = memory.recall(cues)
    for row in range(0, 40, 7):
        alone = memory.recall(cues[row : row + 1])
        np.testing.assert_array_equal(alone.states[0], recall.states[row])
        assert alone.n_iter[0] == recall.n_iter[row]


def test_random_state_draws_the_order():
    patterns = draw_patterns(40, 100)
    cues = flip(patterns, 0.3)

    def recall(random_state):
        memory = classic().set_params(random_state=random_state)
        return memory.fit(patterns).predict(cues)

    np.testing.assert_array_equal(recall(1), recall(1))
    assert (recall(1) != recall(2)).any()
    generators = [np.random.default_rng(7) for _ in range(2)]
    np.testing.assert_array_equal(*map(recall, generators))
    before = np.random.get_state()[1].copy()
    memory = clone(classic()).set_params(random_state=None).fit(patterns)
    np.testing.assert_array_equal(memory.predict(cues), memory.predict(cues))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


# ---- capacity ------------------------------------------------------------------------


def error_rate(rule, n_patterns, n_features=120, share=0.05):
    patterns = draw_patterns(n_patterns, n_features, seed=n_patterns)
    memory = classic(rule).fit(patterns)
    return (memory.predict(flip(patterns, share)) != patterns).mean()


def test_capacity_rises_from_hebb_to_storkey_to_the_pseudo_inverse():
    assert error_rate("hebb", 8) < 0.005
    assert error_rate("hebb", 36) > 0.1  # 0.3 patterns per unit
    assert error_rate("storkey", 36) < 0.01
    assert error_rate("storkey", 72) > 0.05
    assert error_rate("pseudo-inverse", 72, share=0.01) < 0.01


def test_the_pseudo_inverse_keeps_all_patterns_but_one():
    patterns = draw_patterns(99, 100)
    memory = classic("pseudo-inverse").fit(patterns)
    assert memory.stability(patterns).stable.all()
    np.testing.assert_array_equal(memory.predict(patterns), patterns)
    assert memory.capacity_ == 99
    with pytest.warns(UserWarning, match="100 patterns of 100 features leave all"):
        full = memory.partial_fit(draw_patterns(1, 100, seed=1))
    assert not full.weights_.any()


def test_the_pseudo_inverse_keeps_patterns_that_resemble_each_other():
    patterns = np.repeat(draw_patterns(1, 60), 20, axis=0)
    patterns[np.arange(20), np.arange(20)] *= -1  # two entries apart
    assert classic("pseudo-inverse").fit(patterns).stability(patterns).stable.all()
    assert not classic("hebb").fit(patterns).stability(patterns).stable.all()


def test_the_modern_memory_recalls_many_patterns_in_one_iteration():
    patterns = draw_patterns(2000, 100)  # 20 patterns per feature
    memory = HopfieldMemory(max_iter=1, tol=1e-2).fit(patterns)
    recall = memory.recall(flip(patterns, 0.1))
    np.testing.assert_allclose(recall.states, patterns, atol=1e-2)
    assert (recall.n_iter == 1).mean() > 0.99


def test_the_default_beta_keeps_every_pattern_that_can_be_kept():
    patterns = np.random.default_rng(0).normal(size=(200, 30)) * 1e3 + 500
    memory = HopfieldMemory().fit(patterns)
    products = patterns @ patterns.T
    rival = (products - np.diag(np.full(200, np.inf))).max(axis=1)
    separate = products.diagonal() > rival + 1e-6 * products.max()
    assert 10 < separate.sum() < 200
    assert memory.stability(patterns[separate]).stable.all()
    same = HopfieldMemory().fit(patterns * 1e-5)  # whatever the unit
    assert same.beta_ == pytest.approx(memory.beta_ * 1e10)


@pytest.mark.parametrize("patterns", [[[1.0, 2.0]], [[0.0, 0.0]], [[1.0], [1.0]]])
def test_the_default_beta_where_nothing_can_be_told_apart(patterns):
    memory = HopfieldMemory().fit(patterns)
    assert 0 < memory.beta_ < math.inf
    np.testing.assert_allclose(memory.predict([[3.0] * len(patterns[0])]), patterns[:1])


def test_low_beta_recalls_the_mean():
    patterns = np.random.default_rng(0).normal(size=(20, 8))
    recalled = HopfieldMemory(beta=1e-3).fit(patterns).predict(patterns)
    np.testing.assert_allclose(
        recalled, np.tile(patterns.mean(axis=0), (20, 1)), atol=0.01
    )


def test_capacity_and_load():
    patterns = draw_patterns(10, 200)
    memories = {rule: classic(rule).fit(patterns) for rule in RULES}
    assert memories["hebb"].capacity_ == pytest.approx(27.6)
    storkey = 200 / math.sqrt(2 * math.log(200))
    assert memories["storkey"].capacity_ == pytest.approx(storkey)
    assert memories["pseudo-inverse"].capacity_ == 199
    for rule, memory in memories.items():
        assert (memory.n_patterns_, memory.load_) == (10, 0.05)
        assert memory.rule_ == rule


@pytest.mark.parametrize(
    ("beta", "radius", "n_features", "c"), [(1, 3, 20, 3.1546), (1, 1, 75, 1.3718)]
)
def test_capacity_of_the_modern_memory(beta, radius, n_features, c):
    # Values of c as remembered of the two examples of Ramsauer et al., which were not
    # looked up; for a probability of 0.001 and patterns of the length
    # radius * sqrt(n_features - 1).
    patterns = np.random.default_rng(0).normal(size=(5, n_features))
    patterns *= (
        radius * math.sqrt(n_features - 1) / np.linalg.norm(patterns, axis=1)[:, None]
    )
    memory = HopfieldMemory(beta=beta).fit(patterns)
    expected = math.sqrt(0.001) * c ** ((n_features - 1) / 4)
    assert memory.capacity_ == pytest.approx(expected, rel=1e-2)


def test_capacity_of_the_modern_memory_where_the_theorem_is_silent():
    assert math.isnan(HopfieldMemory(beta=0.01).fit(draw_patterns(5, 30)).capacity_)
    assert math.isnan(HopfieldMemory().fit([[1.0], [2.0]]).capacity_)


def test_stability_of_a_memory_with_one_pattern():
    (pattern,) = patterns = draw_patterns(1, 50)
    stability = classic().fit(patterns).stability(patterns)
    assert stability.stable.all()
    np.testing.assert_allclose(stability.crosstalk, 1 / 50)  # the missing diagonal
    other = -pattern * np.where(np.arange(50) < 20, -1, 1)
    unstable = classic().fit(patterns).stability([other])
    np.testing.assert_array_equal(unstable.stable, unstable.crosstalk <= 1)
    assert unstable.stable[0].sum() == 30


# ---- patterns that come later --------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [{"kind": "modern"}, *({"kind": "classic", "rule": rule} for rule in RULES)],
)
def test_partial_fit_is_fit_of_all(params):
    patterns = draw_patterns(25, 40)
    patterns[7] = patterns[3]  # stored twice
    whole = HopfieldMemory(**params, random_state=0).fit(patterns)
    parts = HopfieldMemory(**params, random_state=0)
    for part in np.split(patterns, [4, 5, 20]):
        parts.partial_fit(part)
    assert (parts.n_patterns_, parts.beta_) == (25, whole.beta_)
    for name in ("weights_", "patterns_"):
        expected, found = getattr(whole, name), getattr(parts, name)
        if expected is None:
            assert found is None
        else:
            np.testing.assert_allclose(found, expected, atol=1e-12)
    cues = flip(patterns, 0.1)
    np.testing.assert_allclose(parts.predict(cues), whole.predict(cues), atol=1e-9)
    again = parts.fit(patterns[:3])  # all others are forgotten
    assert again.n_patterns_ == 3


def test_partial_fit_keeps_to_the_rule():
    memory = classic("hebb").fit(draw_patterns(3, 10))
    memory.set_params(rule="storkey")
    for call in (memory.partial_fit, memory.predict, memory.energy, memory.stability):
        with pytest.raises(ValueError, match="stored is hebb, but is storkey now"):
            call(draw_patterns(3, 10))
    memory.set_params(kind="modern", rule=None)
    with pytest.raises(ValueError, match="hebb, but is of the modern kind now"):
        memory.partial_fit(draw_patterns(3, 10))


# ---- what goes in --------------------------------------------------------------------


def test_threshold_makes_signs_of_numbers():
    grey = np.random.default_rng(0).random((5, 64))
    signs = np.where(grey > 0.5, 1.0, -1.0)
    memory = classic("pseudo-inverse", threshold=0.5).fit(grey)
    plain = classic("pseudo-inverse").fit(signs)
    np.testing.assert_array_equal(memory.weights_, plain.weights_)
    np.testing.assert_array_equal(memory.predict(grey), signs)
    np.testing.assert_array_equal(memory.energy(grey), plain.energy(signs))
    assert memory.stability(grey).stable.all()


def test_classic_memories_take_signs_alone():
    memory = classic()
    binary = (draw_patterns(4, 6) + 1) / 2
    with pytest.raises(
        ValueError, match=r"-1 and \+1, but row 0, column \d of X is 0; set thr"
    ):
        memory.fit(binary)
    with pytest.raises(ValueError, match="row 1, column 2 of X is 0.25; set threshold"):
        memory.fit([[1, 1, 1], [1, -1, 0.25]])
    memory.fit(draw_patterns(4, 6))
    for call in (memory.predict, memory.recall, memory.energy, memory.stability):
        with pytest.raises(ValueError, match="kind='modern' to store any numbers"):
            call(binary)


@pytest.mark.parametrize("kind", ["classic", "modern"])
def test_frames_go_in_and_arrays_come_out(kind):
    patterns = draw_patterns(4, 30)
    table = pd.DataFrame(patterns, columns=[f"unit {i}" for i in range(30)])
    memory = HopfieldMemory(kind=kind, random_state=0).fit(table)
    assert memory.feature_names_in_.tolist() == list(table)
    recalled = memory.predict(table)
    assert type(recalled) is np.ndarray and recalled.dtype == np.float64
    np.testing.assert_allclose(recalled, patterns, atol=1e-5)
    with pytest.raises(ValueError, match="feature names should match"):
        memory.predict(table[table.columns[::-1]])


def test_what_is_stored_is_a_copy():
    patterns = np.random.default_rng(0).normal(size=(5, 8))
    memory = HopfieldMemory().fit(patterns)
    expected = memory.predict(patterns)
    given, cues = patterns.copy(), patterns.copy()
    patterns[:] = 0
    np.testing.assert_array_equal(memory.predict(cues), expected)
    np.testing.assert_array_equal(cues, given)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"kind": "dense"}, ValueError, r"kind must be one of .*, got 'dense'"),
        (
            {"rule": "hebb"},
            ValueError,
            "rule='hebb' is for kind='classic', but kind is",
        ),
        ({"update": "synchronous"}, ValueError, "leave update at None, or set kind="),
        ({"threshold": 0.0}, ValueError, "threshold=0.0 is for kind='classic'"),
        ({"kind": "classic", "beta": 1.0}, ValueError, "beta=1.0 is for kind='modern'"),
        ({"kind": "classic", "tol": 0.1}, ValueError, "tol=0.1 is for kind='modern'"),
        ({"kind": "classic", "rule": "hebbian"}, ValueError, "got 'hebbian'"),
        ({"kind": "classic", "update": "random"}, ValueError, "update must be one of"),
        (
            {"kind": "classic", "threshold": "mean"},
            TypeError,
            "threshold must be a num",
        ),
        ({"kind": "classic", "threshold": math.nan}, ValueError, "threshold must be"),
        ({"beta": 0}, ValueError, "beta must be above 0, got 0"),
        ({"beta": "auto"}, TypeError, "beta must be a number"),
        ({"beta": math.inf}, ValueError, "beta must be"),
        ({"tol": -1e-3}, ValueError, "tol must be at least 0"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ({"max_iter": 1.5}, TypeError, "max_iter must be an integer"),
        ({"random_state": "seed"}, TypeError, "random_state must be an integer"),
    ],
)
def test_unusable_parameters(params, error, message):
    with pytest.raises(error, match=message):
        HopfieldMemory(**params).fit(draw_patterns(4, 6))


def test_unusable_input():
    memory = HopfieldMemory()
    with pytest.raises(NotFittedError, match="HopfieldMemory instance is not fitted"):
        memory.predict(draw_patterns(4, 6))
    with pytest.raises(ValueError, match="contains NaN"):
        memory.fit([[1.0, np.nan]])
    memory.fit(draw_patterns(4, 6))
    with pytest.raises(ValueError, match="X has 5 features, but HopfieldMemory"):
        memory.predict(draw_patterns(4, 5))


def test_texts_and_lists_are_no_patterns():
    patterns = np.array([[1, -1, 1, -1], [1, 1, -1, -1]])
    for texts in (patterns.astype(str), patterns.astype(str).tolist()):
        with pytest.raises(TypeError, match="holds texts, no numbers"):
            HopfieldMemory(kind="classic").fit(texts)
    with pytest.raises(ValueError, match="cell 0 of the column 'a' of X holds a list"):
        HopfieldMemory().fit(pd.DataFrame({"a": [[1, 1], [1, -1]]}))


def test_columns_are_told_apart_by_their_labels():
    patterns = pd.DataFrame([[1, -1, 1, -1], [1, 1, -1, -1]])
    memory = HopfieldMemory(kind="classic", random_state=0).fit(patterns)
    turned = memory.predict(patterns[[3, 2, 1, 0]])
    np.testing.assert_array_equal(turned, memory.predict(patterns))
    with pytest.raises(ValueError, match="more than one column of the name.* 'a'"):
        memory.fit(patterns.set_axis(["a", "b", "a", "c"], axis=1))
