import copy
import pickle

import numpy as np
import pytest
import torch

from sklrnn.network import kernels
from sklrnn.network.cells.elman import Elman
from sklrnn.network.cells.gru import GRU
from sklrnn.network.cells.lstm import LSTM

CELLS = [
    (Elman, {}),
    (Elman, {"nonlinearity": "relu", "learn_initial": True}),
    (LSTM, {}),
    (LSTM, {"peephole": True}),
    (LSTM, {"layer_norm": True}),
    (LSTM, {"peephole": True, "layer_norm": True}),
    (GRU, {}),
    (GRU, {"layer_norm": True}),
    (GRU, {"reset": "before"}),
    (GRU, {"reset": "before", "layer_norm": True}),
]
FAST = ("numba", "torch")


@pytest.fixture(params=CELLS, ids=lambda c: f"{c[0].__name__}{c[1] or ''}")
def make(request):
    """Return a function that makes a cell, always with the same odd weights."""
    cell_class, params = request.param

    def make(kernel, hidden_size=5, dtype=torch.float64):
        torch.manual_seed(0)
        cell = cell_class(3, hidden_size, kernel="loop", **params)
        for weight in cell.parameters():
            weight.data += 0.3 * torch.randn_like(weight)
        cell.to(dtype)
        cell.kernel = kernel
        return cell

    return make


