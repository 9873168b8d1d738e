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
        ctx.save_for_backward(*(x if isinstance(x, Tensor) else None for x in kept))
        ctx.others = tuple(None if isinstance(x, Tensor) else x for x in kept)
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        pairs = zip(ctx.saved_tensors, ctx.others, strict=True)
        kept = tuple(other if saved is None else saved for saved, other in pairs)
        return None, *ctx.implementation.backward(kept, *gradients)


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
    if gradient is None:
        return torch.zeros_like(like)
    return gradient.clone(memory_format=torch.contiguous_format)


def seen(hiddens: Tensor, mask: Tensor | None) -> Tensor:
    """Return what the recurrent weights read of the hidden states before each step."""
    return hiddens[:-1] if mask is None else hiddens[:-1] * mask


def weight_gradient(gradient: Tensor, read: Tensor) -> Tensor:
    """Sum gradient x read over all steps and sequences: the weights' gradient."""
    return gradient.flatten(0, 1).T @ read.flatten(0, 1)
