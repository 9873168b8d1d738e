"""Roll-out: forecasts of any length, fed back where they outreach the network."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.forecast import ForecastNetwork
from sklrnn.network.likelihoods import Likelihood


class Draws:
    """What is drawn of predicted distributions, for each step by numbers of its own.

    Some draws take as many random numbers as happen to be needed. Steps that shared a
    sequence of them would depend on one another.

    Parameters
    ----------
    seed : int
    device : torch.device
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self._generator = torch.Generator(device)
        self._n_steps = 0

    def sample(self, likelihood: Likelihood, params: Tensor) -> Tensor:
        """Draw the steps that come next, (batch, steps, n_targets, n_params)."""
        drawn = []
        for of_step in params.unbind(1):
            seed = (self._seed * 1_000_003 + self._n_steps) % 2**63
            self._generator.manual_seed(seed)
            drawn.append(likelihood.sample(of_step, self._generator))
            self._n_steps += 1
        return torch.stack(drawn, dim=1)


def roll_out(
    network: ForecastNetwork,
    past: Tensor,
    future: Tensor | None,
    n_steps: int,
    draws: Draws | None = None,
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
    draws : Draws, optional
        Draws a path of the predicted distributions, which is fed back and returned.
        Without it means are fed back.

    Returns
    -------
    Tensor of shape (batch, n_steps, n_targets)
        Values; without draws, what the network gives: values too, or parameters
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
    return torch.cat(roll(network, past, ahead, draws), dim=1)[:, :n_steps]


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
    draws: Draws | None,
) -> list[Tensor]:
    prediction, carry = network.start(past, ahead[0])
    value, block = _value(network, prediction, draws)
    blocks = [block]
    for known, future in zip(ahead[:-1], ahead[1:], strict=True):
        row = _as_rows(network, value, known)[:, 0]
        prediction, carry = network.advance(row, carry, future)
        value, block = _value(network, prediction, draws)
        blocks.append(block)
    return blocks


def _move_window(
    network: ForecastNetwork,
    past: Tensor,
    ahead: list[Tensor | None],
    draws: Draws | None,
) -> list[Tensor]:
    length = past.shape[1]
    value, block = _value(network, network(past, ahead[0]), draws)
    blocks = [block]
    for known, future in zip(ahead[:-1], ahead[1:], strict=True):
        past = torch.cat([past, _as_rows(network, value, known)], dim=1)
        past = past[:, -length:]
        value, block = _value(network, network(past, future), draws)
        blocks.append(block)
    return blocks


def _value(
    network: ForecastNetwork, prediction: Tensor, draws: Draws | None
) -> tuple[Tensor, Tensor]:
    """Return the values to feed back, and what to return of a prediction."""
    likelihood = network.likelihood
    if likelihood is None:
        return prediction, prediction
    if draws is None:
        return likelihood.mean(prediction), prediction
    drawn = draws.sample(likelihood, prediction)
    return drawn, drawn


def _as_rows(network: ForecastNetwork, values: Tensor, future: Tensor | None) -> Tensor:
    """Turn forecasts into input rows, as if they had been observed."""
    if future is not None:
        values = torch.cat([values, future], dim=-1)
    if not network.masked:
        return values
    return torch.cat([values, torch.ones_like(values), torch.zeros_like(values)], -1)