def draw(*shape, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()


def state_of(cell, batch, dtype=torch.float64):
    n_parts = len(cell.initial_state(1))
    return tuple(
        draw(batch, cell.hidden_size, dtype=dtype, seed=9 + n) for n in range(n_parts)
    )


def drop(batch, hidden_size, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    keep = torch.full((batch, hidden_size), 0.7, dtype=dtype)
    return keep.bernoulli_(generator=generator) / 0.7


def run(cell, x, state=None, mask=None, of_outputs=True):
    """Return outputs and states, and the gradients of all that leads to them."""
    outputs, after = cell.sequence(x, state, hidden_mask=mask)
    results = [outputs, *after]
    scored = results if of_outputs else list(after)
    loss = sum((r * draw(*r.shape, dtype=r.dtype)).sum() for r in scored)
    leaves = [x, *cell.parameters(), *(state or ())]
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [*results, *(torch.zeros(()) if g is None else g for g in gradients)]


# A step of one sequence; more sequences than one block; wider than one panel
@pytest.mark.parametrize("shape", [(3, 5, 5), (1, 1, 5), (37, 2, 5), (2, 3, 70)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kernel", FAST)
def test_equals_the_loop(make, kernel, masked, shape):
    batch, n_steps, size = shape
    fast, loop = make(kernel, size), make("loop", size)
    x, state = draw(batch, n_steps, 3), state_of(loop, batch)
    mask = drop(batch, size) if masked else None
    for given in (None, state):
        expected = run(loop, x, given, mask)
        torch.testing.assert_close(run(fast, x, given, mask), expected)
    with torch.no_grad():
        torch.testing.assert_close(
            fast.sequence(x, state, hidden_mask=mask)[0], expected[0]
        )


@pytest.mark.parametrize("kernel", FAST)
def test_gradients(make, kernel):
    cell = make(kernel, 3)
    x, state, mask = draw(2, 3, 3), state_of(cell, 2), drop(2, 3)

    def sequence(x, *others):  # the weights are among them, and changed in place
        outputs, after = cell.sequence(x, others[: len(state)], hidden_mask=mask)
        return outputs, *after

    assert torch.autograd.gradcheck(sequence, (x, *state, *cell.parameters()))


@pytest.mark.parametrize("kernel", FAST)
def test_gradient_of_the_last_state_alone(make, kernel):
    x = draw(3, 4, 3)
    expected = run(make("loop"), x, of_outputs=False)
    torch.testing.assert_close(run(make(kernel), x, of_outputs=False), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kernel", FAST)
def test_decay_before_each_step(kernel, dtype):
    steps, batch, size = 4, 3, 5
    x = draw(steps, batch, 3 * size, dtype=dtype)
    hidden = draw(batch, size, dtype=dtype)
    decay = draw(steps, batch, size, dtype=dtype)
    weight, mask = draw(3 * size, size, dtype=dtype), drop(batch, size, dtype)
    outputs, last = kernels.compute(
        kernel, "gru_before", x, hidden, weight, mask, None, decay
    )
    cell = GRU(3, size, reset="before").to(dtype)
    cell.layer.weight_hh_l0.data = weight.data
    cell.layer.weight_hh_l0.requires_grad_()
    state, expected = hidden, []
    for x_t, decay_t in zip(x, decay, strict=True):
        output, (state,) = cell.advance(x_t, (state * decay_t,), mask)
        expected.append(output)
    torch.testing.assert_close(outputs, torch.stack(expected))
    torch.testing.assert_close(last, expected[-1])
    loss, same = (outputs**2).sum(), (torch.stack(expected) ** 2).sum()
    leaves = (x, hidden, decay, weight)
    own = (x, hidden, decay, cell.layer.weight_hh_l0)
    torch.testing.assert_close(
        torch.autograd.grad(loss, leaves), torch.autograd.grad(same, own)
    )


@pytest.mark.parametrize("masked", [False, True])
def test_single_precision(make, masked):
    mask = drop(33, 20) if masked else None
    x = draw(33, 30, 3)
    expected = run(make("loop", 20), x, mask=mask)
    single = make("numba", 20, torch.float32)
    x, mask = x.detach().float().requires_grad_(), mask.float() if masked else None
    for found, true in zip(run(single, x, mask=mask), expected, strict=True):
        scale = max(1.0, true.abs().max().item())
        assert (found - true).abs().max() < 1e-4 * scale


@pytest.mark.parametrize("kernel", FAST)
def test_nan_stays_nan(make, kernel):
    x = draw(6, 5, 3, dtype=torch.float32).detach()
    x[2, 3, 0] = torch.nan
    outputs, _ = make(kernel, dtype=torch.float32).sequence(x)
    assert outputs[2, 3:].isnan().all()
    assert outputs[2, :3].isfinite().all()
    assert outputs[[0, 1, 3, 4, 5]].isfinite().all()


@pytest.mark.parametrize("kernel", FAST)
def test_memory_layouts(make, kernel):
    cell = make(kernel)
    x = draw(3, 6, 4)
    for turned in (x.transpose(0, 1), x[:, ::2]):
        turned = turned[..., 1:]
        outputs, (hidden, *_) = cell.sequence(turned)
        alike, (same, *_) = cell.sequence(turned.contiguous())
        torch.testing.assert_close(outputs, alike)
        # A gradient that lies the other way round, and one without memory of its own
        scored = (outputs.mT.contiguous().mT * 2).sum() + hidden.T.cumsum(0).sum()
        again = (alike * 2).sum() + same.T.cumsum(0).sum()
        torch.testing.assert_close(
            torch.autograd.grad(scored, x), torch.autograd.grad(again, x)
        )


@pytest.mark.parametrize("kernel", FAST)
def test_backward_can_be_repeated(make, kernel):
    cell, x = make(kernel), draw(2, 4, 3)
    loss = cell.sequence(x)[0].square().sum()
    first = torch.autograd.grad(loss, x, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, x), first, rtol=0, atol=0)


@pytest.mark.parametrize("kernel", ["auto", "numba", "torch", "loop"])
def test_copies_and_pickles(make, kernel):
    cell, x = make(kernel), draw(2, 4, 3)
    before = cell.sequence(x)[0]
    for same in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        torch.testing.assert_close(same.sequence(x)[0], before, rtol=0, atol=0)


def test_nothing_is_kept_without_gradients():
    cell = LSTM(3, 4, kernel="torch")
    with torch.no_grad():
        assert cell.sequence(torch.zeros(2, 3, 3))[0].grad_fn is None
    cell.requires_grad_(False)
    assert not cell.sequence(torch.zeros(2, 3, 3))[0].requires_grad


def test_tanh_and_sigmoid_in_single_precision():
    from sklrnn.network.kernels.compiled.jit import jit, sigmoid, tanh

    @jit
    def both(x, tangents, sigmoids):
        for j in range(x.size):
            tangents[j] = tanh(x[j])
            sigmoids[j] = sigmoid(x[j])

    special = [0.0, -0.0, 1e-30, np.inf, -np.inf, np.nan, 1e30]
    x = np.array([*np.linspace(-30, 30, 100_001), *special], dtype=np.float32)
    tangents, sigmoids = np.empty_like(x), np.empty_like(x)
    both(x, tangents, sigmoids)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(tangents, np.tanh(exact), rtol=0, atol=4e-7)
    halves = 0.5 * np.tanh(exact / 2) + 0.5
    np.testing.assert_allclose(sigmoids, halves, rtol=0, atol=2e-7)


def chosen(monkeypatch, cell, x, **context):
    """Return the kernel that a cell's sequence runs."""
    found = []

    def choose(*args, **kwargs):
        found.append(kernels.choose(*args, **kwargs))
        return found[-1]

    monkeypatch.setattr("sklrnn.network.cells.base.choose", choose)
    cell.sequence(x, **context)
    return found[0]


@pytest.mark.parametrize(
    ("cell", "plain", "dropped"),
    [
        (LSTM(3, 4), "native", "numba"),
        (LSTM(3, 4, peephole=True), "numba", "numba"),
        (LSTM(3, 4, layer_norm=True), "numba", "numba"),
        (GRU(3, 4), "numba", "numba"),
        (GRU(3, 4).double(), "native", "torch"),
        (GRU(3, 4, reset="before").double(), "torch", "torch"),
        (Elman(3, 4), "numba", "numba"),
    ],
)
def test_what_auto_chooses(monkeypatch, cell, plain, dropped):
    x = torch.zeros(2, 5, 3, dtype=cell.layer.weight_hh_l0.dtype)
    mask = torch.ones(2, 4, dtype=x.dtype)
    assert chosen(monkeypatch, cell, x) == plain
    assert chosen(monkeypatch, cell, x[:, :1]) == "loop"
    assert chosen(monkeypatch, cell, x, hidden_mask=mask) == dropped


def test_without_numba(monkeypatch):
    monkeypatch.setattr(kernels, "_has_numba", lambda: False)
    x, mask = torch.zeros(2, 5, 3), torch.ones(2, 4)
    assert chosen(monkeypatch, GRU(3, 4), x) == "native"
    assert chosen(monkeypatch, GRU(3, 4), x, hidden_mask=mask) == "torch"
    assert chosen(monkeypatch, LSTM(3, 4, layer_norm=True), x) == "torch"
    with pytest.raises(ValueError, match="without numba, got 'numba'"):
        GRU(3, 4, kernel="numba").sequence(x)


def test_a_kernel_that_cannot_do_it():
    with pytest.raises(ValueError, match=r"kernel must be one of \['auto',.*'magic'"):
        Elman(3, 4, kernel="magic")
    with pytest.raises(ValueError, match="kernel must be one of.*got 'native'"):
        LSTM(3, 4, layer_norm=True, kernel="native")
    with pytest.raises(ValueError, match="with a hidden_mask.*got 'native'"):
        GRU(3, 4, kernel="native").sequence(
            torch.zeros(1, 2, 3), hidden_mask=torch.ones(1, 4)
        )
    half = GRU(3, 4, kernel="numba").to(torch.bfloat16)
    with pytest.raises(ValueError, match="for torch.bfloat16 on cpu, got 'numba'"):
        half.sequence(torch.zeros(1, 2, 3, dtype=torch.bfloat16))


class Outputs(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x):
        return self.cell.sequence(x)[0]


# What torch says of its own layer while it exports it
@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")
@pytest.mark.parametrize("cell", [LSTM(3, 4), GRU(3, 4, reset="before")])
def test_an_exported_cell_is_whole(cell):
    outputs, x = Outputs(cell), torch.randn(2, 5, 3)
    exported = torch.export.export(outputs, (x,)).module()
    torch.testing.assert_close(exported(x + 1), outputs(x + 1), rtol=0, atol=1e-5)
