"""Elman's simple recurrent network, in machine code."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, inline, jit, tanh
from sklrnn.network.kernels.compiled.product import BLOCK, PANEL, multiply, panels
from sklrnn.network.kernels.compiled.rows import masked
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
    mask: Tensor | None,
    relu: bool,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Return outputs of all steps and the last hidden state.

    Shapes are those of `sklrnn.network.kernels.eager.elman.forward`.
    """
    hiddens = hidden.new_empty(len(projected) + 1, *hidden.shape)
    hiddens[0] = hidden
    _forward(
        array(projected, hiddens),
        panels(weight),
        array(mask, hiddens),
        relu,
        array(hiddens, hiddens),
    )
    return (hiddens[1:], hiddens[-1].clone()), (weight, mask, hiddens, relu)


@jit
def _forward(projected: Any, panels: Any, mask: Any, relu: bool, hiddens: Any) -> None:
    n_steps, batch, size = projected.shape
    read = np.empty((BLOCK, size), projected.dtype)
    recurrent = np.empty((BLOCK, len(panels) * PANEL), projected.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps):
            for row in range(first, last):
                masked(hiddens[step, row], mask, row, read[row - first])
            multiply(read[: last - first], panels, recurrent)
            for row in range(first, last):
                _activate(
                    projected[step, row],
                    recurrent[row - first],
                    relu,
                    hiddens[step + 1, row],
                )


@inline
def _activate(projected: Any, recurrent: Any, relu: bool, hidden: Any) -> None:
    zero = hidden.dtype.type(0)
    if relu:
        for j in range(hidden.size):
            a = projected[j] + recurrent[j]
            hidden[j] = zero if a < zero else a  # max may drop a NaN
    else:
        for j in range(hidden.size):
            hidden[j] = tanh(projected[j] + recurrent[j])


def backward(kept: Kept, d_outputs: Tensor | None, d_hidden: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, hiddens, relu = kept
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_projected = torch.empty_like(hiddens[1:])
    _backward(
        array(d_outputs, hiddens, 3),
        panels(weight.T),
        array(mask, hiddens),
        relu,
        array(hiddens, hiddens),
        array(d_hidden, hiddens),
        array(d_projected, hiddens),
    )
    d_weight = weight_gradient(d_projected, seen(hiddens, mask))
    return d_projected, d_hidden, d_weight, None, None


@jit
def _backward(
    d_outputs: Any,
    panels: Any,
    mask: Any,
    relu: bool,
    hiddens: Any,
    d_hidden: Any,
    d_projected: Any,
) -> None:
    n_steps, batch, size = d_projected.shape
    future = np.empty((BLOCK, len(panels) * PANEL), d_hidden.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps - 1, -1, -1):
            for row in range(first, last):
                if d_outputs.size:
                    for j in range(size):
                        d_hidden[row, j] += d_outputs[step, row, j]
                _go_back(
                    hiddens[step + 1, row], relu, d_hidden[row], d_projected[step, row]
                )
            multiply(d_projected[step, first:last], panels, future)
            for row in range(first, last):
                masked(future[row - first], mask, row, d_hidden[row])


@inline
def _go_back(hidden: Any, relu: bool, d_hidden: Any, d_projected: Any) -> None:
    zero, one = hidden.dtype.type(0), hidden.dtype.type(1)
    if relu:
        for j in range(hidden.size):
            d_projected[j] = zero if hidden[j] <= zero else d_hidden[j]
    else:
        for j in range(hidden.size):
            d_projected[j] = d_hidden[j] * (one - hidden[j] * hidden[j])
