"""Directions: how a layer's cells read a sequence, and what they know at its end."""

from __future__ import annotations

from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State


class Forward(nn.Module):
    """One cell, from the first step to the last; causal.

    Parameters
    ----------
    cell : Cell
    """

    causal = True
    output_size: int

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.output_size = cell.hidden_size

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the outputs of all steps and the state after the last one."""
        return self.cell.sequence(x, state)

    def summary(self, x: Tensor) -> Tensor:
        """Return what is known after the whole sequence, (batch, output_size)."""
        return self.cell.sequence(x)[0][:, -1]


class Coupled(nn.Module):
    """Two cells on the same input, one from each end, fused; not causal.

    Parameters
    ----------
    forward_cell, backward_cell : Cell
    fusion : nn.Module
        Joins the two outputs.

    References
    ----------
    M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE
    Transactions on Signal Processing 45 (11), 1997. A. Graves and J. Schmidhuber,
    "Framewise phoneme classification with bidirectional LSTM networks", 2005.
    """

    causal = False
    output_size: int

    def __init__(
        self, forward_cell: Cell, backward_cell: Cell, fusion: nn.Module
    ) -> None:
        super().__init__()
        self.forward_cell = forward_cell
        self.backward_cell = backward_cell
        self.fusion = fusion
        self.output_size = int(fusion.output_size)  # type: ignore[arg-type]

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the fused outputs of all steps, aligned in time; there is no state."""
        ahead, behind = self._both(x)
        return self.fusion(ahead, behind.flip(1)), None

    def summary(self, x: Tensor) -> Tensor:
        """Return what is known after the whole sequence, (batch, output_size).

        The two sequences are fused in the order of reading, not of time: at the last
        step the backward cell, too, has read everything, the oldest step last.
        """
        return self.fusion(*self._both(x))[:, -1]

    def _both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        ahead, _ = self.forward_cell.sequence(x)
        behind, _ = self.backward_cell.sequence(x.flip(1))
        return ahead, behind
