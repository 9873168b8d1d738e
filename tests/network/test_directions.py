"""Branches, directions and stacks of layers, on a cell whose arithmetic is plain."""

import pytest
import torch

from sklrnn.network.cells.base import Cell, detached
from sklrnn.network.cells.elman import Elman
from sklrnn.network.directions import Branch, Coupled, Forward
from sklrnn.network.fusions import Concat, Recurrent
from sklrnn.network.layers import RecurrentLayers

X = torch.randn(4, 12, 3, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([12, 5, 1, 9])


class Sum(Cell):
    """The sum of everything read, scaled by a weight, masked where it is read back."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = torch.nn.Parameter(torch.ones(()))

    def initial_state(self, batch):
        return torch.zeros(batch, self.hidden_size)

    def step(self, x, state, hidden_mask=1.0):
        state = state * hidden_mask + self.weight * x[:, : self.hidden_size]
        return state, state


def layer(direction, size=3, hidden=4, cell=Elman, **branch):
    branches = [Branch(cell(size, hidden), **branch) for _ in range(2)]
    if direction == "forward":
        return Forward(branches[0])
    return Coupled(*branches, Concat(hidden))


def stack(direction, n_layers=2, **branch):
    torch.manual_seed(0)
    layers, size = [], 3
    for _ in range(n_layers):
        layers.append(layer(direction, size, **branch))
        size = layers[-1].output_size
    return RecurrentLayers(layers, 0.0)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_a_forward_stack_is_causal_and_a_coupled_one_is_not(n_layers):
    changed = X.clone()
    changed[:, 8:] += 1
    for direction in ("forward", "coupled"):
        layers = stack(direction, n_layers)
        before, after = layers.sequence(X)[0], layers.sequence(changed)[0]
        same = torch.equal(before[:, :8], after[:, :8])
        assert same == layers.causal == (direction == "forward")


@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_padding_makes_no_difference_to_values_or_gradients(direction):
    layers = stack(direction)
    padded = X.clone()
    for row, length in enumerate(LENGTHS):
        padded[row, length:] = torch.nan
    padded.requires_grad_()
    outputs, _ = layers.sequence(padded, lengths=LENGTHS)
    summary = layers.summary(padded, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone = X[row : row + 1, :length]
        torch.testing.assert_close(
            outputs[row : row + 1, :length], layers.sequence(alone)[0]
        )
        torch.testing.assert_close(summary[row : row + 1], layers.summary(alone))
        assert not outputs[row, length:].any()
    (outputs.square().sum() + summary.sum()).backward()
    assert not padded.grad.isnan().any()
    assert not any(weight.grad.isnan().any() for weight in layers.parameters())
    assert not padded.grad[1, 5:].any()


@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_a_summary_is_what_both_ends_know(direction):
    layers = stack(direction)
    summary, (outputs, _) = layers.summary(X), layers.sequence(X)
    torch.testing.assert_close(summary[:, :4], outputs[:, -1, :4])
    if direction == "coupled":  # the backward branch has read everything at step 0
        torch.testing.assert_close(summary[:, 4:], outputs[:, 0, 4:])


def test_a_fusion_with_a_memory_summarises_in_reading_order():
    branches = [Branch(Elman(3, 4)) for _ in range(2)]
    coupled = Coupled(*branches, Recurrent(4))
    ahead = branches[0].sequence(X)[0]
    behind = branches[1].sequence(X.flip(1))[0]
    expected = coupled.fusion(ahead, behind)[:, -1]
    torch.testing.assert_close(coupled.summary(X), expected)


@pytest.mark.parametrize("state", [None, "carried"])
def test_truncation_changes_no_output(state):
    for direction in ("forward", "coupled"):
        whole, cut = stack(direction), stack(direction, bptt_steps=5)
        carried = whole.sequence(X)[1] if state and whole.causal else None
        torch.testing.assert_close(
            whole.sequence(X, carried)[0], cut.sequence(X, carried)[0]
        )
        torch.testing.assert_close(whole.summary(X), cut.summary(X))


def test_truncated_gradients_are_those_of_the_last_steps():
    layers = stack("forward", bptt_steps=5)
    x = X.clone().requires_grad_()
    layers.summary(x).square().sum().backward()
    assert not x.grad[:, :7].any() and x.grad[:, 7:].all()
    # The same from the definition: the state carried, its gradient cut.
    reference = stack("forward")
    _, states = reference.sequence(X[:, :7])
    outputs, _ = reference.sequence(X[:, 7:], detached(states))
    outputs[:, -1].square().sum().backward()
    for (name, weight), (_, expected) in zip(
        layers.named_parameters(), reference.named_parameters(), strict=True
    ):
        torch.testing.assert_close(weight.grad, expected.grad, msg=name)


def test_truncation_of_all_outputs_cuts_at_regular_borders():
    branch = Branch(Sum(3, 3), bptt_steps=5)
    x = X.clone().requires_grad_()
    outputs, _ = branch.sequence(x)
    (gradient,) = torch.autograd.grad(outputs[:, 6].sum(), x)
    reached = gradient.abs().sum((0, 2)) > 0
    assert reached.nonzero().flatten().tolist() == [2, 3, 4, 5, 6]


def test_truncation_is_for_training_alone():
    layers = stack("forward", bptt_steps=5).eval()
    x = X.clone().requires_grad_()
    layers.summary(x).sum().backward()
    assert x.grad[:, 0].any()


def test_truncated_training_keeps_no_graph_of_earlier_steps():
    kept = []
    layers = stack("forward", bptt_steps=5)

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    long = X.repeat(1, 20, 1)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layers.summary(X[:, :6])
        short = sum(kept)
        kept.clear()
        layers.summary(long)
    assert sum(kept) < 2 * short


def test_recurrent_dropout_has_one_mask_per_sequence():
    branch = Branch(Sum(3, 3), recurrent_dropout=0.5)
    x = torch.zeros(200, 4, 3)
    x[:, 0] = 1.0
    outputs, _ = branch.sequence(x)
    kept = outputs[:, 1]
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(outputs[:, 3], kept**3)
    assert branch.eval().sequence(x)[0].eq(1.0).all()


def test_truncated_pieces_share_their_recurrent_mask():
    branch = Branch(Sum(3, 3), recurrent_dropout=0.5, bptt_steps=2)
    x = torch.zeros(50, 6, 3)
    x[:, 0] = 1.0
    outputs, _ = branch.sequence(x)
    assert (outputs[:, 5] > 0).eq(outputs[:, 1] > 0).all()


def test_recurrent_dropout_needs_recurrent_weights():
    class Still(Sum):
        def step(self, x, state):
            return super().step(x, state)

    with pytest.raises(
        ValueError, match="recurrent_dropout must be 0 with the cell St"
    ):
        Branch(Still(3, 3), recurrent_dropout=0.1)


def test_detached_states_keep_their_shape():
    tensor = torch.ones(2, requires_grad=True) * 2
    state = {"a": (tensor, [tensor]), "b": None, "c": tensor}
    cut = detached(state)
    assert isinstance(cut["a"], tuple) and isinstance(cut["a"][1], list)
    assert not cut["a"][0].requires_grad and not cut["c"].requires_grad
