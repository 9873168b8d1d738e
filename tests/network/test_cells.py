from functools import partial

import pytest
import torch
from torch import nn

from sklrnn.network.cells.base import Cell
from sklrnn.network.cells.elman import Elman
from sklrnn.network.cells.gru import GRU
from sklrnn.network.cells.lstm import LSTM
from sklrnn.network.kernels import KERNELS

CELLS = [
    (Elman, {}, nn.RNN, {}),
    (Elman, {"nonlinearity": "relu"}, nn.RNN, {"nonlinearity": "relu"}),
    (LSTM, {}, nn.LSTM, {}),
    (GRU, {}, nn.GRU, {}),
]
X = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=KERNELS)
def kernel(request):
    return request.param


@pytest.fixture(params=CELLS, ids=lambda c: f"{c[0].__name__}{c[1] or ''}")
def pair(request, kernel):
    cell_class, params, native_class, native_params = request.param
    cell = cell_class(3, 4, kernel=kernel, **params)
    native = native_class(3, 4, batch_first=True, **native_params)
    native.load_state_dict(cell.layer.state_dict())
    return cell, native


def test_equals_torchs_own_layer(pair):
    cell, native = pair
    torch.testing.assert_close(cell.sequence(X)[0], native(X)[0], rtol=0, atol=1e-6)


def test_a_sequence_equals_its_steps(pair):
    cell, _ = pair
    by_step, _ = Cell.sequence(cell, X)
    torch.testing.assert_close(cell.sequence(X)[0], by_step, rtol=0, atol=1e-6)


def test_two_halves_equal_the_whole(pair):
    cell, _ = pair
    first, state = cell.sequence(X[:, :4])
    second, _ = cell.sequence(X[:, 4:], state)
    whole, _ = cell.sequence(X)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


def test_the_future_does_not_change_the_past(pair):
    cell, _ = pair
    changed = X.clone()
    changed[:, 6:] += 1
    before, after = cell.sequence(X)[0], cell.sequence(changed)[0]
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.equal(before[:, 6:], after[:, 6:])


def test_items_of_a_batch_do_not_mix(pair):
    cell, _ = pair
    alone = cell.sequence(X[2:3])[0]
    torch.testing.assert_close(cell.sequence(X)[0][2:3], alone)


def test_every_weight_gets_a_gradient(pair):
    cell, _ = pair
    cell.sequence(X)[0].square().sum().backward()
    for name, weight in cell.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_gradients_in_double_precision(pair):
    cell = pair[0].double()
    x = X[:2, :4].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cell.sequence(x)[0], (x,))


def test_elman_follows_the_papers_equation():
    cell = Elman(3, 4)
    w = cell.layer
    h = torch.zeros(5, 4)
    for x in X.unbind(1):
        h = torch.tanh(
            x @ w.weight_ih_l0.T + w.bias_ih_l0 + h @ w.weight_hh_l0.T + w.bias_hh_l0
        )
    torch.testing.assert_close(cell.sequence(X)[0][:, -1], h)


def test_forget_bias():
    cell = LSTM(3, 4, forget_bias=1.0)
    bias = cell.layer.bias_ih_l0 + cell.layer.bias_hh_l0
    assert torch.equal(bias[4:8], torch.ones(4))
    assert not torch.equal(bias[:4], torch.ones(4))


def test_chrono_steps_of_lstm():
    torch.manual_seed(0)
    cell = LSTM(3, 1000, chrono_steps=50)
    bias = cell.layer.bias_ih_l0 + cell.layer.bias_hh_l0
    spans = 1 / (1 - bias[1000:2000].detach().sigmoid())
    assert 2 <= spans.min() < 3 and 49 < spans.max() <= 50
    assert spans.mean().item() == pytest.approx(26, abs=1)  # of a uniform distribution
    assert torch.equal(bias[:1000], -bias[1000:2000])


@pytest.mark.parametrize("cell_class", [GRU, partial(GRU, reset="before")])
def test_chrono_steps_of_gru(cell_class):
    torch.manual_seed(0)
    cell = cell_class(1, 1000, chrono_steps=50)
    with torch.no_grad():
        cell.layer.weight_hh_l0.zero_()
        cell.layer.weight_ih_l0.zero_()
        cell.layer.bias_ih_l0[2000:] = cell.layer.bias_hh_l0[2000:] = 0.0
    outputs, _ = cell.sequence(torch.zeros(1, 1, 1), (torch.ones(1, 1000),))
    spans = 1 / (1 - outputs[0, 0].detach())
    assert spans.min() >= 2 - 1e-4 and spans.max() <= 50.1
    assert spans.mean().item() == pytest.approx(26, abs=1)


@pytest.mark.parametrize("cell_class", [LSTM, GRU])
@pytest.mark.parametrize("steps", [1, 2.5, "many"])
def test_unusable_chrono_steps(cell_class, steps):
    with pytest.raises(ValueError, match="chrono_steps must be an integer of at least"):
        cell_class(3, 4, chrono_steps=steps)


