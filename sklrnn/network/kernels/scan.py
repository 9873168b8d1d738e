"""Linear recurrences over whole sequences: h_t = a_t h_{t-1} + b_t."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_KERNELS = ("auto", "numba", "torch", "loop")


def check_kernel(kernel: str) -> None:
    """Raise a ValueError if nothing of that name runs scans."""
    if kernel not in _KERNELS:
        raise ValueError(f"kernel must be one of {_KERNELS}, got {kernel!r}")


def linear_scan(a: Tensor, b: Tensor, start: Tensor, kernel: str = "auto") -> Tensor:
    r"""Compute all steps of a linear recurrence.

    .. math:: h_t = a_t \odot h_{t-1} + b_t

    Parameters
    ----------
    a, b : Tensor of shape (batch, steps, n)
    start : Tensor of shape (batch, n)
        The state before the first step, h_0.
    kernel : {"auto", "numba", "torch", "loop"}, default="auto"
        "torch" runs on every device, in a number of operations that grows with the
        logarithm of the number of steps.

    Returns
    -------
    Tensor of shape (batch, steps, n)

    References
    ----------
    G. E. Blelloch, "Prefix sums and their applications", report CMU-CS-90-190, Carnegie
    Mellon University, 1990, section 1.4 (recurrences as scans).
    """
    if kernel == "loop":
        return _loop(a, b, start)
    return _Scan.apply(a, b, start)


def _loop(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    states = []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        start = a_t * start + b_t
        states.append(start)
    return torch.stack(states, dim=1)


class _Scan(torch.autograd.Function):
    """The recurrence; its gradient is one of the same kind, from the end.

    With g_t the gradient of h_t in all its uses, g_t = dh_t + a_{t+1} g_{t+1}.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> Tensor:
        states = _scan(a, b, start)
        ctx.save_for_backward(a, start, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, start, states = ctx.saved_tensors
        nothing = torch.zeros_like(start)
        following = torch.cat([a[:, 1:], nothing.unsqueeze(1)], dim=1)
        grad = _scan(following.flip(1), grad.flip(1), nothing).flip(1)
        before = torch.cat([start.unsqueeze(1), states[:, :-1]], dim=1)
        return grad * before, grad, a[:, 0] * grad[:, 0]


def _scan(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """Run the recurrence in a number of operations logarithmic in the steps.

    Two steps are one: h_2 = (a_2 a_1) h_0 + (a_2 b_1 + b_2). So the even states follow
    from a recurrence half as long, and the odd ones in between from them.
    """
    n_steps = b.shape[1]
    first = a[:, :1] * start.unsqueeze(1) + b[:, :1]
    if n_steps == 1:
        return first
    a_odd, a_even = a[:, 0 : n_steps - 1 : 2], a[:, 1::2]
    b_odd, b_even = b[:, 0 : n_steps - 1 : 2], b[:, 1::2]
    states = torch.empty_like(b)
    states[:, :1] = first
    even = _scan(a_even * a_odd, torch.addcmul(b_even, a_even, b_odd), start)
    states[:, 1::2] = even
    n_between = (n_steps - 1) // 2
    torch.addcmul(b[:, 2::2], a[:, 2::2], even[:, :n_between], out=states[:, 2::2])
    return states
