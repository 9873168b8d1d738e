"""Decoupled training: a backward teacher, and a forward branch that runs alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import State
from sklrnn.network.layers import RecurrentLayers
from sklrnn.network.losses import MaskedMSE
from sklrnn.network.padding import reverse, valid_steps

MATCHING_SCHEDULES = ("constant", "rise", "fall")


class Decoupled(nn.Module):
    r"""A forward stack that learns from a backward one, and runs without it.

    The backward stack is trained first, on its own: having read a sequence from its
    end down to step t+1 it predicts step t. Frozen, it then teaches the forward stack,
    which, having read the sequence up to step t-1, is to predict step t, too:

    .. math:: L = L_\text{task} + \lambda \frac{1}{T} \sum_t
        \| A \vec h_{t-1} - \mathrm{sg}(\overleftarrow h_{t+1}) \|^2

    where sg stops the gradient. Both states predict the same step: one knows what is
    before it, the other what is after it. Outputs, summaries and states are those of
    the forward stack alone, so that the network is causal. Offline, the fusion of both
    states reconstructs a step from both sides (`reconstruct`); it learns beside the
    forward stack and sends no gradient into it.

    Parameters
    ----------
    forward_layers, backward_layers : RecurrentLayers
    fusion : nn.Module
        Joins the outputs of both.
    n_targets : int
        Number of values per step to predict and reconstruct.
    matching_weight : float
        Lambda, at its largest.
    matching_schedule : {"constant", "rise", "fall"}
        Course of lambda over the training: constant, linearly up from 0, linearly
        down to 0.

    References
    ----------
    D. Serdyuk et al., "Twin networks: matching the future for sequence generation",
    ICLR 2018, section 2.
    """

    causal = True

    def __init__(
        self,
        forward_layers: RecurrentLayers,
        backward_layers: RecurrentLayers,
        fusion: nn.Module,
        *,
        n_targets: int,
        matching_weight: float,
        matching_schedule: str,
    ) -> None:
        super().__init__()
        self.forward_layers = forward_layers
        self.backward_layers = backward_layers
        self.fusion = fusion
        self.matching_weight = matching_weight
        self.matching_schedule = matching_schedule
        self.output_size = forward_layers.output_size
        self.match = nn.Linear(self.output_size, backward_layers.output_size, False)
        self.teacher_head = nn.Linear(backward_layers.output_size, n_targets)
        self.offline_head = nn.Linear(int(fusion.output_size), n_targets)  # type: ignore[arg-type]

    def summary(self, x: Tensor, **context: Any) -> Tensor:
        """Return what the forward stack knows after the whole sequence."""
        return self.forward_layers.summary(x, **context)

    def sequence(
        self, x: Tensor, states: list[State] | None = None, **context: Any
    ) -> tuple[Tensor, list[State]]:
        """Run the forward stack."""
        return self.forward_layers.sequence(x, states, **context)

    def take_teaching_error(self) -> Tensor | None:
        """Return the mean error of taught cells' own outputs in the last run."""
        return self.forward_layers.take_teaching_error()

    def backward_loss(
        self, x: Tensor, values: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Score the teacher: from the end down to step t+1, predict step t.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)
        values : Tensor of shape (batch, steps, n_targets)
            What is to be predicted, NaN where unknown.
        lengths : Tensor of shape (batch,)
            Number of steps that are to be read; what comes after is padding.

        Returns
        -------
        loss : Tensor, scalar
        prediction : Tensor of shape (batch, steps - 1, n_targets)
        """
        targets = reverse(values, lengths) if self.training else None
        behind = self._behind(x, lengths, targets)
        prediction = self.teacher_head(behind[:, 1:])
        loss = _score(prediction, values[:, :-1], lengths - 1)
        error = self.backward_layers.take_teaching_error()
        return (loss if error is None else loss + error), prediction

    def student_loss(
        self,
        ahead: Tensor,
        x: Tensor,
        values: Tensor,
        lengths: Tensor,
        progress: float,
    ) -> Tensor:
        """Return what the forward stack and the fusion are to learn beside the task.

        Parameters
        ----------
        ahead : Tensor of shape (batch, n, output_size)
            Outputs of the forward stack on the first n steps of x.
        x, values, lengths
            As for `backward_loss`, with more than n steps: the teacher reads further.
        progress : float
            Share of the training that is done, from 0 to 1.

        Returns
        -------
        Tensor, scalar
            Lambda times the squared distance of the states, and the error of the
            reconstruction, whose gradient reaches the fusion and its head alone.
        """
        n_steps = min(ahead.shape[1], x.shape[1] - 2)
        if n_steps < 1:
            return ahead.new_zeros(())
        ahead, inner = ahead[:, :n_steps], slice(1, n_steps + 1)
        with torch.no_grad():
            behind = self._frozen(x, lengths)[:, 2 : n_steps + 2]
        valid = valid_steps(behind, lengths - 2)
        distance = (self.match(ahead) - behind).square().sum(-1)
        distance = torch.where(valid, distance, 0.0).sum() / valid.sum().clamp(min=1)
        reconstruction = self.offline_head(self.fusion(ahead.detach(), behind))
        offline = _score(reconstruction, values[:, inner], lengths - 2)
        share = matching_share(self.matching_schedule, progress)
        return self.matching_weight * share * distance + offline

    def both(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return what each stack knows of every inner step from its own side.

        Returns
        -------
        before, after : Tensor of shape (batch, steps - 2, output_size)
            For steps 1 to steps - 2: the forward state before each of them, and the
            backward state after it.
        """
        if lengths is None:
            lengths = torch.full((len(x),), x.shape[1], device=x.device)
        before, _ = self.forward_layers.sequence(x)
        return before[:, :-2], self._behind(x, lengths)[:, 2:]

    def reconstruct(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Predict every inner step from what is before and after it, offline.

        Returns
        -------
        Tensor of shape (batch, steps - 2, n_targets)
            For steps 1 to steps - 2.
        """
        return self.offline_head(self.fusion(*self.both(x, lengths)))

    def teacher_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights that are trained first and frozen then."""
        yield from self.backward_layers.parameters()
        yield from self.teacher_head.parameters()

    def offline_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights that only reconstruction uses."""
        yield from self.fusion.parameters()
        yield from self.offline_head.parameters()

    def _behind(
        self, x: Tensor, lengths: Tensor, targets: Tensor | None = None
    ) -> Tensor:
        back = reverse(x, lengths)
        outputs, _ = self.backward_layers.sequence(
            back, targets=targets, lengths=lengths
        )
        return reverse(outputs, lengths)

    def _frozen(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Run the teacher without its dropout."""
        training = self.backward_layers.training
        self.backward_layers.eval()
        try:
            return self._behind(x, lengths)
        finally:
            self.backward_layers.train(training)


def matching_share(schedule: str, progress: float) -> float:
    """Return how much of its weight the matching of states has at some time.

    Parameters
    ----------
    schedule : {"constant", "rise", "fall"}
    progress : float
        Share of the training that is done, from 0 to 1.
    """
    return {"constant": 1.0, "rise": progress, "fall": 1.0 - progress}[schedule]


def _score(prediction: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    known = valid_steps(target, lengths)[..., None] & ~target.isnan()
    return MaskedMSE()(prediction, target, known)
