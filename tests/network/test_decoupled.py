"""Decoupled training: who reads what, and who learns from whom."""

import pytest
import torch
from torch import nn

from sklrnn.network.cells.elman import Elman
from sklrnn.network.decoupled import Decoupled
from sklrnn.network.directions import Branch, Forward
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.network.fusions import Gated
from sklrnn.network.layers import RecurrentLayers
from sklrnn.network.losses import MaskedMSE

N_STEPS, HIDDEN = 9, 4
X = torch.randn(5, N_STEPS, 3, generator=torch.Generator().manual_seed(0))
VALUES = X[..., :2]
LENGTHS = torch.tensor([9, 9, 6, 7, 8])
FULL = torch.full((5,), N_STEPS)


def decoupled(weight=0.5, schedule="constant"):
    torch.manual_seed(0)
    stacks = [
        RecurrentLayers([Forward(Branch(Elman(3, HIDDEN)))], 0.0) for _ in range(2)
    ]
    return Decoupled(
        *stacks,
        Gated(HIDDEN),
        n_targets=2,
        matching_weight=weight,
        matching_schedule=schedule,
    )


def network(direction="decoupled", **changes):
    torch.manual_seed(0)
    params = {
        "n_targets": 2,
        "n_exogenous": 1,
        "masked": False,
        "window_length": 6,
        "horizon": 3,
        "normalize": "window",
        "cell": "gru",
        "cell_params": None,
        "hidden_size": HIDDEN,
        "num_layers": 2,
        "direction": direction,
        "fusion": "concat",
        "fusion_params": None,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "layer_norm": False,
        "bptt_steps": None,
        "matching_weight": 0.5,
        "matching_schedule": "constant",
    }
    return ForecastNetwork(**params | changes)


def batch(masked=False):
    rows = X
    if masked:
        rows = torch.cat([X, torch.ones_like(X), torch.zeros_like(X)], -1)
    inputs = {
        "past": rows[:, :6],
        "future": X[:, 6:, 2:],
        "ahead": rows[:, 6:],
        "lengths": LENGTHS.clamp(min=7),
    }
    return inputs, (VALUES[:, 6:], None)


def test_the_teacher_predicts_a_step_from_all_that_comes_after_it():
    x = X.clone().requires_grad_()
    _, prediction = decoupled().backward_loss(x, VALUES, FULL)
    assert prediction.shape == (5, N_STEPS - 1, 2)
    for step in range(N_STEPS - 1):
        (gradient,) = torch.autograd.grad(
            prediction[:, step].sum(), x, retain_graph=True
        )
        read = gradient.abs().sum((0, 2)) > 0
        assert read.nonzero().flatten().tolist() == list(range(step + 1, N_STEPS))


def test_losses_by_hand():
    model = decoupled(weight=0.3)
    ahead = model.sequence(X)[0]
    loss, _ = model.backward_loss(X, VALUES, LENGTHS)
    student = model.student_loss(ahead, X, VALUES, LENGTHS, 0.5)
    teacher, distances, offline = [], [], []
    for row, length in enumerate(LENGTHS):
        known = X[row : row + 1, :length]
        behind = model.backward_layers.sequence(known.flip(1))[0].flip(1)[0]
        for step in range(length - 1):
            error = model.teacher_head(behind[step + 1]) - VALUES[row, step]
            teacher.append(error.square())
        for step in range(1, length - 1):  # known from both its sides
            before, after = ahead[row, step - 1], behind[step + 1]
            distances.append((model.match(before) - after).square().sum())
            fused = model.fusion(before[None, None], after[None, None])[0, 0]
            offline.append((model.offline_head(fused) - VALUES[row, step]).square())
    torch.testing.assert_close(loss, torch.stack(teacher).mean())
    expected = 0.3 * torch.stack(distances).mean() + torch.stack(offline).mean()
    torch.testing.assert_close(student, expected)


