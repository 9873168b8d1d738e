"""Tests of `sklrnn.training.parameters`."""

import numpy as np
import pytest
from skorch.callbacks import EpochTimer

from sklrnn import (
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNImputer,
    RNNLabeler,
    RNNRegressor,
    RNNSeq2Seq,
)
from sklrnn.training.parameters import check_params

ESTIMATORS = [
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNImputer,
    RNNLabeler,
    RNNRegressor,
    RNNSeq2Seq,
]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ("x", "must be a list of skorch callbacks or None, got 'x'"),
        (["x"], "got 'x' at place 0"),
        ([EpochTimer(), ("a", 3)], r"got \('a', 3\) at place 1"),
        ([(1, EpochTimer())], "pairs of a name and a callback, got"),
        ([("a", EpochTimer(), 1)], "pairs of a name and a callback, got"),
        ([None], "got None at place 0"),
    ],
)
def test_what_is_no_callback_is_named(estimator, callbacks, message):
    with pytest.raises(TypeError, match=message):
        check_params(estimator(callbacks=callbacks))


def test_names_of_callbacks_differ():
    for names in (("a", "a"), ("epoch_timer",)):
        callbacks = [(name, EpochTimer()) for name in names]
        with pytest.raises(ValueError, match=f"the name '{names[0]}'"):
            check_params(RNNClassifier(callbacks=callbacks))
    check_params(RNNClassifier(callbacks=[EpochTimer, EpochTimer(), ("a", EpochTimer)]))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"direction": "forward", "fusion_params": {"fuser": "gru"}},
            "fusion_params.*'forward'",
        ),
        ({"matching_weight": 0.5}, "matching_weight is 0.5.*no teacher"),
        ({"matching_schedule": "rise"}, "matching_schedule is 'rise'.*no teacher"),
        (
            {
                "direction": "decoupled",
                "matching_weight": 0.0,
                "matching_schedule": "rise",
            },
            "matching_schedule.*matching_weight=0",
        ),
        ({"cell": "mlp", "bptt_steps": 5}, "bptt_steps is 5.*MLP.*remembers nothing"),
        ({"window_length": 4, "bptt_steps": 5}, "bptt_steps is 5.*window_length=4"),
    ],
)
def test_what_does_nothing_is_refused(params, message):
    if "fusion_params" in params:
        params = params | {"fusion": "concat"}
        message = "fusion_params"
    with pytest.raises(ValueError, match=message):
        check_params(RNNForecaster(**params))


def test_what_does_something_is_taken():
    check_params(RNNForecaster(window_length=4, bptt_steps=4))
    check_params(RNNForecaster(direction="decoupled", matching_weight=0.0))
    check_params(RNNGenerator(cell="mlp"))  # cuts the text
    check_params(RNNGenerator(cell="mlp", bptt_steps=5))
    reads_below = {"num_layers": 2, "cell_params": {"window_length": 3}}
    check_params(RNNForecaster(cell="mlp", bptt_steps=5, **reads_below))
    with pytest.raises(ValueError, match="teacher_forcing_schedule.*teacher_forcing=0"):
        check_params(RNNSeq2Seq(teacher_forcing=0, teacher_forcing_schedule="fall"))


@pytest.mark.parametrize("estimator", [RNNForecaster, RNNImputer])
def test_windows_far_beyond_the_rows_are_refused(estimator):
    message = "window_length is 1000000, but the longest series has 120 rows"
    with pytest.raises(ValueError, match=message):
        estimator(window_length=10**6).fit(np.sin(np.arange(120.0)).reshape(-1, 1))


def test_segments_are_within_the_window():
    y = np.sin(np.arange(60.0))
    with pytest.raises(ValueError, match="segment_length is 9.*window has 8 steps"):
        RNNForecaster(window_length=8, segment_length=9).fit(y)
    with pytest.raises(ValueError, match="segment_length is 99.*chosen for these"):
        RNNForecaster(segment_length=99).fit(y)
