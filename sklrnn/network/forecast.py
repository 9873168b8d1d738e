"""The network that forecasts: a window in, all steps of the horizon out."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklrnn.network.assemble import Rows
from sklrnn.network.categories import CategoryEmbedding
from sklrnn.network.cells.base import State
from sklrnn.network.decoders import build_decoder
from sklrnn.network.encoded import EncodedNetwork
from sklrnn.network.heads import ForecastHead
from sklrnn.network.likelihoods import LIKELIHOODS
from sklrnn.network.segments import SegmentReader, join_targets, split_targets

_SMALLEST_VARIANCE = 1e-5
_QUIET = 0.3
"""Share of its first weights that a decoder beside a shortcut begins with."""


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
    segment_length : int, default=1
        Number of steps that the recurrent layers read at once, and that a decoder
        which knows of segments gives at once.
    channels : {"joint", "independent"}, default="joint"
        Whether one sequence holds all targets, or every target is a sequence of its
        own, read with the same weights.
    channel_embedding : bool, default=False
        With "independent", whether every target adds a learned vector of its own to
        the last state.
    decoder : {"linear", "parallel", "recurrent"}, default="linear"
        See `sklrnn.network.decoders`.
    shortcut : bool, default=False
        Whether the window's last values are added to the forecast, each step's with a
        learned weight that is 1 at first, when the decoder gives 0.3 of what it
        would: an untrained network stays close to the last value (an autoregressive
        path beside the recurrent one: Lai et al. 2018, section 3.6). Of distributions
        it is added to the location. With "last", which adds them anyway, and with
        distributions that have no location it does nothing.
    distribution : str, default="point"
        "point", or a name of `sklrnn.network.likelihoods`: forecasts then are the
        parameters of that distribution.
    past_only : tuple of int, default=()
        Places of the exogenous columns that are read in the window alone.
    categories : dict of int to int, optional
        Places of the exogenous columns that number categories, and how many there are.
    **layers
        As `LayerParams` lists them.

    References
    ----------
    T. Kim et al., "Reversible instance normalization for accurate time-series
    forecasting against distribution shift", ICLR 2022. G. Lai, W.-C. Chang, Y. Yang
    and H. Liu, "Modeling long- and short-term temporal patterns with deep neural
    networks", SIGIR 2018.
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
        segment_length: int = 1,
        channels: str = "joint",
        channel_embedding: bool = False,
        decoder: str = "linear",
        shortcut: bool = False,
        distribution: str = "point",
        past_only: tuple[int, ...] = (),
        categories: dict[int, int] | None = None,
        **layers: Any,
    ) -> None:
        together = 1 if channels == "independent" else n_targets
        embed = CategoryEmbedding(n_exogenous, categories) if categories else None
        n_more = embed.n_features - n_exogenous if embed else 0
        n_read = (together + n_exogenous) * (3 if masked else 1) + n_more
        rows = Rows(n_read, together, masked, window_length)
        if segment_length > 1:
            n_segments = -(-window_length // segment_length)
            rows = Rows(layers["hidden_size"], together, False, n_segments)
        super().__init__(rows, **layers)
        self.embed = embed
        self.first_mask = together + n_exogenous + n_more
        self.n_targets = n_targets
        self.n_exogenous = n_exogenous
        self.n_channels = (n_targets + n_exogenous) * (3 if masked else 1)
        self.masked = masked
        self.horizon = horizon
        self.normalize = normalize
        self.independent = channels == "independent"
        self.segments = None
        if segment_length > 1:
            self.segments = SegmentReader(n_read, segment_length, self.hidden_size)
        state_size = self.encoder.output_size
        self.embedding = None
        if channel_embedding:
            self.embedding = nn.Parameter(torch.zeros(n_targets, state_size))
        self.likelihood = None
        if distribution != "point":
            self.likelihood = LIKELIHOODS[distribution]()
        n_values = together * (self.likelihood.n_params if self.likelihood else 1)
        decode: Any = build_decoder(
            decoder,
            state_size,
            horizon,
            n_values,
            segment_length=segment_length,
            dropout=layers["dropout"],
        )
        self.past_only = list(past_only)
        self.known_ahead = [i for i in range(n_exogenous) if i not in past_only]
        if embed is not None:
            self.known_ahead = [i for n in self.known_ahead for i in embed.places[n]]
        self.head = ForecastHead(decode, state_size, n_values, len(self.known_ahead))
        self.last_weight = None
        has_location = self.likelihood is None or self.likelihood.location is not None
        if shortcut and normalize != "last" and has_location:
            self.last_weight = nn.Parameter(torch.ones(horizon, together))
            with torch.no_grad():
                for weights in decode.to_values.parameters():
                    weights.mul_(_QUIET)

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
        x = self._read(past, level)
        if self.phase == "backward":
            whole, lengths = self._whole(inputs, level)
            return self.encoder.backward_loss(whole, self.known(whole), lengths)
        targets = self.known(x) if self.training and self.segments is None else None
        matched = self.training and self.decoupled
        if matched:
            outputs, _ = self.encoder.sequence(x, targets=targets)
            state = outputs[:, -1]
        else:
            state = self.encoder.summary(x, targets=targets)
        prediction = self._answer(state, future, level, past[:, -1:])
        loss = criterion(prediction, *scored)
        if matched:
            whole, lengths = self._whole(inputs, level)
            loss = loss + self.encoder.student_loss(
                outputs, whole, self.known(whole), lengths, progress
            )
        error = self.encoder.take_teaching_error()
        return (loss if error is None else loss + error), prediction

    def _whole(
        self, inputs: dict[str, Tensor], level: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """Return the rows of past and horizon, all on the level of the past."""
        rows = torch.cat([inputs["past"], inputs["ahead"]], dim=1)
        lengths = inputs["lengths"]
        if self.independent:
            lengths = lengths.repeat_interleave(self.n_targets)
        return self._read(rows, level), lengths

    def forward(self, past: Tensor, future: Tensor | None = None) -> Tensor:
        """Forecast.

        Parameters
        ----------
        past : Tensor of shape (batch, steps, n_channels)
        future : Tensor of shape (batch, horizon, n_exogenous), optional

        Returns
        -------
        Tensor of shape (batch, horizon, n_targets)
            Or, of distributions, (batch, horizon, n_targets, n_params).
        """
        level = self._level(past)
        state = self.encoder.summary(self._read(past, level))
        return self._answer(state, future, level, past[:, -1:])

    @property
    def carries(self) -> bool:
        """Whether a forecast fed back can go on from the state, step by step."""
        return self.horizon == 1 and self.encoder.causal and self.segments is None

    def start(self, past: Tensor, future: Tensor | None = None) -> tuple[Tensor, Carry]:
        """Forecast as `forward` does, and return what `advance` goes on from."""
        level = self._level(past)
        outputs, states = self.encoder.sequence(self._read(past, level))
        prediction = self._answer(outputs[:, -1], future, level, past[:, -1:])
        return prediction, Carry(states, level)

    def advance(
        self, row: Tensor, carry: Carry, future: Tensor | None = None
    ) -> tuple[Tensor, Carry]:
        """Read one more row, (batch, n_channels), and forecast from there."""
        last = row.unsqueeze(1)
        x = self._read(last, carry.level)
        outputs, states = self.encoder.sequence(x, carry.states)
        prediction = self._answer(outputs[:, -1], future, carry.level, last)
        return prediction, Carry(states, carry.level)

    def reconstruct(self, past: Tensor) -> Tensor:
        """Predict a decoupled network's inner steps from both their sides, offline.

        Returns
        -------
        Tensor of shape (batch, steps - 2, n_targets)
            For all steps but the first and the last.
        """
        level = self._level(past)
        inner = self.encoder.reconstruct(self._read(past, level))
        if self.independent:
            inner = join_targets(inner, self.n_targets)
        return self._absolute(inner, level)

    def relative(self, past: Tensor) -> Tensor:
        """Return windows as the recurrent layers read them, on their own level."""
        return self._read(past, self._level(past))

    def _read(self, past: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return what the recurrent layers read of rows."""
        x = self._relative(past, level)
        if self.independent:
            n_columns = self.n_targets + self.n_exogenous
            x = split_targets(x, self.n_targets, n_columns)
        if self.embed is not None:
            first = 1 if self.independent else self.n_targets
            own, exogenous, rest = x.tensor_split(
                [first, first + self.n_exogenous], dim=-1
            )
            x = torch.cat([own, self.embed(exogenous), rest], dim=-1)
        return x if self.segments is None else self.segments(x)

    def _answer(
        self,
        state: Tensor,
        future: Tensor | None,
        level: tuple[Tensor, Tensor] | None,
        last: Tensor,
    ) -> Tensor:
        """Return the forecast from the last state and the last row."""
        if self.embedding is not None:
            own = self.embedding.repeat(len(state) // self.n_targets, 1)
            state = state + own
        if self.embed is not None and future is not None:
            future = self.embed(future)
        if self.past_only and future is not None:
            future = future[..., self.known_ahead]
        if self.independent and future is not None:
            future = future.repeat_interleave(self.n_targets, dim=0)
        prediction = self.head(state, future)
        if self.independent:
            prediction = join_targets(prediction, self.n_targets)
        raw = prediction.unflatten(-1, (self.n_targets, -1))
        if self.last_weight is not None:
            own = self._relative(last, level)[..., : self.n_targets]
            raw = self._moved(raw, self.last_weight * own)
        if self.likelihood is None:
            return self._absolute(raw[..., 0], level)
        return self.likelihood.place(raw, level)

    def _moved(self, raw: Tensor, by: Tensor) -> Tensor:
        """Return what a head gives with its location moved."""
        at = 0 if self.likelihood is None else self.likelihood.location
        before, location, after = raw.tensor_split([at, at + 1], dim=-1)
        return torch.cat([before, location + by.unsqueeze(-1), after], dim=-1)

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
