"""What networks have in common whose head stands on one stack of recurrent layers."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from sklrnn.network.assemble import LayerParams, Rows, build_encoder
from sklrnn.network.decoupled import Decoupled


class EncodedNetwork(nn.Module):
    """Recurrent layers, to which a subclass adds `head` and what turns rows into loss.

    Parameters
    ----------
    rows : Rows
        What the rows of the input hold.
    **layers
        As `LayerParams` lists them.

    Attributes
    ----------
    phase : {"backward", "forward"} or None
        What is being trained, where that is not everything at once.
    """

    head: nn.Module

    def __init__(self, rows: Rows, **layers: Any) -> None:
        super().__init__()
        self.hidden_size = layers["hidden_size"]
        self.rows = rows
        self.first_mask = rows.n_channels // 3  # of the targets, where rows have masks
        self.encoder: Any = build_encoder(cast(LayerParams, layers), rows)
        self.phase: str | None = None

    @property
    def decoupled(self) -> bool:
        """Whether a backward teacher is trained first."""
        return isinstance(self.encoder, Decoupled)

    @property
    def phases(self) -> tuple[str | None, ...]:
        """The parts of the training, in order."""
        return ("backward", "forward") if self.decoupled else (None,)

    def begin(self, phase: str | None) -> None:
        """Begin a part of the training: freeze what does not learn in it."""
        self.phase = phase
        if self.decoupled:
            self.requires_grad_(phase == "forward")
            for weight in self.encoder.teacher_parameters():
                weight.requires_grad_(phase == "backward")

    def count_parameters(self) -> dict[str, int]:
        """Count the weights, by what they are for."""
        layers = self.encoder.forward_layers if self.decoupled else self.encoder
        counts = {
            "layers": _count(layers),
            "teacher": _count(self.encoder) - _count(layers),
            "head": _count(self) - _count(self.encoder),
        }
        return {**counts, "total": sum(counts.values())}

    def gradient_groups(self) -> list[list[nn.Parameter]]:
        """Return the weights whose gradients are clipped together."""
        if not self.decoupled:
            return [list(self.parameters())]
        # What reconstruction needs must not hold the forward branch's steps back.
        offline = list(self.encoder.offline_parameters())
        apart = {id(weight) for weight in offline}
        return [[w for w in self.parameters() if id(w) not in apart], offline]

    def known(self, x: Tensor) -> Tensor:
        """Return the targets that rows hold, NaN where they were not observed."""
        n_targets = self.rows.n_targets
        values = x[..., :n_targets]
        if not self.rows.masked:
            return values
        first = self.first_mask
        mask = x[..., first : first + n_targets]
        return torch.where(mask > 0, values, torch.nan)


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())
