"""A feed-forward network that reads a window: the cell without memory."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State


class MLP(Cell):
    r"""A layer that sees the last steps at once: a tapped delay line.

    .. math:: h_t = \phi(W [x_{t-k+1}, \ldots, x_t] + b), \quad x_t = 0
        \text{ for } t \le 0

    Lapedes and Farber read the delayed values of a series so, Waibel et al. (section
    II-A) every layer of their time-delay network. Nothing is remembered that is older
    than the window. The state is the last k - 1 inputs.

    Parameters
    ----------
    input_size, hidden_size : int
    window_length : int, default=24
        Number of steps seen at once, k.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        The function phi.

    Raises
    ------
    ValueError
        If `window_length` is below 1, or `nonlinearity` is neither "tanh" nor "relu".

    References
    ----------
    A. Lapedes and R. Farber, "Nonlinear signal processing using neural networks:
    prediction and system modelling", report LA-UR-87-2662, Los Alamos National
    Laboratory, 1987. A. Waibel et al., "Phoneme recognition using time-delay neural
    networks", IEEE Transactions on Acoustics, Speech, and Signal Processing 37 (3),
    1989.

    Examples
    --------
    >>> import torch
    >>> from sklrnn.network.cells.mlp import MLP
    >>> cell = MLP(input_size=2, hidden_size=8, window_length=5)
    >>> outputs, last_inputs = cell.sequence(torch.zeros(4, 10, 2))
    >>> outputs.shape, last_inputs.shape
    (torch.Size([4, 10, 8]), torch.Size([4, 4, 2]))
    """

    remembers = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        window_length: int = 24,
        nonlinearity: str = "tanh",
    ) -> None:
        if window_length < 1:
            raise ValueError(f"window_length must be at least 1, got {window_length!r}")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}"
            )
        super().__init__(input_size, hidden_size)
        self.window_length = window_length
        self.nonlinearity = nonlinearity
        # The oldest step first.
        self.weight = nn.Parameter(torch.empty(hidden_size, window_length, input_size))
        self.bias = nn.Parameter(torch.empty(hidden_size))
        bound = 1.0 / math.sqrt(window_length * input_size)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def initial_state(self, batch: int) -> State:
        """Return zeros of shape (batch, window_length - 1, input_size)."""
        return self.weight.new_zeros(batch, self.window_length - 1, self.input_size)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:  # type: ignore[override]
        """Advance by one step."""
        window = torch.cat([state, x.unsqueeze(1)], dim=1)
        return self._read(window), window[:, 1:]

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:  # type: ignore[override]
        """Run over a whole sequence: all windows at once."""
        if state is None:
            state = self.initial_state(len(x))
        x = torch.cat([state, x], dim=1)
        # Faster than a convolution where windows of few features are read.
        windows = x.unfold(1, self.window_length, 1).transpose(2, 3)
        return self._read(windows), x[:, x.shape[1] - self.window_length + 1 :]

    def summary(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return the output of the last step, computed alone."""
        missing = self.window_length - x.shape[1]
        if missing > 0:
            x = nn.functional.pad(x, (0, 0, missing, 0))
        return self._read(x[:, -self.window_length :])

    def _read(self, window: Tensor) -> Tensor:
        """Read windows of shape (..., window_length, input_size)."""
        return self._activate(
            nn.functional.linear(window.flatten(-2), self.weight.flatten(1), self.bias)
        )

    def _activate(self, x: Tensor) -> Tensor:
        return torch.tanh(x) if self.nonlinearity == "tanh" else torch.relu(x)

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr."""
        return (
            f"{self.input_size}, {self.hidden_size}, "
            f"window_length={self.window_length}, nonlinearity={self.nonlinearity!r}"
        )
