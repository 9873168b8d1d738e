import numpy as np
import pytest
import torch

from sklrnn.network.cells.base import can_drop_hidden
from sklrnn.network.cells.jordan import Jordan
from sklrnn.network.directions import Branch

RNG = torch.Generator().manual_seed(0)
X = torch.randn(4, 9, 3, generator=RNG)
KNOWN = torch.randn(4, 9, 2, generator=RNG)
KERNELS = pytest.mark.parametrize("kernel", ["numba", "torch", "loop"])


def jordan(**params):
    torch.manual_seed(1)
    return Jordan(3, 5, n_targets=2, **params)


def transcribed(cell, x, teacher=None, context=None):
    """Follow the equations, one number after the other."""
    weights = {name: w.detach().numpy() for name, w in cell.named_parameters()}
    phi = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0)}[cell.nonlinearity]
    c = np.zeros((len(x), cell.n_targets)) if context is None else context.numpy()
    hidden = []
    for t in range(x.shape[1]):
        h = phi(
            x[:, t].numpy() @ weights["input.weight"].T
            + c @ weights["context.weight"].T
            + weights["input.bias"]
        )
        y = h @ weights["output.weight"].T + weights["output.bias"]
        if teacher is not None:
            known = teacher[:, t].numpy()
            y = np.where(np.isnan(known), y, known)
        c = cell.alpha * c + y
        hidden.append(h)
    return torch.tensor(np.stack(hidden, 1)).float(), torch.tensor(c).float()


def teacher_with(gaps):
    teacher = KNOWN.clone()
    for where in gaps:
        teacher[where] = torch.nan
    return teacher


TEACHERS = {
    "none": None,
    "everywhere": teacher_with([]),
    "but not the last": teacher_with([np.s_[:, -1]]),
    "the last in part": teacher_with([np.s_[1:3, -1, 0]]),
    "with gaps": teacher_with([np.s_[0, 2:5], np.s_[2, 3, 1], np.s_[:, -1]]),
    "nowhere": teacher_with([np.s_[:]]),
}


@pytest.fixture(params=TEACHERS.values(), ids=TEACHERS)
def teacher(request):
    return request.param


@KERNELS
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_equations(alpha, nonlinearity, kernel, teacher):
    cell = jordan(alpha=alpha, nonlinearity=nonlinearity, kernel=kernel)
    for context in (None, KNOWN[:, 0]):
        outputs, state = cell.sequence(X, context, teacher=teacher)
        expected, last = transcribed(cell, X, teacher, context)
        torch.testing.assert_close(outputs, expected)
        torch.testing.assert_close(state, last)


def test_taught_in_two_halves(teacher):
    if teacher is None:
        return
    cell = jordan(alpha=0.7)
    whole, last = cell.sequence(X, teacher=teacher)
    first, state = cell.sequence(X[:, :4], teacher=teacher[:, :4])
    second, state = cell.sequence(X[:, 4:], state, teacher=teacher[:, 4:])
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(state, last)


def test_a_teacher_that_knows_nothing_changes_nothing():
    cell = jordan()
    free, state = cell.sequence(X)
    unheard, last = cell.sequence(X, teacher=TEACHERS["nowhere"])
    torch.testing.assert_close(unheard, free)
    torch.testing.assert_close(state, last)


def test_a_teacher_that_agrees_changes_nothing():
    cell = jordan(alpha=0.5)
    free, _ = cell.sequence(X)
    taught, _ = cell.sequence(X, teacher=cell.readout(free).detach())
    torch.testing.assert_close(taught, free)


def test_what_is_taught_matters_later_only():
    cell = jordan()
    changed = TEACHERS["everywhere"].clone()
    changed[:, 4] += 1
    before, _ = cell.sequence(X, teacher=TEACHERS["everywhere"])
    after, _ = cell.sequence(X, teacher=changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5], after[:, 5])


@KERNELS
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_gradients_with_a_teacher(nonlinearity, kernel, teacher):
    cell = jordan(alpha=0.4, nonlinearity=nonlinearity, kernel=kernel).double()
    x, context = X[:, -4:].double(), torch.zeros(4, 2).double()
    known = None if teacher is None else teacher[:, -4:].double()
    weights = dict(cell.named_parameters())

    def run(x, context, *weight):
        named = dict(zip(weights, weight, strict=True))
        return torch.func.functional_call(cell, named, (x, context, known))

    cell.forward = cell.sequence
    tensors = [x, context, *weights.values()]
    tensors = [t.detach().clone().requires_grad_() for t in tensors]
    assert torch.autograd.gradcheck(run, tensors, fast_mode=True)


def test_a_branch_teaches_what_follows():
    torch.manual_seed(0)
    branch = Branch(Jordan(2, 5, n_targets=2))
    series = KNOWN
    outputs, _ = branch.sequence(series, targets=series)
    predicted = branch.cell.readout(outputs)[:, :-1]
    error = (predicted - series[:, 1:]).square().mean()
    torch.testing.assert_close(branch.teaching_error, error)
    branch.teaching_error.backward()
    assert all(w.grad.abs().sum() > 0 for w in branch.parameters())


def test_there_is_nothing_to_drop():
    assert not can_drop_hidden(Jordan)


def test_the_own_output_is_as_large_as_the_hidden_layer_by_default():
    assert Jordan(3, 5).initial_state(2).shape == (2, 5)


@pytest.mark.parametrize("alpha", [-0.1, 1.0, float("nan")])
def test_alpha_out_of_range(alpha):
    match = f"alpha must be at least 0 and below 1, got {alpha}"
    with pytest.raises(ValueError, match=match):
        Jordan(3, 4, alpha=alpha)


def test_unknown_nonlinearity():
    with pytest.raises(ValueError, match="nonlinearity must be 'tanh' or 'relu'"):
        Jordan(3, 4, nonlinearity="sine")
