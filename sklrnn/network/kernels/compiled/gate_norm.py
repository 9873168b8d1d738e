"""Layer normalisation of the input's part of the gates, in machine code."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sklrnn.network.kernels.compiled.jit import array, jit
from sklrnn.network.kernels.compiled.rows import normalise, normalise_backward
from sklrnn.network.kernels.recurrence import Kept, Tensors


def forward(
    a: Tensor, gain: Tensor, bias: Tensor, *, keep: bool
) -> tuple[Tensor, Kept]:
    """Return bias + gain * (a - mean) / deviation.

    Shapes are those of `sklrnn.network.kernels.eager.gate_norm.forward`.
    """
    n_rows = a.shape[0] * a.shape[1]
    n_kept = n_rows if keep else 1
    out = a.new_empty(a.shape)
    normed = a.new_empty(n_kept, a.shape[2])
    scales = a.new_empty(n_kept, len(gain))
    _forward(
        array(a.flatten(0, 1), a),
        array(gain, a),
        array(bias, a),
        array(out.flatten(0, 1), a),
        array(normed, a),
        array(scales, a),
        keep,
    )
    return out, (gain, normed, scales)


@jit
def _forward(
    a: Any, gain: Any, bias: Any, out: Any, normed: Any, scales: Any, keep: bool
) -> None:
    for row in range(len(a)):
        for j in range(a.shape[1]):
            out[row, j] = a[row, j]
        normalise(out[row], gain, normed[row * keep], scales[row * keep])
        for j in range(a.shape[1]):
            out[row, j] += bias[j]


def backward(kept: Kept, gradient: Tensor) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    gain, normed, scales = kept
    d_a = gradient.new_empty(gradient.shape)
    d_gain = gain.new_zeros(gain.shape)
    d_bias = gain.new_zeros(gain.numel())
    _backward(
        array(gradient.flatten(0, 1), gain),
        array(gain, gain),
        array(normed, gain),
        array(scales, gain),
        array(d_a.flatten(0, 1), gain),
        array(d_gain, gain),
        array(d_bias, gain),
    )
    return d_a, d_gain, d_bias


@jit
def _backward(
    gradient: Any,
    gain: Any,
    normed: Any,
    scales: Any,
    d_a: Any,
    d_gain: Any,
    d_bias: Any,
) -> None:
    for row in range(len(gradient)):
        normalise_backward(
            gradient[row], gain, normed[row], scales[row], d_gain, d_a[row]
        )
        for j in range(d_bias.size):
            d_bias[j] += gradient[row, j]
