import numpy as np
import pytest
import torch

from sklrnn.network.cells.base import can_drop_hidden
from sklrnn.network.cells.mingru import MinGRU
from sklrnn.network.cells.minlstm import MinLSTM

X = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(0))
KERNELS = pytest.mark.parametrize("kernel", ["numba", "torch", "loop"])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def linear(layer, x):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def normalised(a):
    return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + 1e-5)


@KERNELS
@pytest.mark.parametrize("layer_norm", [False, True])
def test_mingru_follows_the_papers_equations(layer_norm, kernel):
    cell = MinGRU(3, 4, layer_norm=layer_norm, kernel=kernel)
    norm = normalised if layer_norm else np.asarray
    h = np.zeros((5, 4))
    for x in X.numpy().swapaxes(0, 1):
        z = sigmoid(norm(linear(cell.gate, x)))
        h = (1 - z) * h + z * linear(cell.candidate, x)
    torch.testing.assert_close(cell.sequence(X)[0][:, -1], torch.tensor(h).float())


@KERNELS
@pytest.mark.parametrize("layer_norm", [False, True])
def test_minlstm_follows_the_papers_equations(layer_norm, kernel):
    cell = MinLSTM(3, 4, layer_norm=layer_norm, kernel=kernel)
    norm = normalised if layer_norm else np.asarray
    h = np.zeros((5, 4))
    for x in X.numpy().swapaxes(0, 1):
        f = sigmoid(norm(linear(cell.forget, x)))
        i = sigmoid(norm(linear(cell.input, x)))
        h = f / (f + i) * h + i / (f + i) * linear(cell.candidate, x)
    torch.testing.assert_close(cell.sequence(X)[0][:, -1], torch.tensor(h).float())


@KERNELS
def test_minlstm_with_both_gates_shut(kernel):
    cell = MinLSTM(3, 4, kernel=kernel)
    with torch.no_grad():
        cell.forget.bias.fill_(-300)
        cell.input.bias.fill_(-300)
    outputs, _ = cell.sequence(X)
    outputs.sum().backward()
    assert outputs.isfinite().all()
    assert all(w.grad.isfinite().all() for w in cell.parameters())


@pytest.mark.parametrize("cell_class", [MinGRU, MinLSTM])
def test_there_is_nothing_to_drop(cell_class):
    assert not can_drop_hidden(cell_class)


@pytest.mark.parametrize("cell_class", [MinGRU, MinLSTM])
def test_unknown_kernel(cell_class):
    with pytest.raises(ValueError, match="kernel must be .* got 'fast'"):
        cell_class(3, 4, kernel="fast")
