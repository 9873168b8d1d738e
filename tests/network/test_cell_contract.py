"""What holds for every cell: properties of the contract, whatever the equations."""

import pickle

import pytest
import torch

from sklrnn.network.cells.base import Cell, can_drop_hidden, takes
from sklrnn.network.cells.grud import GRUD
from sklrnn.network.cells.jordan import Jordan
from sklrnn.network.cells.mingru import MinGRU
from sklrnn.network.cells.minlstm import MinLSTM
from sklrnn.network.cells.mlp import MLP

KERNELS = ("numba", "torch", "loop")
CELLS = [
    (Jordan, {}),
    (Jordan, {"alpha": 0.6, "nonlinearity": "relu", "n_targets": 1}),
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


def rows(n_batch, n_steps, dtype=torch.float32):
    """Make input rows that hold two values, their mask and the time since seen."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(n_batch, n_steps, 2, generator=generator)
    mask = (torch.rand(n_batch, n_steps, 2, generator=generator) < 0.5).float()
    gap = (1 - mask) * torch.rand(n_batch, n_steps, 2, generator=generator) / 3
    return torch.cat([values, mask, gap], dim=-1).to(dtype)


X = rows(5, 11)


def flat(state):
    """Return the tensors of a state."""
    return [state] if isinstance(state, torch.Tensor) else list(state)


CASES = [
    (cell_class, {**params, "kernel": kernel} if kernel else params)
    for cell_class, params in CELLS
    for kernel in (KERNELS if takes(cell_class, "kernel") else (None,))
]


@pytest.fixture(params=CASES, ids=lambda c: f"{c[0].__name__}{c[1] or ''}")
def cell(request):
    torch.manual_seed(0)
    cell_class, params = request.param
    return cell_class(6, 4, **params)


def test_a_sequence_equals_its_steps(cell):
    state, outputs = cell.initial_state(len(X)), []
    for x in X.unbind(1):
        output, state = cell.step(x, state)
        outputs.append(output)
    whole, last = cell.sequence(X)
    torch.testing.assert_close(whole, torch.stack(outputs, 1))
    torch.testing.assert_close(flat(last), flat(state))


def test_a_sequence_equals_the_loop(cell):
    whole, last = cell.sequence(X)
    loop, state = Cell.sequence(cell, X)
    torch.testing.assert_close(whole, loop)
    torch.testing.assert_close(flat(last), flat(state))


@pytest.mark.parametrize("cut", [1, 4, 10])
def test_two_parts_equal_the_whole(cell, cut):
    first, state = cell.sequence(X[:, :cut])
    second, state = cell.sequence(X[:, cut:], state)
    whole, last = cell.sequence(X)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(flat(state), flat(last))


@pytest.mark.parametrize("n_steps", [1, 2, 5, 11])
def test_the_summary_is_the_last_output(cell, n_steps):
    x = X[:, :n_steps]
    torch.testing.assert_close(cell.summary(x), cell.sequence(x)[0][:, -1])


def test_the_future_does_not_change_the_past(cell):
    changed = X.clone()
    changed[:, 6:, :2] += 1
    before, after = cell.sequence(X)[0], cell.sequence(changed)[0]
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.equal(before[:, 6:], after[:, 6:])


def test_items_of_a_batch_do_not_mix(cell):
    torch.testing.assert_close(cell.sequence(X)[0][2:3], cell.sequence(X[2:3])[0])


def test_every_weight_gets_a_gradient(cell):
    cell.sequence(X)[0].square().sum().backward()
    for name, weight in cell.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def test_nan_stays_nan(cell):
    x = X.clone()
    x[1, 5, 0] = torch.nan
    output = cell.sequence(x)[0]
    assert output[1, 5].isnan().all()
    assert not output[[0, 2, 3, 4]].isnan().any()
    assert not output[1, :5].isnan().any()


def test_hidden_mask(cell):
    if not can_drop_hidden(cell):
        return
    mask = torch.full((len(X), 4), 2.0)
    mask[:, 1] = 0.0
    dropped = cell.sequence(X, hidden_mask=mask)[0]
    torch.testing.assert_close(dropped, Cell.sequence(cell, X, hidden_mask=mask)[0])
    assert not torch.allclose(dropped[:, 2:], cell.sequence(X)[0][:, 2:])


def test_a_copy_by_pickle_computes_the_same(cell):
    copy = pickle.loads(pickle.dumps(cell))
    assert torch.equal(copy.sequence(X)[0], cell.sequence(X)[0])


def test_gradients_in_double_precision(cell):
    cell.double()
    x = rows(2, 4, torch.float64)
    # The mask is 0 or 1, nothing in between.
    values, mask, gap = x.chunk(3, dim=-1)
    state = [part + 0.3 for part in flat(cell.initial_state(2))]
    weights = dict(cell.named_parameters())

    def run(values, gap, *rest):
        state, weight = rest[: -len(weights)], rest[-len(weights) :]
        state = state[0] if len(state) == 1 else tuple(state)
        return torch.func.functional_call(
            cell,
            dict(zip(weights, weight, strict=True)),
            (torch.cat([values, mask, gap], -1), state),
        )

    def call(*tensors):
        output, state = run(*tensors)
        return output, *flat(state)

    cell.forward = cell.sequence
    tensors = [values, gap, *state, *weights.values()]
    tensors = [t.detach().clone().requires_grad_() for t in tensors]
    assert torch.autograd.gradcheck(call, tensors)
