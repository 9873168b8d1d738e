"""What a trial may see, what it scores, and what it measures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sklrnn.experiments import protocol as rules
from sklrnn.experiments.costs import formula, multiply_adds
from sklrnn.experiments.grid import expand
from sklrnn.experiments.trials import (
    Settings,
    fit,
    make_estimator,
    refusal,
    rounded,
    run_trial,
    score_trial,
)
from sklrnn.training import DivergenceError

SETTINGS = Settings(hidden_size=4, max_epochs=2, batch_size=64)
SHAPE = {"window_length": 8, "n_after": 4, "stride": 2}


@pytest.fixture(scope="module")
def protocol(table):
    return rules.split(table, **SHAPE)


def architecture(task, **params):
    return expand({name: [value] for name, value in params.items()}, [task])[0][0]


def fitted(task, protocol, **params):
    estimator = make_estimator(architecture(task, **params), protocol, SETTINGS, 0)
    return fit(estimator, task, protocol.learned())


def estimates(estimator, task, protocol):
    """Return the estimate of the best window's scored step, and the window."""
    found = score_trial(estimator, task, protocol)
    window = found["windows"]["best"]
    return np.array(window["estimate"])[protocol.window_length - 1], found


def only(protocol, number):
    """Leave one window."""
    one = slice(number, number + 1)
    return replace(protocol, ends=protocol.ends[one], removed=protocol.removed[one])


def changed(protocol, where):
    """Change values: `where` is True where to."""
    values = np.where(where, protocol.values + 5.0, protocol.values)
    return replace(protocol, values=values)


def test_prediction_sees_the_window_up_to_the_step_before(protocol):
    one = only(protocol, 10)
    end = one.ends[0]
    rows = np.arange(len(one.values))[:, None]

    def forecast(data):
        # `update` gives the rows to the forecaster: each data has its own.
        estimator = fitted("prediction", protocol, cell="gru", direction="forward")
        return estimates(estimator, "prediction", data)[0]

    before = forecast(one)
    np.testing.assert_allclose(forecast(changed(one, rows >= end)), before, atol=1e-5)
    assert np.abs(forecast(changed(one, rows == end - 1)) - before).max() > 0.1
    assert np.abs(forecast(changed(one, rows == end - 7)) - before).max() > 1e-5
    # The window is longer by the step that is scored than what a forecast reads.
    np.testing.assert_allclose(
        forecast(changed(one, (rows < end - 7) & (rows >= protocol.n_learned))),
        before,
        atol=1e-5,
    )


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
def test_reconstruction_sees_what_absence_left(protocol, direction):
    one = only(protocol, 5)
    estimator = fitted("reconstruction", protocol, cell="gru", direction=direction)
    before, scores = estimates(estimator, "reconstruction", one)
    steps = one.ends[0] + np.arange(-7, 5)
    gone = np.zeros(one.values.shape, dtype=bool)
    gone[steps] = one.removed[0]
    after, _ = estimates(estimator, "reconstruction", changed(one, gone))
    np.testing.assert_allclose(after, before)
    later = np.zeros_like(gone)
    later[steps[8:]] = True
    after, other = estimates(estimator, "reconstruction", changed(one, later & ~gone))
    # Online nothing after the scored step is seen; offline it is.
    assert other["scores"]["micro_mse"] == pytest.approx(scores["scores"]["micro_mse"])
    if direction == "forward":
        assert "offline_micro_mse" not in scores["scores"]
    else:
        changes = other["scores"]["offline_micro_mse"]
        assert changes != pytest.approx(scores["scores"]["offline_micro_mse"])


def test_online_a_decoupled_network_is_its_forward_branch(protocol):
    estimator = fitted("reconstruction", protocol, cell="gru", direction="decoupled")
    found = score_trial(estimator, "reconstruction", protocol)["scores"]
    errors = []
    for seen, truth in zip(protocol.seen[:, :8], protocol.truth, strict=True):
        rows = pd.DataFrame(seen, columns=list(protocol.columns))
        filled = estimator.reset_stream().partial_transform(rows)
        errors.append(filled.to_numpy()[-1] - truth)
    assert found["micro_mse"] == pytest.approx(np.nanmean(np.square(errors)), rel=1e-4)


def test_a_decoupled_forecast_is_the_same_with_every_fusion(protocol):
    """So that one of them stands for all."""
    found = []
    for fusion in ("concat", "gated", "recurrent"):
        one = architecture("prediction", direction="decoupled")
        one.params["fusion"] = fusion
        found.append(run_trial(one, protocol, SETTINGS, 0)["scores"]["micro_mse"])
    assert found[0] == found[1] == found[2]


def test_both_tasks_score_the_same_entries(protocol):
    counts = []
    for task in ("prediction", "reconstruction"):
        record = run_trial(architecture(task, cell="elman"), protocol, SETTINGS, 0)
        counts.append(sum(row["entries"] for row in record["gaps"]["online"]))
    assert counts[0] == counts[1] == (~np.isnan(protocol.truth)).sum()


