"""The GRU with the reset gate after the product, in torch's operations."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.kernels.eager.gates import (
    Normed,
    at_step,
    gain_gradient,
    normalise,
    normalise_backward,
    stacked,
)
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
    bias: Tensor,
    mask: Tensor | None,
    gain: Tensor | None,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Compute a sequence.

    Parameters
    ----------
    projected : Tensor of shape (steps, batch, 3 * size)
        The input's part of the gates r, z, n.
    hidden : Tensor of shape (batch, size)
    weight : Tensor of shape (3 * size, size)
    bias : Tensor of shape (size,)
        What r multiplies besides the product.
    mask : Tensor of shape (batch, size) or None
        What the hidden state is multiplied with where `weight` reads it.
    gain : Tensor of shape (3, size) or None
        Of the layer normalisation of the recurrent part; None is without one.
    keep : bool
        Whether to keep what `backward` needs.

    Returns
    -------
    outputs : tuple of Tensor
        Of all steps, (steps, batch, size), and of the last.
    kept : tuple
    """
    n_steps, batch, width = projected.shape
    size = width // 3
    hiddens = hidden.new_empty(n_steps + 1, batch, size)
    hiddens[0] = hidden
    biases = torch.nn.functional.pad(bias, (2 * size, 0))
    gates, inner, norms = [], [], []
    for step, x in enumerate(projected.unbind(0)):
        read = hiddens[step] if mask is None else hiddens[step] * mask
        if gain is None:
            recurrent = torch.addmm(biases, read, weight.T)
        else:
            recurrent, norm = normalise(read @ weight.T, gain, biases)
            if keep:
                norms.append(norm)
        gate = (x[:, : 2 * size] + recurrent[:, : 2 * size]).sigmoid_()
        r, z = gate.chunk(2, 1)
        a = recurrent[:, 2 * size :]
        new = torch.addcmul(x[:, 2 * size :], r, a).tanh_()
        torch.lerp(new, hiddens[step], z, out=hiddens[step + 1])
        if keep:
            gates.append(torch.cat([gate, new], 1))
            inner.append(a)
    outputs = hiddens[1:], hiddens[-1].clone()
    if not keep:
        return outputs, ()
    steps = torch.stack(gates), torch.stack(inner), *stacked(norms)
    return outputs, (weight, mask, gain, hiddens, *steps)


def backward(kept: Kept, d_outputs: Tensor | None, d_hidden: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, gain, hiddens, gates, inner, *norms = kept
    size = hiddens.shape[2]
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_gates = _slopes(hiddens, gates, inner)  # multiplied step by step, below
    by_size = d_gates.unflatten(2, (4, size))
    d_product = d_gates[..., : 3 * size]
    d_recurrent = d_product if gain is None else torch.empty_like(d_product)
    z = gates.chunk(3, 2)[1]
    for step in range(len(gates) - 1, -1, -1):
        if d_outputs is not None:
            d_hidden += d_outputs[step]
        by_size[step] *= d_hidden.unsqueeze(1)
        d_hidden *= z[step]
        if gain is not None:
            normalise_backward(
                d_product[step], gain, at_step(norms, step), d_recurrent[step]
            )
        if mask is None:
            d_hidden.addmm_(d_recurrent[step], weight)
        else:
            d_hidden.addcmul_(d_recurrent[step] @ weight, mask)
    d_weight = weight_gradient(d_recurrent, seen(hiddens, mask))
    d_gain = None if gain is None else gain_gradient(d_product, Normed(*norms))
    d_bias = by_size[:, :, 2].sum((0, 1))
    d_projected = torch.cat([d_gates[..., : 2 * size], d_gates[..., 3 * size :]], 2)
    return d_projected, d_hidden, d_weight, d_bias, None, d_gain


def _slopes(hiddens: Tensor, gates: Tensor, inner: Tensor) -> Tensor:
    """Return what the gradient of h_t is multiplied with, to be those of the gates.

    They are r, z and n's recurrent part and n's whole, (steps, batch, 4 * size).
    """
    r, z, n = gates.chunk(3, 2)
    slopes = gates.new_empty(*gates.shape[:2], 4 * r.shape[2])
    d_r, d_z, d_inner, d_n = slopes.chunk(4, 2)
    torch.mul(1 - z, 1 - n * n, out=d_n)
    torch.mul(d_n, r, out=d_inner)
    torch.mul(d_inner, inner, out=d_r).mul_(1 - r)
    torch.addcmul(z, z, z, value=-1, out=d_z).mul_(hiddens[:-1] - n)
    return slopes
