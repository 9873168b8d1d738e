"""Layer normalisation inside the gates."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-5  # added to the variance, as torch's layer_norm does


def normalise(a: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise every gate of a, (batch, n_gates * size), gain is (n_gates, size).

    Returns gain * (a - mean) / deviation, the same without the gain, of shape (batch,
    n_gates, size), and 1 / deviation, of shape (batch, n_gates, 1).
    """
    gates = a.unflatten(-1, gain.shape)
    normed, _, scale = torch.native_layer_norm(
        gates, gain.shape[-1:], None, None, EPSILON
    )
    return (gain * normed).flatten(1), normed, scale


def normalise_backward(
    gradient: Tensor, gain: Tensor, normed: Tensor, scale: Tensor
) -> Tensor:
    """Return the gradient of what `normalise` was given, (batch, n_gates * size)."""
    e = gradient.unflatten(-1, gain.shape) * gain
    slope = (e * normed).mean(-1, keepdim=True)
    e -= e.mean(-1, keepdim=True)
    return e.addcmul_(normed, slope, value=-1).mul_(scale).flatten(1)


def gain_gradient(gradient: Tensor, normed: Tensor) -> Tensor:
    """Return the gain's gradient, summed over steps and sequences."""
    return (gradient.view_as(normed) * normed).sum((0, 1))
