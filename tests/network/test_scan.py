import pytest
import torch

from sklrnn.network.kernels.scan import linear_scan

RNG = torch.Generator().manual_seed(0)
KERNELS = pytest.mark.parametrize("kernel", ["numba", "torch", "auto"])


def inputs(n_steps, dtype=torch.float64):
    a, b = torch.randn(2, 3, n_steps, 4, generator=RNG, dtype=torch.float64)
    start = torch.randn(3, 4, generator=RNG, dtype=torch.float64)
    return [t.to(dtype).requires_grad_() for t in (torch.sigmoid(a), b, start)]


def transcribed(a, b, state):
    states = []
    for step in range(a.shape[1]):
        state = a[:, step] * state + b[:, step]
        states.append(state)
    return torch.stack(states, 1)


@KERNELS
@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 7, 8, 9, 64, 101])
def test_recurrence(kernel, n_steps):
    a, b, start = inputs(n_steps, torch.float32)
    scanned = linear_scan(a, b, start, kernel)
    torch.testing.assert_close(scanned, transcribed(a, b, start))
    assert scanned.dtype == torch.float32


@KERNELS
@pytest.mark.parametrize("n_steps", [1, 2, 5, 8])
def test_gradients(kernel, n_steps):
    assert torch.autograd.gradcheck(
        lambda *t: linear_scan(*t, kernel), inputs(n_steps), atol=1e-7
    )


@KERNELS
def test_memory_of_any_order(kernel):
    a, b, start = inputs(6, torch.float32)
    expected = linear_scan(a, b, start, kernel)
    strided = [t.transpose(0, -1).contiguous().transpose(0, -1) for t in (a, b, start)]
    torch.testing.assert_close(linear_scan(*strided, kernel), expected)
    expected.sum().backward()


@KERNELS
def test_nan_goes_forward_in_its_own_channel_only(kernel):
    a, b, start = (t.detach() for t in inputs(9, torch.float32))
    b[1, 4, 2] = torch.nan
    missing = linear_scan(a, b, start, kernel).isnan()
    assert missing[1, 4:, 2].all()
    missing[1, 4:, 2] = False
    assert not missing.any()


@KERNELS
def test_nothing_is_kept_where_no_gradient_is_wanted(kernel):
    a, b, start = inputs(5, torch.float32)
    with torch.no_grad():
        assert linear_scan(a, b, start, kernel).grad_fn is None


def test_a_long_memory_is_not_lost_to_rounding():
    a = torch.full((1, 100_000, 1), 1 - 1e-5)
    states = linear_scan(a, 1e-5 * torch.ones_like(a), torch.zeros(1, 1), "torch")
    expected = 1 - (1 - 1e-5) ** 100_000
    torch.testing.assert_close(states[0, -1, 0].item(), expected, rtol=1e-3, atol=0)
