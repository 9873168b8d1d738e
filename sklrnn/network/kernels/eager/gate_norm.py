"""Layer normalisation of the input's part of the gates, in torch's operations."""

from __future__ import annotations

from torch import Tensor

from sklrnn.network.kernels.eager.gates import (
    Normed,
    gain_gradient,
    normalise,
    normalise_backward,
)
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
    out, norm = normalise(a, gain, bias)
    return out, (gain, *norm)


def backward(kept: Kept, gradient: Tensor) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    gain, *norm = kept
    d_a = gradient.new_empty(gradient.shape)
    normalise_backward(gradient, gain, Normed(*norm), d_a)
    d_gain = gain_gradient(gradient, Normed(*norm))
    return d_a, d_gain, gradient.sum((0, 1))
