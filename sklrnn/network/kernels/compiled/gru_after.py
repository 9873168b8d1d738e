"""The GRU with the reset gate after the product, in machine code.

The recurrent side of the gates stands in the order n, r, z: then the gradients of the
recurrent side (n, r, z) and of the input side (r, z, n) overlap in one row of four,
n's recurrent part, r, z and n, and nothing is stored twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, inline, jit, sigmoid, tanh
from sklrnn.network.kernels.compiled.product import BLOCK, PANEL, multiply, panels
from sklrnn.network.kernels.compiled.rows import masked, normalise, normalise_backward
from sklrnn.network.kernels.recurrence import (
    Kept,
    Tensors,
    seen,
    weight_gradient,
    zeros_unless,
)


def forward(
    projected: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    mask: Tensor | None,
    gain: Tensor | None,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Return outputs of all steps and the last hidden state.

    Shapes are those of `sklrnn.network.kernels.eager.gru_after.forward`.
    """
    n_steps, batch, width = projected.shape
    size = width // 3
    n_kept = n_steps if keep else 1
    weight = weight.roll(size, 0)
    gain = None if gain is None else gain.roll(1, 0)
    hiddens = hidden.new_empty(n_steps + 1, *hidden.shape)
    hiddens[0] = hidden
    gates = projected.new_empty(n_kept, batch, 4 * size)
    normed = None if gain is None else gates.new_empty(n_kept, batch, 3 * size)
    scales = None if gain is None else gates.new_empty(n_kept, batch, 3)
    _forward(
        array(projected, gates),
        panels(weight),
        array(bias, gates),
        array(mask, gates),
        array(gain, gates),
        array(hiddens, gates),
        array(gates, gates),
        array(normed, gates, 3),
        array(scales, gates, 3),
        keep,
    )
    kept = (weight, mask, gain, hiddens, gates, normed, scales)
    return (hiddens[1:], hiddens[-1].clone()), kept


@jit
def _forward(
    projected: Any,
    panels: Any,
    bias: Any,
    mask: Any,
    gain: Any,
    hiddens: Any,
    gates: Any,
    normed: Any,
    scales: Any,
    keep: bool,
) -> None:
    n_steps, batch, _ = projected.shape
    read = np.empty((BLOCK, hiddens.shape[2]), projected.dtype)
    recurrent = np.empty((BLOCK, len(panels) * PANEL), projected.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps):
            here = step * keep  # what is not kept is written over
            for row in range(first, last):
                masked(hiddens[step, row], mask, row, read[row - first])
            multiply(read[: last - first], panels, recurrent)
            for row in range(first, last):
                if gain.size:
                    normalise(
                        recurrent[row - first],
                        gain,
                        normed[here, row],
                        scales[here, row],
                    )
                _advance(
                    projected[step, row],
                    recurrent[row - first],
                    bias,
                    hiddens[step, row],
                    gates[here, row],
                    hiddens[step + 1, row],
                )


@inline
def _advance(
    projected: Any, recurrent: Any, bias: Any, before: Any, gates: Any, after: Any
) -> None:
    size = before.size
    a, r = gates[:size], gates[size : 2 * size]
    z, n = gates[2 * size : 3 * size], gates[3 * size :]
    for j in range(size):
        a[j] = recurrent[j] + bias[j]
    for j in range(2 * size):
        gates[size + j] = sigmoid(projected[j] + recurrent[size + j])
    for j in range(size):
        n[j] = tanh(projected[2 * size + j] + r[j] * a[j])
    for j in range(size):
        after[j] = n[j] + z[j] * (before[j] - n[j])


def backward(kept: Kept, d_outputs: Tensor | None, d_hidden: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, gain, hiddens, gates, normed, scales = kept
    size = hiddens.shape[2]
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_gates = torch.empty_like(gates)
    d_recurrent = d_gates if normed is None else torch.empty_like(normed)
    d_gain = None if gain is None else gain.new_zeros(gain.shape)
    _backward(
        array(d_outputs, gates, 3),
        panels(weight.T),
        array(mask, gates),
        array(gain, gates),
        array(hiddens, gates),
        array(gates, gates),
        array(normed, gates, 3),
        array(scales, gates, 3),
        array(d_hidden, gates),
        array(d_gates, gates),
        array(d_recurrent, gates),
        array(d_gain, gates),
    )
    d_weight = weight_gradient(d_recurrent[..., : 3 * size], seen(hiddens, mask))
    d_bias = d_gates[..., :size].sum((0, 1))
    d_gain = None if d_gain is None else d_gain.roll(-1, 0)
    d_projected = d_gates[..., size:]
    return d_projected, d_hidden, d_weight.roll(-size, 0), d_bias, None, d_gain


@jit
def _backward(
    d_outputs: Any,
    panels: Any,
    mask: Any,
    gain: Any,
    hiddens: Any,
    gates: Any,
    normed: Any,
    scales: Any,
    d_hidden: Any,
    d_gates: Any,
    d_recurrent: Any,
    d_gain: Any,
) -> None:
    n_steps, batch, _ = gates.shape
    size = d_hidden.shape[1]
    future = np.empty((BLOCK, len(panels) * PANEL), gates.dtype)
    read = np.empty(size, gates.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps - 1, -1, -1):
            for row in range(first, last):
                if d_outputs.size:
                    for j in range(size):
                        d_hidden[row, j] += d_outputs[step, row, j]
                _go_back(
                    gates[step, row],
                    hiddens[step, row],
                    d_hidden[row],
                    d_gates[step, row],
                )
                if gain.size:
                    normalise_backward(
                        d_gates[step, row],
                        gain,
                        normed[step, row],
                        scales[step, row],
                        d_gain,
                        d_recurrent[step, row],
                    )
            multiply(d_recurrent[step, first:last], panels, future)
            for row in range(first, last):
                masked(future[row - first], mask, row, read)
                for j in range(size):
                    d_hidden[row, j] += read[j]


@inline
def _go_back(gates: Any, before: Any, d_hidden: Any, d_gates: Any) -> None:
    size = before.size
    one = gates.dtype.type(1)  # a plain 1 would make it all float64
    a, r = gates[:size], gates[size : 2 * size]
    z, n = gates[2 * size : 3 * size], gates[3 * size :]
    d_a, d_r = d_gates[:size], d_gates[size : 2 * size]
    d_z, d_n = d_gates[2 * size : 3 * size], d_gates[3 * size :]
    for j in range(size):
        d_n[j] = d_hidden[j] * (one - z[j]) * (one - n[j] * n[j])
        d_z[j] = d_hidden[j] * (before[j] - n[j]) * z[j] * (one - z[j])
        d_hidden[j] *= z[j]
    for j in range(size):
        d_a[j] = d_n[j] * r[j]
        d_r[j] = d_n[j] * a[j] * r[j] * (one - r[j])
