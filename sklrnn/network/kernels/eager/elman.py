"""Elman's simple recurrent network, in torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

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
    """Compute a sequence.

    Parameters
    ----------
    projected : Tensor of shape (steps, batch, size)
        The input's part.
    hidden : Tensor of shape (batch, size)
    weight : Tensor of shape (size, size)
    mask : Tensor of shape (batch, size) or None
        What the hidden state is multiplied with where `weight` reads it.
    relu : bool
        Whether the nonlinearity is relu; it is tanh otherwise.
    keep : bool
        Whether to keep what `backward` needs; it is the outputs alone.

    Returns
    -------
    outputs : tuple of Tensor
        Of all steps, (steps, batch, size), and of the last.
    kept : tuple
    """
    hiddens = hidden.new_empty(len(projected) + 1, *hidden.shape)
    hiddens[0] = hidden
    activate = torch.relu_ if relu else torch.tanh_
    for step, x in enumerate(projected.unbind(0)):
        read = hiddens[step] if mask is None else hiddens[step] * mask
        activate(torch.addmm(x, read, weight.T, out=hiddens[step + 1]))
    return (hiddens[1:], hiddens[-1].clone()), (weight, mask, hiddens, relu)


def backward(kept: Kept, d_outputs: Tensor | None, d_hidden: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, hiddens, relu = kept
    outputs = hiddens[1:]
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_projected = (outputs > 0).to(outputs) if relu else 1 - outputs * outputs
    for step in range(len(outputs) - 1, -1, -1):
        if d_outputs is not None:
            d_hidden += d_outputs[step]
        d_hidden = d_projected[step].mul_(d_hidden) @ weight
        if mask is not None:
            d_hidden *= mask
    d_weight = weight_gradient(d_projected, seen(hiddens, mask))
    return d_projected, d_hidden, d_weight, None, None
