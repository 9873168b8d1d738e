"""Linear recurrences, one step after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, jit
from sklrnn.network.kernels.recurrence import Kept, Tensors


def forward(a: Tensor, b: Tensor, start: Tensor, *, keep: bool) -> tuple[Tensors, Kept]:
    """Return the states of all steps, (batch, steps, n) as a and b."""
    states = torch.empty_like(b, memory_format=torch.contiguous_format)
    _forward(
        array(a, states), array(b, states), array(start, states), array(states, states)
    )
    return (states,), (a, start, states)


@jit
def _forward(a, b, start, states):
    batch, n_steps, size = states.shape
    for row in range(batch):
        for step in range(n_steps):
            before = states[row, step - 1] if step else start[row]
            for j in range(size):
                states[row, step, j] = a[row, step, j] * before[j] + b[row, step, j]


def backward(kept: Kept, d_states: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    if d_states is None:
        return None, None, None
    a, start, states = kept
    d_a, d_b = torch.empty_like(states), torch.empty_like(states)
    d_start = torch.zeros_like(start)
    _backward(
        array(d_states, states),
        array(a, states),
        array(start, states),
        array(states, states),
        array(d_a, states),
        array(d_b, states),
        array(d_start, states),
    )
    return d_a, d_b, d_start


@jit
def _backward(d_states, a, start, states, d_a, d_b, d_start):
    batch, n_steps, size = states.shape
    for row in range(batch):
        d_state = d_start[row]
        for step in range(n_steps - 1, -1, -1):
            before = states[row, step - 1] if step else start[row]
            for j in range(size):
                d = d_state[j] + d_states[row, step, j]
                d_a[row, step, j] = d * before[j]
                d_b[row, step, j] = d
                d_state[j] = d * a[row, step, j]
