import numpy as np
import pytest
import torch

from sklrnn.data import gaps
from sklrnn.data.windows import channels
from sklrnn.network.cells import grud
from sklrnn.network.cells.grud import GRUD

N_STEPS, HIDDEN = 12, 5
KERNELS = pytest.mark.parametrize("kernel", ["numba", "torch", "loop"])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def decay(rate):
    return np.exp(-np.maximum(0, rate))


def series():
    """Return values with gaps, of which the first row is complete."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(N_STEPS, 3))
    values[rng.random(values.shape) < 0.5] = np.nan
    values[0] = 0.5
    return values


def decay_slowly(cell):
    """Give the decay of a cell weights of both signs, and some bias."""
    with torch.no_grad():
        for name, weight in cell.named_parameters():
            if "decay" in name:
                weight.copy_(0.5 * torch.randn(weight.shape))


def weights_of(cell):
    return {name: w.detach().double().numpy() for name, w in cell.named_parameters()}


def gru(w, read, h_hat):
    """Return a step of Cho's GRU, reset before the product."""
    n = HIDDEN
    a, u = read @ w["input.weight"].T + w["input.bias"], w["recurrent"]
    r = sigmoid(a[:n] + u[:n] @ h_hat)
    z = sigmoid(a[n : 2 * n] + u[n : 2 * n] @ h_hat)
    candidate = np.tanh(a[2 * n :] + u[2 * n :] @ (r * h_hat))
    return z * h_hat + (1 - z) * candidate


def transcribed(cell, values):
    """Follow Che et al., from the values as they were observed."""
    w = weights_of(cell)
    h, last, delta, outputs = np.zeros(HIDDEN), np.zeros(3), np.zeros(3), []
    mask = ~np.isnan(values)
    for t in range(len(values)):
        if t > 0:
            delta = 1 + np.where(mask[t - 1], 0, delta)
        since = delta / 10
        gamma_x = decay(w["input_decay"][0] * since + w["input_decay"][1])
        x_hat = np.where(mask[t], values[t], gamma_x * last)
        last = np.where(mask[t], values[t], last)
        gamma_h = decay(w["hidden_decay.weight"] @ since + w["hidden_decay.bias"])
        h = gru(w, np.concatenate([x_hat, mask[t]]), gamma_h * h)
        outputs.append(h)
    return np.stack(outputs)


@KERNELS
def test_equations_with_a_mask(kernel):
    torch.manual_seed(0)
    cell = GRUD(9, HIDDEN, masked=True, kernel=kernel)
    decay_slowly(cell)
    values = series()
    x = torch.from_numpy(channels(values, masked=True))
    outputs, _ = cell.sequence(x.unsqueeze(0))
    torch.testing.assert_close(
        outputs[0], torch.tensor(transcribed(cell, values)).float()
    )


@KERNELS
def test_equations_without_a_mask(kernel):
    torch.manual_seed(0)
    cell = GRUD(3, HIDDEN, kernel=kernel)
    decay_slowly(cell)
    w = weights_of(cell)
    x = np.random.default_rng(0).normal(size=(N_STEPS, 3))
    gamma = decay(0.1 * w["hidden_decay.weight"][:, 0] + w["hidden_decay.bias"])
    h, expected = np.zeros(HIDDEN), []
    for x_t in x:
        h = gru(w, x_t, gamma * h)
        expected.append(h)
    outputs, _ = cell.sequence(torch.tensor(x).float().unsqueeze(0))
    torch.testing.assert_close(outputs[0], torch.tensor(np.stack(expected)).float())


def test_no_decay_is_chos_gru():
    torch.manual_seed(0)
    cell = GRUD(3, HIDDEN)
    with torch.no_grad():
        cell.hidden_decay.weight.fill_(-1)
    w = weights_of(cell)
    x = np.random.default_rng(0).normal(size=(N_STEPS, 3))
    h = np.zeros(HIDDEN)
    for x_t in x:
        h = gru(w, x_t, h)
    outputs, _ = cell.sequence(torch.tensor(x).float().unsqueeze(0))
    torch.testing.assert_close(outputs[0, -1], torch.tensor(h).float())


def test_a_window_knows_how_old_its_first_row_is():
    torch.manual_seed(0)
    cell = GRUD(3, HIDDEN, masked=True)
    last = np.array([2.0])

    def first_output(gap):
        row = channels(np.array([[np.nan]]), True, last, np.array([gap]))
        return cell.sequence(torch.from_numpy(row).unsqueeze(0))[0]

    assert not torch.allclose(first_output(1), first_output(100))


def test_memory_lasts_at_first():
    cell = GRUD(9, HIDDEN, masked=True)
    observed = torch.cat([torch.randn(1, 40, 3), torch.ones(1, 40, 3)], -1)
    x = torch.cat([observed, torch.zeros(1, 40, 3)], -1)
    decay = cell._prepare(x, cell.initial_state(1))[1]
    assert (decay.prod(1) > 0.5).all()


def test_only_what_gets_a_gradient_exists():
    assert not [n for n, _ in GRUD(3, HIDDEN).named_parameters() if "input_decay" in n]


def test_the_longest_gap_is_that_of_the_data():
    assert grud.GAP_CAP == gaps.GAP_CAP
    scaled = gaps.scale_gap(np.array([0.0, 7.0, gaps.GAP_CAP]))
    steps = torch.expm1(torch.tensor(scaled) * np.log1p(grud.GAP_CAP))
    torch.testing.assert_close(steps, torch.tensor([0.0, 7.0, grud.GAP_CAP]))


def test_a_mask_takes_three_columns_a_value():
    with pytest.raises(ValueError, match="input_size must be a multiple of 3 .* got 4"):
        GRUD(4, HIDDEN, masked=True)
