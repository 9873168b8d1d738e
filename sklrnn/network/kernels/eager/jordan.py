"""Jordan's network in torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.kernels.recurrence import (
    Kept,
    Tensors,
    weight_gradient,
    zeros_unless,
)


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

    Parameters
    ----------
    projected : Tensor of shape (steps, batch, hidden_size)
        What the hidden layer gets from the input, with its bias.
    context : Tensor of shape (batch, n_targets)
    context_weight : Tensor of shape (hidden_size, n_targets)
    output_weight : Tensor of shape (n_targets, hidden_size)
    output_bias : Tensor of shape (n_targets,)
    teacher : Tensor of shape (steps, batch, n_targets) or None
        Goes into the context in place of the own output, where it is not NaN.
    alpha : float
    relu : bool
        Whether the hidden layer is rectified; else it is squashed by tanh.
    """
    activate = torch.relu_ if relu else torch.tanh_
    hiddens = torch.empty_like(projected)
    contexts = context.new_empty(len(projected) + 1, *context.shape)
    contexts[0] = context
    for step, hidden in enumerate(hiddens):
        now = contexts[step]
        torch.addmm(projected[step], now, context_weight.T, out=hidden)
        activate(hidden)
        heard = torch.addmm(output_bias, hidden, output_weight.T)
        if teacher is not None:
            known = teacher[step]
            heard = torch.where(known.isnan(), heard, known)
        torch.add(heard, now, alpha=alpha, out=contexts[step + 1])
    settings = torch.tensor([alpha, relu], dtype=torch.float64)
    kept = (context_weight, output_weight, teacher, hiddens, contexts, settings)
    return (hiddens, contexts[-1]), kept


def backward(kept: Kept, d_hiddens: Tensor | None, d_context: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    context_weight, output_weight, teacher, hiddens, contexts, settings = kept
    alpha, relu = settings.tolist()
    d_context = zeros_unless(d_context, contexts[0])
    d_projected = zeros_unless(d_hiddens, hiddens)
    d_outputs = torch.empty_like(contexts[1:])
    for step in range(len(hiddens) - 1, -1, -1):
        d_output, d_hidden, hidden = d_outputs[step], d_projected[step], hiddens[step]
        d_output.copy_(d_context)
        if teacher is not None:
            d_output.masked_fill_(~teacher[step].isnan(), 0.0)
        d_hidden.addmm_(d_output, output_weight)
        d_hidden.mul_(hidden > 0 if relu else 1.0 - hidden * hidden)
        d_context = torch.addmm(d_context, d_hidden, context_weight, beta=alpha)
    return (
        d_projected,
        d_context,
        weight_gradient(d_projected, contexts[:-1]),
        weight_gradient(d_outputs, hiddens),
        d_outputs.sum((0, 1)),
        *[None] * 3,
    )
