"""RNNForecaster over cells, directions, fusions and regularisers."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sktime.datasets import load_airline

from sklrnn import RNNForecaster
from sklrnn.registry import plugins

AIRLINE = load_airline()
CELLS = [
    "elman",
    "jordan",
    "lstm",
    "gru",
    "grud",
    "mingru",
    "minlstm",
    "mlp",
    "transformer",
]


def quick(**params):
    base = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "window_length": 12}
    return RNNForecaster(**{**base, **params})


def fitted(**params):
    return quick(**params).fit(AIRLINE, fh=[1, 2, 3])


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_in_every_direction(cell, direction):
    y = AIRLINE.copy()
    y.iloc[[5, 60, 61, 62, -1]] = np.nan
    forecaster = quick(cell=cell, direction=direction, num_layers=2).fit(y, fh=[1, 3])
    forecast = forecaster.predict()
    assert forecast.notna().all() and list(forecast.index) == list(
        pd.period_range("1961-01", periods=3, freq="M")[[0, 2]]
    )
    again = pickle.loads(pickle.dumps(forecaster)).predict()
    np.testing.assert_array_equal(forecast, again)


@pytest.mark.parametrize("cell", CELLS)
def test_what_a_cell_learns_with_a_state_it_can_carry(cell):
    recursive = fitted(cell=cell, strategy="recursive").predict()
    assert recursive.notna().all() and recursive.nunique() == 3


@pytest.mark.parametrize("fusion", ["gated", "recurrent"])
@pytest.mark.parametrize("direction", ["coupled", "decoupled"])
def test_fusions(direction, fusion):
    joined = fitted(direction=direction, fusion=fusion)
    plain = fitted(direction=direction)
    same = np.allclose(joined.predict(), plain.predict())
    assert same == (direction == "decoupled")  # online, the forward branch is alone
    past = torch.randn(1, 12, 1)
    if direction == "decoupled":
        reconstructions = [f.net_.module_.reconstruct(past) for f in (joined, plain)]
        assert not torch.allclose(*reconstructions)


def test_without_matching_a_student_forecasts_as_the_forward_network():
    alone = fitted(max_epochs=8, dropout=0.2, recurrent_dropout=0.2, cell="gru")
    unmatched = copy.deepcopy(alone).set_params(
        direction="decoupled", matching_weight=0.0
    )
    unmatched.fit(AIRLINE, fh=[1, 2, 3])
    np.testing.assert_array_equal(alone.predict(), unmatched.predict())
    matched = copy.deepcopy(unmatched).set_params(matching_weight=1.0)
    matched.fit(AIRLINE, fh=[1, 2, 3])
    assert not np.allclose(alone.predict(), matched.predict())


def test_both_phases_leave_their_histories():
    forecaster = fitted(direction="decoupled")
    for history in (forecaster.history_, forecaster.teacher_history_):
        assert len(history) == 3 and history[-1, "valid_loss"] > 0
    losses = [
        h[:, "train_loss"] for h in (forecaster.history_, forecaster.teacher_history_)
    ]
    assert losses[0] != losses[1]
    assert losses[1][0] > losses[1][-1]
    assert fitted().teacher_history_ is None


def test_the_future_changes_no_online_forecast():
    for direction in ("forward", "decoupled"):
        encoder = fitted(direction=direction, num_layers=2).net_.module_.encoder
        x = torch.randn(2, 12, 1)
        changed = x.clone()
        changed[:, 6:] += 1
        before, after = encoder.sequence(x)[0], encoder.sequence(changed)[0]
        assert torch.equal(before[:, :6], after[:, :6])
    encoder = fitted(direction="coupled").net_.module_.encoder
    assert not torch.equal(
        encoder.sequence(x)[0][:, :6], encoder.sequence(changed)[0][:, :6]
    )


def test_updating_and_pretraining_train_both_phases():
    forecaster = fitted(direction="decoupled", update_epochs=2)
    teacher = copy.deepcopy(
        forecaster.net_.module_.encoder.backward_layers.state_dict()
    )
    forecaster.update(AIRLINE[-3:] + 5.0)
    after = forecaster.net_.module_.encoder.backward_layers.state_dict()
    assert any(not torch.equal(teacher[name], after[name]) for name in teacher)
    panel = pd.concat({name: AIRLINE.to_frame() for name in "ab"}, names=["id"])
    zero_shot = quick(direction="decoupled").pretrain(panel).fit(AIRLINE, fh=[1])
    assert zero_shot.predict().notna().all()


WORDS = ("weight", "bias")


@pytest.mark.parametrize(
    ("params", "spared"),
    [
        ({"cell": "lstm", "layer_norm": True}, "norm_x norm_h bias_ih_l0 bias_hh_l0"),
        (
            {"cell": "elman", "cell_params": {"learn_initial": True}},
            "initial_hidden bias_ih_l0 bias_hh_l0",
        ),
        ({"cell": "jordan"}, "input.bias output.bias"),
        (
            {"cell": "grud", "layer_norm": True},
            "gain hidden_decay.bias input.bias"
            + "".join(f" input_norm.{i}.{kind}" for i in range(3) for kind in WORDS),
        ),
    ],
)
def test_weight_decay_spares_biases_gains_and_initial_states(params, spared):
    net = fitted(**params).net_
    decayed = {
        id(weight): group["weight_decay"] > 0
        for group in net.optimizer_.param_groups
        for weight in group["params"]
    }
    cell = net.module_.encoder.layers[0].branch.cell
    without = {n for n, w in cell.named_parameters() if not decayed[id(w)]}
    assert {name.removeprefix("layer.") for name in without} == set(spared.split())
    assert any(decayed.values())


HIDDEN = 8
GATES = {"elman": 1, "gru": 3, "lstm": 4}


@pytest.mark.parametrize("cell", GATES)
def test_counts_follow_the_formula(cell):
    def layer(size):
        return GATES[cell] * (size * HIDDEN + HIDDEN * HIDDEN + 2 * HIDDEN)

    counts = fitted(cell=cell).count_parameters()
    assert counts["layers"] == layer(1)
    # Three steps, each with weights for the state and one for the last value.
    assert counts["head"] == (HIDDEN + 1) * 3 + 3 and counts["teacher"] == 0
    assert counts["total"] == counts["layers"] + counts["head"]
    coupled = fitted(cell=cell, direction="coupled", num_layers=2).count_parameters()
    assert coupled["layers"] == 2 * layer(1) + 2 * layer(2 * HIDDEN)
    decoupled = fitted(cell=cell, direction="decoupled").count_parameters()
    assert decoupled["layers"] == layer(1)
    matching, teacher_head, offline_head = HIDDEN**2, HIDDEN + 1, 2 * HIDDEN + 1
    assert decoupled["teacher"] == layer(1) + matching + teacher_head + offline_head


def test_a_gru_has_a_quarter_fewer_weights_than_an_lstm():
    counts = {cell: fitted(cell=cell).count_parameters() for cell in ("gru", "lstm")}
    assert counts["gru"]["layers"] / counts["lstm"]["layers"] == 0.75
    both = fitted(cell="gru", direction="coupled").count_parameters()
    assert both["layers"] == 2 * counts["gru"]["layers"]


WRONG = [
    ({"cell": "lsmt"}, "cell must be one of .*'jordan'.* did you mean 'lstm'"),
    ({"fusion": "gate", "direction": "coupled"}, "fusion must be one of .*'gated'"),
    ({"fusion": "gated"}, "fusion is 'gated', but direction='forward'"),
    ({"direction": "both"}, "direction must be one of .*'decoupled'.*got 'both'"),
    ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
    ({"recurrent_dropout": 1.0}, "recurrent_dropout must be at least 0 and below 1"),
    ({"recurrent_dropout": 0.1, "cell": "mingru"}, "recurrent_dropout must be 0 with"),
    ({"layer_norm": True, "cell": "elman"}, "layer_norm must be False with the cell"),
    ({"bptt_steps": 0}, "bptt_steps must be at least 1, got 0"),
    ({"cell": "jordan", "cell_params": {"alpha": 1.0}}, "alpha must be .*1"),
    ({"cell": "jordan", "cell_params": {"alpha": -0.1}}, "alpha must be"),
    ({"cell": "gru", "cell_params": {"reset": "never"}}, "reset must be .*'before'"),
    ({"cell": "gru", "cell_params": {"kernel": "fast"}}, "kernel must be"),
    ({"cell_params": {"alpha": 0.5}}, "cell_params has the key 'alpha'"),
    ({"matching_weight": -1.0}, "matching_weight must be at least 0"),
    ({"matching_schedule": "up"}, "matching_schedule must be one of"),
    (
        {"direction": "coupled", "fusion": "recurrent", "fusion_params": {"fuser": 1}},
        "fuser must be 'gru' or 'lstm', got 1",
    ),
]


@pytest.mark.parametrize(("params", "message"), WRONG)
def test_wrong_values_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        fitted(**params)


def test_all_built_in_cells_are_tried_here():
    names = {
        p.name for p in plugins() if (p.kind, p.distribution) == ("cell", "sklrnn")
    }
    assert set(CELLS) == names
