"""The network that forecasts: a window in, all steps of the horizon out."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklrnn.network.assemble import Rows
from sklrnn.network.cells.base import State
from sklrnn.network.encoded import EncodedNetwork
from sklrnn.network.heads import ForecastHead

_SMALLEST_VARIANCE = 1e-5


class Carry(NamedTuple):
    """What a forecast fed back step by step carries along."""

    states: list[State]
    level: tuple[Tensor, Tensor] | None


class ForecastNetwork(EncodedNetwork):
    """Window in, all steps of the horizon out, in standardised units.

    Parameters
    ----------
    n_targets, n_exogenous : int
    masked : bool
        Whether the input rows hold the mask and the time since last seen after the
        values, as `sklrnn.data.windows.channels` writes them.
    window_length, horizon : int
    normalize : {"standard", "window", "last"} or None
        "window" takes each window's mean out and divides by its standard deviation,
        "last" takes its last value out; the forecast gets them back. Deviations are
        those of reversible instance normalisation (Kim et al. 2022, equation 1).
    **layers
        As `LayerParams` lists them.

    References
    ----------
    T. Kim et al., "Reversible instance normalization for accurate time-series
    forecasting against distribution shift", ICLR 2022.
    """

    def __init__(
        self,
        *,
        n_targets: int,
        n_exogenous: int,
        masked: bool,
        window_length: int,
        horizon: int,
        normalize: str | None,
        **layers: Any,
    ) -> None:
        n_columns = n_targets + n_exogenous
        n_channels = n_columns * (3 if masked else 1)
        super().__init__(Rows(n_channels, n_targets, masked, window_length), **layers)
        self.n_targets = n_targets
        self.n_exogenous = n_exogenous
        self.n_channels = n_channels
        self.masked = masked
        self.horizon = horizon
        self.normalize = normalize
        self.head = ForecastHead(
            self.encoder.output_size, horizon, n_targets, n_exogenous
        )

    def loss(
        self,
        criterion: nn.Module,
        inputs: dict[str, Tensor],
        scored: tuple[Tensor, Tensor | None],
        progress: float,
    ) -> tuple[Tensor, Tensor]:
        """Score a batch, with all that the current phase of the training is to learn.

        Parameters
        ----------
        criterion : nn.Module
            Takes prediction, target and mask.
        inputs : dict of Tensor
            "past" and "future", as `forward` takes them; to train a decoupled network
            also "ahead", the rows that follow the past, of shape (batch, horizon,
            n_channels), and "lengths", how many rows there are in all.
        scored : tuple of Tensor
            Target and mask.
        progress : float
            Share of the training that is done, from 0 to 1.

        Returns
        -------
        loss : Tensor, scalar
        prediction : Tensor
        """
        past, future = inputs["past"], inputs.get("future")
        level = self._level(past)
        x = self._relative(past, level)
        if self.phase == "backward":
            whole = self._whole(x, inputs["ahead"], level)
            known = self.known(whole)
            return self.encoder.backward_loss(whole, known, inputs["lengths"])
        targets = self.known(x) if self.training else None
        matched = self.training and self.decoupled
        if matched:
            outputs, _ = self.encoder.sequence(x, targets=targets)
            state = outputs[:, -1]
        else:
            state = self.encoder.summary(x, targets=targets)
        prediction = self._absolute(self.head(state, future), level)
        loss = criterion(prediction, *scored)
        if matched:
            whole = self._whole(x, inputs["ahead"], level)
            known, lengths = self.known(whole), inputs["lengths"]
            loss = loss + self.encoder.student_loss(
                outputs, whole, known, lengths, progress
            )
        error = self.encoder.take_teaching_error()
        return (loss if error is None else loss + error), prediction

    def _whole(
        self, x: Tensor, ahead: Tensor, level: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Return the rows of past and horizon, all on the level of the past."""
        return torch.cat([x, self._relative(ahead, level)], dim=1)

    def forward(self, past: Tensor, future: Tensor | None = None) -> Tensor:
        """Forecast.

        Parameters
        ----------
        past : Tensor of shape (batch, steps, n_channels)
        future : Tensor of shape (batch, horizon, n_exogenous), optional

        Returns
        -------
        Tensor of shape (batch, horizon, n_targets)
        """
        level = self._level(past)
        state = self.encoder.summary(self._relative(past, level))
        return self._absolute(self.head(state, future), level)

    def start(self, past: Tensor, future: Tensor | None = None) -> tuple[Tensor, Carry]:
        """Forecast as `forward` does, and return what `advance` goes on from."""
        level = self._level(past)
        outputs, states = self.encoder.sequence(self._relative(past, level))
        prediction = self._absolute(self.head(outputs[:, -1], future), level)
        return prediction, Carry(states, level)

    def advance(
        self, row: Tensor, carry: Carry, future: Tensor | None = None
    ) -> tuple[Tensor, Carry]:
        """Read one more row, (batch, n_channels), and forecast from there."""
        past = self._relative(row.unsqueeze(1), carry.level)
        outputs, states = self.encoder.sequence(past, carry.states)
        prediction = self._absolute(self.head(outputs[:, -1], future), carry.level)
        return prediction, Carry(states, carry.level)

    def reconstruct(self, past: Tensor) -> Tensor:
        """Predict a decoupled network's inner steps from both their sides, offline.

        Returns
        -------
        Tensor of shape (batch, steps - 2, n_targets)
            For all steps but the first and the last.
        """
        level = self._level(past)
        x = self._relative(past, level)
        return self._absolute(self.encoder.reconstruct(x), level)

    def relative(self, past: Tensor) -> Tensor:
        """Return windows as the recurrent layers read them, on their own level."""
        return self._relative(past, self._level(past))

    def _level(self, past: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return each window's own center and scale, (batch, 1, n_targets)."""
        values = past[..., : self.n_targets]
        if self.normalize == "last":
            return values[:, -1:], values.new_ones(())
        if self.normalize != "window":
            return None
        if not self.masked:
            variance, mean = torch.var_mean(values, dim=1, correction=0, keepdim=True)
            return mean, (variance + _SMALLEST_VARIANCE).sqrt()
        first = self.n_targets + self.n_exogenous
        mask = past[..., first : first + self.n_targets]
        count = mask.sum(dim=1, keepdim=True)
        mean = (values * mask).sum(dim=1, keepdim=True) / count.clamp(min=1)
        square = ((values - mean) * mask).square().sum(dim=1, keepdim=True)
        scale = (square / count.clamp(min=1) + _SMALLEST_VARIANCE).sqrt()
        return mean, torch.where(count > 0, scale, torch.ones_like(scale))

    def _relative(self, past: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        if level is None:
            return past
        values = (past[..., : self.n_targets] - level[0]) / level[1]
        if self.n_targets == self.n_channels:
            return values
        return torch.cat([values, past[..., self.n_targets :]], dim=-1)

    def _absolute(
        self, prediction: Tensor, level: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        return prediction if level is None else prediction * level[1] + level[0]