def test_unknown_values_and_padding_are_not_scored():
    model = decoupled()
    x, values = X.clone(), VALUES.clone()
    values[1, 4] = torch.nan
    for row, length in enumerate(LENGTHS):
        x[row, length:] = torch.nan
        values[row, length:] = 1e6
    ahead = model.sequence(x[:, :5])[0]
    loss, _ = model.backward_loss(x, values, LENGTHS)
    (loss + model.student_loss(ahead, x, values, LENGTHS, 1.0)).backward()
    assert loss < 100
    assert all(w.grad is None or w.grad.isfinite().all() for w in model.parameters())


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", [1, 1, 1]), ("rise", [0, 0.5, 1]), ("fall", [1, 0.5, 0])],
)
def test_the_schedule_of_the_matching_weight(schedule, shares):
    offline = decoupled(0.0)
    model = decoupled(2.0, schedule)
    ahead = model.sequence(X)[0]
    terms = [
        model.student_loss(ahead, X, VALUES, FULL, progress)
        - offline.student_loss(ahead, X, VALUES, FULL, progress)
        for progress in (0.0, 0.5, 1.0)
    ]
    whole = max(terms)
    assert whole > 0
    torch.testing.assert_close(torch.stack(terms) / whole, torch.tensor(shares) * 1.0)


def test_the_student_sends_no_gradient_into_the_teacher_and_reverse():
    net = network().train()
    inputs, scored = batch()
    teacher = {id(w) for w in net.encoder.teacher_parameters()}
    for phase, learning in (("backward", True), ("forward", False)):
        net.zero_grad()
        net.begin(phase)
        net.loss(MaskedMSE(), inputs, scored, 0.5)[0].backward()
        for name, weight in net.named_parameters():
            learns = weight.grad is not None and bool(weight.grad.any())
            assert learns == ((id(weight) in teacher) == learning), name


@pytest.mark.parametrize("masked", [False, True])
def test_without_weight_the_forward_branch_learns_as_if_alone(masked):
    alone = network("forward", masked=masked).train()
    taught = network(masked=masked, matching_weight=0.0).train()
    taught.begin("forward")
    inputs, scored = batch(masked)
    for net in (alone, taught):
        net.loss(MaskedMSE(), inputs, scored, 0.5)[0].backward()
    own = dict(alone.named_parameters())
    of_forward = {
        name.replace("encoder.forward_layers", "encoder"): weight
        for name, weight in taught.named_parameters()
    }
    for name, weight in own.items():
        torch.testing.assert_close(weight, of_forward[name], msg=name)
        torch.testing.assert_close(weight.grad, of_forward[name].grad, msg=name)
    groups = taught.gradient_groups()
    assert sorted(map(id, groups[1])) == sorted(
        id(w) for w in taught.encoder.offline_parameters()
    )
    assert sum(map(len, groups)) == len(list(taught.parameters()))


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
def test_what_comes_later_changes_nothing_earlier_unless_coupled(direction):
    net = network(direction, fusion="gated" if direction != "forward" else "concat")
    x = torch.randn(5, 12, 3, generator=torch.Generator().manual_seed(1))
    changed = x.clone()
    changed[:, 7:] -= 1.0
    before, after = net.encoder.sequence(x)[0], net.encoder.sequence(changed)[0]
    assert torch.equal(before[:, :7], after[:, :7]) == (direction != "coupled")
    assert not torch.equal(before[:, 7:], after[:, 7:])
    assert net.encoder.causal == (direction != "coupled")


def test_reconstruction_reads_both_sides_of_a_step_and_not_the_step():
    model = decoupled()
    x = X.clone().requires_grad_()
    reconstruction = model.reconstruct(x)
    assert reconstruction.shape == (5, N_STEPS - 2, 2)
    (gradient,) = torch.autograd.grad(reconstruction[:, 3].sum(), x)
    read = gradient.abs().sum((0, 2)) > 0
    assert read.nonzero().flatten().tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert network().reconstruct(X).shape == (5, N_STEPS - 2, 2)


def test_a_window_too_short_to_match():
    model = decoupled()
    x, values = X[:, :2], VALUES[:, :2]
    ahead = model.sequence(x[:, :1])[0]
    two = torch.full((5,), 2)
    assert model.student_loss(ahead, x, values, two, 0.5) == 0
    assert model.backward_loss(x, values, two)[0] > 0


def test_the_head_and_the_forward_branch_are_drawn_as_without_a_teacher():
    def weights(net):
        return nn.utils.parameters_to_vector(net.head.parameters())

    assert torch.equal(weights(network()), weights(network("forward")))