def test_one_bias_of_the_forget_gate():
    with pytest.raises(ValueError, match="forget_bias and chrono_steps"):
        LSTM(3, 4, forget_bias=1.0, chrono_steps=50)


def test_unknown_nonlinearity():
    with pytest.raises(ValueError, match="nonlinearity must be 'tanh' or 'relu'"):
        Elman(3, 4, nonlinearity="sine")


@pytest.mark.parametrize("cell_class", [LSTM, GRU, partial(GRU, reset="before")])
def test_layer_norm_leaves_the_size_of_a_single_feature(cell_class):
    torch.manual_seed(0)
    cell = cell_class(1, 8, layer_norm=True)
    x = torch.rand(4, 6, 1)
    once, thrice = cell.sequence(x)[0], cell.sequence(3 * x)[0]
    assert (once - thrice).abs().max() > 0.05


def test_a_forget_bias_outlasts_layer_norm():
    torch.manual_seed(0)
    x = torch.zeros(1, 30, 1)
    x[:, 0] = 1.0
    kept = [
        LSTM(1, 8, layer_norm=True, forget_bias=bias).sequence(x)[1][1].abs().mean()
        for bias in (-5.0, 5.0)
    ]
    assert kept[1] > 2 * kept[0]


def test_unknown_reset():
    with pytest.raises(ValueError, match="reset must be 'after' or 'before'"):
        GRU(3, 4, reset="never")


def random_weights(cell):
    for weight in cell.parameters():
        nn.init.normal_(weight)
    return cell.layer.all_weights[0]


def test_a_learned_first_state():
    cell = Elman(3, 4, learn_initial=True)
    weight_x, weight_h, *biases = random_weights(cell)
    bias = sum(biases)
    first = torch.tanh(X[:, 0] @ weight_x.T + cell.initial_hidden @ weight_h.T + bias)
    outputs, _ = cell.sequence(X)
    torch.testing.assert_close(outputs[:, 0], first)
    outputs[:, 2].sum().backward()
    assert cell.initial_hidden.grad.abs().sum() > 0
    assert Elman(3, 4).initial_hidden is None


def test_gru_of_cho_et_al(kernel):
    if kernel == "native":
        kernel = "auto"
    cell = GRU(3, 4, reset="before", kernel=kernel)
    weight_x, weight_h, *biases = random_weights(cell)
    bias = sum(biases)
    h = torch.zeros(5, 4)
    for x in X.unbind(1):
        r, z, n = (x @ weight_x.T + bias).chunk(3, 1)
        h_r, h_z, h_n = weight_h.chunk(3)
        r, z = torch.sigmoid(r + h @ h_r.T), torch.sigmoid(z + h @ h_z.T)
        h = z * h + (1 - z) * torch.tanh(n + (r * h) @ h_n.T)
    torch.testing.assert_close(cell.summary(X), h)


def test_peepholes_of_gers_and_schmidhuber():
    cell = LSTM(3, 4, peephole=True)
    weight_x, weight_h, *biases = random_weights(cell)
    bias = sum(biases)
    p = cell.peephole
    h = c = torch.zeros(5, 4)
    for x in X.unbind(1):
        i, f, g, o = (x @ weight_x.T + h @ weight_h.T + bias).chunk(4, 1)
        i, f = torch.sigmoid(i + p[0] * c), torch.sigmoid(f + p[1] * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + p[2] * c) * torch.tanh(c)
    outputs, state = cell.sequence(X)
    torch.testing.assert_close(outputs[:, -1], h)
    torch.testing.assert_close(state, (h, c))


def test_layer_norm_of_each_gate():
    cell = LSTM(3, 4, layer_norm=True)
    weight_x, weight_h, bias_x, bias_h = random_weights(cell)
    h = c = torch.zeros(5, 4)

    def normalised(a):
        return nn.functional.layer_norm(a, [4])

    for x in X.unbind(1):
        gates = [
            cell.norm_x[k] * normalised(x @ weight_x[gate].T + bias_x[gate])
            + cell.norm_h[k] * normalised(h @ weight_h[gate].T)
            + bias_h[gate]
            for k, gate in enumerate(slice(i, i + 4) for i in range(0, 16, 4))
        ]
        i, f, g, o = gates
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    torch.testing.assert_close(cell.summary(X), h)


def test_the_mask_changes_what_the_weights_read_alone(kernel):
    if kernel == "native":
        kernel = "auto"
    cell = GRU(3, 4, kernel=kernel)
    nothing = torch.zeros(5, 4)
    state = (torch.randn(5, 4),)
    cell.layer.bias_ih_l0.data[4:8] = 100.0  # z is 1: the old state is kept
    outputs, _ = cell.sequence(X, state, hidden_mask=nothing)
    torch.testing.assert_close(outputs[:, -1], state[0])
