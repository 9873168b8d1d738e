"""Networks put together from cells, directions, fusions and heads."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklrnn import registry
from sklrnn.network.cells.base import Cell, State
from sklrnn.network.directions import Coupled, Forward
from sklrnn.network.heads import ForecastHead
from sklrnn.network.layers import RecurrentLayers

_SMALLEST_VARIANCE = 1e-5


def build_layers(
    input_size: int,
    *,
    cell: str | type[Cell],
    cell_params: dict[str, Any] | None,
    hidden_size: int,
    num_layers: int,
    direction: str,
    fusion: str | type[nn.Module],
    fusion_params: dict[str, Any] | None,
    dropout: float,
) -> RecurrentLayers:
    """Build the recurrent layers that an estimator's parameters describe."""
    cell_class = registry.find_cell(cell)
    layers: list[Forward | Coupled] = []
    for _ in range(num_layers):
        cells = [
            cell_class(input_size, hidden_size, **(cell_params or {}))
            for _ in range(1 if direction == "forward" else 2)
        ]
        if direction == "forward":
            layers.append(Forward(cells[0]))
        else:
            join = registry.find_fusion(fusion)(hidden_size, **(fusion_params or {}))
            layers.append(Coupled(cells[0], cells[1], join))
        input_size = layers[-1].output_size
    return RecurrentLayers(layers, dropout)


class Carry(NamedTuple):
    """What a forecast fed back step by step carries along."""

    states: list[State]
    level: tuple[Tensor, Tensor] | None


class ForecastNetwork(nn.Module):
    """Window in, all steps of the horizon out, in standardised units.

    Parameters
    ----------
    n_targets, n_exogenous : int
    masked : bool
        Whether the input rows hold the mask and the time since last seen after the
        values, as `sklrnn.data.windows.channels` writes them.
    horizon : int
    normalize : {"standard", "window", "last"} or None
        "window" takes each window's mean out and divides by its standard deviation,
        "last" takes its last value out; the forecast gets them back. Deviations are
        those of reversible instance normalisation (Kim et al. 2022, equation 1).
    **layers
        As `build_layers` takes them.

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
        horizon: int,
        normalize: str | None,
        **layers: Any,
    ) -> None:
        super().__init__()
        self.n_targets = n_targets
        self.n_exogenous = n_exogenous
        self.masked = masked
        self.horizon = horizon
        self.normalize = normalize
        self.hidden_size = layers["hidden_size"]
        n_columns = n_targets + n_exogenous
        self.n_channels = n_columns * (3 if masked else 1)
        self.encoder = build_layers(self.n_channels, **layers)
        self.head = ForecastHead(
            self.encoder.output_size, horizon, n_targets, n_exogenous
        )

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
