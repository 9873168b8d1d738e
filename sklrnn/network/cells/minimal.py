"""What the minimal cells have in common: a state linear in the state before."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.cells.base import Cell, State
from sklrnn.network.kernels import check_kernel, choose
from sklrnn.network.kernels.minimal import coefficients, run_minimal


class MinimalCell(Cell):
    r"""A cell whose gates do not read the state, so that no step waits for another.

    .. math:: h_t = f_t \odot h_{t-1} + i_t \odot \tilde h_t, \quad
        f_t + i_t = 1, \quad h_0 = 0

    A subclass provides `transform`.

    Parameters
    ----------
    input_size, hidden_size : int
    kernel : {"auto", "numba", "torch", "loop"}, default="auto"
        What runs whole sequences; see `sklrnn.network.kernels.minimal.run_minimal`.

    Raises
    ------
    ValueError
        If `kernel` is none of these.
    """

    def __init__(self, input_size: int, hidden_size: int, kernel: str = "auto") -> None:
        check_kernel(kernel, native=False)
        super().__init__(input_size, hidden_size)
        self.kernel = kernel

    def transform(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Transform the input linearly, each to (batch, steps, hidden_size).

        Returns
        -------
        gate : Tensor
            What is squashed to the input gate.
        forget : Tensor or None
            What is squashed to the forget gate, if there is one.
        candidate : Tensor
        """
        raise TypeError(f"{type(self).__name__} does not define transform")

    def initial_state(self, batch: int) -> State:
        """Return zeros of shape (batch, hidden_size)."""
        return next(self.parameters()).new_zeros(batch, self.hidden_size)

    def project(self, x: Tensor) -> Tensor:
        """Compute f_t and the product of i_t and the candidate."""
        return torch.cat(coefficients(*self.transform(x)), dim=-1)

    def advance(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one step."""
        kept, new = projected.chunk(2, dim=-1)
        state = kept * state + new
        return state, state

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:  # type: ignore[override]
        """Run over a whole sequence: a scan."""
        kernel = choose(self.kernel, x, native=False)
        if kernel == "loop":
            return super().sequence(x, state)
        if state is None:
            state = self.initial_state(len(x))
        outputs = run_minimal(*self.transform(x), state, kernel)
        return outputs, outputs[:, -1]
