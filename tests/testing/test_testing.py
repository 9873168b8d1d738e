"""The checks pass what is right, and name what is wrong with what is not."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import sklrnn
from sklrnn.network.cells.base import Cell, takes
from sklrnn.network.cells.gru import GRU
from sklrnn.network.fusions import Concat, Gated
from sklrnn.registry import find_cell, find_fusion
from sklrnn.testing import check_cell, check_fusion
from sklrnn.testing.cells import CellTrial

BUILT_IN = [row for row in sklrnn.plugins() if row.distribution == "sklrnn"]
# Tried with every class whose constructor takes them.
VARIATIONS = [
    {"alpha": 0.5},
    {"chrono_steps": 50},
    {"forget_bias": 1.0},
    {"fuser": "lstm"},
    {"kernel": "loop"},
    {"kernel": "torch"},
    {"learn_initial": True},
    {"memory": 3},
    {"n_heads": 1},
    {"nonlinearity": "relu"},
    {"peephole": True},
    {"reset": "before"},
]


def variations(kind, find):
    """Return the names of all classes of a kind, each with parameters to try."""
    names = [row.name for row in BUILT_IN if row.kind == kind]
    return [(name, {}) for name in names] + [
        pytest.param(name, params, id=f"{name}-{params}")
        for name in names
        for params in VARIATIONS
        if takes(find(name), *params)
    ]


def lacking(check, *args, **params):
    """Return the titles of the properties that a check finds lacking, and its text."""
    with pytest.raises(AssertionError) as caught:
        check(*args, **params)
    text = str(caught.value)
    lines = re.findall(r"^- ([^:]*): ", text, re.M)
    return [title for line in lines for title in line.split("; ")], text


# ---- what is right ----------------------------------------------------------------


@pytest.mark.parametrize(("name", "params"), variations("cell", find_cell))
def test_built_in_cells_pass(name, params):
    check_cell(name, **params)


@pytest.mark.parametrize(("name", "params"), variations("fusion", find_fusion))
def test_built_in_fusions_pass(name, params):
    check_fusion(name, **params)


class Plain(Cell):
    """Elman's, with everything that a cell may offer."""

    def __init__(
        self, input_size, hidden_size, n_targets, masked=False, layer_norm=False
    ):
        super().__init__(input_size, hidden_size)
        self.n_targets = n_targets
        self.masked = masked
        self.read = nn.Linear(input_size, hidden_size)
        self.recur = nn.Linear(hidden_size, hidden_size)
        self.readout = nn.Linear(hidden_size, n_targets)
        self.feed = nn.Linear(n_targets, hidden_size)
        self.norm = nn.LayerNorm(hidden_size) if layer_norm else nn.Identity()

    def initial_state(self, batch):
        weight = self.recur.weight
        zeros = weight.new_zeros(batch, self.hidden_size)
        return zeros, weight.new_zeros(batch, self.n_targets)

    def project(self, x):
        return self.read(x)

    def advance(self, projected, state, hidden_mask=None):
        hidden, own = state
        read = hidden if hidden_mask is None else hidden * hidden_mask
        sums = self.norm(projected + self.recur(read) + self.feed(own))
        hidden = torch.tanh(sums)
        return hidden, (hidden, self.readout(hidden))

    def sequence(self, x, state=None, hidden_mask=None, teacher=None):
        state = self.initial_state(len(x)) if state is None else state
        outputs = []
        for step, projected in enumerate(self.project(x).unbind(1)):
            output, (hidden, own) = self.advance(projected, state, hidden_mask)
            if teacher is not None:
                known = teacher[:, step]
                own = torch.where(known.isnan(), own, known)
            state = hidden, own
            outputs.append(output)
        return torch.stack(outputs, dim=1), state


