"""Heads: from what the recurrent layers know to the prediction."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

_GATE_AT_FIRST = 4.0
_SHARE_AT_FIRST = -2.0
_SPREAD_BOUNDS = (-7.0, 7.0)
"""Of the logarithm of the spread, in units of the local scale."""

_LEAST_PRECISION = 1e-3


class ForecastHead(nn.Module):
    """All steps of the horizon, from the last state and the known future.

    Every step depends on the newest observation. Known exogenous values of a step
    enter through a small network shared by all steps, which also sees the state.

    Parameters
    ----------
    decoder : nn.Module
        Takes states to `n_values` per step, as `sklrnn.network.decoders` has them.
    state_size, n_values, n_exogenous : int
    """

    def __init__(
        self, decoder: nn.Module, state_size: int, n_values: int, n_exogenous: int
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.n_exogenous = n_exogenous
        if n_exogenous:
            self.state_to_hidden = nn.Linear(state_size, state_size)
            self.future_to_hidden = nn.Linear(n_exogenous, state_size, bias=False)
            self.hidden_to_value = nn.Linear(state_size, n_values, bias=False)
            self.future_to_value = nn.Linear(n_exogenous, n_values, bias=False)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:
        """Predict.

        Parameters
        ----------
        state : Tensor of shape (batch, state_size)
        future : Tensor of shape (batch, horizon, n_exogenous), optional
            Exogenous values of the steps to predict.

        Returns
        -------
        Tensor of shape (batch, horizon, n_values)
        """
        output = self.decoder(state)
        if self.n_exogenous:
            hidden = self.state_to_hidden(state).unsqueeze(1)
            hidden = torch.relu(hidden + self.future_to_hidden(future))
            output = output + self.hidden_to_value(hidden)
            output = output + self.future_to_value(future)
        return output


class Estimate(NamedTuple):
    """What a network says of every entry of a table.

    Attributes
    ----------
    mean : Tensor of shape (batch, steps, n_columns)
    spread : Tensor of shape (batch, steps, n_columns)
        Expected absolute error; its gradient reaches nothing that `mean` rests on.
    precision : Tensor of shape (batch, steps, 1)
        Lambda of every step, learned with `mean` where the loss asks for it.
    gate : Tensor of shape (batch, steps, n_columns)
        Weight of the interpolation, from 0 to 1.
    """

    mean: Tensor
    spread: Tensor
    precision: Tensor
    gate: Tensor


class ImputationHead(nn.Module):
    r"""Every entry as a mixture of its interpolation and of the network's own estimate.

    With the interpolation b, the same moved along with the other columns b', the local
    scale s, and u, what a hidden layer makes of the recurrent layers' output h and of
    their input x:

    .. math::
        u_t &= \mathrm{relu}(W_u [h_t; x_t] + b_u) \\
        g_t &= \sigma(W_g u_t + b_g), \quad k_t = \sigma(W_k u_t + b_k) \\
        b''_t &= (1 - k_t) b_t + k_t b'_t + s_t (W_b u_t + b_b) \\
        \hat x_t &= g_t b''_t + (1 - g_t) (W_n u_t + W_x [h_t; x_t] + b_n)

    At first W_b, W_k and W_g are 0, b_k is low and b_g high, so that training begins
    near the interpolation and departs from it where that pays. The precision of a step
    is :math:`\lambda_t = \mathrm{softplus}(W_\lambda h_t + b_\lambda) + 10^{-3}`: the
    floor keeps its logarithm, and a gradient, where the softplus has come to 0.

    Parameters
    ----------
    state_size, input_size, hidden_size, n_columns : int
    """

    def __init__(
        self, state_size: int, input_size: int, hidden_size: int, n_columns: int
    ) -> None:
        super().__init__()
        read = state_size + input_size
        self.to_hidden = nn.Linear(read, hidden_size)
        self.to_value = nn.Linear(hidden_size, n_columns)
        self.input_to_value = nn.Linear(read, n_columns, bias=False)
        self.to_correction = nn.Linear(hidden_size, n_columns)
        self.to_share = nn.Linear(hidden_size, n_columns)
        self.to_gate = nn.Linear(hidden_size, n_columns)
        self.to_spread_hidden = nn.Linear(read, hidden_size)
        self.to_spread = nn.Linear(hidden_size, n_columns)
        self.to_precision = nn.Linear(state_size, 1)
        for layer in (self.to_correction, self.to_share, self.to_gate):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.to_share.bias, _SHARE_AT_FIRST)
        nn.init.constant_(self.to_gate.bias, _GATE_AT_FIRST)

    def spread_parameters(self) -> list[nn.Parameter]:
        """Return the weights that the spread rests on, and nothing else does."""
        layers = (self.to_spread_hidden, self.to_spread)
        return [weight for layer in layers for weight in layer.parameters()]

    def forward(
        self, state: Tensor, x: Tensor, start: Tensor, scale: Tensor, moved: Tensor
    ) -> Estimate:
        """Estimate every entry.

        Parameters
        ----------
        state : Tensor of shape (batch, steps, state_size)
        x : Tensor of shape (batch, steps, input_size)
        start : Tensor of shape (batch, steps, n_columns)
            The interpolation.
        scale : Tensor of shape (batch, steps, n_columns)
            The local scale, in the units of `start`.
        moved : Tensor of shape (batch, steps, n_columns)
            The interpolation of what other columns do not explain, and what they do.
        """
        read = torch.cat([state, x], dim=-1)
        hidden = torch.relu(self.to_hidden(read))
        gate = torch.sigmoid(self.to_gate(hidden))
        start = torch.lerp(start, moved, torch.sigmoid(self.to_share(hidden)))
        near = start + scale * self.to_correction(hidden)
        own = self.to_value(hidden) + self.input_to_value(read)
        doubt = torch.relu(self.to_spread_hidden(read.detach()))
        spread = self.to_spread(doubt).clamp(*_SPREAD_BOUNDS).exp()
        precision = softplus(self.to_precision(state)) + _LEAST_PRECISION
        return Estimate(torch.lerp(own, near, gate), scale * spread, precision, gate)
