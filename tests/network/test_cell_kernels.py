"""Whoever computes a sequence, it is the same; gradients reach states and weights."""

import pytest
import torch

from sklrnn.network.cells.base import Cell, can_drop_hidden, takes
from sklrnn.network.cells.grud import GRUD
from sklrnn.network.cells.jordan import Jordan
from sklrnn.network.cells.mingru import MinGRU
from sklrnn.network.cells.minlstm import MinLSTM
from sklrnn.network.cells.mlp import MLP
from sklrnn.testing import check_cell

CELLS = [
    (Jordan, {}),
    (Jordan, {"alpha": 0.6, "nonlinearity": "relu", "n_targets": 1}),
    (Jordan, {"alpha": 0.3, "n_targets": 20}),
    (GRUD, {}),
    (GRUD, {"masked": True}),
    (GRUD, {"masked": True, "layer_norm": True}),
    (MinGRU, {}),
    (MinGRU, {"layer_norm": True}),
    (MinLSTM, {}),
    (MinLSTM, {"layer_norm": True}),
    (MLP, {"window_length": 3}),
    (MLP, {"window_length": 1, "nonlinearity": "relu"}),
    (MLP, {"window_length": 30}),
]
CASES = [
    (cell_class, {**params, "kernel": kernel} if kernel else params)
    for cell_class, params in CELLS
    for kernel in (("numba", "torch") if takes(cell_class, "kernel") else (None,))
]


def rows(n_batch, n_steps):
    """Make input rows that hold two values, their mask and the time since seen."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(n_batch, n_steps, 2, generator=generator)
    mask = (torch.rand(n_batch, n_steps, 2, generator=generator) < 0.5).float()
    gap = (1 - mask) * torch.rand(n_batch, n_steps, 2, generator=generator) / 3
    return torch.cat([values, mask, gap], dim=-1)


X = rows(5, 11)


def flat(state):
    """Return the tensors of a state."""
    return [state] if isinstance(state, torch.Tensor) else list(state)


def like(state, parts):
    """Return a state of the same form with other tensors."""
    return parts[0] if isinstance(state, torch.Tensor) else type(state)(parts)


@pytest.fixture(params=CASES, ids=lambda c: f"{c[0].__name__}{c[1] or ''}")
def cell(request):
    torch.manual_seed(0)
    cell_class, params = request.param
    return cell_class(6, 4, **params)


@pytest.mark.parametrize("kernel", ["numba", "loop"])
@pytest.mark.parametrize("name", ["jordan", "grud", "mingru", "minlstm"])
def test_every_kernel_keeps_the_contract(name, kernel):
    check_cell(name, kernel=kernel)


def test_equals_the_loop(cell):
    whole, last = cell.sequence(X)
    loop, state = Cell.sequence(cell, X)
    torch.testing.assert_close(whole, loop)
    torch.testing.assert_close(flat(last), flat(state))


def test_equals_the_loop_with_a_hidden_mask(cell):
    if not can_drop_hidden(cell):
        return
    mask = torch.full((len(X), 4), 2.0)
    mask[:, 1] = 0.0
    dropped = cell.sequence(X, hidden_mask=mask)[0]
    torch.testing.assert_close(dropped, Cell.sequence(cell, X, hidden_mask=mask)[0])
    assert not torch.allclose(dropped[:, 2:], cell.sequence(X)[0][:, 2:])


def test_gradients_of_inputs_states_and_weights(cell):
    cell.double()
    cell.forward = cell.sequence  # what functional_call calls
    values, mask, gap = rows(2, 4).double().chunk(3, dim=-1)
    fresh = cell.initial_state(2)
    start = [part + 0.3 for part in flat(fresh)]
    weights = dict(cell.named_parameters())

    def run(values, gap, *rest):
        x = torch.cat([values, mask, gap], dim=-1)
        state = like(fresh, rest[: len(start)])
        named = dict(zip(weights, rest[len(start) :], strict=True))
        output, state = torch.func.functional_call(cell, named, (x, state))
        return output, *flat(state)

    tensors = [values, gap, *start, *weights.values()]
    tensors = [t.detach().clone().requires_grad_() for t in tensors]
    assert torch.autograd.gradcheck(run, tensors, fast_mode=True)
