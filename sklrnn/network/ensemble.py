"""Several networks that differ in their first weights, run as one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.network.assemble import other_draws
from sklrnn.network.forecast import ForecastNetwork


class ForecastEnsemble(nn.Module):
    """Forecast networks side by side; the forecast is the mean of theirs.

    Of distributions the parameters are averaged, which averages quantiles where these
    are location and scale.

    Every member learns as it would alone, from the same batches.

    Parameters
    ----------
    n_members : int
    **params
        As for `ForecastNetwork`.

    References
    ----------
    B. Lakshminarayanan, A. Pritzel and C. Blundell, "Simple and scalable predictive
    uncertainty estimation using deep ensembles", NeurIPS 2017.
    """

    def __init__(self, *, n_members: int, **params: Any) -> None:
        super().__init__()
        members = [ForecastNetwork(**params)]
        for number in range(1, n_members):
            with other_draws(number):
                members.append(ForecastNetwork(**params))
        self.members: Any = nn.ModuleList(members)
        first = members[0]
        self.n_targets = first.n_targets
        self.n_exogenous = first.n_exogenous
        self.n_channels = first.n_channels
        self.past_only = first.past_only
        self.masked = first.masked
        self.horizon = first.horizon
        self.hidden_size = first.hidden_size
        self.phases = first.phases
        self.carries = first.carries
        self.likelihood = first.likelihood

    def begin(self, phase: str | None) -> None:
        """Begin a part of the training."""
        for member in self.members:
            member.begin(phase)

    def gradient_groups(self) -> list[list[nn.Parameter]]:
        """Return the weights whose gradients are clipped together."""
        return [group for member in self.members for group in member.gradient_groups()]

    def count_parameters(self) -> dict[str, int]:
        """Count the weights of all members, by what they are for."""
        counts = [member.count_parameters() for member in self.members]
        return {name: sum(one[name] for one in counts) for name in counts[0]}

    def loss(
        self,
        criterion: nn.Module,
        inputs: dict[str, Tensor],
        scored: tuple[Tensor, Tensor | None],
        progress: float,
    ) -> tuple[Tensor, Tensor]:
        """Score a batch: in training the members' mean loss, else their forecast's.

        The gradient in training is that of the members' sum, so that each takes the
        steps that it would take alone.
        """
        learns = self.training or self.members[0].phase == "backward"
        if not learns:
            prediction = self(inputs["past"], inputs.get("future"))
            return criterion(prediction, *scored), prediction
        found = [
            member.loss(criterion, inputs, scored, progress) for member in self.members
        ]
        total = torch.stack([loss for loss, _ in found]).sum()
        prediction = torch.stack([one for _, one in found]).mean(dim=0)
        return total - (total * (1 - 1 / len(found))).detach(), prediction

    def forward(self, past: Tensor, future: Tensor | None = None) -> Tensor:
        """Forecast; shapes are those of `ForecastNetwork.forward`."""
        return torch.stack([one(past, future) for one in self.members]).mean(dim=0)

    def start(self, past: Tensor, future: Tensor | None = None) -> tuple[Tensor, Any]:
        """Forecast as `forward` does, and return what `advance` goes on from."""
        found = [member.start(past, future) for member in self.members]
        return _joined(found)

    def advance(
        self, row: Tensor, carry: Any, future: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Read one more row, (batch, n_channels), and forecast from there."""
        return _joined(
            [
                member.advance(row, one, future)
                for member, one in zip(self.members, carry, strict=True)
            ]
        )


def _joined(found: list[tuple[Tensor, Any]]) -> tuple[Tensor, list[Any]]:
    predictions, carries = zip(*found, strict=True)
    return torch.stack(predictions).mean(dim=0), list(carries)
