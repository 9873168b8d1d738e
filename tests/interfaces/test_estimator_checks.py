"""sktime's and scikit-learn's own checks, run over every estimator."""

import pytest
from sklearn.utils.estimator_checks import check_estimator as check_sklearn
from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklrnn import (
    HopfieldMemory,
    RNNClassifier,
    RNNForecaster,
    RNNImputer,
    RNNRegressor,
)

# Checks of scikit-learn that cannot hold, with the reason.
EXPECTED_TO_FAIL: dict[str, str] = {}


# The checks of sktime are not ours to mend: what they warn of does not count here.
@pytest.mark.filterwarnings("default")
@parametrize_with_checks([RNNClassifier, RNNForecaster, RNNImputer, RNNRegressor])
def test_sktime(obj, test_name):
    results = check_estimator(
        obj, tests_to_run=test_name, raise_exceptions=True, verbose=False
    )
    assert results


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("params", RNNImputer.get_test_params())
def test_sklearn(params):
    results = check_sklearn(
        RNNImputer(**params), expected_failed_checks=EXPECTED_TO_FAIL, on_skip=None
    )
    assert {result["status"] for result in results} <= {"passed", "skipped", "xfail"}


# Some of these checks ask that something has been learned from a few samples, which
# the last parameter set of both is too slow for. What is asked of a regressor holds for
# a dozen seeds with these: one that keeps the weights of its best epoch on few
# validation samples may have learned little, so the second has none.
RECOGNIZERS = [
    estimator(**{**params, **others, **changes})
    for estimator, others, sets in (
        (
            RNNClassifier,
            {"hidden_size": 8, "lr": 0.05, "batch_size": 32},
            (
                {"max_epochs": 15, "refit": True},
                {"max_epochs": 15, "refit": False},
                {"max_epochs": 15, "refit": False},
            ),
        ),
        (
            RNNRegressor,
            {"hidden_size": 32, "lr": 0.02, "batch_size": 32},
            (
                {"max_epochs": 60, "refit": True},
                {"max_epochs": 40, "refit": False, "validation_fraction": None},
                {"max_epochs": 40, "refit": False},
            ),
        ),
    )
    for params, changes in zip(estimator.get_test_params()[:3], sets, strict=True)
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("estimator", RECOGNIZERS)
def test_sklearn_on_recognizers(estimator):
    results = check_sklearn(
        estimator, expected_failed_checks=EXPECTED_TO_FAIL, on_skip=None
    )
    assert {result["status"] for result in results} <= {"passed", "skipped"}


# A threshold, since these checks feed numbers of all kinds.
MEMORIES = [
    {},
    {"beta": 0.5, "tol": 1e-3},
    {"kind": "classic", "threshold": 0.0},
    {"kind": "classic", "rule": "storkey", "threshold": 0.5, "update": "synchronous"},
    {"kind": "classic", "rule": "pseudo-inverse", "threshold": 0.0, "random_state": 3},
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("params", MEMORIES, ids=str)
def test_sklearn_on_memories(params):
    results = check_sklearn(
        HopfieldMemory(**params), expected_failed_checks=EXPECTED_TO_FAIL, on_skip=None
    )
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (
            RNNForecaster,
            "cell direction fusion strategy normalize layer_norm recurrent_dropout "
            "bptt_steps",
        ),
        (
            RNNImputer,
            "cell direction fusion loss score_steps absence_pattern absence_growth "
            "layer_norm refit validation_fraction bptt_steps",
        ),
        *(
            (
                estimator,
                "cell direction fusion pooling normalize layer_norm dropout refit "
                "validation_fraction bptt_steps",
            )
            for estimator in (RNNClassifier, RNNRegressor)
        ),
    ],
)
def test_parameter_sets_cover_the_choices(estimator, names):
    sets = estimator.get_test_params()
    assert len(sets) >= 4
    made = [estimator(**params) for params in sets]
    for name in names.split():
        assert len({getattr(one, name) for one in made}) >= 2
