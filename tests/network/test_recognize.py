"""The network that recognises: pooling, padding, losses."""

import numpy as np
import pytest
import torch

from sklrnn.network.losses import WeightedCrossEntropy, WeightedMSE
from sklrnn.network.pooling import POOLINGS, Pooling
from sklrnn.network.recognize import RecognitionNetwork

LAYERS = {
    "cell": "gru",
    "cell_params": None,
    "hidden_size": 4,
    "num_layers": 1,
    "direction": "forward",
    "fusion": "concat",
    "fusion_params": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "layer_norm": False,
    "bptt_steps": None,
    "matching_weight": 0.01,
    "matching_schedule": "constant",
}


def network(**params):
    torch.manual_seed(0)
    shape = {"n_channels": 2, "n_outputs": 3, "masked": False, "window_length": 7}
    return RecognitionNetwork(**{**LAYERS, **shape, "pooling": "mean", **params}).eval()


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_leaves_padding_out(kind):
    torch.manual_seed(0)
    pool = Pooling(kind, 3)
    outputs = torch.randn(2, 6, 3)
    lengths = torch.tensor([6, 4])
    padded = outputs.clone()
    padded[1, 4:] = torch.nan
    found = pool(padded, lengths)
    torch.testing.assert_close(found[0], pool(outputs[:1])[0])
    torch.testing.assert_close(found[1], pool(outputs[1:, :4])[0])


def test_pooling_is_what_its_name_says():
    outputs = torch.randn(2, 6, 3)
    torch.testing.assert_close(Pooling("mean", 3)(outputs), outputs.mean(1))
    torch.testing.assert_close(Pooling("max", 3)(outputs), outputs.max(1).values)
    torch.testing.assert_close(Pooling("last", 3)(outputs), outputs[:, -1])


def test_attention_is_a_weighted_mean():
    pool = Pooling("attention", 3)
    outputs = torch.randn(2, 6, 3)
    weights = pool.weights(outputs, torch.tensor([6, 4]))
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert (weights[1, 4:] == 0).all()
    scores = torch.tanh(outputs @ pool.to_hidden.weight.T + pool.to_hidden.bias)
    scores = (scores @ pool.to_score.weight.T)[..., 0]
    alpha = torch.exp(scores) / torch.exp(scores).sum(1, keepdim=True)
    torch.testing.assert_close(
        pool(outputs), torch.einsum("bt,btc->bc", alpha, outputs)
    )


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
def test_padding_changes_nothing(direction, pooling):
    net = network(direction=direction, pooling=pooling)
    x = torch.randn(1, 5, 2)
    padded = torch.cat([x, torch.full((1, 2, 2), torch.nan)], dim=1)
    alone = net(x)
    found = net(padded, torch.tensor([5]))
    if pooling is None:
        found = found[:, :5]
    torch.testing.assert_close(found, alone)


@pytest.mark.parametrize("direction", ["forward", "decoupled"])
def test_steps_do_not_see_the_future(direction):
    net = network(direction=direction, pooling=None)
    x = torch.randn(1, 7, 2)
    other = x.clone()
    other[:, 4:] += 1
    torch.testing.assert_close(net(x)[:, :4], net(other)[:, :4])
    assert not torch.allclose(net(x)[:, 4:], net(other)[:, 4:])


@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
def test_every_weight_of_a_phase_learns(direction, pooling):
    net = network(direction=direction, pooling=pooling).train()
    x, lengths = torch.randn(4, 7, 2), torch.tensor([7, 5, 6, 7])
    shape = (4,) if pooling is not None else (4, 7)
    scored = torch.randint(0, 3, shape), torch.ones(shape)
    learned = set()
    for phase in net.phases:
        net.begin(phase)
        net.zero_grad()
        loss, _ = net.loss(
            WeightedCrossEntropy(), {"x": x, "lengths": lengths}, scored, 0.5
        )
        loss.backward()
        learned |= {n for n, w in net.named_parameters() if w.grad is not None}
    assert learned == {name for name, _ in net.named_parameters()}


def test_losses_against_their_equations():
    scores, target = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    weight = torch.tensor([1.0, 2.0, 0.0, 0.5, 1.5])
    p = torch.softmax(scores, 1)[torch.arange(5), target]
    expected = -(weight * p.log()).sum() / 4
    torch.testing.assert_close(WeightedCrossEntropy()(scores, target, weight), expected)
    values = torch.randn(5, 3)
    expected = (weight * (scores - values).square().mean(1)).sum() / 4
    torch.testing.assert_close(WeightedMSE()(scores, values, weight), expected)


def test_what_has_no_weight_leaves_no_gradient():
    scores = torch.randn(3, 2, requires_grad=True)
    target = torch.tensor([[0.0, 0.0], [1.0, 1.0], [torch.nan, 0.0]])
    target = torch.nan_to_num(target)
    WeightedMSE()(scores, target, torch.tensor([1.0, 1.0, 0.0])).backward()
    assert np.isfinite(scores.grad.numpy()).all()
    assert (scores.grad[2] == 0).all()
