"""Tests of `sklrnn.training.size`."""

import numpy as np
import pytest
import torch
from torch import nn

from sklrnn import RNNClassifier
from sklrnn.training import size
from sklrnn.training.size import check_size


class Stack(nn.Module):
    def __init__(self, hidden_size, num_layers=1):
        super().__init__()
        layers = (nn.Linear(hidden_size, hidden_size) for _ in range(num_layers))
        self.layers = nn.ModuleList(layers)


def test_a_network_beyond_the_memory_is_refused(monkeypatch):
    # 3 copies beside 5 layers of 1000 * 1001 weights of 4 bytes.
    needed = 4 * 5 * 1000 * 1001 * 4
    shape = {"hidden_size": 1000, "num_layers": 5}
    before = torch.random.get_rng_state()
    monkeypatch.setattr(size, "_memory", lambda device: needed)
    monkeypatch.setattr(size, "_SMALL", 100)
    check_size(Stack, shape, "cpu")
    monkeypatch.setattr(size, "_memory", lambda device: needed - 1)
    with pytest.raises(ValueError, match="num_layers=5.*0.1 GiB; lower hidden_size"):
        check_size(Stack, shape, "cpu")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("params", [{"hidden_size": 10**9}, {"num_layers": 10**9}])
@pytest.mark.parametrize("cell", ["lstm", "mlp", "transformer"])
def test_the_parameter_is_named(params, cell):
    name, value = next(iter(params.items()))
    with pytest.raises(ValueError, match=f"{name}={value}.*lower {name}"):
        RNNClassifier(cell=cell, **params).fit(np.eye(9), np.arange(9) % 2)


def test_a_limit_of_the_machine_is_read():
    assert 2**20 < size._memory("cpu") < 2**50
