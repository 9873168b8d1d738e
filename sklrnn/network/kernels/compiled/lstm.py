"""The LSTM in machine code; `sklrnn.network.cells.lstm` has the equations."""

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
    cell: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    gain: Tensor | None,
    peephole: Tensor | None,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Return outputs of all steps, last hidden state and last cell state.

    Shapes are those of `sklrnn.network.kernels.eager.lstm.forward`.
    """
    n_steps, batch, width = projected.shape
    n_kept = n_steps if keep else 1
    hiddens = hidden.new_empty(n_steps + 1, *hidden.shape)
    hiddens[0] = hidden
    cells = cell.new_empty(n_steps + 1 if keep else 1, *cell.shape)
    cells[0] = cell
    gates = projected.new_empty(n_kept, batch, width)
    normed = None if gain is None else torch.empty_like(gates)
    scales = None if gain is None else gates.new_empty(n_kept, batch, len(gain))
    _forward(
        array(projected, gates),
        panels(weight),
        array(mask, gates),
        array(gain, gates),
        array(peephole, gates),
        array(hiddens, gates),
        array(cells, gates),
        array(gates, gates),
        array(normed, gates, 3),
        array(scales, gates, 3),
        keep,
    )
    kept = (weight, mask, gain, peephole, hiddens, cells, gates, normed, scales)
    return (hiddens[1:], hiddens[-1].clone(), cells[-1].clone()), kept


@jit
def _forward(
    projected: Any,
    panels: Any,
    mask: Any,
    gain: Any,
    peephole: Any,
    hiddens: Any,
    cells: Any,
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
            # What is not kept is written over, at every step in the same place.
            here, there = step * keep, (step + 1) * keep
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
                    peephole,
                    cells[here, row],
                    gates[here, row],
                    cells[there, row],
                    hiddens[step + 1, row],
                )


@inline
def _advance(
    projected: Any,
    recurrent: Any,
    peephole: Any,
    before: Any,
    gates: Any,
    after: Any,
    hidden: Any,
) -> None:
    # One loop for every function: a loop with two is slower than two loops.
    size = before.size
    i, f = gates[:size], gates[size : 2 * size]
    g, o = gates[2 * size : 3 * size], gates[3 * size :]
    for j in range(gates.size):
        gates[j] = projected[j] + recurrent[j]
    if peephole.size:
        for j in range(size):
            i[j] += peephole[0, j] * before[j]
            f[j] += peephole[1, j] * before[j]
    for j in range(2 * size):
        gates[j] = sigmoid(gates[j])
    for j in range(size):
        g[j] = tanh(g[j])
    for j in range(size):
        after[j] = f[j] * before[j] + i[j] * g[j]
    if peephole.size:
        for j in range(size):
            o[j] += peephole[2, j] * after[j]
    for j in range(size):
        o[j] = sigmoid(o[j])
    for j in range(size):
        hidden[j] = o[j] * tanh(after[j])


def backward(
    kept: Kept,
    d_outputs: Tensor | None,
    d_hidden: Tensor | None,
    d_cell: Tensor | None,
) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, gain, peephole, hiddens, cells, gates, normed, scales = kept
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_cell = zeros_unless(d_cell, hiddens[0])
    d_projected = torch.empty_like(gates)
    d_recurrent = d_projected if gain is None else torch.empty_like(gates)
    d_gain = None if gain is None else gain.new_zeros(gain.shape)
    d_peephole = None if peephole is None else peephole.new_zeros(peephole.shape)
    _backward(
        array(d_outputs, gates, 3),
        panels(weight.T),
        array(mask, gates),
        array(gain, gates),
        array(peephole, gates),
        array(cells, gates),
        array(gates, gates),
        array(normed, gates, 3),
        array(scales, gates, 3),
        array(d_hidden, gates),
        array(d_cell, gates),
        array(d_projected, gates),
        array(d_recurrent, gates),
        array(d_gain, gates),
        array(d_peephole, gates),
    )
    d_weight = weight_gradient(d_recurrent, seen(hiddens, mask))
    return d_projected, d_hidden, d_cell, d_weight, None, d_gain, d_peephole


@jit
def _backward(
    d_outputs: Any,
    panels: Any,
    mask: Any,
    gain: Any,
    peephole: Any,
    cells: Any,
    gates: Any,
    normed: Any,
    scales: Any,
    d_hidden: Any,
    d_cell: Any,
    d_projected: Any,
    d_recurrent: Any,
    d_gain: Any,
    d_peephole: Any,
) -> None:
    n_steps, batch, _ = gates.shape
    size = d_hidden.shape[1]
    future = np.empty((BLOCK, len(panels) * PANEL), gates.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps - 1, -1, -1):
            for row in range(first, last):
                if d_outputs.size:
                    for j in range(size):
                        d_hidden[row, j] += d_outputs[step, row, j]
                _go_back(
                    gates[step, row],
                    peephole,
                    cells[step, row],
                    cells[step + 1, row],
                    d_hidden[row],
                    d_cell[row],
                    d_projected[step, row],
                    d_peephole,
                )
                if gain.size:
                    normalise_backward(
                        d_projected[step, row],
                        gain,
                        normed[step, row],
                        scales[step, row],
                        d_gain,
                        d_recurrent[step, row],
                    )
            multiply(d_recurrent[step, first:last], panels, future)
            for row in range(first, last):
                masked(future[row - first], mask, row, d_hidden[row])


@inline
def _go_back(
    gates: Any,
    peephole: Any,
    before: Any,
    after: Any,
    d_hidden: Any,
    d_cell: Any,
    d_gates: Any,
    d_peephole: Any,
) -> None:
    size = before.size
    one = gates.dtype.type(1)  # a plain 1 would make it all float64
    i, f = gates[:size], gates[size : 2 * size]
    g, o = gates[2 * size : 3 * size], gates[3 * size :]
    d_i, d_f = d_gates[:size], d_gates[size : 2 * size]
    d_g, d_o = d_gates[2 * size : 3 * size], d_gates[3 * size :]
    for j in range(size):
        x = tanh(after[j])
        d_o[j] = d_hidden[j] * x * o[j] * (one - o[j])
        d_cell[j] += d_hidden[j] * o[j] * (one - x * x)
    if peephole.size:
        for j in range(size):
            d_cell[j] += d_o[j] * peephole[2, j]
            d_peephole[2, j] += d_o[j] * after[j]
    for j in range(size):
        d_i[j] = d_cell[j] * g[j] * i[j] * (one - i[j])
        d_f[j] = d_cell[j] * before[j] * f[j] * (one - f[j])
        d_g[j] = d_cell[j] * i[j] * (one - g[j] * g[j])
        d_cell[j] *= f[j]
    if peephole.size:
        for j in range(size):
            d_cell[j] += d_i[j] * peephole[0, j] + d_f[j] * peephole[1, j]
            d_peephole[0, j] += d_i[j] * before[j]
            d_peephole[1, j] += d_f[j] * before[j]
