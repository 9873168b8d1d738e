"""The GRU with the reset gate before the product, in machine code."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, inline, jit, sigmoid, tanh
from sklrnn.network.kernels.compiled.product import BLOCK, PANEL, multiply, panels
from sklrnn.network.kernels.compiled.rows import masked, normalise, normalise_backward
from sklrnn.network.kernels.eager.gru_before import inputs_of_steps
from sklrnn.network.kernels.recurrence import (
    Kept,
    Tensors,
    weight_gradient,
    zeros_unless,
)


def forward(
    projected: Tensor,
    hidden: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    gain: Tensor | None,
    decay: Tensor | None,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Return outputs of all steps and the last hidden state.

    Shapes are those of `sklrnn.network.kernels.eager.gru_before.forward`.
    """
    n_steps, batch, width = projected.shape
    size = width // 3
    n_kept = n_steps if keep else 1
    hiddens = hidden.new_empty(n_steps + 1, *hidden.shape)
    hiddens[0] = hidden
    gates = projected.new_empty(n_kept, batch, width)
    normed = None if gain is None else torch.empty_like(gates)
    scales = None if gain is None else gates.new_empty(n_kept, batch, 3)
    _forward(
        array(projected, gates),
        panels(weight[: 2 * size]),
        panels(weight[2 * size :]),
        array(mask, gates),
        array(gain, gates),
        array(decay, gates, 3),
        array(hiddens, gates),
        array(gates, gates),
        array(normed, gates, 3),
        array(scales, gates, 3),
        keep,
    )
    kept = (weight, mask, gain, decay, hiddens, gates, normed, scales)
    return (hiddens[1:], hiddens[-1].clone()), kept


@jit
def _forward(
    projected: Any,
    gate_panels: Any,
    new_panels: Any,
    mask: Any,
    gain: Any,
    decay: Any,
    hiddens: Any,
    gates: Any,
    normed: Any,
    scales: Any,
    keep: bool,
) -> None:
    n_steps, batch, _ = projected.shape
    size = hiddens.shape[2]
    before = np.empty((BLOCK, size), projected.dtype)
    read = np.empty((BLOCK, size), projected.dtype)
    gate = np.empty((BLOCK, len(gate_panels) * PANEL), projected.dtype)
    new = np.empty((BLOCK, len(new_panels) * PANEL), projected.dtype)
    for first in range(0, batch, BLOCK):
        n_rows = min(BLOCK, batch - first)
        for step in range(n_steps):
            here = step * keep  # what is not kept is written over
            for b in range(n_rows):
                _begin(hiddens, decay, step, first + b, before[b])
                masked(before[b], mask, first + b, read[b])
            multiply(read[:n_rows], gate_panels, gate)
            for b in range(n_rows):
                row = first + b
                if gain.size:
                    normalise(gate[b], gain[:2], normed[here, row], scales[here, row])
                for j in range(2 * size):
                    gates[here, row, j] = sigmoid(projected[step, row, j] + gate[b, j])
                for j in range(size):
                    read[b, j] *= gates[here, row, j]
            multiply(read[:n_rows], new_panels, new)
            for b in range(n_rows):
                row = first + b
                if gain.size:
                    normalise(
                        new[b],
                        gain[2:],
                        normed[here, row, 2 * size :],
                        scales[here, row, 2:],
                    )
                _blend(
                    projected[step, row, 2 * size :],
                    new[b],
                    before[b],
                    gates[here, row, size:],
                    hiddens[step + 1, row],
                )


@inline
def _begin(hiddens: Any, decay: Any, step: int, row: int, before: Any) -> None:
    """Write what the step begins with, the decayed h_{t-1}."""
    hidden = hiddens[step, row]
    for j in range(before.size):
        before[j] = hidden[j]
    if decay.size:
        for j in range(before.size):
            before[j] *= decay[step, row, j]


@inline
def _blend(projected: Any, new: Any, before: Any, gates: Any, hidden: Any) -> None:
    size = before.size
    z, n = gates[:size], gates[size:]
    for j in range(size):
        n[j] = tanh(projected[j] + new[j])
    for j in range(size):
        hidden[j] = n[j] + z[j] * (before[j] - n[j])


