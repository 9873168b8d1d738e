"""The minimal GRU and LSTM: gates and recurrence of whole sequences in one pass."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, jit
from sklrnn.network.kernels.recurrence import Kept, Tensors

_SHUT = -80.0  # Where exp(-x) is still a number in single precision.


def forward(
    gate: Tensor,
    forget: Tensor | None,
    candidate: Tensor,
    start: Tensor,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Return the states of all steps, each (batch, steps, n) as gates and candidate.

    ``gate`` and ``forget`` are what the logistic function is applied to.
    """
    states = torch.empty_like(candidate)
    closed = gate.clamp(min=_SHUT).neg_().exp_()
    lost = None if forget is None else forget.clamp(min=_SHUT).neg_().exp_()
    _forward(
        array(closed, states),
        array(lost, states, 3),
        array(candidate, states),
        array(start, states),
        array(states, states),
    )
    return (states,), (closed, lost, candidate, start, states)


@jit
def _forward(closed, lost, candidate, start, states):
    batch, n_steps, size = states.shape
    one = states.dtype.type(1)
    for row in range(batch):
        for step in range(n_steps):
            before = states[row, step - 1] if step else start[row]
            b, c, after = closed[row, step], candidate[row, step], states[row, step]
            if lost.size:
                a = lost[row, step]
                for j in range(size):
                    z = (one + a[j]) / ((one + a[j]) + (one + b[j]))
                    after[j] = before[j] + z * (c[j] - before[j])
            else:
                for j in range(size):
                    after[j] = before[j] + (c[j] - before[j]) / (one + b[j])


def backward(kept: Kept, d_states: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    if d_states is None:
        return None, None, None, None
    closed, lost, candidate, start, states = kept
    d_gate, d_candidate = torch.empty_like(states), torch.empty_like(states)
    d_forget = None if lost is None else torch.empty_like(states)
    d_start = torch.zeros_like(start)
    _backward(
        array(d_states, states),
        array(closed, states),
        array(lost, states, 3),
        array(candidate, states),
        array(start, states),
        array(states, states),
        array(d_gate, states),
        array(d_forget, states, 3),
        array(d_candidate, states),
        array(d_start, states),
    )
    return d_gate, d_forget, d_candidate, d_start


@jit
def _backward(
    d_states,
    closed,
    lost,
    candidate,
    start,
    states,
    d_gate,
    d_forget,
    d_candidate,
    d_start,
):
    batch, n_steps, size = states.shape
    one = states.dtype.type(1)
    for row in range(batch):
        d_state = d_start[row]
        for step in range(n_steps - 1, -1, -1):
            before = states[row, step - 1] if step else start[row]
            b, c = closed[row, step], candidate[row, step]
            d, d_b, d_c = d_states[row, step], d_gate[row, step], d_candidate[row, step]
            if lost.size:
                a, d_a = lost[row, step], d_forget[row, step]
                for j in range(size):
                    total = (one + a[j]) + (one + b[j])
                    z, rest = (one + a[j]) / total, (one + b[j]) / total
                    d_state[j] += d[j]
                    d_z = d_state[j] * (c[j] - before[j]) * z * rest
                    d_b[j] = d_z * b[j] / (one + b[j])
                    d_a[j] = -d_z * a[j] / (one + a[j])
                    d_c[j] = d_state[j] * z
                    d_state[j] *= rest
            else:
                for j in range(size):
                    z = one / (one + b[j])
                    rest = b[j] * z
                    d_state[j] += d[j]
                    d_b[j] = d_state[j] * (c[j] - before[j]) * z * rest
                    d_c[j] = d_state[j] * z
                    d_state[j] *= rest
