"""The learning rate of every step: warm-up, then a schedule."""

from __future__ import annotations

import math

import torch

SCHEDULES = ("cosine", "plateau", None)

_LOWEST_LR = 0.01
"""Where the schedules end, as a share of the peak learning rate."""


class LearningRate:
    """The learning rate of every step: linear warm-up, then a schedule."""

    def __init__(
        self, peak: float, *, n_steps: int, warmup: float, schedule: str | None
    ) -> None:
        self.peak = peak
        self.n_steps = max(n_steps, 1)
        self.n_warmup = int(warmup * self.n_steps)
        self.schedule = schedule
        self.step = 0
        self.factor = 1.0
        self.best = math.inf
        self.misses = 0

    @property
    def progress(self) -> float:
        """Share of the steps that are done."""
        return min(self.step / self.n_steps, 1.0)

    def apply(self, optimizer: torch.optim.Optimizer | None) -> None:
        """Go on to the next step, and set its rate unless somebody else does."""
        self.step += 1
        if optimizer is None:
            return
        lr = self.peak * self._share()
        for group in optimizer.param_groups:
            group["lr"] = lr

    def _share(self) -> float:
        if self.step <= self.n_warmup:
            return self.step / (self.n_warmup + 1)
        if self.schedule != "cosine":
            return self.factor
        done = (self.step - self.n_warmup) / (self.n_steps - self.n_warmup)
        return _LOWEST_LR + (1 - _LOWEST_LR) * 0.5 * (1 + math.cos(math.pi * done))

    def observe(self, loss: float) -> None:
        """Halve the rate of schedule "plateau" after 5 epochs without a better loss.

        Those of the warm-up do not count: its rate is not yet the one to be halved.
        """
        if loss < self.best or self.step <= self.n_warmup:
            self.best, self.misses = min(loss, self.best), 0
            return
        self.misses += 1
        if self.schedule == "plateau" and self.misses % 5 == 0:
            self.factor = max(self.factor * 0.5, _LOWEST_LR)
