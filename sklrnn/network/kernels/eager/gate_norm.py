"""Layer normalisation of the input's part of the gates, in torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.kernels.eager.gates import EPSILON
from sklrnn.network.kernels.recurrence import Kept, Tensors


def forward(
    a: Tensor, gain: Tensor, bias: Tensor, *, keep: bool
) -> tuple[Tensor, Kept]:
    """Normalise every gate of every step.

    Parameters
    ----------
    a : Tensor of shape (steps, batch, n_gates * size)
    gain : Tensor of shape (n_gates, size)
    bias : Tensor of shape (n_gates * size,)
    keep : bool
        Whether to keep what `backward` needs.

    Returns
    -------
    Tensor of shape (steps, batch, n_gates * size)
        bias + gain * (a - mean) / deviation
    kept : tuple
    """
    gates = a.unflatten(-1, gain.shape)
    normed, _, scale = torch.native_layer_norm(
        gates, gain.shape[-1:], None, None, EPSILON
    )
    out = torch.addcmul(bias.view_as(gain), normed, gain)
    return out.flatten(2), (gain, normed, scale)


def backward(kept: Kept, gradient: Tensor) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    gain, normed, scale = kept
    gradient = gradient.unflatten(-1, gain.shape)
    e = gradient * gain
    slope = (e * normed).mean(-1, keepdim=True)
    e -= e.mean(-1, keepdim=True)
    d_a = e.addcmul_(normed, slope, value=-1).mul_(scale).flatten(2)
    d_gain = (gradient * normed).sum((0, 1))
    return d_a, d_gain, gradient.sum((0, 1)).flatten()
