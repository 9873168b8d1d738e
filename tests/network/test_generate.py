"""The network that predicts symbols: pieces, padding, who learns from whom, steps."""

import numpy as np
import pytest
import torch
from torch import nn

from sklrnn.network.generate import Stepper, SymbolNetwork
from sklrnn.symbols.pieces import Pieces

CELLS = ["elman", "jordan", "lstm", "gru", "grud", "mingru", "minlstm", "mlp"]
N_SYMBOLS = 5


def network(cell="gru", **changes):
    torch.manual_seed(0)
    params = {
        "n_symbols": N_SYMBOLS,
        "ends": True,
        "embedding_size": None,
        "cell": cell,
        "cell_params": None,
        "hidden_size": 6,
        "num_layers": 1,
        "direction": "forward",
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "layer_norm": False,
        "bptt_steps": None,
        "matching_weight": 0.5,
        "matching_schedule": "constant",
    }
    return SymbolNetwork(**params | changes)


def sequences(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, N_SYMBOLS, n) for n in lengths]


def pieces(given, n_steps=None, n_rows=8, **changes):
    params = {"boundary": N_SYMBOLS, "ends": True, "n_rows": n_rows}
    return Pieces(given, n_steps=n_steps, **params | changes)


def total_loss(net, dataset):
    """Sum the losses of all symbols."""
    total = 0.0
    for number in range(len(dataset)):
        inputs, scored = dataset.gather(torch.tensor([number]))
        loss, _ = net.loss(nn.CrossEntropyLoss(), inputs, scored, 0.0)
        total += loss.item() * len(scored[0])
    return total


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_in_pieces_is_the_sequence(cell, num_layers):
    net = network(cell, num_layers=num_layers).eval()
    given = sequences([7, 12, 3, 1])
    whole = total_loss(net, pieces(given))
    assert total_loss(net, pieces(given, n_steps=3)) == pytest.approx(whole, rel=1e-5)
    # Neither does it matter what stands beside it in a batch.
    assert total_loss(net, pieces(given, n_rows=1)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_training_in_pieces_has_the_loss_of_the_whole(cell):
    net = network(cell)
    given = sequences([7, 7])
    # The last step of a piece of Jordan's network is not taught: it hears itself.
    expected = pytest.approx(total_loss(net, pieces(given)), rel=1e-5)
    assert (total_loss(net, pieces(given, n_steps=3)) == expected) == (cell != "jordan")


def test_no_gradient_goes_from_piece_to_piece():
    net = network("lstm")
    dataset = pieces(sequences([6, 6]), n_steps=3)
    for number in range(2):
        inputs, scored = dataset.gather(torch.tensor([number]))
        net.loss(nn.CrossEntropyLoss(), inputs, scored, 0.0)[0].backward()
        state = inputs["carried"].after[0]
        assert all(part.abs().sum() > 0 and not part.requires_grad for part in state)


@pytest.mark.parametrize("embedding_size", [None, 3])
def test_every_weight_gets_a_gradient(embedding_size):
    net = network("jordan", embedding_size=embedding_size, num_layers=2)
    inputs, scored = pieces(sequences([30] * 20)).gather(torch.tensor([0]))
    net.loss(nn.CrossEntropyLoss(), inputs, scored, 0.0)[0].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in net.parameters())


def test_padding_teaches_nothing():
    """Jordan's network is taught its own outputs, but not in padding."""
    given = sequences([4, 9])
    together, apart = (network("jordan") for _ in range(2))
    inputs, scored = pieces(given).gather(torch.tensor([0]))
    together.encoder(inputs["symbols"], None, inputs["counted"])
    errors = []
    for one in given:
        inputs, scored = pieces([one]).gather(torch.tensor([0]))
        apart.encoder(inputs["symbols"], None, inputs["counted"])
        errors.append(apart.encoder.layers.take_teaching_error() * (len(one)))
    expected = sum(errors) / 13
    found = together.encoder.layers.take_teaching_error()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


# ---- the teacher ---------------------------------------------------------------------


def gathered(given, **changes):
    return pieces(given, reads_ahead=True, **changes).gather(torch.tensor([0]))


def test_the_teacher_knows_what_follows_a_symbol_and_nothing_else():
    net = network(direction="decoupled").eval()
    (codes,) = sequences([8])
    inputs, _ = gathered([codes, codes[:5]])
    before = net._behind(inputs)
    inputs["following"][0, 4] = (inputs["following"][0, 4] + 1) % N_SYMBOLS
    changed = (net._behind(inputs) - before).abs().sum(-1) > 0
    # The outputs that predict symbols 0 to 3 have read symbol 4; the end is step 8.
    assert changed[0].tolist() == [True] * 4 + [False] * 5
    assert not changed[1].any()


def test_the_teacher_of_padded_sequences_starts_at_their_ends():
    net = network(direction="decoupled").eval()
    given = sequences([8, 5])
    together = net._behind(gathered(given)[0])
    group = pieces(given).rows[0]
    for number, row in enumerate(group):
        alone = net._behind(gathered([given[row]])[0])[0]
        torch.testing.assert_close(together[number, : len(alone)], alone)


def test_the_student_starts_as_without_a_teacher():
    alone, taught = network(), network(direction="decoupled")
    for name, weight in alone.named_parameters():
        assert torch.equal(weight, taught.get_parameter(name))


@pytest.mark.parametrize("phase", ["backward", "forward"])
def test_each_phase_trains_its_own_part(phase):
    net = network("lstm", direction="decoupled")
    net.begin(phase)
    inputs, scored = gathered(sequences([9] * 6), n_steps=4)
    loss, logits = net.loss(nn.CrossEntropyLoss(), inputs, scored, 0.5)
    loss.backward()
    assert logits.shape == (24, N_SYMBOLS + 1)
    for name, weight in net.named_parameters():
        assert (weight.grad is not None) == (
            name.startswith("teacher") == (phase == "backward")
        )


def test_matching_is_in_the_loss_with_its_weight_and_in_training_alone():
    inputs, scored = gathered(sequences([9] * 6))
    losses = []
    for weight in (0.0, 1.0, 2.0):
        net = network(direction="decoupled", matching_weight=weight)
        net.begin("forward")
        losses.append(net.loss(nn.CrossEntropyLoss(), inputs, scored, 0.0)[0].item())
        net.eval()
        scored_alone = net.loss(nn.CrossEntropyLoss(), inputs, scored, 0.0)[0].item()
        assert scored_alone == pytest.approx(losses[0])
    assert losses[1] > losses[0]
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-3)


# ---- steps ---------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("changes", [{}, {"num_layers": 2, "embedding_size": 3}])
def test_steps_are_the_sequence(cell, changes):
    net = network(cell, **changes).eval()
    symbols = torch.tensor([[N_SYMBOLS, 2, 0, 4, 4, 1, 3]])
    with torch.inference_mode():
        whole, _ = net(symbols)
        _, states = net(symbols[:, :2])
        stepper = Stepper(net)
        for place in range(2, 7):
            logits, states = stepper.step(int(symbols[0, place]), states)
            torch.testing.assert_close(logits, whole[0, place])


def test_weights_are_counted():
    net = network(direction="decoupled", embedding_size=3)
    counts = net.count_parameters()
    assert counts["total"] == sum(weight.numel() for weight in net.parameters())
    assert counts["head"] == 6 * 7 and counts["layers"] > 6 * 3
    assert counts["total"] == counts["layers"] + counts["head"] + counts["teacher"]
