import pytest
import torch

from sklrnn.network.dropout import VariationalDropout
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.network.losses import MaskedMSE
from sklrnn.network.rollout import roll_out

LAYERS = {
    "cell": "lstm",
    "cell_params": None,
    "hidden_size": 5,
    "num_layers": 2,
    "direction": "forward",
    "fusion": "concat",
    "fusion_params": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "layer_norm": False,
    "bptt_steps": None,
    "matching_weight": 0.0,
    "matching_schedule": "constant",
}


def network(**changes):
    torch.manual_seed(0)
    params = {
        "n_targets": 2,
        "n_exogenous": 1,
        "masked": False,
        "window_length": 10,
        "horizon": 4,
        "normalize": "window",
        **LAYERS,
        **changes,
    }
    return ForecastNetwork(**params).eval()


def windows(masked=False, n_steps=4):
    generator = torch.Generator().manual_seed(1)
    past = torch.randn(6, 10, 3, generator=generator)
    if masked:
        mask = torch.rand(6, 10, 3, generator=generator) > 0.3
        past = torch.cat([past, mask, torch.zeros_like(past)], -1)
    return past, torch.randn(6, n_steps, 1, generator=generator)


@pytest.mark.parametrize("direction", ["forward", "coupled"])
@pytest.mark.parametrize("normalize", ["standard", "window", "last", None])
def test_every_step_depends_on_the_newest_observation(direction, normalize):
    net = network(direction=direction, normalize=normalize)
    past, future = windows()
    past.requires_grad_()
    forecast = net(past, future)
    for step in range(net.horizon):
        (gradient,) = torch.autograd.grad(
            forecast[:, step].sum(), past, retain_graph=True
        )
        assert (gradient[:, -1].abs().sum(-1) > 1e-6).all(), step


@pytest.mark.parametrize("masked", [False, True])
def test_window_normalisation_follows_a_shift_and_a_stretch(masked):
    net = network(masked=masked)
    past, future = windows(masked)
    moved = past.clone()
    moved[..., :2] = 50 + 7 * past[..., :2]
    torch.testing.assert_close(
        net(moved, future), 50 + 7 * net(past, future), rtol=1e-3, atol=1e-2
    )


def test_last_value_normalisation_follows_a_shift():
    net = network(normalize="last")
    past, future = windows()
    moved = past.clone()
    moved[..., :2] += 50
    torch.testing.assert_close(
        net(moved, future), 50 + net(past, future), rtol=1e-4, atol=1e-3
    )


def test_a_constant_or_unseen_window_gives_numbers():
    past, future = windows(masked=True)
    past[:2] = 0.0
    past[2:4, :, :2] = 3.0
    assert torch.isfinite(network(masked=True)(past, future)).all()


@pytest.mark.parametrize("masked", [False, True])
def test_one_step_networks_carry_their_state(masked):
    net = network(horizon=1, masked=masked)
    past, future = windows(masked, n_steps=3)
    first, carry = net.start(past, future[:, :1])
    torch.testing.assert_close(first, net(past, future[:, :1]))
    row = torch.cat([first[:, 0], future[:, 0]], -1)
    if masked:
        row = torch.cat([row, torch.ones_like(row), torch.zeros_like(row)], -1)
    second, _ = net.advance(row, carry, future[:, 1:2])
    rolled = roll_out(net, past, future, 3)
    torch.testing.assert_close(rolled[:, :2], torch.cat([first, second], 1))


@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_roll_out_begins_with_the_networks_own_horizon(direction):
    net = network(direction=direction)
    past, future = windows(n_steps=11)
    longest = roll_out(net, past, future, 11)
    assert longest.shape == (6, 11, 2)
    torch.testing.assert_close(longest[:, :4], net(past, future[:, :4]))
    # Whole horizons do not depend on what is asked for after them.
    torch.testing.assert_close(longest[:, :8], roll_out(net, past, future[:, :8], 8))


@pytest.mark.parametrize("n_steps", [1, 3])
def test_roll_out_of_less_than_a_horizon(n_steps):
    net = network(n_exogenous=0)
    past = windows()[0][..., :2]
    torch.testing.assert_close(
        roll_out(net, past, None, n_steps), net(past)[:, :n_steps]
    )


def test_coupled_directions_both_read_the_whole_window():
    net = network(direction="coupled", num_layers=1, n_exogenous=0)
    past = windows()[0][..., :2].requires_grad_()
    hidden = net.encoder.summary(past)
    for half in (hidden[:, :5], hidden[:, 5:]):
        (gradient,) = torch.autograd.grad(half.sum(), past, retain_graph=True)
        assert (gradient[:, [0, -1]].abs().sum(-1) > 0).all()


def test_coupled_outputs_are_aligned_in_time_between_layers():
    net = network(direction="coupled", num_layers=1, n_exogenous=0)
    past = windows()[0][..., :2]
    outputs, _ = net.encoder.layers[0].sequence(past)
    changed = past.clone()
    changed[:, 7:] += 1
    after, _ = net.encoder.layers[0].sequence(changed)
    assert torch.equal(outputs[:, :7, :5], after[:, :7, :5])  # forward: past alone
    changed = past.clone()
    changed[:, :3] += 1
    after, _ = net.encoder.layers[0].sequence(changed)
    assert torch.equal(outputs[:, 3:, 5:], after[:, 3:, 5:])  # backward: future alone


def test_dropout_masks_are_shared_by_all_steps():
    dropout = VariationalDropout(0.5).train()
    dropped = dropout(torch.ones(8, 20, 6))
    assert torch.equal(dropped, dropped[:, :1].expand(-1, 20, -1))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(torch.ones(2, 3, 4)), torch.ones(2, 3, 4))


@pytest.mark.parametrize("normalize", ["window", "standard", "last", None])
@pytest.mark.parametrize("distribution", ["point", "student_t", "negative_binomial"])
def test_shortcut_adds_the_last_values_by_weight(normalize, distribution):
    options = {"normalize": normalize, "distribution": distribution}
    net = network(shortcut=True, **options)
    past, future = torch.randn(3, 10, 3), torch.randn(3, 4, 1)
    if normalize == "last" or distribution == "negative_binomial":
        assert net.last_weight is None
        assert torch.equal(net(past, future), network(**options)(past, future))
        return
    with torch.no_grad():
        before = net(past, future)
        net.last_weight[1] += 0.5
        moved = net(past, future) - before
    moved = moved if distribution == "point" else moved[..., 0]
    expected = torch.zeros(3, 4, 2)
    center = past[:, :, :2].mean(dim=1) if normalize == "window" else 0.0
    expected[:, 1] = 0.5 * (past[:, -1, :2] - center)
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=1e-5)


def test_masked_loss_ignores_what_is_masked_even_nan():
    prediction = torch.tensor([1.0, 2.0, float("nan")], requires_grad=True)
    target = torch.tensor([3.0, float("nan"), 1.0])
    mask = torch.tensor([True, False, False])
    loss = MaskedMSE()(prediction, target, mask)
    loss.backward()
    assert loss.item() == 4.0
    assert prediction.grad.tolist() == [-4.0, 0.0, 0.0]


def test_masked_loss_of_nothing_is_zero():
    loss = MaskedMSE()(torch.ones(3), torch.ones(3), torch.zeros(3, dtype=bool))
    assert loss.item() == 0.0


def test_masked_loss_equals_mse_without_gaps():
    a, b = torch.randn(4, 5), torch.randn(4, 5)
    everywhere = torch.ones(4, 5, dtype=bool)
    torch.testing.assert_close(MaskedMSE()(a, b, everywhere), MaskedMSE()(a, b))
