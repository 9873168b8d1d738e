"""The network of the imputer: what it reads, and who learns from whom."""

import numpy as np
import pytest
import torch

from sklrnn.data.surroundings import describe
from sklrnn.network.reconstruct import LOSSES, ReconstructionNetwork

N_COLUMNS, N_STEPS, HIDDEN = 2, 20, 4
DIRECTIONS = ("forward", "coupled", "decoupled")


def network(direction="coupled", loss="laplace_nll", **changes):
    torch.manual_seed(0)
    params = {
        "n_columns": N_COLUMNS,
        "window_length": N_STEPS,
        "loss": loss,
        "cell": "gru",
        "cell_params": None,
        "hidden_size": HIDDEN,
        "num_layers": 1,
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
    return ReconstructionNetwork(**params | changes)


def trained(direction, **changes):
    """A network whose weights are none of those it starts with."""
    net = network(direction, **changes)
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.3 * torch.randn(weight.shape)
    return net.eval()


def tables(n_tables=3, n_steps=N_STEPS, seed=0):
    """Standardised tables without gaps, and their mask."""
    rng = np.random.default_rng(seed)
    phase = rng.random((n_tables, 1, N_COLUMNS)) * 6
    values = np.sin(np.arange(n_steps)[:, None] / 4 + phase)
    return values, rng.random(values.shape) > 0.4


def rows(values, mask, direction):
    seen = [
        (np.where(m, v, np.nan), np.arange(len(v)) * 1.0)
        for v, m in zip(values, mask, strict=True)
    ]
    companions = 0.5 * (1 - np.eye(N_COLUMNS))
    both_sides = direction != "forward"
    read = describe(seen, both_sides=both_sides, companions=companions)
    return torch.from_numpy(np.stack(read))


def batch(direction, **changes):
    values, mask = tables(**changes)
    scored = torch.from_numpy(values).float(), torch.from_numpy(~mask)
    return {"rows": rows(values, mask, direction)}, scored


def past(both):
    """The rows as they are read in real time."""
    return both.chunk(2, dim=-1)[0]


# ---- where training begins -----------------------------------------------------------


def interpolation(values, mask):
    steps = np.arange(len(values))
    return np.stack(
        [
            np.interp(steps, steps[m], v[m])
            for v, m in zip(values.T, mask.T, strict=True)
        ],
        axis=1,
    )


@pytest.mark.parametrize("direction", ["coupled", "decoupled"])
@pytest.mark.parametrize("cell", ["gru", "grud"])
def test_training_begins_with_the_interpolation(direction, cell):
    values, mask = tables()
    with torch.no_grad():
        mean = network(direction, cell=cell)(rows(values, mask, direction)).mean
    lines = [interpolation(*one) for one in zip(values, mask, strict=True)]
    assert np.abs(mean.numpy() - np.stack(lines)).max() < 0.1


@pytest.mark.parametrize("direction", ["forward", "decoupled"])
def test_in_real_time_it_begins_with_the_last_value_seen(direction):
    values, mask = tables()
    with torch.no_grad():
        both = rows(values, mask, direction)
        back = both if direction == "forward" else past(both)
        mean = network(direction).advance(back, None)[0].mean
    seen = np.where(mask, values, np.nan)
    for one, estimate in zip(seen, mean.numpy(), strict=True):
        for c in range(N_COLUMNS):
            last = 0.0
            for t in range(N_STEPS):
                last = last if np.isnan(one[t, c]) else one[t, c]
                assert abs(estimate[t, c] - last) < 0.1


# ---- what is estimated ---------------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_estimates_are_finite_and_their_parts_bounded(direction):
    net = trained(direction)
    values, mask = tables()
    with torch.no_grad():
        for weight in net.parameters():
            weight *= 30
        for size in (0.0, 1.0, 1e9):
            for known in (mask, np.zeros_like(mask), np.ones_like(mask)):
                found = net(rows(size * values, known, direction))
                assert all(part.isfinite().all() for part in found)
                assert found.mean.shape == found.spread.shape == values.shape
                assert (found.spread > 0).all()
                assert (found.precision > 0).all() and (found.precision < 1e6).all()
                assert (found.gate >= 0).all() and (found.gate <= 1).all()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_nobody_learns_from_how_far_off_an_estimate_may_be(direction):
    net = network(direction)
    values, mask = tables()
    net(rows(values, mask, direction)).spread.sum().backward()
    taught = {n for n, w in net.named_parameters() if w.grad is not None}
    assert taught and all("to_spread" in name for name in taught)


# ---- who reads what ------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "grud", "lstm", "jordan"])
def test_a_forward_network_does_not_depend_on_later_rows(cell):
    net = trained("forward", cell=cell)
    values, mask = tables()
    changed, other = values.copy(), mask.copy()
    changed[:, 12:] += 3
    other[:, 12:] = ~other[:, 12:]
    with torch.no_grad():
        before = net(rows(values, mask, "forward"))
        after = net(rows(changed, other, "forward"))
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one[:, :12], two[:, :12])
    assert not torch.equal(before.mean[:, 12:], after.mean[:, 12:])


