"""What several recurrences do with one row, that of one sequence at one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklrnn.network.kernels.compiled.jit import inline

EPSILON = 1e-5  # added to the variance, as torch's layer_norm does


@inline
def masked(values: Any, mask: Any, row: int, out: Any) -> None:
    """Write the first values, times a row of the mask if there is one, to `out`."""
    for j in range(out.size):
        out[j] = values[j]
    if mask.size:
        for j in range(out.size):
            out[j] *= mask[row, j]


@inline
def normalise(row: Any, gain: Any, normed: Any, scales: Any) -> None:
    """Normalise every gate of a row, in place.

    Parameters
    ----------
    row : ndarray of shape (n_gates * size,)
        Becomes gain * (row - mean) / deviation.
    gain : ndarray of shape (n_gates, size)
    normed : ndarray of shape (n_gates * size,)
        Becomes (row - mean) / deviation.
    scales : ndarray of shape (n_gates,)
        Becomes 1 / deviation.
    """
    n_gates, size = gain.shape
    number = row.dtype.type
    for k in range(n_gates):
        gate, out = row[k * size : (k + 1) * size], normed[k * size : (k + 1) * size]
        total, square = number(0), number(0)
        for j in range(size):
            total += gate[j]
        mean = number(total / size)
        for j in range(size):
            square += (gate[j] - mean) * (gate[j] - mean)
        scale = number(1 / np.sqrt(square / size + EPSILON))
        scales[k] = scale
        for j in range(size):
            out[j] = (gate[j] - mean) * scale
        for j in range(size):
            gate[j] = gain[k, j] * out[j]


@inline
def normalise_backward(
    gradient: Any, gain: Any, normed: Any, scales: Any, d_gain: Any, out: Any
) -> None:
    """Write the gradient of a row before `normalise` to `out`, from that after it.

    `normed` and `scales` are what `normalise` has written; `d_gain` is added to.
    """
    n_gates, size = gain.shape
    number = gradient.dtype.type
    for k in range(n_gates):
        d, n = gradient[k * size : (k + 1) * size], normed[k * size : (k + 1) * size]
        before = out[k * size : (k + 1) * size]
        total, along = number(0), number(0)
        for j in range(size):
            e = d[j] * gain[k, j]
            total += e
            along += e * n[j]
        for j in range(size):
            d_gain[k, j] += d[j] * n[j]
        mean, slope = number(total / size), number(along / size)
        scale = scales[k]
        for j in range(size):
            before[j] = scale * (d[j] * gain[k, j] - mean - n[j] * slope)
