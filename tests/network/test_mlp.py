import numpy as np
import pytest
import torch

from sklrnn.network.cells.mlp import MLP

X = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("window_length", [1, 4, 12])
def test_equation(window_length, nonlinearity):
    cell = MLP(3, 4, window_length=window_length, nonlinearity=nonlinearity)
    phi = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0)}[nonlinearity]
    weight, bias = cell.weight.detach().numpy(), cell.bias.detach().numpy()
    x = np.concatenate([np.zeros((5, window_length - 1, 3)), X.numpy()], axis=1)
    for t in range(9):
        window = x[:, t : t + window_length]
        expected = phi(np.einsum("bki,hki->bh", window, weight) + bias)
        output = cell.sequence(X)[0][:, t]
        torch.testing.assert_close(output, torch.tensor(expected).float())


def test_nothing_older_than_the_window_matters():
    cell = MLP(3, 4, window_length=4)
    changed = X.clone()
    changed[:, :3] += 1
    before, after = cell.sequence(X)[0], cell.sequence(changed)[0]
    assert torch.equal(before[:, 6:], after[:, 6:])
    assert not torch.equal(before[:, 5], after[:, 5])


def test_the_summary_reads_one_window(monkeypatch):
    cell = MLP(3, 4, window_length=4)
    read = []
    monkeypatch.setattr(cell, "_read", lambda window: read.append(window.shape))
    cell.summary(X)
    cell.summary(X[:, :2])
    assert read == [(5, 4, 3), (5, 4, 3)]


def test_too_short_a_window():
    with pytest.raises(ValueError, match="window_length must be at least 1, got 0"):
        MLP(3, 4, window_length=0)


def test_unknown_nonlinearity():
    with pytest.raises(ValueError, match="nonlinearity must be 'tanh' or 'relu'"):
        MLP(3, 4, nonlinearity="sine")