@pytest.mark.parametrize("direction", ["coupled", "decoupled"])
def test_from_both_sides_every_step_depends_on_first_and_last(direction):
    net = trained(direction)
    values, mask = tables()
    mask[:, [0, -1]] = True
    with torch.no_grad():
        before = net(rows(values, mask, direction)).mean
        for step in (0, -1):
            changed = values.copy()
            changed[:, step] += 1.0
            after = net(rows(changed, mask, direction)).mean
            assert (before != after).any(dim=(0, 2)).all()


@pytest.mark.parametrize("direction", ["forward", "decoupled"])
@pytest.mark.parametrize("pieces", [[1] * N_STEPS, [3, 10, 7]])
def test_advancing_in_pieces_equals_at_once(direction, pieces):
    net = trained(direction, num_layers=2)
    values, mask = tables()
    both = rows(values, mask, direction)
    back = both if direction == "forward" else past(both)
    with torch.no_grad():
        whole, _ = net.advance(back, None)
        states, means = None, []
        for part in back.split(pieces, dim=1):
            found, states = net.advance(part, states)
            means.append(found.mean)
    np.testing.assert_allclose(torch.cat(means, 1), whole.mean, atol=1e-5)
    if direction == "forward":
        np.testing.assert_allclose(net(back).mean.detach(), whole.mean, atol=1e-5)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_items_of_a_batch_do_not_mix(direction):
    net = trained(direction)
    values, mask = tables()
    read = rows(values, mask, direction)
    with torch.no_grad():
        together = net(read)
        for i in range(len(read)):
            alone = net(read[i : i + 1])
            for one, two in zip(alone, together, strict=True):
                np.testing.assert_allclose(one[0], two[i], atol=1e-5)


LENGTHS = torch.tensor([20, 13, 1])


def padded(read, n_steps):
    """Rows of which those after a sequence's end repeat its last one."""
    at = torch.minimum(torch.arange(n_steps), LENGTHS[:, None] - 1)
    return torch.stack([one[index] for one, index in zip(read, at, strict=True)])


