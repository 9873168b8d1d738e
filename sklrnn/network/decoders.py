"""Decoders: from the last state to all steps of the horizon."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sklrnn.network.dropout import VariationalDropout


class LinearDecoder(nn.Module):
    """Every step as a linear function of the state.

    Parameters
    ----------
    state_size, horizon, n_values : int
        `n_values` is the number of values per step.
    """

    def __init__(self, state_size: int, horizon: int, n_values: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.n_values = n_values
        self.to_values = nn.Linear(state_size, horizon * n_values)

    def forward(self, state: Tensor) -> Tensor:
        """Decode (batch, state_size) to (batch, horizon, n_values)."""
        return self.to_values(state).view(len(state), self.horizon, self.n_values)


class SegmentDecoder(nn.Module):
    """What decoders have in common that give a segment of steps from each state.

    Parameters
    ----------
    state_size, horizon, n_values : int
    segment_length : int
        Number of steps in a segment; what outreaches the horizon is cut off.
    dropout : float
        Variational dropout on the states that segments are read from.
    """

    def __init__(
        self,
        state_size: int,
        horizon: int,
        n_values: int,
        segment_length: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.n_values = n_values
        self.n_segments = -(-horizon // segment_length)
        self.dropout = VariationalDropout(dropout)
        self.to_values = nn.Linear(state_size, segment_length * n_values)

    def read(self, states: Tensor) -> Tensor:
        """Turn (batch, n_segments, state_size) into (batch, horizon, n_values)."""
        steps = self.to_values(self.dropout(states))
        return steps.reshape(len(states), -1, self.n_values)[:, : self.horizon]


class ParallelDecoder(SegmentDecoder):
    r"""All segments at once, each asked for by a learned vector for its position.

    From the state h and the query q_k of segment k, one step of a gated recurrent unit:

    .. math::
        r_k, z_k &= \sigma(W_q q_k + W_h h + b) \\
        \tilde h_k &= \tanh(W_{qh} q_k + b_q + r_k \odot (W_{hh} h + b_h)) \\
        h_k &= z_k \odot h + (1 - z_k) \odot \tilde h_k

    Segments do not read one another, so that errors do not add up along the horizon.

    References
    ----------
    S. Lin et al., "SegRNN: segment recurrent neural network for long-term time series
    forecasting", 2023 (parallel multi-step forecasting).
    """

    def __init__(self, state_size: int, **shape: Any) -> None:
        super().__init__(state_size, **shape)
        self.queries = nn.Parameter(torch.randn(self.n_segments, state_size))
        self.cell = nn.GRUCell(state_size, state_size)

    def forward(self, state: Tensor) -> Tensor:
        """Decode (batch, state_size) to (batch, horizon, n_values)."""
        cell = self.cell
        asked = linear(self.queries, cell.weight_ih, cell.bias_ih)
        known = linear(state, cell.weight_hh, cell.bias_hh).unsqueeze(1)
        x_gates, x_new = asked.split([2 * cell.hidden_size, cell.hidden_size], dim=-1)
        h_gates, h_new = known.split([2 * cell.hidden_size, cell.hidden_size], dim=-1)
        r, z = (x_gates + h_gates).sigmoid().chunk(2, dim=-1)
        new = (x_new + r * h_new).tanh()
        return self.read(new + z * (state.unsqueeze(1) - new))


class RecurrentDecoder(SegmentDecoder):
    """Segment after segment: a gated recurrent unit reads the segment it gave last.

    It begins with the state and a segment of zeros, which stands for the level of the
    window, and reads its own output in training, too.

    References
    ----------
    I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural
    networks", NeurIPS 2014 (the decoder).
    """

    def __init__(self, state_size: int, **shape: Any) -> None:
        super().__init__(state_size, **shape)
        self.cell = nn.GRUCell(self.to_values.out_features, state_size)

    def forward(self, state: Tensor) -> Tensor:
        """Decode (batch, state_size) to (batch, horizon, n_values)."""
        segment = state.new_zeros(len(state), self.cell.input_size)
        states = []
        for _ in range(self.n_segments):
            state = self.cell(segment, state)
            states.append(state)
            segment = self.to_values(state)
        return self.read(torch.stack(states, dim=1))


DECODERS = ("linear", "parallel", "recurrent")


def build_decoder(
    decoder: str,
    state_size: int,
    horizon: int,
    n_values: int,
    *,
    segment_length: int,
    dropout: float,
) -> nn.Module:
    """Build the decoder of a name of `DECODERS`."""
    if decoder == "linear":
        return LinearDecoder(state_size, horizon, n_values)
    by_segments = {"parallel": ParallelDecoder, "recurrent": RecurrentDecoder}
    return by_segments[decoder](
        state_size,
        horizon=horizon,
        n_values=n_values,
        segment_length=segment_length,
        dropout=dropout,
    )
