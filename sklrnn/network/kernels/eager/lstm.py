"""The LSTM in torch's operations; `sklrnn.network.cells.lstm` has the equations."""

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
    cell: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    gain: Tensor | None,
    peephole: Tensor | None,
    *,
    keep: bool,
) -> tuple[Tensors, Kept]:
    """Compute a sequence.

    Parameters
    ----------
    projected : Tensor of shape (steps, batch, 4 * size)
        The input's part of the gates i, f, g, o.
    hidden, cell : Tensor of shape (batch, size)
    weight : Tensor of shape (4 * size, size)
    mask : Tensor of shape (batch, size) or None
        What the hidden state is multiplied with where `weight` reads it.
    gain : Tensor of shape (4, size) or None
        Of the layer normalisation of the recurrent part; None is without one.
    peephole : Tensor of shape (3, size) or None
        From c_{t-1} to i and f, and from c_t to o.
    keep : bool
        Whether to keep what `backward` needs.

    Returns
    -------
    outputs : tuple of Tensor
        Of all steps, (steps, batch, size); last hidden and last cell state.
    kept : tuple
    """
    n_steps, batch, width = projected.shape
    size = width // 4
    hiddens = hidden.new_empty(n_steps + 1, batch, size)
    hiddens[0] = hidden
    cells, gates, norms = [cell], [], []
    for step, x in enumerate(projected.unbind(0)):
        read = hiddens[step] if mask is None else hiddens[step] * mask
        if gain is None:
            a = torch.addmm(x, read, weight.T)
        else:
            a, norm = normalise(read @ weight.T, gain, x)
            if keep:
                norms.append(norm)
        i, f, g, o = a.chunk(4, 1)
        if peephole is not None:
            i.addcmul_(peephole[0], cell)
            f.addcmul_(peephole[1], cell)
        a[:, : 2 * size].sigmoid_()
        cell = torch.addcmul(f * cell, i, g.tanh_())
        if peephole is not None:
            o.addcmul_(peephole[2], cell)
        torch.mul(o.sigmoid_(), cell.tanh(), out=hiddens[step + 1])
        if keep:
            cells.append(cell)
            gates.append(a)
    outputs = hiddens[1:], hiddens[-1].clone(), cell
    if not keep:
        return outputs, ()
    steps = torch.stack(cells), torch.stack(gates), *stacked(norms)
    return outputs, (weight, mask, gain, peephole, hiddens, *steps)


def backward(
    kept: Kept,
    d_outputs: Tensor | None,
    d_hidden: Tensor | None,
    d_cell: Tensor | None,
) -> Tensors:
    """Return the gradients with respect to the inputs of `forward`."""
    weight, mask, gain, peephole, hiddens, cells, gates, *norms = kept
    d_hidden = zeros_unless(d_hidden, hiddens[0])
    d_cell = zeros_unless(d_cell, hiddens[0])
    d_gates, d_cells = _slopes(cells, gates)  # multiplied step by step, below
    d_recurrent = d_gates if gain is None else torch.empty_like(d_gates)
    forget = gates.chunk(4, 2)[1]
    for step in range(len(gates) - 1, -1, -1):
        if d_outputs is not None:
            d_hidden += d_outputs[step]
        i, f, g, o = d_gates[step].chunk(4, 1)
        o *= d_hidden
        d_cell.addcmul_(d_hidden, d_cells[step])
        if peephole is not None:
            d_cell.addcmul_(o, peephole[2])
        d_gates[step].unflatten(1, (4, -1))[:, :3] *= d_cell.unsqueeze(1)
        d_cell *= forget[step]
        if peephole is not None:
            d_cell.addcmul_(i, peephole[0]).addcmul_(f, peephole[1])
        if gain is not None:
            normalise_backward(
                d_gates[step], gain, at_step(norms, step), d_recurrent[step]
            )
        d_hidden = d_recurrent[step] @ weight
        if mask is not None:
            d_hidden *= mask
    d_weight = weight_gradient(d_recurrent, seen(hiddens, mask))
    d_gain = None if gain is None else gain_gradient(d_gates, Normed(*norms))
    d_peephole = None if peephole is None else _peephole_gradient(d_gates, cells)
    return d_gates, d_hidden, d_cell, d_weight, None, d_gain, d_peephole


def _slopes(cells: Tensor, gates: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the gradients of c_t, for o of h_t, and of h_t are multiplied with.

    They are those with respect to the gates before their nonlinearities, and to c_t.
    """
    i, f, g, o = gates.chunk(4, 2)
    x = cells[1:].tanh()
    slopes = torch.addcmul(gates, gates, gates, value=-1)
    d_i, d_f, d_g, d_o = slopes.chunk(4, 2)
    d_i *= g
    d_f *= cells[:-1]
    torch.mul(g, g, out=d_g)
    torch.addcmul(i, i, d_g, value=-1, out=d_g)
    d_o *= x
    return slopes, torch.addcmul(o, o, x.square_(), value=-1)


def _peephole_gradient(d_gates: Tensor, cells: Tensor) -> Tensor:
    i, f, _, o = d_gates.chunk(4, 2)
    before, after = cells[:-1], cells[1:]
    return torch.stack([(i * before), (f * before), (o * after)]).sum((1, 2))
