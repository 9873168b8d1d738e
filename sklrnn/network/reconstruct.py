"""The network that reconstructs: what surrounds an entry in, its estimate out."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from sklrnn import registry
from sklrnn.network.assemble import (
    LayerParams,
    Rows,
    build_fusion,
    build_layers,
    count_weights,
    other_draws,
)
from sklrnn.network.cells.base import State, takes
from sklrnn.network.cells.grud import GAP_CAP
from sklrnn.network.decoupled import matching_share
from sklrnn.network.heads import Estimate, ImputationHead
from sklrnn.network.layers import RecurrentLayers
from sklrnn.network.losses import BlendedLoss, GaussianNLL, LaplaceNLL, MaskedMSE
from sklrnn.network.padding import reverse, valid_steps

NEVER = 1e9
"""Time since last seen of what was never seen; `sklrnn.data.surroundings` sets it."""

_SMALLEST_TIME = 1e-6

_LARGEST_INPUT = 5.0
"""In units of the local scale: beyond it, only that it is far off counts."""

LOSSES = {
    "blend": BlendedLoss,
    "laplace_nll": LaplaceNLL,
    "gaussian_nll": GaussianNLL,
    "mse": MaskedMSE,
}


class Side(NamedTuple):
    """Rows of `sklrnn.data.surroundings.look_back`, taken apart.

    Attributes
    ----------
    last, mask, since, level, scale, change, moved : Tensor
        Of shape (batch, steps, n_columns).
    elapsed : Tensor of shape (batch, steps, 1)
    """

    last: Tensor
    mask: Tensor
    since: Tensor
    level: Tensor
    scale: Tensor
    change: Tensor
    moved: Tensor
    elapsed: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Side:
        """Take rows apart."""
        return cls._make([*rows[..., :-1].chunk(7, dim=-1), rows[..., -1:]])


class ReconstructionNetwork(nn.Module):
    """Rows that tell what surrounds every entry in, an estimate of every entry out.

    Parameters
    ----------
    n_columns : int
    window_length : int
        Number of steps in a window of the training.
    loss : {"blend", "laplace_nll", "gaussian_nll", "mse"}
    **layers
        As `sklrnn.network.assemble.LayerParams` lists them.

    Attributes
    ----------
    phase : {"backward", "forward"} or None
        What is being trained, where that is not everything at once.

    Notes
    -----
    "coupled" reads the table from both ends and starts from linear interpolation.
    "forward" reads it from the beginning and starts from the last value seen. With
    "decoupled", a backward stack with a head of its own is trained first and frozen;
    then the forward one is trained to estimate and to match its states, and beside it,
    with no gradient into either, the fusion of both, which starts from linear
    interpolation. All of them read step t itself: what is missing in it is what they
    are to estimate, and what is not helps.
    """

    def __init__(
        self, *, n_columns: int, window_length: int, loss: str, **layers: Any
    ) -> None:
        super().__init__()
        params = cast(LayerParams, layers)
        self.n_columns = n_columns
        self.direction = params["direction"]
        self.hidden_size = params["hidden_size"]
        self.matching_weight = params["matching_weight"]
        self.matching_schedule = params["matching_schedule"]
        self.loss_name = loss
        self.spread_loss = LaplaceNLL()
        # A cell that knows gaps itself reads what its equations are written for.
        self.plain = takes(registry.find_cell(params["cell"]), "masked")
        coupled = self.direction == "coupled"
        n_read = self._n_read(offline=coupled)
        n_channels = 3 * n_columns if self.plain else n_read
        rows = Rows(n_channels, n_columns, self.plain, window_length)
        self.encoder = build_layers(params, rows, "coupled" if coupled else "forward")
        size = self.encoder.output_size
        self.head = ImputationHead(size, n_read, self.hidden_size, n_columns)
        self.teacher: RecurrentLayers | None = None
        self.phase: str | None = None
        if self.direction == "decoupled":
            # Drawn apart, so that the forward branch starts as it would without.
            with other_draws(1):
                self._build_teacher(params, rows)

    def _build_teacher(self, params: LayerParams, rows: Rows) -> None:
        """Build what a decoupled network has beside its forward branch."""
        shape = (self.hidden_size, self.n_columns)
        self.teacher = build_layers(params, rows, "forward")
        size = self.teacher.output_size
        self.teacher_head = ImputationHead(size, self._n_read(offline=False), *shape)
        self.match = nn.Linear(size, size, bias=False)
        with other_draws(2):
            self.fusion = build_fusion(params)
            size = int(self.fusion.output_size)  # type: ignore[arg-type]
            self.offline_head = ImputationHead(size, self._n_read(offline=True), *shape)

    def _n_read(self, *, offline: bool) -> int:
        return (10 if offline else 8) * self.n_columns + 1

    @property
    def phases(self) -> tuple[str | None, ...]:
        """The parts of the training, in order."""
        return (None,) if self.teacher is None else ("backward", "forward")

    def begin(self, phase: str | None) -> None:
        """Begin a part of the training: freeze what does not learn in it."""
        self.phase = phase
        if self.teacher is not None:
            self.requires_grad_(phase == "forward")
            for module in (self.teacher, self.teacher_head):
                module.requires_grad_(phase == "backward")

    @property
    def spread_apart(self) -> bool:
        """Whether the spread is learned by a loss of its own, beside the named one."""
        return self.loss_name in ("mse", "gaussian_nll")

    def gradient_groups(self) -> list[list[nn.Parameter]]:
        """Return the weights whose gradients are clipped together."""
        groups = []
        if self.teacher is not None:
            groups.append([*self.fusion.parameters(), *self.offline_head.parameters()])
        if self.spread_apart:
            heads = [m for m in self.modules() if isinstance(m, ImputationHead)]
            spread = [w for head in heads for w in head.spread_parameters()]
            own = {id(weight) for weight in spread}
            groups = [[w for w in group if id(w) not in own] for group in groups]
            groups.append(spread)
        apart = {id(weight) for group in groups for weight in group}
        return [[w for w in self.parameters() if id(w) not in apart], *groups]

    def count_parameters(self) -> dict[str, int]:
        """Count the weights, by what they are for."""
        return count_weights(self, self.encoder, self.head)

    def loss(
        self,
        criterion: nn.Module,
        inputs: dict[str, Tensor],
        scored: tuple[Tensor, Tensor],
        progress: float,
    ) -> tuple[Tensor, Tensor]:
        """Score a batch, with all that the current phase of the training is to learn.

        Parameters
        ----------
        criterion : nn.Module
            The loss, of the name given at construction.
        inputs : dict of Tensor
            "rows", as `forward` takes them, and "lengths", of shape (batch,), where
            sequences are padded.
        scored : tuple of Tensor
            The values and, bool, which of them count; (batch, steps, n_columns).
        progress : float
            Share of the training that is done, from 0 to 1.

        Returns
        -------
        loss : Tensor, scalar
        prediction : Tensor of shape (batch, steps, n_columns)
        """
        rows, lengths = inputs["rows"], inputs.get("lengths")
        if self.phase == "backward":
            _, estimate = self._look_ahead(rows, lengths)
            error = self.teacher.take_teaching_error()  # type: ignore[union-attr]
        else:
            states, _, estimate = self._look_back(rows, lengths)
            error = self.encoder.take_teaching_error()
        loss = self._score(criterion, estimate, scored)
        if error is not None:
            loss = loss + error
        if self.phase == "forward" and self.training:
            with torch.no_grad():
                behind, _ = self._frozen(rows, lengths)
            share = matching_share(self.matching_schedule, progress)
            distance = self._distance(self.match(states), behind, lengths)
            offline = self._fuse(rows, states.detach(), behind)
            loss = loss + self.matching_weight * share * distance
            loss = loss + self._score(criterion, offline, scored)
        return loss, estimate.mean

    def _score(
        self, criterion: nn.Module, estimate: Estimate, scored: tuple[Tensor, Tensor]
    ) -> Tensor:
        if not self.spread_apart:
            return criterion(estimate.mean, estimate.spread, *scored)
        side = self.spread_loss(estimate.mean.detach(), estimate.spread, *scored)
        side = side - side.detach()  # it teaches, and counts for nothing
        if self.loss_name == "gaussian_nll":
            return criterion(estimate.mean, estimate.precision, *scored) + side
        return criterion(estimate.mean, *scored) + side

    def forward(self, rows: Tensor, lengths: Tensor | None = None) -> Estimate:
        """Estimate every entry, from both sides unless the network is a forward one.

        Parameters
        ----------
        rows : Tensor of shape (batch, steps, n_channels)
            Of `look_back` and, unless the direction is "forward", of `look_ahead`.
        lengths : Tensor of shape (batch,), int, optional
            Number of steps of each sequence; what comes after is padding.
        """
        states, _, estimate = self._look_back(rows, lengths)
        if self.teacher is None:
            return estimate
        behind, _ = self._look_ahead(rows, lengths)
        return self._fuse(rows, states, behind)

    def distance(self, rows: Tensor) -> Tensor:
        """Return the time from every entry to the nearest that is read, in steps."""
        n_side = 7 * self.n_columns + 1
        back = Side.of(rows[..., :n_side])
        if rows.shape[-1] == n_side:
            return back.since
        return torch.minimum(back.since, Side.of(rows[..., n_side:]).since)

    def advance(
        self, rows: Tensor, states: list[State] | None
    ) -> tuple[Estimate, list[State]]:
        """Go on reading from some states, forward, and estimate what is read.

        Parameters
        ----------
        rows : Tensor of shape (batch, steps, n_channels)
            Of `look_back` alone.
        states : list of State or None
            None at the beginning.
        """
        back = Side.of(rows)
        own = (back.last, back.scale, back.moved)
        x, read = self._inputs(back, None, own)
        outputs, states = self.encoder.sequence(x, states)
        return self.head(outputs, read, *own), states

    def _look_back(
        self, rows: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, list[State], Estimate]:
        back, ahead = self._sides(rows)
        offline = self.direction == "coupled"
        between = (
            _between(back, ahead) if offline else (back.last, back.scale, back.moved)
        )
        x, read = self._inputs(back, ahead if offline else None, between)
        targets = torch.where(back.mask > 0, back.last, torch.nan)
        outputs, states = self.encoder.sequence(
            x, targets=targets if self.training else None, lengths=lengths
        )
        return outputs, states, self.head(outputs, read, *between)

    def _look_ahead(
        self, rows: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Estimate]:
        """Read from the end; outputs and estimates are aligned in time."""
        _, ahead = self._sides(rows)
        assert ahead is not None and self.teacher is not None
        own = (ahead.last, ahead.scale, ahead.moved)
        x, read = self._inputs(ahead, None, own)
        targets = torch.where(ahead.mask > 0, ahead.last, torch.nan)
        outputs, _ = self.teacher.sequence(
            reverse(x, lengths),
            targets=reverse(targets, lengths) if self.training else None,
            lengths=lengths,
        )
        outputs = reverse(outputs, lengths)
        return outputs, self.teacher_head(outputs, read, *own)

    def _frozen(self, rows: Tensor, lengths: Tensor | None) -> tuple[Tensor, Estimate]:
        """Run the teacher without its dropout."""
        assert self.teacher is not None
        self.teacher.eval()
        try:
            return self._look_ahead(rows, lengths)
        finally:
            self.teacher.train(self.training)

    def _fuse(self, rows: Tensor, states: Tensor, behind: Tensor) -> Estimate:
        back, ahead = self._sides(rows)
        between = _between(back, ahead)
        _, read = self._inputs(back, ahead, between)
        return self.offline_head(self.fusion(states, behind), read, *between)

    def _sides(self, rows: Tensor) -> tuple[Side, Side | None]:
        if self.direction == "forward":
            return Side.of(rows), None
        back, ahead = rows.chunk(2, dim=-1)
        return Side.of(back), Side.of(ahead)

    def _inputs(
        self, back: Side, ahead: Side | None, between: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return what the recurrent layers read, and what the head reads beside it."""
        start, scale, moved = between
        since = scale_gap(back.since)
        if ahead is None:
            level, change, gaps = back.level, [back.change / scale], [since]
        else:
            level = _either(back, ahead, back.level, ahead.level)
            step = start.diff(dim=1)
            edge = torch.zeros_like(start[:, :1])
            change = [torch.cat([edge, step], 1) / scale]
            change += [torch.cat([step, edge], 1) / scale]
            gaps = [since, scale_gap(ahead.since)]
        away = moved - start
        local = [(start - level) / scale, *change, away / scale]
        local = [part.clamp(-_LARGEST_INPUT, _LARGEST_INPUT) for part in local]
        elapsed = scale_gap(back.elapsed)
        read = [start, away, back.mask, *gaps, *local, 0.5 * scale.log(), elapsed]
        x = torch.cat(read, dim=-1)
        if not self.plain:
            return x, x
        return torch.cat([back.last, back.mask, since], dim=-1), x

    def _distance(
        self, states: Tensor, behind: Tensor, lengths: Tensor | None
    ) -> Tensor:
        distance = (states - behind).square().sum(-1)
        if lengths is None:
            return distance.mean()
        valid = valid_steps(behind, lengths)
        return torch.where(valid, distance, 0.0).sum() / valid.sum()


def scale_gap(gap: Tensor) -> Tensor:
    """Map times in steps to [0, 1], logarithmically, as cells expect them."""
    return torch.log1p(gap.clamp(max=GAP_CAP)) / math.log1p(GAP_CAP)


def _between(back: Side, ahead: Side | None) -> tuple[Tensor, Tensor, Tensor]:
    """Interpolate linearly in time, alone and with companions; the local scale."""
    assert ahead is not None
    weight = back.since / (back.since + ahead.since).clamp(min=_SMALLEST_TIME)
    scale = _either(back, ahead, back.scale.square(), ahead.scale.square()).sqrt()
    start = torch.lerp(back.last, ahead.last, weight)
    return start, scale, torch.lerp(back.moved, ahead.moved, weight)


def _either(back: Side, ahead: Side, before: Tensor, after: Tensor) -> Tensor:
    """Return the mean of what both sides know; where only one knows, what it knows."""
    mean = 0.5 * (before + after)
    mean = torch.where(back.since >= NEVER, after, mean)
    return torch.where(ahead.since >= NEVER, before, mean)
