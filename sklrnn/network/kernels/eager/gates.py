"""Layer normalisation inside the gates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

EPSILON = 1e-5  # added to the variance, as torch's layer_norm does


class Normed(NamedTuple):
    """What is kept of a normalisation, of one step or stacked, of all."""

    gates: Tensor
    """(a - mean) / deviation, (batch, n_gates, size)"""
    scale: Tensor
    """1 / deviation, (batch, n_gates, 1)"""


def normalise(a: Tensor, gain: Tensor, bias: Tensor) -> tuple[Tensor, Normed]:
    """Normalise every gate of a, (batch, n_gates * size).

    Returns bias + gain * (a - mean) / deviation, in the shape of a; gain is (n_gates,
    size), and bias (batch, n_gates * size) or (n_gates * size).
    """
    gates = a.unflatten(-1, gain.shape)
    normed, _, scale = torch.native_layer_norm(
        gates, gain.shape[-1:], None, None, EPSILON
    )
    out = torch.addcmul(bias.unflatten(-1, gain.shape), normed, gain)
    return out.flatten(-2), Normed(normed, scale)


def normalise_backward(
    gradient: Tensor, gain: Tensor, kept: Normed, out: Tensor
) -> None:
    """Write the gradient of what `normalise` was given, from that of its result."""
    backward = torch.ops.aten.native_layer_norm_backward.default
    d_gates, _, _ = backward(
        gradient.unflatten(-1, gain.shape) * gain,
        kept.gates,
        gain.shape[-1:],
        torch.zeros_like(kept.scale),  # what was kept has this mean
        torch.ones_like(kept.scale),  # and this deviation
        None,
        None,
        [True, False, False],
    )
    torch.mul(d_gates, kept.scale, out=out.unflatten(-1, gain.shape))


def gain_gradient(gradient: Tensor, kept: Normed) -> Tensor:
    """Return the gain's gradient, summed over steps and sequences."""
    return (kept.gates * gradient.unflatten(-1, kept.gates.shape[-2:])).sum((0, 1))


def stacked(steps: list[Normed]) -> list[Tensor | None]:
    """Return the two tensors of all steps, each None if there are no steps."""
    if not steps:
        return [None, None]
    return [torch.stack(parts) for parts in zip(*steps, strict=True)]


def at_step(kept: list[Tensor], step: int) -> Normed:
    """Return what was kept of one step."""
    return Normed(*(part[step] for part in kept))
