"""Jordan's network: whole sequences forward and backward."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, inline, jit, tanh
from sklrnn.network.kernels.compiled.product import BLOCK, PANEL, multiply, panels
from sklrnn.network.kernels.recurrence import (
    Kept,
    Tensors,
    weight_gradient,
    zeros_unless,
)

_FEW = 16  # Rows of a matrix too few to fill a panel.


def forward(
    projected: Tensor,
    context: Tensor,
    context_weight: Tensor,
    output_weight: Tensor,
    output_bias: Tensor,
    teacher: Tensor | None,
    alpha: float,
    relu: bool,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Return outputs of all steps and the last context.

    Parameters are those of `sklrnn.network.kernels.eager.jordan.forward`.
    """
    hiddens = torch.empty_like(projected, memory_format=torch.contiguous_format)
    contexts = context.new_empty(len(projected) + 1, *context.shape)
    contexts[0] = context
    _forward(
        array(projected, hiddens),
        panels(context_weight),
        array(output_weight, hiddens),
        _panels_of_many(output_weight),
        array(output_bias, hiddens),
        array(teacher, hiddens, 3),
        array(hiddens, hiddens),
        array(contexts, hiddens),
        alpha,
        relu,
    )
    settings = torch.tensor([alpha, relu], dtype=torch.float64)
    kept = (context_weight, output_weight, teacher, hiddens, contexts, settings)
    return (hiddens, contexts[-1]), kept


def _panels_of_many(matrix: Tensor) -> np.ndarray:
    """Rearrange a matrix for `multiply`, unless it has too few rows for that."""
    return array(None, matrix, 3) if len(matrix) < _FEW else panels(matrix)


@jit
def _forward(
    projected,
    context_panels,
    output,
    output_panels,
    bias,
    teacher,
    hiddens,
    contexts,
    alpha,
    relu,
):
    n_steps, batch, size = hiddens.shape
    alpha = hiddens.dtype.type(alpha)
    heard = np.empty((BLOCK, len(context_panels) * PANEL), hiddens.dtype)
    own = np.empty((BLOCK, max(len(bias), len(output_panels) * PANEL)), hiddens.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps):
            multiply(contexts[step, first:last], context_panels, heard)
            for row in range(first, last):
                _activate(
                    projected[step, row], heard[row - first], relu, hiddens[step, row]
                )
            _multiply(hiddens[step, first:last], output, output_panels, own)
            for row in range(first, last):
                before, after = contexts[step, row], contexts[step + 1, row]
                for k in range(len(bias)):
                    y = own[row - first, k] + bias[k]
                    if teacher.size and not np.isnan(teacher[step, row, k]):
                        y = teacher[step, row, k]
                    after[k] = alpha * before[k] + y


@inline
def _activate(projected, heard, relu, hidden):
    zero = hidden.dtype.type(0)
    if relu:
        for j in range(hidden.size):
            x = projected[j] + heard[j]
            hidden[j] = zero if x < zero else x  # NaN is neither
    else:
        for j in range(hidden.size):
            hidden[j] = tanh(projected[j] + heard[j])


@inline
def _multiply(rows, matrix, panels, out):
    """Write ``rows @ matrix.T`` to the first columns of `out`, few or many."""
    if panels.size:
        multiply(rows, panels, out)
        return
    for row in range(len(rows)):
        for k in range(len(matrix)):
            total = out.dtype.type(0)
            for j in range(matrix.shape[1]):
                total += rows[row, j] * matrix[k, j]
            out[row, k] = total


def backward(kept: Kept, d_hiddens: Tensor | None, d_context: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    context_weight, output_weight, teacher, hiddens, contexts, settings = kept
    alpha, relu = settings.tolist()
    d_context = zeros_unless(d_context, contexts[0])
    d_projected = torch.empty_like(hiddens)
    d_outputs = torch.empty_like(contexts[1:])
    _backward(
        array(d_hiddens, hiddens, 3),
        array(context_weight.T, hiddens),
        _panels_of_many(context_weight.T),
        panels(output_weight.T),
        array(teacher, hiddens, 3),
        array(hiddens, hiddens),
        array(d_context, hiddens),
        array(d_projected, hiddens),
        array(d_outputs, hiddens),
        alpha,
        bool(relu),
    )
    return (
        d_projected,
        d_context,
        weight_gradient(d_projected, contexts[:-1]),
        weight_gradient(d_outputs, hiddens),
        d_outputs.sum((0, 1)),
        *[None] * 3,
    )


@jit
def _backward(
    d_hiddens,
    context,
    context_panels,
    output_panels,
    teacher,
    hiddens,
    d_context,
    d_projected,
    d_outputs,
    alpha,
    relu,
):
    n_steps, batch, size = hiddens.shape
    n_targets = d_context.shape[1]
    alpha, zero = hiddens.dtype.type(alpha), hiddens.dtype.type(0)
    heard = np.empty(
        (BLOCK, max(n_targets, len(context_panels) * PANEL)), hiddens.dtype
    )
    d_hidden = np.empty((BLOCK, len(output_panels) * PANEL), hiddens.dtype)
    for first in range(0, batch, BLOCK):
        last = min(first + BLOCK, batch)
        for step in range(n_steps - 1, -1, -1):
            for row in range(first, last):
                for k in range(n_targets):
                    taught = teacher.size and not np.isnan(teacher[step, row, k])
                    d_outputs[step, row, k] = zero if taught else d_context[row, k]
            multiply(d_outputs[step, first:last], output_panels, d_hidden)
            for row in range(first, last):
                d = d_hidden[row - first]
                if d_hiddens.size:
                    for j in range(size):
                        d[j] += d_hiddens[step, row, j]
                _activate_backward(hiddens[step, row], d, relu, d_projected[step, row])
            _multiply(d_projected[step, first:last], context, context_panels, heard)
            for row in range(first, last):
                for k in range(n_targets):
                    d_context[row, k] = (
                        alpha * d_context[row, k] + heard[row - first, k]
                    )


@inline
def _activate_backward(hidden, d_hidden, relu, out):
    one, zero = hidden.dtype.type(1), hidden.dtype.type(0)
    if relu:
        for j in range(hidden.size):
            out[j] = d_hidden[j] if hidden[j] > zero else zero
    else:
        for j in range(hidden.size):
            out[j] = d_hidden[j] * (one - hidden[j] * hidden[j])
