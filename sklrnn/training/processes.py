"""Processes that train one network together, each on its share of every batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.training.batches import Share


class Processes:
    """What a training asks of an `accelerate.Accelerator`.

    Gradients are averaged here rather than by the wrappers that accelerate prepares:
    those see a module's `forward` alone, and a network is scored by its `loss`, which
    may leave entries out and train one part of the network after another.

    Parameters
    ----------
    accelerator : accelerate.Accelerator

    Raises
    ------
    ImportError
        If accelerate is missing.
    TypeError
        If it is something else.
    ValueError
        If it is set up for what this training does not do.
    """

    def __init__(self, accelerator: Any) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise ImportError(
                "accelerator needs accelerate: pip install 'sklrnn[accelerate]'"
            ) from error
        if not isinstance(accelerator, Accelerator):
            raise TypeError(
                "accelerator must be an accelerate.Accelerator or None, got "
                f"{accelerator!r}"
            )
        kind = accelerator.distributed_type.value
        if kind != "NO" and not kind.startswith("MULTI_"):
            raise ValueError(
                f"accelerator is one of {kind}, but every process must hold the whole "
                "network: launch without it"
            )
        if accelerator.mixed_precision != "no":
            raise ValueError(
                f"accelerator has mixed_precision={accelerator.mixed_precision!r}, but "
                "recurrent networks train in single precision; launch with 'no'"
            )
        if accelerator.gradient_accumulation_steps != 1:
            raise ValueError(
                "accelerator has gradient_accumulation_steps="
                f"{accelerator.gradient_accumulation_steps}; leave it out, and set "
                "batch_size"
            )
        self.accelerator = accelerator

    @classmethod
    def of(cls, estimator: Any) -> Processes | None:
        """Return those that an estimator's `accelerator` stands for, if it has one."""
        accelerator = getattr(estimator, "accelerator", None)
        return None if accelerator is None else cls(accelerator)

    @property
    def share(self) -> Share:
        """The share of every batch that is this process's."""
        return Share(self.accelerator.process_index, self.accelerator.num_processes)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints."""
        return self.accelerator.is_main_process

    @property
    def device(self) -> str:
        """The device of this process."""
        device = self.accelerator.device
        return "cpu" if device.type == "cpu" else str(device)

    def same(self, value: float) -> float:
        """Return the value of the first process, in all of them."""
        from accelerate.utils import broadcast

        held = torch.tensor([value], dtype=torch.float64, device=self.device)
        return broadcast(held).item()

    def check_same(self, name: str, value: int) -> None:
        """Raise a ValueError unless a number is the same in all processes."""
        held = torch.tensor([value], device=self.device)
        found = self.accelerator.gather(held).tolist()
        if len(set(found)) > 1:
            raise ValueError(
                f"every process must be given the same data, but the number of {name} "
                f"is {found}"
            )

    def average(
        self, weights: Iterable[nn.Parameter], loss: Tensor, n_scored: Tensor
    ) -> Tensor:
        """Average gradients over the processes, in place.

        Parameters
        ----------
        weights : iterable of Parameter
        loss : Tensor, scalar
        n_scored : Tensor, scalar
            The number of entries that it is the mean of, and the weight of this share.

        Returns
        -------
        loss : Tensor, scalar
            That of the whole batch.
        """
        gradients = [w.grad for w in weights if w.grad is not None]
        parts = [*(gradient.reshape(-1) for gradient in gradients), loss.reshape(1)]
        count = n_scored.to(loss.dtype).reshape(1)
        total = self.accelerator.reduce(torch.cat([torch.cat(parts) * count, count]))
        mean = total[:-1] / total[-1].clamp(min=1)
        *averaged, loss = mean.split([len(part) for part in parts])
        for gradient, found in zip(gradients, averaged, strict=True):
            gradient.copy_(found.view_as(gradient))
        return loss[0]
