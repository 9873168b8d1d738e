"""Linear recurrences, in a number of operations logarithmic in the steps."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.kernels.recurrence import Kept, Tensors


def forward(a: Tensor, b: Tensor, start: Tensor, *, keep: bool) -> tuple[Tensors, Kept]:
    """Return the states of all steps, of the shape of a and b."""
    states = _scan(a, b, start)
    return (states,), (a, start, states)


def backward(kept: Kept, d_states: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`.

    The gradient of h_t in all its uses is g_t = dh_t + a_{t+1} g_{t+1}: a linear
    recurrence, too, from the end.
    """
    if d_states is None:
        return None, None, None
    a, start, states = kept
    nothing = torch.zeros_like(start)
    following = torch.cat([a[:, 1:], nothing.unsqueeze(1)], dim=1)
    d_b = _scan(following.flip(1), d_states.flip(1), nothing).flip(1)
    before = torch.cat([start.unsqueeze(1), states[:, :-1]], dim=1)
    return d_b * before, d_b, a[:, 0] * d_b[:, 0]


def _scan(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """Run the recurrence over half as many steps, recursively.

    Two steps are one: h_2 = (a_2 a_1) h_0 + (a_2 b_1 + b_2). So the even states follow
    from a recurrence half as long, and the odd ones in between from them.
    """
    n_steps = b.shape[1]
    first = torch.addcmul(b[:, :1], a[:, :1], start.unsqueeze(1))
    if n_steps == 1:
        return first
    a_odd, a_even = a[:, 0 : n_steps - 1 : 2], a[:, 1::2]
    b_odd, b_even = b[:, 0 : n_steps - 1 : 2], b[:, 1::2]
    even = _scan(a_even * a_odd, torch.addcmul(b_even, a_even, b_odd), start)
    states = torch.empty_like(b)
    states[:, :1], states[:, 1::2] = first, even
    n_between = (n_steps - 1) // 2
    states[:, 2::2] = torch.addcmul(b[:, 2::2], a[:, 2::2], even[:, :n_between])
    return states
