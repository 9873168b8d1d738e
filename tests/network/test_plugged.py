"""Tests of `sklrnn.network.plugged`: errors in plug-ins carry their names."""

import numpy as np
import pytest
import torch
from torch import nn

from sklrnn import RNNClassifier, RNNForecaster, register_cell, registry
from sklrnn.network.cells.base import Cell
from sklrnn.network.cells.gru import GRU
from sklrnn.registry import PluginError
from sklrnn.testing import check_cell, check_fusion
from sklrnn.training import DivergenceError

Y = np.sin(np.arange(60.0))
QUICK = {"hidden_size": 3, "max_epochs": 1, "window_length": 6, "random_state": 0}


class Good(Cell):
    """h_t = tanh(W x_t + h_{t-1})."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.to_hidden = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch):
        return self.to_hidden.weight.new_zeros(batch, self.hidden_size)

    def step(self, x, state):
        output = torch.tanh(self.to_hidden(x) + state)
        return output, output


class WrongShape(Good):
    def step(self, x, state):
        output, state = super().step(x, state)
        return output[:, :-1], state


class WrongSize(Good):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.to_hidden = nn.Linear(input_size + 1, hidden_size)


class WritesState(Good):
    def step(self, x, state):
        state.mul_(0.5).add_(self.to_hidden(x))
        return state.tanh(), state.clone()


class WritesInput(Good):
    def step(self, x, state):
        x.clamp_(-0.1, 0.1)
        return super().step(x, state)


class GivesNaN(Good):
    def step(self, x, state):
        output, state = super().step(x, state)
        return torch.sqrt(output - 2), state


class LateNaN(Good):
    """Gives numbers to the few steps that it is tried with."""

    def step(self, x, state):
        output, state = super().step(x, state)
        return output if len(x) <= 3 else output * torch.nan, state


class LateFailure(Good):
    def step(self, x, state):
        if len(x) > 3:
            raise RuntimeError("too many")
        return super().step(x, state)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (WrongShape, r"WrongShape puts out \(3, 2, 2\) where it should be \(3, 2, 3\)"),
        (WrongSize, "WrongSize fails with RuntimeError: mat1 and mat2 shapes"),
        (WritesState, "WritesState writes into the state that it is given"),
        (WritesInput, "WritesInput writes into its input"),
        (GivesNaN, "GivesNaN puts out NaN"),
        (LateFailure, "LateFailure fails in training with RuntimeError: too many"),
    ],
)
@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_a_faulty_cell_is_named_with_its_check(cell, message, direction):
    with pytest.raises(PluginError, match=f"{message}.*sklrnn.testing.check_cell"):
        RNNForecaster(cell=cell, direction=direction, **QUICK).fit(Y)
    if cell is not LateFailure:
        with pytest.raises(AssertionError):
            check_cell(cell)


def test_a_divergence_names_the_plug_ins():
    message = "Lower lr .*due to the class .*LateNaN: check with sklrnn.testing"
    with pytest.raises(DivergenceError, match=message):
        RNNForecaster(cell=LateNaN, batch_size=16, **QUICK).fit(Y)
    diverging = {"lr": 1e30, "gradient_clip": None, "optimizer": "sgd"}
    with pytest.raises(DivergenceError) as error:
        RNNForecaster(**QUICK | diverging | {"max_epochs": 9}).fit(Y)
    assert "due to" not in str(error.value)


class Mean(nn.Module):
    causal = True

    def __init__(self, hidden_size):
        super().__init__()
        self.output_size = hidden_size

    def forward(self, forward, backward):
        return (forward + backward) / 2


class OneStep(Mean):
    def forward(self, forward, backward):
        return super().forward(forward, backward)[:, -1:]


class WritesInputs(Mean):
    def forward(self, forward, backward):
        return forward.add_(backward)


class NoSize(Mean):
    def __init__(self, hidden_size):
        nn.Module.__init__(self)


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        (OneStep, r"OneStep puts out \(3, 1, 3\) where it should be \(3, 2, 3\)"),
        (WritesInputs, "WritesInputs writes into its input"),
        (NoSize, "NoSize has output_size=None"),
    ],
)
@pytest.mark.parametrize("direction", ["coupled", "decoupled"])
def test_a_faulty_fusion_is_named_with_its_check(fusion, message, direction):
    with pytest.raises(PluginError, match=f"{message}.*sklrnn.testing.check_fusion"):
        RNNForecaster(fusion=fusion, direction=direction, **QUICK).fit(Y)
    with pytest.raises(AssertionError):
        check_fusion(fusion)


def test_a_good_plug_in_is_trained_as_without_a_look(monkeypatch):
    found = []
    params = {"cell": Good, "fusion": Mean, "direction": "coupled"}
    for _ in range(2):
        found.append(RNNForecaster(**params, **QUICK).fit(Y, fh=[1, 2]).predict())
        for name in ("check_plugged_cell", "check_plugged_fusion"):
            monkeypatch.setattr(
                f"sklrnn.network.assemble.{name}", lambda part, told: part
            )
    np.testing.assert_array_equal(*found)


def test_a_plug_in_that_reads_masks_is_given_some():
    class Masked(GRU):
        def __init__(self, input_size, hidden_size, masked=False):
            super().__init__(input_size, hidden_size)

    X = np.random.default_rng(0).normal(size=(12, 6))
    X[0, 2] = np.nan
    quick = {"hidden_size": 3, "max_epochs": 1}
    RNNClassifier(cell=Masked, **quick).fit(X, np.arange(12) % 2)


def test_registered_names_are_told(monkeypatch):
    monkeypatch.setitem(registry._REGISTERED, "sklrnn.cells", {})
    register_cell("mine", WrongShape)
    with pytest.raises(PluginError, match="the cell 'mine', registered as"):
        RNNForecaster(cell="mine", **QUICK).fit(Y)
