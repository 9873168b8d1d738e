"""The minimal GRU and LSTM over whole sequences."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from sklrnn.network.kernels import choose, compute
from sklrnn.network.kernels.scan import linear_scan


def run_minimal(
    gate: Tensor,
    forget: Tensor | None,
    candidate: Tensor,
    start: Tensor,
    kernel: str = "auto",
) -> Tensor:
    """Run a minimal cell.

    Parameters
    ----------
    gate, candidate : Tensor of shape (batch, steps, n)
        The input gate before it is squashed, and what it lets in.
    forget : Tensor of shape (batch, steps, n) or None
        The forget gate before it is squashed; None if it is what the input gate leaves.
    start : Tensor of shape (batch, n)
        The state before the first step.
    kernel : {"auto", "numba", "torch"}, default="auto"
        "numba" does all in one pass over the steps; "torch" is the parallel scan of
        `linear_scan`.

    Returns
    -------
    Tensor of shape (batch, steps, n)
        The states of all steps.
    """
    kernel = choose(kernel, candidate, native=False)
    if kernel == "numba":
        return compute(kernel, "minimal", gate, forget, candidate, start)[0]
    return linear_scan(*coefficients(gate, forget, candidate), start, kernel)


def coefficients(
    gate: Tensor, forget: Tensor | None, candidate: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the share of the state that is kept, and what is added to it."""
    if forget is not None:
        # log i - log f: the logistic function of it is i / (f + i), even if both are 0.
        gate = softplus(-forget) - softplus(-gate)
    return torch.sigmoid(-gate), torch.sigmoid(gate) * candidate