@pytest.mark.parametrize("cell", ["gru", "grud"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_padding_changes_nothing(direction, cell):
    net = trained(direction, cell=cell)
    values, mask = tables()
    alone = [
        rows(values[i : i + 1, :n], mask[i : i + 1, :n], direction)
        for i, n in enumerate(LENGTHS)
    ]
    with torch.no_grad():
        found = net(padded([one[0] for one in alone], 25), LENGTHS)
        for i, n in enumerate(LENGTHS):
            for one, two in zip(net(alone[i]), found, strict=True):
                np.testing.assert_allclose(one[0], two[i, :n], atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_padding_is_no_part_of_the_loss(direction, loss):
    net = network(direction, loss).train()
    inputs, (target, scored) = batch(direction)
    valid = torch.arange(N_STEPS)[:, None] < LENGTHS[:, None, None]
    found = []
    for n_more, junk in ((0, 0.0), (6, torch.nan)):
        more = torch.full((len(target), n_more, N_COLUMNS), junk)
        read = {"rows": padded(inputs["rows"], N_STEPS + n_more), "lengths": LENGTHS}
        wanted = torch.cat([torch.where(valid, target, junk), more], 1)
        counts = torch.cat([valid & scored, torch.zeros_like(more) > 0], 1)
        for phase in net.phases:
            net.zero_grad()
            net.begin(phase)
            value, _ = net.loss(LOSSES[loss](), read, (wanted, counts), 0.5)
            value.backward()
            gradients = [w.grad for w in net.parameters() if w.grad is not None]
            found.append([value.detach(), *gradients])
    half = len(found) // 2
    for before, after in zip(found[:half], found[half:], strict=True):
        for one, two in zip(before, after, strict=True):
            assert one.isfinite().all()
            np.testing.assert_allclose(one, two, atol=1e-5)


# ---- who learns from whom ------------------------------------------------------------


def learning(net, phase, inputs, scored, loss):
    """Names of the weights with a gradient in a phase of the training."""
    net.zero_grad()
    net.begin(phase)
    value, _ = net.loss(LOSSES[loss](), inputs, scored, 0.5)
    value.backward()
    return {
        name
        for name, weight in net.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("cell", ["gru", "grud", "lstm"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_weight_learns_in_its_phase_and_only_there(direction, loss, cell):
    net = network(direction, loss, cell=cell).train()
    inputs, scored = batch(direction)
    every = {name for name, _ in net.named_parameters()}
    if loss != "gaussian_nll":
        every = {name for name in every if "to_precision" not in name}
    teacher = {name for name in every if name.startswith("teacher")}
    if direction != "decoupled":
        assert net.phases == (None,) and not teacher
        assert learning(net, None, inputs, scored, loss) == every
        return
    assert net.phases == ("backward", "forward") and teacher
    assert learning(net, "backward", inputs, scored, loss) == teacher
    assert learning(net, "forward", inputs, scored, loss) == every - teacher


def test_the_fusion_sends_no_gradient_into_either_side():
    # Without matching, the forward branch learns as if it were alone.
    alone = network("forward").train()
    taught = network("decoupled", fusion="gated", matching_weight=0.0).train()
    taught.begin("forward")
    inputs, scored = batch("decoupled")
    for net, read in ((alone, past(inputs["rows"])), (taught, inputs["rows"])):
        net.loss(LOSSES["laplace_nll"](), {"rows": read}, scored, 0.5)[0].backward()
    of_taught = dict(taught.named_parameters())
    for name, weight in alone.named_parameters():
        torch.testing.assert_close(weight, of_taught[name], msg=name)
        torch.testing.assert_close(weight.grad, of_taught[name].grad, msg=name)


def test_gradients_of_the_fusion_are_clipped_apart():
    net = network("decoupled", fusion="gated")
    forward, offline = net.gradient_groups()
    names = {id(weight): name for name, weight in net.named_parameters()}
    assert {names[id(w)].split(".")[0] for w in offline} == {"fusion", "offline_head"}
    assert len(forward) + len(offline) == len(names)
    (whole,) = network("coupled").gradient_groups()
    assert len(whole) == len(list(network("coupled").parameters()))


def test_validation_scores_the_forward_branch_alone():
    net = network("decoupled").eval()
    net.begin("forward")
    inputs, scored = batch("decoupled")
    with torch.no_grad():
        value, mean = net.loss(LOSSES["laplace_nll"](), inputs, scored, 0.5)
        found, _ = net.advance(past(inputs["rows"]), None)
        expected = LOSSES["laplace_nll"]()(found.mean, found.spread, *scored)
    np.testing.assert_allclose(mean, found.mean, atol=1e-6)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)


def test_weights_are_counted():
    for direction in DIRECTIONS:
        net = network(direction)
        counts = net.count_parameters()
        total = counts.pop("total")
        assert total == sum(counts.values()) == sum(w.numel() for w in net.parameters())
        assert (counts["teacher"] > 0) == (direction == "decoupled")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_named_loss_alone_is_the_loss(direction):
    # The masked mean of squares, and the Gaussian likelihood of Nix and Weigend (1994)
    # with one precision a step, over again in numpy.
    inputs, (target, mask) = batch(direction)
    for name in ("mse", "gaussian_nll"):
        net = trained(direction, loss=name)
        net.begin(net.phases[0])
        value, prediction = net.loss(LOSSES[name](), inputs, (target, mask), 0.5)
        error = np.where(mask, (prediction - target).detach().numpy(), 0.0) ** 2
        count = mask.numpy().sum(-1)
        if name == "mse":
            wanted = error.sum() / count.sum()
        else:
            look = net._look_back if direction != "decoupled" else net._look_ahead
            lam = look(inputs["rows"], None)[-1].precision[..., 0].detach().numpy()
            log = np.log(lam / (2 * np.pi))
            wanted = 0.5 * (lam * error.sum(-1) - count * log).sum() / count.sum()
        assert value.item() == pytest.approx(wanted, rel=1e-5)


def test_the_precision_is_the_softplus_of_the_states():
    net = trained("forward", loss="gaussian_nll")
    inputs, _ = batch("forward")
    states, _, estimate = net._look_back(inputs["rows"], None)
    layer = net.head.to_precision
    z = states @ layer.weight.T + layer.bias
    wanted = np.log1p(np.exp(z.detach().numpy())) + 1e-3
    np.testing.assert_allclose(estimate.precision.detach(), wanted, rtol=1e-5)
    # However sure the network is of its errors, it can still learn.
    with torch.no_grad():
        layer.bias.fill_(-30.0)
    _, _, estimate = net._look_back(inputs["rows"], None)
    estimate.precision.log().sum().backward()
    assert layer.bias.grad.abs() > 0


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("loss", ["mse", "gaussian_nll"])
def test_the_spread_has_no_share_in_the_clipped_norm(direction, loss):
    net = network(direction, loss)
    groups = net.gradient_groups()
    names = {id(weight): name for name, weight in net.named_parameters()}
    found = [{names[id(weight)] for weight in group} for group in groups]
    assert sum(map(len, found)) == len(names)
    assert found[-1] == {name for name in names.values() if "to_spread" in name}
