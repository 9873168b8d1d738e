"""Whole sequences as one operation of autograd, with gradients written by hand."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Tensors = tuple[Tensor | None, ...]
Kept = tuple[Any, ...]


class Implementation(Protocol):
    """A module that computes a sequence and the way back.

    ``forward(*inputs, keep)`` returns the outputs and what `backward` needs; of that it
    stores nothing if `keep` is False. ``backward(kept, *gradients)`` takes the
    gradients with respect to the outputs, None for one that nothing depends on, and
    returns one for every input, None where there is none. Inputs need not be tensors.
    """

    def forward(self, *inputs: Any, keep: bool) -> tuple[Any, Kept]:
        """Compute the outputs."""
        ...

    def backward(self, kept: Kept, *gradients: Tensor | None) -> Tensors:
        """Compute the gradients with respect to the inputs."""
        ...


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, implementation: Implementation, *inputs: Any) -> Any:
        outputs, kept = implementation.forward(*inputs, keep=True)
        ctx.implementation = implementation
        ctx.save_for_backward(*kept)
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        found = ctx.implementation.backward(ctx.saved_tensors, *gradients)
        return None, *found


def run(implementation: Implementation, *inputs: Any) -> Any:
    """Compute the outputs of an `Implementation`; they can be differentiated once.

    Where no gradient is wanted nothing is kept for one.
    """
    wanted = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
    if wanted and torch.is_grad_enabled():
        return _Recurrence.apply(implementation, *inputs)
    with torch.no_grad():
        return implementation.forward(*inputs, keep=False)[0]


def zeros_unless(gradient: Tensor | None, like: Tensor) -> Tensor:
    """Return a copy of a gradient that may be written to, zeros if there is none."""
    return torch.zeros_like(like) if gradient is None else gradient.clone()


def seen(hiddens: Tensor, mask: Tensor | None) -> Tensor:
    """Return what the recurrent weights read of the hidden states before each step."""
    return hiddens[:-1] if mask is None else hiddens[:-1] * mask


def weight_gradient(gradient: Tensor, read: Tensor) -> Tensor:
    """Sum gradient x read over all steps and sequences: the weights' gradient."""
    return gradient.flatten(0, 1).T @ read.flatten(0, 1)
