import pytest
import torch
from torch import nn

from sklrnn.network.associate import PADDING, AssociationNetwork
from sklrnn.network.attention import ATTENTIONS
from sklrnn.network.cells.base import chosen
from sklrnn.network.dropout import Coins, held_masks
from sklrnn.registry import plugins

CELLS = [row.name for row in plugins() if row.kind == "cell"]
LAYERS = {
    "cell": "gru",
    "cell_params": None,
    "hidden_size": 6,
    "num_layers": 1,
    "direction": "coupled",
    "fusion": "concat",
    "fusion_params": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "layer_norm": False,
}
INPUTS = torch.tensor([[4, 0, 1, 5, 0], [4, 2, 3, 0, 5], [4, 1, 5, 0, 0]])
LENGTHS = torch.tensor([4, 5, 3])
PREVIOUS = torch.tensor([[4, 0, 2], [4, 1, 1], [4, 2, 0]])
BATCH = {"inputs": INPUTS, "lengths": LENGTHS, "previous": PREVIOUS}
TARGETS = torch.tensor([[0, 2, 3], [1, 1, 3], [2, 3, PADDING]])


def network(seed=0, **params):
    torch.manual_seed(seed)
    shape = {"n_inputs": 4, "n_outputs": 3, "input_length": 5, "output_length": 3}
    own = {
        "attention": "additive",
        "embedding_size": None,
        "teacher_forcing": 1.0,
        "teacher_forcing_schedule": "constant",
    }
    return AssociationNetwork(**shape, **{**own, **LAYERS, **params}).eval()


def by_steps(net, previous=PREVIOUS):
    source = net.encode(INPUTS, LENGTHS)
    progress, scores = net.start(source), []
    for tokens in previous.unbind(1):
        found, progress = net.advance(tokens, source, progress)
        scores.append(found)
    return torch.stack(scores, dim=1), progress


@pytest.mark.parametrize("attention", [None, *ATTENTIONS])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_equal_the_whole(cell, attention):
    net = network(cell=cell, attention=attention, num_layers=2)
    whole = net(**BATCH)
    assert whole.shape == (3, 3, 4)
    torch.testing.assert_close(by_steps(net)[0], whole)


@pytest.mark.parametrize("attention", [None, *ATTENTIONS])
@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_padding_never_counts(direction, attention):
    net = network(direction=direction, attention=attention)
    whole = net(**BATCH)
    longer = torch.cat([INPUTS, torch.full((3, 4), 2)], dim=1)
    torch.testing.assert_close(net(longer, LENGTHS, PREVIOUS), whole)
    alone = net(INPUTS[2:, :3], LENGTHS[2:], PREVIOUS[2:])
    torch.testing.assert_close(whole[2:], alone)


@pytest.mark.parametrize("cell", CELLS)
def test_progress_of_chosen_items(cell):
    net = network(cell=cell)
    items = torch.tensor([2, 0, 2])
    _, progress = by_steps(net)
    source = net.encode(INPUTS, LENGTHS)
    wanted, _ = net.advance(PREVIOUS[:, 1], source, progress)
    picked = net.advance(
        PREVIOUS[items, 1], source.choose(items), progress.choose(items)
    )[0]
    torch.testing.assert_close(picked, wanted[items])


def test_any_state_is_chosen_from():
    state = {"a": (torch.arange(3), None), "b": [torch.arange(6).view(3, 2)]}
    found = chosen(state, torch.tensor([1, 1]))
    assert found["a"][0].tolist() == [1, 1] and found["a"][1] is None
    assert found["b"][0].tolist() == [[2, 3], [2, 3]]


@pytest.mark.parametrize("attention", [None, *ATTENTIONS])
def test_every_weight_gets_a_gradient(attention):
    net = network(attention=attention, embedding_size=3, fusion="gated", num_layers=2)
    loss, _ = net.loss(nn.CrossEntropyLoss(), BATCH, (TARGETS, None), 0.0)
    loss.backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_the_loss_is_the_mean_over_the_tokens():
    net = network()
    loss, scores = net.loss(nn.CrossEntropyLoss(), BATCH, (TARGETS, None), 0.0)
    logs = scores.log_softmax(-1)
    known = [
        -logs[i, t, TARGETS[i, t]]
        for i in range(3)
        for t in range(3)
        if TARGETS[i, t] != PADDING
    ]
    assert len(known) == 8
    torch.testing.assert_close(loss, torch.stack(known).mean())


def test_attention_sums_to_one_where_there_is_something():
    net = network()
    weights = net.attend(**BATCH)
    assert weights.shape == (3, 3, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 3))
    assert (weights[2, :, 3:] == 0).all() and (weights[1] > 0).all()


@pytest.mark.parametrize("attention", [None, "additive"])
def test_what_is_not_told_is_guessed(attention):
    net = network(attention=attention)
    free = net(**BATCH, told=0.0)
    guesses = torch.cat([PREVIOUS[:, :1], free.argmax(-1)[:, :-1]], dim=1)
    torch.testing.assert_close(free, by_steps(net, guesses)[0])
    assert not torch.allclose(free, net(**BATCH))


@pytest.mark.parametrize(
    ("schedule", "progress", "told"),
    [("constant", 0.9, 0.8), ("fall", 0.0, 0.8), ("fall", 0.75, 0.2)],
)
def test_schedule_of_what_is_told(schedule, progress, told, monkeypatch):
    net = network(teacher_forcing=0.8, teacher_forcing_schedule=schedule)
    asked = []

    def guess(self, source, previous, told):
        asked.append(told)
        return torch.zeros(3, 3, 4)

    monkeypatch.setattr(AssociationNetwork, "_guess", guess)
    for training in (True, False):  # when it is validated, everything is told
        net.train(training)
        net.loss(nn.CrossEntropyLoss(), BATCH, (TARGETS, None), progress)
    assert asked == [pytest.approx(told)]


def test_coins():
    coins = Coins()
    coins.generator = torch.Generator().manual_seed(0)
    many = torch.zeros(10_000)
    before = torch.get_rng_state()
    assert coins(many, 0.3).float().mean() == pytest.approx(0.3, abs=0.02)
    assert coins(many, 1.0).all() and not coins(many, 0.0).any()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("attention", [None, "additive"])
def test_one_dropout_mask_for_all_steps_of_the_decoder(attention):
    net = network(attention=attention, dropout=0.5, recurrent_dropout=0.5).train()
    with held_masks(net):
        torch.manual_seed(1)
        once, again = net.decoder.dropouts[0], torch.ones(3, 1, 7)
        torch.testing.assert_close(once(again), once(again))
    assert not torch.equal(once(again), once(again))
    same = PREVIOUS[:, :1].expand(-1, 60)
    torch.manual_seed(1)
    scores = net(INPUTS, LENGTHS, same)
    late = scores[:, 40:]  # a decoder at rest, if no mask is drawn anew
    torch.testing.assert_close(late[:, :-1], late[:, 1:], atol=1e-3, rtol=0)


def test_weights_are_counted():
    net = network()
    counts = net.count_parameters()
    assert counts.pop("total") == sum(counts.values())
    assert sum(counts.values()) == sum(w.numel() for w in net.parameters())
    assert network(attention=None).count_parameters()["attention"] == 0
