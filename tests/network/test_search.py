"""Decoding finds what trying all outputs finds."""

from itertools import product

import pytest
import torch

from sklrnn.network.associate import AssociationNetwork
from sklrnn.network.search import search

INPUTS = torch.tensor([[4, 0, 1, 5, 0], [4, 2, 3, 0, 5], [4, 1, 5, 0, 0]])
LENGTHS = torch.tensor([4, 5, 3])
LIMIT = 4
END, BEGIN = 3, 4


def network(seed=0, attention="additive"):
    torch.manual_seed(seed)
    return AssociationNetwork(
        n_inputs=4,
        n_outputs=3,
        input_length=5,
        output_length=LIMIT,
        attention=attention,
        embedding_size=None,
        teacher_forcing=1.0,
        teacher_forcing_schedule="constant",
        cell="gru",
        cell_params=None,
        hidden_size=6,
        num_layers=1,
        direction="coupled",
        fusion="concat",
        fusion_params=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
    ).eval()


def log_probabilities(net, item):
    """Mean log-probability per token of every output of up to `LIMIT` tokens."""
    found = {}
    for n in range(1, LIMIT + 1):
        for tokens in product(range(3), repeat=n):
            told = torch.tensor([[BEGIN, *tokens]])
            logs = net(INPUTS[[item]], LENGTHS[[item]], told).log_softmax(-1)[0]
            steps = [logs[t, token] for t, token in enumerate(tokens)]
            if n < LIMIT:
                steps.append(logs[n, END])
            found[tokens] = float(torch.stack(steps).mean())
    return found


@pytest.mark.parametrize("attention", [None, "location"])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_the_best_output(seed, attention):
    net = sharp(network(seed=seed, attention=attention))
    limits = torch.full((3,), LIMIT)
    with torch.no_grad():
        found = search(net, INPUTS, LENGTHS, limits, width=300)
        for item, tokens in enumerate(found):
            every = log_probabilities(net, item)
            best = max(every, key=lambda key: every[key])
            assert tuple(tokens) == best


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_one_takes_the_best_token_at_every_step(seed):
    net = sharp(network(seed=seed))
    with torch.no_grad():
        for item, tokens in enumerate(greedy(net)):
            told = [BEGIN]
            for step in range(LIMIT):
                scores = net(INPUTS[[item]], LENGTHS[[item]], torch.tensor([told]))
                scores = scores[0, -1, : END if step == 0 else None]
                if scores.argmax() == END:
                    break
                told.append(int(scores.argmax()))
            assert tokens == told[1:]


def test_every_output_has_a_limit_of_its_own():
    net = network()
    net.head.bias.data[END] = -100.0
    with torch.no_grad():
        found = search(net, INPUTS, LENGTHS, torch.tensor([1, 7, 3]), width=2)
    assert [len(tokens) for tokens in found] == [1, 7, 3]


def test_an_output_is_never_empty():
    net = network()
    net.head.bias.data[END] = 100.0
    with torch.no_grad():
        for width in (1, 3):
            found = search(net, INPUTS, LENGTHS, torch.full((3,), LIMIT), width)
            assert [len(tokens) for tokens in found] == [1, 1, 1]


def sharp(net):
    """Make a fresh network prefer some outputs clearly."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(3.0)
    return net


def greedy(net):
    return search(net, INPUTS, LENGTHS, torch.full((3,), LIMIT), width=1)
