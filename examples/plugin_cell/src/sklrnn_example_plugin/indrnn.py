"""The independently recurrent cell."""

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell


class IndRNN(Cell):
    r"""Independently recurrent cell: every unit remembers itself alone.

    .. math:: h_t = \mathrm{relu}(W x_t + b + u \odot h_{t-1}), \quad h_0 = 0

    Parameters
    ----------
    input_size, hidden_size : int
    memory_length : int, default=100
        Number of steps over which a unit may at most double what it holds:
        :math:`|u| \le 2^{1/\text{memory length}}`.

    Raises
    ------
    ValueError
        If `memory_length` is less than 1.

    References
    ----------
    S. Li et al., "Independently recurrent neural network (IndRNN): building a longer
    and deeper RNN", CVPR 2018, equation (2) and section 3.1.
    """

    sklrnn_api = 1

    def __init__(
        self, input_size: int, hidden_size: int, memory_length: int = 100
    ) -> None:
        if memory_length < 1:
            raise ValueError(f"memory_length must be at least 1, got {memory_length!r}")
        super().__init__(input_size, hidden_size)
        self.bound = 2.0 ** (1.0 / memory_length)
        self.read = nn.Linear(input_size, hidden_size)
        self.keep = nn.Parameter(torch.rand(hidden_size))

    def initial_state(self, batch: int) -> Tensor:
        """Return zeros, of the dtype and on the device of the weights."""
        return self.keep.new_zeros(batch, self.hidden_size)

    def project(self, x: Tensor) -> Tensor:
        """Compute W x + b, for all steps at once."""
        return self.read(x)

    def advance(
        self, projected: Tensor, state: Tensor, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        hidden = state if hidden_mask is None else state * hidden_mask
        keep = self.keep.clamp(-self.bound, self.bound)
        hidden = torch.relu(projected + keep * hidden)
        return hidden, hidden