class Simple(Cell):
    """Elman's, and no more."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.read = nn.Linear(input_size, hidden_size)
        self.recur = nn.Linear(hidden_size, hidden_size)

    def initial_state(self, batch):
        return self.recur.weight.new_zeros(batch, self.hidden_size)

    def step(self, x, state):
        hidden = torch.tanh(self.read(x) + self.recur(state))
        return hidden, hidden


def test_cells_with_everything_and_with_nothing_pass():
    check_cell(Plain)
    check_cell(Simple)


def test_the_callers_random_numbers_stay():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    check_cell(Simple)
    check_fusion(Gated)
    assert torch.equal(torch.rand(3), wanted)


# ---- wrong cells ------------------------------------------------------------------


class LooksAhead(Simple):
    def sequence(self, x, state=None):
        return super().sequence(x + 0.1 * x.roll(-1, dims=1), state)


class SeesTheWhole(Simple):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm = nn.BatchNorm1d(hidden_size)

    def sequence(self, x, state=None):
        outputs, state = super().sequence(x, state)
        return self.norm(outputs.transpose(1, 2)).transpose(1, 2), state


class MixesItems(Simple):
    def step(self, x, state):
        return super().step(x - 0.5 * x.mean(dim=0), state)


class HasADeadWeight(Simple):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.unused = nn.Linear(hidden_size, 1)


class SequenceUnlikeStep(GRU):
    def step(self, x, state):
        output, state = super().step(x, state)
        return 0.9 * output, state


class ForgetsItsState(Simple):
    def sequence(self, x, state=None):
        return super().sequence(x, None)


class StateUnlikeStep(Simple):
    def sequence(self, x, state=None):
        outputs, state = super().sequence(x, state)
        return outputs, 0.9 * state


class SummaryOfTheMiddle(Simple):
    def summary(self, x):
        return self.sequence(x)[0][:, -2]


class WrongGradient(Simple):
    def step(self, x, state):
        hidden = torch.tanh(self.read(x) + self.recur(state.detach()))
        return hidden, hidden


class WrongGradientInSinglePrecision(Simple):
    def step(self, x, state):
        state = state.detach() if x.dtype == torch.float32 else state
        return super().step(x, state)


class WrongInLongSequences(Simple):
    def sequence(self, x, state=None):
        return super().sequence(torch.cat([x[:, :64], 0 * x[:, 64:]], 1), state)


class SinglePrecision(Simple):
    def initial_state(self, batch):
        return torch.zeros(batch, self.hidden_size)


class KeepsItsState(Simple):
    last = None

    def initial_state(self, batch):
        if self.last is None or len(self.last) != batch:
            return super().initial_state(batch)
        return self.last

    def step(self, x, state):
        output, state = super().step(x, state)
        self.last = state.detach()
        return output, state


class WritesIntoItsState(Simple):
    def step(self, x, state):
        hidden = torch.tanh(self.read(x) + self.recur(state.clone()))
        with torch.no_grad():
            state += 1.0
        return hidden, hidden


class WritesIntoItsInput(Simple):
    def sequence(self, x, state=None):
        x *= 0.5
        return super().sequence(x, state)


class HidesNaN(Simple):
    def step(self, x, state):
        return super().step(x.nan_to_num(), state)


class SpreadsNaN(Simple):
    def sequence(self, x, state=None):
        return super().sequence(x + 0 * x.sum(), state)


class HasALambda(Simple):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.act = lambda x: x


class KeepsATensor(Simple):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.scale = torch.rand(())

    def step(self, x, state):
        return super().step(x * self.scale, state)


class DrawsFromNumpy(Simple):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        with torch.no_grad():
            self.read.bias += float(np.random.default_rng().normal())


class SetsTheSeed(Simple):
    def __init__(self, input_size, hidden_size):
        torch.manual_seed(0)
        super().__init__(input_size, hidden_size)


class ForgetsItsSize(Simple):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.input_size = 1


class Box:
    def __init__(self, hidden):
        self.hidden = hidden


class BoxesItsState(Simple):
    def initial_state(self, batch):
        return Box(super().initial_state(batch))

    def step(self, x, state):
        output, hidden = super().step(x, state.hidden)
        return output, Box(hidden)


class NoGradientInTheGraph(Simple):
    def sequence(self, x, state=None):
        outputs, state = super().sequence(x, state)
        return outputs.detach(), state


class Squeezes(Simple):
    def sequence(self, x, state=None):
        outputs, state = super().sequence(x, state)
        return outputs.squeeze(), state


class OtherWithoutGradient(Simple):
    def sequence(self, x, state=None):
        if not torch.is_grad_enabled():
            x = 0.9 * x
        return super().sequence(x, state)


class DropsOutputs(Plain):
    def advance(self, projected, state, hidden_mask=None):
        output, state = super().advance(projected, state)
        return output if hidden_mask is None else output * hidden_mask, state


class DropsInOneGateOnly(Plain):
    def advance(self, projected, state, hidden_mask=None):
        hidden, own = state
        projected = projected + 0.5 * hidden.roll(1, dims=1)
        return super().advance(projected, (hidden, own), hidden_mask)


class IgnoresTheMask(Plain):
    def advance(self, projected, state, hidden_mask=None):
        return super().advance(projected, state)


class MaskInStepsOnly(Plain):
    def sequence(self, x, state=None, hidden_mask=None, teacher=None):
        return super().sequence(x, state, None, teacher)


class ScalesTheMask(Plain):
    def advance(self, projected, state, hidden_mask=None):
        mask = None if hidden_mask is None else 2 * hidden_mask
        return super().advance(projected, state, mask)


class TaughtTooEarly(Plain):
    def sequence(self, x, state=None, hidden_mask=None, teacher=None):
        outputs, state = super().sequence(x, state, hidden_mask, teacher)
        if teacher is not None:
            outputs = outputs + (teacher - self.readout(outputs)).nansum(-1, True)
        return outputs, state


class IgnoresItsTeacher(Plain):
    def sequence(self, x, state=None, hidden_mask=None, teacher=None):
        return super().sequence(x, state, hidden_mask)


class TaughtNaN(Plain):
    def sequence(self, x, state=None, hidden_mask=None, teacher=None):
        if teacher is not None:
            teacher = teacher.nan_to_num()
        return super().sequence(x, state, hidden_mask, teacher)


class WrongWhenMasked(Plain):
    def sequence(self, x, state=None, hidden_mask=None, teacher=None):
        if self.masked:
            x = x.flip(1)
        return super().sequence(x, state, hidden_mask, teacher)


WRONG_CELLS = {
    LooksAhead: "the future does not change the past",
    SeesTheWhole: "the future does not change the past",
    MixesItems: "items of a batch do not mix",
    HasADeadWeight: "every weight gets a gradient",
    SequenceUnlikeStep: "a sequence equals its steps",
    StateUnlikeStep: "a sequence equals its steps",
    ForgetsItsState: "a sequence in two parts equals it whole",
    WritesIntoItsState: "a sequence in two parts equals it whole",
    SummaryOfTheMiddle: "the summary is the last output",
    WrongGradient: "gradients are right in double precision",
    WrongGradientInSinglePrecision: "single precision agrees with double precision",
    WrongInLongSequences: "a sequence equals its steps",
    SinglePrecision: "outputs have the size they should and the dtype of the input",
    KeepsItsState: "the same input gives the same output",
    WritesIntoItsInput: "the same input gives the same output",
    HidesNaN: "NaN stays in its item and in its future, and can be seen there",
    SpreadsNaN: "NaN stays in its item and in its future, and can be seen there",
    HasALambda: "pickling and copying keep what was learned",
    KeepsATensor: "the state_dict holds all that was learned",
    DrawsFromNumpy: "initial weights follow torch.manual_seed",
    SetsTheSeed: "initial weights follow torch.manual_seed",
    ForgetsItsSize: "the constructor takes input_size and hidden_size, and keeps them",
    BoxesItsState: "a detached state goes on without the gradient",
    NoGradientInTheGraph: "every weight gets a gradient",
    Squeezes: "a batch of one and a sequence of one step work",
    OtherWithoutGradient: "memory layout and gradient mode make no difference",
    ScalesTheMask: "a hidden mask of ones changes nothing",
    MaskInStepsOnly: "a hidden mask means the same in sequence, step and summary",
    DropsOutputs: "a hidden mask drops what recurrent weights read, and nothing else",
    DropsInOneGateOnly: (
        "a hidden mask drops what recurrent weights read, and nothing else"
    ),
    IgnoresTheMask: "a hidden mask drops what recurrent weights read, and nothing else",
    TaughtNaN: "a cell taught its own outputs runs as if it were free",
    TaughtTooEarly: "a teacher changes what comes after it, and nothing before",
    IgnoresItsTeacher: "a teacher changes what comes after it, and nothing before",
    WrongWhenMasked: "the future does not change the past, with masked=True",
}


@pytest.mark.parametrize("cls", WRONG_CELLS, ids=lambda cls: cls.__name__)
def test_wrong_cell_is_caught_by_the_property_that_it_lacks(cls):
    titles, text = lacking(check_cell, cls)
    assert WRONG_CELLS[cls] in titles, text


# ---- wrong fusions ----------------------------------------------------------------


class WrongSize(Concat):
    def __init__(self, hidden_size):
        super().__init__(hidden_size)
        self.output_size = hidden_size


class NoDeclarations(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()

    def forward(self, forward, backward):
        return forward + backward


class ReadsAhead(Gated):
    def forward(self, forward, backward):
        return super().forward(forward.flip(1), backward)


class ReadsAheadAndSaysSo(ReadsAhead):
    causal = False
    stepwise = False


class Smooths(Gated):
    def forward(self, forward, backward):
        return super().forward(forward.cumsum(1), backward)


class OneSided(Concat):
    def forward(self, forward, backward):
        return torch.cat([forward, forward], dim=-1)


class MixesFusedItems(Concat):
    def forward(self, forward, backward):
        return super().forward(forward - forward.mean(0), backward)


class DropsAlways(Concat):
    def forward(self, forward, backward):
        return nn.functional.dropout(super().forward(forward, backward), 0.5, True)


WRONG_FUSIONS = {
    WrongSize: "outputs have the size they should and the dtype of the input",
    NoDeclarations: "output_size and causal are declared",
    ReadsAhead: "the future does not change the past",
    Smooths: "a fusion that says it is stepwise fuses every step on its own",
    OneSided: "both inputs matter",
    MixesFusedItems: "items of a batch do not mix",
    DropsAlways: "the same input gives the same output",
}


@pytest.mark.parametrize("cls", WRONG_FUSIONS, ids=lambda cls: cls.__name__)
def test_wrong_fusion_is_caught_by_the_property_that_it_lacks(cls):
    titles, text = lacking(check_fusion, cls)
    assert WRONG_FUSIONS[cls] in titles, text


def test_a_fusion_need_not_be_causal():
    check_fusion(ReadsAheadAndSaysSo)


# ---- the report -------------------------------------------------------------------


def test_all_that_is_lacking_is_listed_with_what_to_mend():
    class Both(HasADeadWeight):
        def summary(self, x):
            return self.sequence(x)[0][:, 0]

    titles, text = lacking(check_cell, Both)
    assert text.startswith("Both lacks 3 of the properties of a cell:\n")
    assert titles == [
        "every weight gets a gradient",
        "pickling and copying keep what was learned",  # it is a local class
        "the summary is the last output",
    ]
    assert "unused.weight, unused.bias had none, so that it never learns" in text


def test_errors_are_placed_and_said_once():
    titles, text = lacking(check_cell, SinglePrecision)
    assert len(titles) > 5
    assert text.count("mat1 and mat2 must have the same dtype") == 1
    assert "test_testing.py, line" in text


def test_a_constructor_that_fails():
    titles, text = lacking(check_cell, "elman", nonlinearity="sine")
    assert titles == ["it can be constructed"]
    assert "ValueError: nonlinearity must be 'tanh' or 'relu'" in text


@pytest.mark.parametrize("cls", [nn.LSTM, dict, Cell])
def test_what_is_no_cell(cls):
    with pytest.raises(AssertionError, match="a cell must .*"):
        check_cell(cls)


def test_what_is_no_fusion():
    with pytest.raises(AssertionError, match="a fusion must .*"):
        check_fusion(dict)


def test_expected_failed_checks():
    reasons = {"the summary is the last output": "it looks at the middle"}
    check_cell(SummaryOfTheMiddle, expected_failed_checks=reasons)
    with pytest.raises(ValueError, match="must have keys from .*, got 'it is nice'"):
        check_cell(Plain, expected_failed_checks={"it is nice": "or is it"})


def test_masked_rows_are_what_the_data_gives():
    (x,) = CellTrial(Plain, {"masked": True}).inputs()
    _, mask, gap = x.chunk(3, dim=-1)
    assert ((mask == 0) | (mask == 1)).all() and (mask == 0).any()
    assert (gap[mask == 1] == 0).all() and (gap[mask == 0] > 0).all()
