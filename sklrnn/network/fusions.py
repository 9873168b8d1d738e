"""Fusions: two aligned hidden sequences to one.

A fusion is an `nn.Module`, constructed from `hidden_size`, that maps two tensors of
shape (batch, steps, hidden_size) to one of shape (batch, steps, output_size). It has
the attributes `output_size`; `causal`, whether step t of the output reads no later step
of the first input; and, if it likes, `stepwise`, whether it reads no other step at all:
only the last step is then fused where only that is wanted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklrnn.registry import find_cell


class Concat(nn.Module):
    r"""Concatenation, :math:`z_t = [\vec h_t; \overleftarrow h_t]`.

    Parameters
    ----------
    hidden_size : int
        Number of features of each of the two sequences.

    Attributes
    ----------
    output_size : int
        Number of features of the fused sequence, twice `hidden_size`.
    causal : bool
        Step t of the output reads no later step of the first input.
    stepwise : bool
        Every step is fused on its own.

    References
    ----------
    M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE
    Transactions on Signal Processing 45 (11), 1997.
    """

    causal = True
    stepwise = True

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.output_size = 2 * hidden_size

    def forward(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Fuse two tensors of shape (batch, steps, hidden_size)."""
        return torch.cat([forward, backward], dim=-1)


class Gated(nn.Module):
    r"""A gate per feature and step, between past and future.

    .. math::
        g_t &= \sigma(W [\vec h_t; \overleftarrow h_t] + b) \\
        z_t &= g_t \odot \vec h_t + (1 - g_t) \odot \overleftarrow h_t

    Parameters
    ----------
    hidden_size : int
        Number of features of each of the two sequences.

    Attributes
    ----------
    output_size : int
        Number of features of the fused sequence, `hidden_size`.
    causal, stepwise : bool
        As for `Concat`.

    References
    ----------
    J. Arevalo et al., "Gated multimodal units for information fusion", ICLR workshop
    2017, section 3, with the two directions as the two modes.
    """

    causal = True
    stepwise = True

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.to_gate = nn.Linear(2 * hidden_size, hidden_size)

    def gate(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Return g, (batch, steps, hidden_size): 1 is all past, 0 all future."""
        return torch.sigmoid(self.to_gate(torch.cat([forward, backward], dim=-1)))

    def forward(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Fuse two tensors of shape (batch, steps, hidden_size)."""
        return torch.lerp(backward, forward, self.gate(forward, backward))


class Recurrent(nn.Module):
    r"""A recurrent network on top of both, which smooths and gathers context.

    .. math:: u_t = \mathrm{GRU}([\vec h_t; \overleftarrow h_t], u_{t-1})

    Parameters
    ----------
    hidden_size : int
        Number of features of each of the two sequences.
    fuser : {"gru", "lstm"}, default="gru"
        The recurrent cell.

    Attributes
    ----------
    output_size : int
        Number of features of the fused sequence, `hidden_size`.
    causal, stepwise : bool
        As for `Concat`; step t depends on earlier steps of both sequences.

    Raises
    ------
    ValueError
        If `fuser` is neither "gru" nor "lstm".

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", 2014, for the GRU; stacking after A. Graves,
    A. Mohamed and G. Hinton, "Speech recognition with deep recurrent neural networks",
    ICASSP 2013, equation (11).
    """

    causal = True
    stepwise = False

    def __init__(self, hidden_size: int, fuser: str = "gru") -> None:
        super().__init__()
        if fuser not in ("gru", "lstm"):
            raise ValueError(f"fuser must be 'gru' or 'lstm', got {fuser!r}")
        cell_class = find_cell(fuser)
        self.output_size = hidden_size
        self.cell = cell_class(2 * hidden_size, hidden_size)

    def forward(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Fuse two tensors of shape (batch, steps, hidden_size)."""
        return self.cell.sequence(torch.cat([forward, backward], dim=-1))[0]
