"""The GRU with the reset gate before the product, in torch's operations."""

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
    weight_gradient,
    zeros_unless,
)


def forward(
    projected: Tensor,
    hidden: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    gain: Tensor | None,
    decay: Tensor | None,
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
    mask : Tensor of shape (batch, size) or None
        What the hidden state is multiplied with where `weight` reads it.
    gain : Tensor of shape (3, size) or None
        Of the layer normalisation of the recurrent part; None is without one.
    decay : Tensor of shape (steps, batch, size) or None
        What the hidden state is multiplied with before each step.
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
    gate_weight, new_weight = weight[: 2 * size].T, weight[2 * size :].T
    hiddens = hidden.new_empty(n_steps + 1, batch, size)
    hiddens[0] = hidden
    gates, gate_norms, new_norms = [], [], []
    for step, x in enumerate(projected.unbind(0)):
        before = hiddens[step] if decay is None else hiddens[step] * decay[step]
        read = before if mask is None else before * mask
        x_gate, x_new = x[:, : 2 * size], x[:, 2 * size :]
        if gain is None:
            gate = torch.addmm(x_gate, read, gate_weight)
        else:
            gate, gate_norm = normalise(read @ gate_weight, gain[:2], x_gate)
        r, z = gate.sigmoid_().chunk(2, 1)
        if gain is None:
            new = torch.addmm(x_new, r * read, new_weight)
        else:
            new, new_norm = normalise((r * read) @ new_weight, gain[2:], x_new)
        torch.lerp(new.tanh_(), before, z, out=hiddens[step + 1])
        if keep:
            gates.append(torch.cat([gate, new], 1))
        if keep and gain is not None:
            gate_norms.append(gate_norm)
            new_norms.append(new_norm)
    outputs = hiddens[1:], hiddens[-1].clone()
    if not keep:
        return outputs, ()
    norms = *stacked(gate_norms), *stacked(new_norms)
    return outputs, (weight, mask, gain, decay, hiddens, torch.stack(gates), *norms)


def backward(kept: Kept, d_outputs: Tensor | None, d_hidden: Tensor | None) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, gain, decay, hiddens, gates, *norms = kept
    gate_norms, new_norms = norms[:2], norms[2:]
    two = 2 * hiddens.shape[2]
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    before, read, reset_read = inputs_of_steps(hiddens, gates, mask, decay)
    d_gates = _slopes(before, reset_read, gates)  # multiplied step by step, below
    d_recurrent = d_gates if gain is None else torch.empty_like(d_gates)
    d_decay = None if decay is None else torch.empty_like(decay)
    r, z, _ = gates.chunk(3, 2)
    for step in range(len(gates) - 1, -1, -1):
        if d_outputs is not None:
            d_hidden += d_outputs[step]
        d_gates[step].unflatten(1, (3, -1))[:, 1:] *= d_hidden.unsqueeze(1)
        if gain is not None:
            normalise_backward(
                d_gates[step, :, two:],
                gain[2:],
                at_step(new_norms, step),
                d_recurrent[step, :, two:],
            )
        d_read = d_recurrent[step, :, two:] @ weight[two:]
        d_gates[step].chunk(3, 1)[0].mul_(d_read)
        if gain is not None:
            normalise_backward(
                d_gates[step, :, :two],
                gain[:2],
                at_step(gate_norms, step),
                d_recurrent[step, :, :two],
            )
        d_read.mul_(r[step]).addmm_(d_recurrent[step, :, :two], weight[:two])
        d_hidden *= z[step]
        d_hidden += d_read if mask is None else d_read.mul_(mask)
        if d_decay is not None:
            torch.mul(d_hidden, hiddens[step], out=d_decay[step])
            d_hidden *= decay[step]
    d_weight = torch.cat(
        [
            weight_gradient(d_recurrent[..., :two], read),
            weight_gradient(d_recurrent[..., two:], reset_read),
        ]
    )
    d_gain = None
    if gain is not None:
        d_gain = torch.cat(
            [
                gain_gradient(d_gates[..., :two], Normed(*gate_norms)),
                gain_gradient(d_gates[..., two:], Normed(*new_norms)),
            ]
        )
    return d_gates, d_hidden, d_weight, None, d_gain, d_decay


def inputs_of_steps(
    hiddens: Tensor, gates: Tensor, mask: Tensor | None, decay: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return h_{t-1} as each step begins with it, and what the two products read."""
    before = hiddens[:-1] if decay is None else hiddens[:-1] * decay
    read = before if mask is None else before * mask
    return before, read, read * gates.chunk(3, 2)[0]


def _slopes(before: Tensor, reset_read: Tensor, gates: Tensor) -> Tensor:
    """Return what r's gradient of the product, z's and n's of h_t are multiplied with.

    They are those with respect to the gates before their nonlinearities.
    """
    r, z, n = gates.chunk(3, 2)
    slopes = torch.empty_like(gates)
    d_r, d_z, d_n = slopes.chunk(3, 2)
    torch.addcmul(reset_read, reset_read, r, value=-1, out=d_r)
    torch.addcmul(z, z, z, value=-1, out=d_z).mul_(before - n)
    torch.mul(1 - z, 1 - n * n, out=d_n)
    return slopes
