"""RNNClassifier, RNNRegressor and RNNLabeler: what they learn, take and refuse."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklrnn import RNNClassifier, RNNLabeler, RNNRegressor
from sklrnn.data.sequences import flat_sequences
from sklrnn.recognition.answers import Scaling
from sklrnn.training import DivergenceError

QUICK = {"hidden_size": 8, "lr": 0.02, "random_state": 0}


def trends(n_samples=80, seed=0, n_steps=20):
    """Noisy slopes: up or down."""
    rng = np.random.default_rng(seed)
    slope = rng.choice([-1.0, 1.0], n_samples)
    steps = np.linspace(-1, 1, n_steps)
    X = slope[:, None] * steps + rng.normal(scale=0.5, size=(n_samples, n_steps))
    return X, np.where(slope > 0, "up", "down"), slope


def ragged(X):
    """Cut the ends of sequences off, and take a tenth of the values away."""
    rng = np.random.default_rng(1)
    X = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    return [row[: rng.integers(12, len(row) + 1)] for row in X]


X, Y, SLOPE = trends()
X_TEST, Y_TEST, SLOPE_TEST = trends(seed=1)


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_classifier_learns(direction, pooling):
    classifier = RNNClassifier(
        direction=direction, pooling=pooling, max_epochs=15, refit=False, **QUICK
    )
    assert classifier.fit(X, Y).score(X_TEST, Y_TEST) > 0.9
    assert classifier.classes_.tolist() == ["down", "up"]
    proba = classifier.predict_proba(X_TEST)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (classifier.classes_[proba.argmax(1)] == classifier.predict(X_TEST)).all()


@pytest.mark.parametrize("cell", ["elman", "jordan", "lstm", "grud", "mingru"])
def test_every_cell_learns_from_ragged_sequences_with_gaps(cell):
    classifier = RNNClassifier(cell=cell, max_epochs=20, refit=False, **QUICK)
    classifier.fit(ragged(X), Y)
    assert classifier.score(ragged(X_TEST), Y_TEST) > 0.7


def test_sequences_longer_than_those_of_fit_and_shorter():
    classifier = RNNClassifier(max_epochs=10, **QUICK).fit(list(X), Y)
    assert classifier.predict([X[0][:3], np.tile(X[1], 4)]).shape == (2,)


def test_gaps_that_fit_has_not_seen_are_carried_over():
    classifier = RNNClassifier(max_epochs=10, **QUICK).fit(X, Y)
    gaps = X_TEST.copy()
    gaps[:, 10] = np.nan
    carried = gaps.copy()
    carried[:, 10] = carried[:, 9]
    np.testing.assert_array_equal(
        classifier.predict_proba(gaps), classifier.predict_proba(carried)
    )


def test_several_channels_in_every_form():
    panel = np.stack([X, np.random.default_rng(0).normal(size=X.shape)], axis=1)
    classifier = RNNClassifier(max_epochs=10, **QUICK).fit(panel, Y)
    frames = [pd.DataFrame(one.T) for one in panel]
    expected = classifier.predict_proba(panel)
    for form in (list(panel), frames, pd.concat(dict(enumerate(frames)))):
        np.testing.assert_array_equal(classifier.predict_proba(form), expected)
    with pytest.raises(ValueError, match="1 channels.*sequences of 2"):
        classifier.predict(panel[:, :1])


def test_order_of_samples_makes_no_difference():
    order = np.random.default_rng(0).permutation(len(X))
    first = RNNClassifier(max_epochs=3, **QUICK).fit(X, Y)
    other = RNNClassifier(max_epochs=3, **QUICK).fit(X[order], Y[order])
    np.testing.assert_array_equal(
        first.predict_proba(X_TEST), other.predict_proba(X_TEST)
    )


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
def test_weights_are_repetitions(estimator):
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    y = Y if estimator is RNNClassifier else SLOPE
    weighted = estimator(max_epochs=3, **QUICK).fit(X, y, sample_weight=weights)
    repeated = estimator(max_epochs=3, **QUICK).fit(
        np.repeat(X, weights, axis=0), np.repeat(y, weights)
    )
    np.testing.assert_array_equal(weighted.predict(X_TEST), repeated.predict(X_TEST))


def test_class_weight():
    few = np.r_[np.flatnonzero(Y == "up")[:6], np.flatnonzero(Y == "down")]
    noisy = X + np.random.default_rng(0).normal(scale=2.0, size=X.shape)
    found = {}
    for weight in (None, "balanced", {"up": 100.0, "down": 1.0}):
        classifier = RNNClassifier(class_weight=weight, max_epochs=15, **QUICK)
        proba = classifier.fit(noisy[few], Y[few]).predict_proba(noisy)
        found[str(weight)] = proba[:, 1].mean()
    plain, balanced, heavy = found.values()
    assert plain < balanced < heavy


def test_single_label_is_predicted():
    classifier = RNNClassifier(max_epochs=1, **QUICK)
    with pytest.warns(UserWarning, match="single label"):
        classifier.fit(X, np.repeat("only", len(X)))
    assert (classifier.predict(X_TEST) == "only").all()


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
def test_regressor_learns(direction):
    regressor = RNNRegressor(direction=direction, max_epochs=20, **QUICK)
    y = 1000 + 50 * SLOPE
    regressor.fit(X, y)
    assert regressor.score(X_TEST, 1000 + 50 * SLOPE_TEST) > 0.8


def test_regressor_of_several_values():
    y = np.stack([SLOPE, -3 * SLOPE + 7], axis=1)
    regressor = RNNRegressor(max_epochs=20, **QUICK).fit(X, y)
    assert regressor.predict(X_TEST).shape == (len(X_TEST), 2)
    truth = np.stack([SLOPE_TEST, -3 * SLOPE_TEST + 7], axis=1)
    assert regressor.score(X_TEST, truth) > 0.8
    frame = pd.DataFrame(y, columns=["a", "b"])
    found = regressor.fit(X, frame).predict(X_TEST)
    assert found.columns.tolist() == ["a", "b"]


def running_sums(n_sequences=60, seed=0, equal=False):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(10, 25, n_sequences)
    X = [rng.normal(size=15 if equal else n) for n in lengths]
    sums = [np.cumsum(x) for x in X]
    return X, [np.where(s > 0, "above", "below") for s in sums], sums


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
def test_labeler_learns(direction):
    X, y, sums = running_sums()
    X_test, y_test, sums_test = running_sums(seed=1)
    labeler = RNNLabeler(direction=direction, max_epochs=30, refit=False, **QUICK)
    assert labeler.fit(X, y).score(X_test, y_test) > 0.85
    proba = labeler.predict_proba(X_test)
    assert [p.shape for p in proba] == [(len(x), 2) for x in X_test]
    labeler.set_params(task="regression")
    assert labeler.fit(X, sums).score(X_test, sums_test) > 0.8


def test_labeler_gives_back_the_form_that_it_gets():
    X, y, _ = running_sums(equal=True)
    labeler = RNNLabeler(max_epochs=2, **QUICK).fit(np.stack(X), np.stack(y))
    table = labeler.predict(np.stack(X))
    assert table.shape == (60, 15)
    assert labeler.predict_proba(np.stack(X)).shape == (60, 15, 2)
    frame = pd.concat({i: pd.DataFrame({"x": x}) for i, x in enumerate(X)})
    found = labeler.predict(frame)
    pd.testing.assert_index_equal(found.index, frame.index)
    np.testing.assert_array_equal(found.to_numpy(), table.ravel())
    np.testing.assert_array_equal(np.stack(labeler.predict(X)), table)


def test_labeler_leaves_steps_without_an_answer_out():
    X, y, sums = running_sums()
    wrong = [np.where(np.arange(len(one)) < 5, None, one) for one in y]
    labeler = RNNLabeler(max_epochs=2, **QUICK).fit(X, wrong)
    assert labeler.classes_.tolist() == ["above", "below"]
    values = [np.where(np.arange(len(one)) < 5, np.nan, one) for one in sums]
    labeler.set_params(task="regression").fit(X, values)
    assert np.isfinite(np.concatenate(labeler.predict(X))).all()
    other = [np.where(np.arange(len(one)) < 5, np.nan, one) for one in sums]
    for one, x in zip(other, X, strict=True):
        one[:5] = np.nan
        assert len(one) == len(x)
    again = clone(labeler).fit(X, other)
    np.testing.assert_array_equal(
        np.concatenate(again.predict(X)), np.concatenate(labeler.predict(X))
    )


def test_class_weight_of_labels():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(30, 20))
    rare = np.where(rng.random(noise.shape) < 0.2, "rare", "usual")
    found = {}
    for weight in (None, "balanced", {"rare": 100.0}):
        params = {"class_weight": weight, "max_epochs": 15, "patience": None}
        labeler = RNNLabeler(**params, **QUICK)
        found[str(weight)] = labeler.fit(noise, rare).predict_proba(noise)[..., 0]
    plain, balanced, heavy = (proba.mean() for proba in found.values())
    assert plain < 0.3 < balanced < 0.7 < heavy


def test_labeler_of_several_values():
    panel = np.random.default_rng(0).normal(size=(30, 2, 12))
    y = np.cumsum(panel, axis=2)
    labeler = RNNLabeler(task="regression", direction="forward", max_epochs=20, **QUICK)
    assert labeler.fit(panel, y).predict(panel).shape == y.shape
    assert labeler.score(panel, y) > 0.5
    assert labeler.predict(list(panel))[0].shape == (2, 12)


def test_causal_labels_do_not_change_with_the_future():
    X, y, _ = running_sums(equal=True)
    labeler = RNNLabeler(direction="forward", max_epochs=2, **QUICK).fit(X, y)
    table = np.stack(X)
    other = table.copy()
    other[:, 8:] = 5.0
    np.testing.assert_array_equal(
        labeler.predict(table)[:, :8], labeler.predict(other)[:, :8]
    )


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor, RNNLabeler])
def test_same_seed_same_result_and_pickling(estimator):
    y = {RNNClassifier: Y, RNNRegressor: SLOPE, RNNLabeler: X > 0}[estimator]
    one = estimator(max_epochs=2, dropout=0.3, **QUICK).fit(X, y)
    expected = one.predict(X_TEST)
    for other in (clone(one).fit(X, y), pickle.loads(pickle.dumps(one))):
        np.testing.assert_array_equal(other.predict(X_TEST), expected)
    assert one.count_parameters()["total"] > 0


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor, RNNLabeler])
def test_warm_start_goes_on(estimator):
    y = {RNNClassifier: Y, RNNRegressor: SLOPE, RNNLabeler: X > 0}[estimator]
    one = estimator(max_epochs=5, warm_start=True, refit=False, **QUICK).fit(X, y)
    before = one.history_[-1]["train_loss"]
    assert one.fit(X, y).history_[0]["train_loss"] < before + 0.1
    with pytest.raises(ValueError, match="hidden_size is 16"):
        one.set_params(hidden_size=16).fit(X, y)


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor, RNNLabeler])
def test_an_array_of_arrays_is_refused(estimator):
    inside = np.empty(2, dtype=object)
    inside[:] = [np.zeros(3), np.zeros(4)]
    with pytest.raises(ValueError, match=r"X is an array of arrays; .* list\(X\)"):
        estimator(max_epochs=1, **QUICK).fit(inside, [[0] * 3, [1] * 4])


def test_in_pipeline_and_search():
    pipeline = make_pipeline(StandardScaler(), RNNClassifier(max_epochs=25, **QUICK))
    assert cross_val_score(pipeline, X, Y, cv=2).mean() > 0.8
    search = GridSearchCV(
        RNNClassifier(max_epochs=25, **QUICK), {"pooling": ["max", "last"]}, cv=2
    )
    assert search.fit(X, Y).best_score_ > 0.8


def test_divergence_keeps_the_net():
    regressor = RNNRegressor(
        cell="elman", lr=1e30, gradient_clip=None, random_state=0, optimizer="sgd"
    )
    with pytest.raises(DivergenceError, match="Lower lr"):
        regressor.fit(X, SLOPE)
    assert regressor.net_ is not None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pooling": "sum"}, "pooling must be one of"),
        ({"normalize": "minmax"}, "normalize must be one of"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"direction": "backward"}, "direction must be one of"),
        ({"validation_fraction": 1.5}, "validation_fraction"),
    ],
)
@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
def test_bad_parameters(estimator, params, message):
    with pytest.raises(ValueError, match=message):
        estimator(**params).fit(X, SLOPE)


def test_bad_data():
    classifier = RNNClassifier(max_epochs=1, **QUICK)
    with pytest.raises(NotFittedError, match="fit"):
        classifier.predict(X)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        classifier.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="missing labels"):
        classifier.fit(X, np.where(np.arange(len(Y)) == 3, None, Y))
    with pytest.raises(ValueError, match="at least one non-zero"):
        classifier.fit(X, Y, sample_weight=np.zeros(len(Y)))
    with pytest.raises(ValueError, match="has no steps"):
        classifier.fit([X[0], []], Y[:2])
    labeler = RNNLabeler(max_epochs=1, **QUICK)
    with pytest.raises(ValueError, match="task must be one of"):
        labeler.set_params(task="both").fit(X, X > 0)
    labeler = RNNLabeler(task="regression", max_epochs=1, **QUICK)
    with pytest.raises(ValueError, match="no answer at any step"):
        labeler.fit(X, np.full(X.shape, np.nan))
    with pytest.raises(ValueError, match="task='classification'"):
        labeler.fit(X, X).predict_proba(X)
    with pytest.raises(ValueError, match="class_weight must be None with task"):
        labeler.set_params(class_weight="balanced").fit(X, X)


def test_labels_that_fit_has_not_seen_count_as_wrong():
    classifier = RNNClassifier(max_epochs=8, **QUICK).fit(X, Y)
    assert classifier.score(X, np.repeat("new", len(X))) == 0


NAMES = ["flow", "heat"]


def named_frames(n_frames=24):
    rng = np.random.default_rng(4)
    days = pd.date_range("2024-01-01", periods=9)
    return [
        pd.DataFrame(rng.normal(size=(9, 2)) * [1, 9], days, NAMES)
        for _ in range(n_frames)
    ]


def turned(frames):
    """Give columns of frames in another order, in every named container."""
    other = [frame[NAMES[::-1]] for frame in frames]
    nested = {name: [frame[name] for frame in frames] for name in NAMES[::-1]}
    mixed = [
        a if i % 2 else b for i, (a, b) in enumerate(zip(frames, other, strict=True))
    ]
    return {
        "list": other,
        "mixed list": mixed,
        "MultiIndex": pd.concat(dict(enumerate(other))),
        "nested": pd.DataFrame(nested),
    }


FRAMES = named_frames()
ANSWERS = np.arange(24) % 2
QUICKEST = {"hidden_size": 3, "max_epochs": 1, "refit": False, "random_state": 0}


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor, RNNLabeler])
@pytest.mark.parametrize("container", turned(FRAMES))
def test_channels_are_matched_by_name(estimator, container):
    y = [np.full(9, a) for a in ANSWERS] if estimator is RNNLabeler else ANSWERS
    fitted = estimator(**QUICKEST).fit(FRAMES, y)
    X = turned(FRAMES)[container]
    again = estimator(**QUICKEST).fit(turned(FRAMES)["mixed list"], y)
    # The first frame tells the order; here it has them turned.
    assert again._names[1].tolist() == NAMES[::-1]
    known = fitted.predict(pd.concat(dict(enumerate(FRAMES))))
    np.testing.assert_array_equal(np.ravel(fitted.predict(X)), np.ravel(known))
    assert fitted.score(X, y) == fitted.score(FRAMES, y)
    by_place = [frame.to_numpy().T for frame in FRAMES]
    np.testing.assert_array_equal(np.ravel(fitted.predict(by_place)), np.ravel(known))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[["flow"]], "'heat' missing"),
        (lambda f: f.rename(columns={"heat": "x"}), "'heat' missing; 'x' unknown"),
        (lambda f: f.set_axis(["flow", "flow"], axis=1), "more than one .* 'flow'"),
        (lambda f: f[::-1], "must be in the order of time"),
    ],
)
def test_channels_and_rows_that_do_not_fit(change, message):
    fitted = RNNClassifier(**QUICKEST).fit(FRAMES, ANSWERS)
    frames = [change(frame) for frame in FRAMES]
    for X in (frames, pd.concat(dict(enumerate(frames)))):
        with pytest.raises(ValueError, match=message):
            fitted.predict_proba(X)


def test_several_labels_of_named_channels():
    y = np.stack([ANSWERS, np.arange(24) // 12], axis=1)
    fitted = RNNClassifier(**QUICKEST).fit(FRAMES, y)
    for X in turned(FRAMES).values():
        np.testing.assert_array_equal(fitted.predict(X), fitted.predict(FRAMES))


def test_steps_of_a_table_with_labels_in_another_order():
    table = pd.DataFrame(X)
    fitted = RNNClassifier(**QUICKEST).fit(table, Y)
    backwards = fitted.predict_proba(table[table.columns[::-1]])
    np.testing.assert_array_equal(backwards, fitted.predict_proba(table))


def test_outputs_are_matched_by_name():
    y = pd.DataFrame({"p": np.arange(24.0), "q": np.arange(24.0) ** 2})
    regressor = RNNRegressor(**QUICKEST).fit(FRAMES, y)
    assert regressor.score(FRAMES, y[["q", "p"]]) == regressor.score(FRAMES, y)
    panel = pd.concat(dict(enumerate(FRAMES)))
    steps = panel.set_axis(["u", "v"], axis=1)
    labeler = RNNLabeler(task="regression", **QUICKEST).fit(panel, steps)
    assert labeler.predict(panel).columns.tolist() == ["u", "v"]
    assert labeler.score(panel, steps[["v", "u"]]) == labeler.score(panel, steps)
    with pytest.raises(ValueError, match="'v' missing; 'w' unknown"):
        labeler.score(panel, steps.rename(columns={"v": "w"}))


@pytest.mark.parametrize(
    "params",
    [
        {"cell": "gru"},
        {"cell": "lstm", "direction": "forward", "pooling": "mean"},
        {"cell": "transformer"},
        {"cell": "elman", "direction": "decoupled", "pooling": "last"},
    ],
)
def test_an_answer_does_not_depend_on_the_others(params):
    rng = np.random.default_rng(9)
    X = [rng.normal(size=(2, int(k))) for k in rng.integers(8, 26, 40)]
    fitted = RNNClassifier(**{**QUICKEST, **params}).fit(X, np.arange(40) % 2)
    alone = np.vstack([fitted.predict_proba([one]) for one in X])
    np.testing.assert_array_equal(alone, fitted.predict_proba(X))
    labeler = RNNLabeler(hidden_size=3, max_epochs=1, random_state=0)
    labeler.fit(X, [np.arange(one.shape[1]) % 2 for one in X])
    together = labeler.predict_proba(X)
    for one, found in zip(X[:10], together, strict=False):
        np.testing.assert_array_equal(labeler.predict_proba([one])[0], found)


def test_labeler_without_answers():
    with pytest.raises(ValueError, match="requires y to be passed, but .* y is None"):
        RNNLabeler(**QUICKEST).fit(FRAMES, None)


def test_lists_in_the_cells_of_a_table():
    X = pd.DataFrame({"a": [[1, 2], [3, 4]]})
    with pytest.raises(ValueError, match="cell 0 of the column 'a' of X holds a list"):
        RNNClassifier(**QUICKEST).fit(X, [0, 1])


def test_a_value_that_is_always_the_same_is_answered_as_it_is():
    answers = RNNRegressor(**QUICKEST).fit(X, np.full(len(X), 7.0)).predict(X_TEST)
    assert (answers == 7.0).all()
    labeler = RNNLabeler(task="regression", **QUICKEST)
    assert (labeler.fit(X, np.full(X.shape, 7.0)).predict(X_TEST) == 7.0).all()


@pytest.mark.parametrize("normalize", ["standard", "sequence"])
@pytest.mark.parametrize("level", [10.0, -1e3])
def test_a_level_does_not_change_what_is_read(level, normalize):
    small = X * 2.0**-34
    near, far = (flat_sequences(small + base) for base in (0.0, level))
    read = [Scaling.of(each, normalize).rows(each) for each in (near, far)]
    # float64 resolves 1e-16 of the level, 2e-3 of the deviation at most.
    np.testing.assert_allclose(*read, atol=1e-5 * abs(level))