def backward(kept: Kept, d_outputs: Tensor | None, d_hidden: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, gain, decay, hiddens, gates, normed, scales = kept
    two = 2 * hiddens.shape[2]
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_gates = torch.empty_like(gates)
    d_recurrent = d_gates if gain is None else torch.empty_like(gates)
    d_gain = None if gain is None else gain.new_zeros(gain.shape)
    d_decay = None if decay is None else torch.empty_like(hiddens[1:])
    _backward(
        array(d_outputs, gates, 3),
        panels(weight[:two].T),
        panels(weight[two:].T),
        array(mask, gates),
        array(gain, gates),
        array(decay, gates, 3),
        array(hiddens, gates),
        array(gates, gates),
        array(normed, gates, 3),
        array(scales, gates, 3),
        array(d_hidden, gates),
        array(d_gates, gates),
        array(d_recurrent, gates),
        array(d_gain, gates),
        array(d_decay, gates, 3),
    )
    _, read, reset_read = inputs_of_steps(hiddens, gates, mask, decay)
    d_weight = torch.cat(
        [
            weight_gradient(d_recurrent[..., :two], read),
            weight_gradient(d_recurrent[..., two:], reset_read),
        ]
    )
    return d_gates, d_hidden, d_weight, None, d_gain, d_decay


@jit
def _backward(
    d_outputs: Any,
    gate_panels: Any,
    new_panels: Any,
    mask: Any,
    gain: Any,
    decay: Any,
    hiddens: Any,
    gates: Any,
    normed: Any,
    scales: Any,
    d_hidden: Any,
    d_gates: Any,
    d_recurrent: Any,
    d_gain: Any,
    d_decay: Any,
) -> None:
    n_steps, batch, _ = gates.shape
    size = d_hidden.shape[1]
    before = np.empty(size, gates.dtype)
    read = np.empty(size, gates.dtype)
    through_gates = np.empty((BLOCK, len(gate_panels) * PANEL), gates.dtype)
    through_new = np.empty((BLOCK, len(new_panels) * PANEL), gates.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps - 1, -1, -1):
            for row in range(first, last):
                if d_outputs.size:
                    for j in range(size):
                        d_hidden[row, j] += d_outputs[step, row, j]
                _begin(hiddens, decay, step, row, before)
                _blend_backward(
                    gates[step, row, size:],
                    before,
                    d_hidden[row],
                    d_gates[step, row, size:],
                )
                if gain.size:
                    normalise_backward(
                        d_gates[step, row, 2 * size :],
                        gain[2:],
                        normed[step, row, 2 * size :],
                        scales[step, row, 2:],
                        d_gain[2:],
                        d_recurrent[step, row, 2 * size :],
                    )
            multiply(d_recurrent[step, first:last, 2 * size :], new_panels, through_new)
            for row in range(first, last):
                _begin(hiddens, decay, step, row, before)
                masked(before, mask, row, read)
                _reset_backward(
                    gates[step, row],
                    read,
                    through_new[row - first],
                    d_gates[step, row],
                )
                if gain.size:
                    normalise_backward(
                        d_gates[step, row],
                        gain[:2],
                        normed[step, row],
                        scales[step, row],
                        d_gain[:2],
                        d_recurrent[step, row],
                    )
            multiply(d_recurrent[step, first:last], gate_panels, through_gates)
            for row in range(first, last):
                b = row - first
                for j in range(size):
                    through_new[b, j] += through_gates[b, j]
                masked(through_new[b], mask, row, read)
                for j in range(size):
                    d_hidden[row, j] += read[j]
                if decay.size:
                    for j in range(size):
                        d_decay[step, row, j] = d_hidden[row, j] * hiddens[step, row, j]
                        d_hidden[row, j] *= decay[step, row, j]


@inline
def _blend_backward(gates: Any, before: Any, d_hidden: Any, d_gates: Any) -> None:
    size = before.size
    one = gates.dtype.type(1)  # a plain 1 would make it all float64
    z, n = gates[:size], gates[size:]
    d_z, d_n = d_gates[:size], d_gates[size:]
    for j in range(size):
        d_z[j] = d_hidden[j] * (before[j] - n[j]) * z[j] * (one - z[j])
        d_n[j] = d_hidden[j] * (one - z[j]) * (one - n[j] * n[j])
        d_hidden[j] *= z[j]


@inline
def _reset_backward(gates: Any, read: Any, through_new: Any, d_gates: Any) -> None:
    """Write r's gradient; what went through r becomes what reaches `read`."""
    one = gates.dtype.type(1)
    for j in range(read.size):
        r = gates[j]
        d_gates[j] = through_new[j] * read[j] * r * (one - r)
        through_new[j] *= r
