"""Roll-out: forecasts of any length, fed back where they outreach the network."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.forecast import ForecastNetwork


def roll_out(
    network: ForecastNetwork,
    past: Tensor,
    future: Tensor | None,
    n_steps: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Forecast `n_steps` steps.

    Up to the network's horizon all steps come at once from the last state. Beyond it
    forecasts are fed back: one by one with the state carried where the horizon is a
    single step and the network causal, at a cost per step that does not depend on the
    window; else a whole horizon at a time, the window moving along.

    Parameters
    ----------
    network : ForecastNetwork
    past : Tensor of shape (batch, window_length, n_channels)
    future : Tensor of shape (batch, n_steps, n_exogenous) or None
        Exogenous values of the steps to forecast; of columns that are not known
        ahead the last ones of the past are taken instead.
    n_steps : int
    generator : torch.Generator, optional
        Draws a path of the predicted distributions, which is fed back and returned.
        Without it means are fed back.

    Returns
    -------
    Tensor of shape (batch, n_steps, n_targets)
        Values; without a generator, what the network gives: values too, or parameters
        of distributions, with an axis for them at the end.
    """
    horizon = network.horizon
    n_blocks = -(-n_steps // horizon)
    ahead: list[Tensor | None] = [None] * n_blocks
    if future is not None:
        future = _hold(network, past, future)
        short = n_blocks * horizon - n_steps
        future = torch.cat([future, future[:, -1:].expand(-1, short, -1)], dim=1)
        ahead = list(future.split(horizon, dim=1))
    roll = _carry_state if network.carries else _move_window
    return torch.cat(roll(network, past, ahead, generator), dim=1)[:, :n_steps]


def _hold(network: ForecastNetwork, past: Tensor, future: Tensor) -> Tensor:
    """Keep the last values of the columns that are not known ahead."""
    if not network.past_only:
        return future
    columns = network.past_only
    future = future.clone()
    newest = past[:, -1:, network.n_targets : network.n_targets + network.n_exogenous]
    future[..., columns] = newest[..., columns]
    return future


def _carry_state(
    network: ForecastNetwork,
    past: Tensor,
    ahead: list[Tensor | None],
    generator: torch.Generator | None,
) -> list[Tensor]:
    prediction, carry = network.start(past, ahead[0])
    value, block = _value(network, prediction, generator)
    blocks = [block]
    for known, future in zip(ahead[:-1], ahead[1:], strict=True):
        row = _as_rows(network, value, known)[:, 0]
        prediction, carry = network.advance(row, carry, future)
        value, block = _value(network, prediction, generator)
        blocks.append(block)
    return blocks


def _move_window(
    network: ForecastNetwork,
    past: Tensor,
    ahead: list[Tensor | None],
    generator: torch.Generator | None,
) -> list[Tensor]:
    length = past.shape[1]
    value, block = _value(network, network(past, ahead[0]), generator)
    blocks = [block]
    for known, future in zip(ahead[:-1], ahead[1:], strict=True):
        past = torch.cat([past, _as_rows(network, value, known)], dim=1)
        past = past[:, -length:]
        value, block = _value(network, network(past, future), generator)
        blocks.append(block)
    return blocks


def _value(
    network: ForecastNetwork, prediction: Tensor, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Return the values to feed back, and what to return of a prediction."""
    likelihood = network.likelihood
    if likelihood is None:
        return prediction, prediction
    if generator is None:
        return likelihood.mean(prediction), prediction
    drawn = likelihood.sample(prediction, generator)
    return drawn, drawn


def _as_rows(network: ForecastNetwork, values: Tensor, future: Tensor | None) -> Tensor:
    """Turn forecasts into input rows, as if they had been observed."""
    if future is not None:
        values = torch.cat([values, future], dim=-1)
    if not network.masked:
        return values
    return torch.cat([values, torch.ones_like(values), torch.zeros_like(values)], -1)
