"""Heads: from what the recurrent layers know to the prediction."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ForecastHead(nn.Module):
    """All steps of the horizon at once, from one state and the known future.

    Every step is a linear function of the last state, so that every step depends on
    the newest observation. Known exogenous values of a step enter through a small
    network shared by all steps, which also sees the state.

    Parameters
    ----------
    state_size, horizon, n_targets, n_exogenous : int
    """

    def __init__(
        self, state_size: int, horizon: int, n_targets: int, n_exogenous: int
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.n_targets = n_targets
        self.n_exogenous = n_exogenous
        self.from_state = nn.Linear(state_size, horizon * n_targets)
        if n_exogenous:
            self.state_to_hidden = nn.Linear(state_size, state_size)
            self.future_to_hidden = nn.Linear(n_exogenous, state_size, bias=False)
            self.hidden_to_target = nn.Linear(state_size, n_targets, bias=False)
            self.future_to_target = nn.Linear(n_exogenous, n_targets, bias=False)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:
        """Predict.

        Parameters
        ----------
        state : Tensor of shape (batch, state_size)
        future : Tensor of shape (batch, horizon, n_exogenous), optional
            Exogenous values of the steps to predict.

        Returns
        -------
        Tensor of shape (batch, horizon, n_targets)
        """
        output = self.from_state(state)
        output = output.view(len(state), self.horizon, self.n_targets)
        if self.n_exogenous:
            hidden = self.state_to_hidden(state).unsqueeze(1)
            hidden = torch.relu(hidden + self.future_to_hidden(future))
            output = output + self.hidden_to_target(hidden)
            output = output + self.future_to_target(future)
        return output
