"""What the cells have in common whose state is linear in the state before."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.cells.base import Cell, State
from sklrnn.network.kernels.scan import check_kernel, linear_scan


class LinearCell(Cell):
    r"""A cell whose state is linear in the state before.

    .. math:: h_t = a_t \odot h_{t-1} + b_t, \quad h_0 = 0

    with a and b computed from the input alone: a subclass provides `coefficients`.

    Parameters
    ----------
    input_size, hidden_size : int
    kernel : {"auto", "numba", "torch", "loop"}, default="auto"
        What runs whole sequences; see `sklrnn.network.kernels.scan.linear_scan`.
    """

    def __init__(self, input_size: int, hidden_size: int, kernel: str = "auto") -> None:
        check_kernel(kernel)
        super().__init__(input_size, hidden_size)
        self.kernel = kernel

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute a and b, each (batch, steps, hidden_size), of the input."""
        raise TypeError(f"{type(self).__name__} does not define coefficients")

    def initial_state(self, batch: int) -> State:
        """Return zeros of shape (batch, hidden_size)."""
        return next(self.parameters()).new_zeros(batch, self.hidden_size)

    def project(self, x: Tensor) -> Tensor:
        """Compute a_t and b_t."""
        return torch.cat(self.coefficients(x), dim=-1)

    def advance(self, projected: Tensor, state: State) -> tuple[Tensor, State]:  # type: ignore[override]
        """Advance by one step."""
        a, b = projected.chunk(2, dim=-1)
        state = a * state + b
        return state, state

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:  # type: ignore[override]
        """Run over a whole sequence: a scan."""
        if state is None:
            state = self.initial_state(len(x))
        outputs = linear_scan(*self.coefficients(x), state, self.kernel)
        return outputs, outputs[:, -1]