@pytest.mark.parametrize("task", ["prediction", "reconstruction"])
def test_a_trial(task, protocol):
    one = architecture(task, cell="gru", direction="coupled", fusion="gated")
    record = run_trial(one, protocol, SETTINGS, 3)
    again = run_trial(one, protocol, SETTINGS, 3)
    assert record["scores"] == again["scores"]
    assert run_trial(one, protocol, SETTINGS, 4)["scores"] != record["scores"]
    assert record["seed"] == 3 and record["failed"] == ""
    assert 1 <= record["best_epoch"] <= record["epochs"] == 2
    assert record["parameters"] > record["layer_parameters"]
    assert record["formula_parameters"] == record["layer_parameters"]
    for name in ("fit_seconds", "epoch_seconds", "latency_ms"):
        assert record[name] > 0
    assert record["peak_memory_mb"] is None or record["peak_memory_mb"] >= 0
    n_read = 7 if task == "prediction" else 8
    assert len(record["gate"]) == n_read
    assert all(0 < gate < 1 for gate in record["gate"])
    (history,) = record["history"]
    assert [sorted(row) for row in history] == [["train_loss", "valid_loss"]] * 2


def test_training_and_scoring_leave_the_global_generators_alone(protocol):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    run_trial(architecture("prediction", cell="elman"), protocol, SETTINGS, 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_training_that_diverges_is_recorded(protocol, monkeypatch):
    def diverge(*args):
        raise DivergenceError("training diverged in epoch 1")

    monkeypatch.setattr("sklrnn.experiments.trials.fit", diverge)
    record = run_trial(architecture("prediction", cell="gru"), protocol, SETTINGS, 0)
    assert record["failed"] == "training diverged in epoch 1"
    assert record["scores"] == {}


def test_what_cannot_be_trained_is_refused_with_the_reason(protocol):
    bad = architecture("prediction", cell="elman", layer_norm=True)
    assert "layer_norm must be False" in refusal(bad, protocol, SETTINGS)
    good = architecture("prediction", cell="gru", layer_norm=True)
    assert refusal(good, protocol, SETTINGS) == ""


# ---- costs --------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("fusion", [None, "concat", "gated", "recurrent"])
def test_weights_are_those_of_the_formula(cell, layer_norm, fusion, protocol):
    if cell == "elman" and layer_norm:
        return  # no gates to normalise
    params = {"cell": cell, "layer_norm": layer_norm, "direction": "forward"}
    if fusion is not None:
        params |= {"direction": "coupled", "fusion": fusion}
    quick = Settings(hidden_size=4, max_epochs=1, batch_size=256)
    one = architecture("reconstruction", **params)
    estimator = make_estimator(one, protocol, quick, 0, num_layers=2)
    fit(estimator, "reconstruction", protocol.learned()[:60])
    module = estimator.net_.module_
    assert formula(module.encoder) == estimator.count_parameters()["layers"]
    gates, n, m = {"elman": 1, "gru": 3, "lstm": 4}[cell], 4, module.encoder
    m = next(p for name, p in m.named_parameters() if "weight_ih" in name).shape[1]
    if fusion is None:
        expected = gates * n * (m + n) + gates * n * 2 * n
        head = multiply_adds(module, 0)
        assert multiply_adds(module, 8) - head == 8 * expected


def test_no_formula_for_strangers(protocol):
    estimator = fitted("prediction", protocol, cell="mingru", direction="forward")
    assert formula(estimator.net_.module_.encoder) is None


def test_multiply_adds_grow_with_what_answers(protocol):
    counts = {}
    for direction in ("forward", "coupled", "decoupled"):
        module = fitted(
            "reconstruction", protocol, cell="gru", direction=direction
        ).net_.module_
        counts[direction] = multiply_adds(module, 8)
        counts[f"{direction} offline"] = multiply_adds(module, 8, offline=True)
    # The teacher costs nothing online.
    assert counts["decoupled"] == counts["forward"]
    assert counts["decoupled offline"] > 2 * counts["decoupled"] * 0.9
    assert counts["coupled"] > counts["forward"]


def test_a_forecast_fuses_once(protocol):
    gated, concat = (
        multiply_adds(
            fitted(
                "prediction", protocol, cell="gru", direction="coupled", fusion=fusion
            ).net_.module_,
            7,
        )
        for fusion in ("gated", "concat")
    )
    # Its matrix has 2 * 4 * 4 entries; the head reads half as much.
    assert gated - concat == 32 - 4 * 3


def test_rounded():
    record = {"mse": 1 / 3, "list": [1 / 3, np.nan], "deep": [{"mse": np.float64(2)}]}
    assert rounded(record) == {
        "mse": 1 / 3,
        "list": [0.333333, None],
        "deep": [{"mse": 2.0}],
    }
