"""Directions: how a layer's cells read a sequence, and what they know at its end."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State, can_drop_hidden, detached, takes
from sklrnn.network.dropout import VariationalDropout
from sklrnn.network.losses import MaskedMSE
from sklrnn.network.padding import last_steps, reverse, without_padding


class Branch(nn.Module):
    """One cell that reads sequences in the order they come in.

    Parameters
    ----------
    cell : Cell
    recurrent_dropout : float, default=0.0
        Probability of variational dropout on h_{t-1}.
    bptt_steps : int or None, default=None
        In training the gradient is cut after this many steps, counted from the end;
        the state is carried on (truncated backpropagation through time).

    Attributes
    ----------
    teaching_error : Tensor or None
        Mean squared error of a taught cell's own outputs in its last run.

    References
    ----------
    R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line
    training of recurrent network trajectories", Neural Computation 2 (4), 1990.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        recurrent_dropout: float = 0.0,
        bptt_steps: int | None = None,
    ) -> None:
        super().__init__()
        if recurrent_dropout and not can_drop_hidden(cell):
            raise ValueError(
                f"recurrent_dropout must be 0 with the cell {type(cell).__name__}, "
                f"which has no recurrent weights to drop from, got {recurrent_dropout}"
            )
        self.cell = cell
        self.hidden_dropout = VariationalDropout(recurrent_dropout)
        self.bptt_steps = bptt_steps
        self.taught = takes(cell.sequence, "teacher")
        self.teaching_error: Tensor | None = None

    def sequence(
        self,
        x: Tensor,
        state: State = None,
        *,
        targets: Tensor | None = None,
        tail: bool = False,
    ) -> tuple[Tensor, State]:
        """Run over a whole sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)
        state : State, optional
            Where to go on from; the cell's initial state if not given.
        targets : Tensor of shape (batch, steps, n_targets), optional
            What the rows of x say of the targets, NaN where unknown; a cell that
            feeds back its own output is taught with them.
        tail : bool, default=False
            Whether gradients are wanted for the last steps alone.

        Returns
        -------
        outputs : Tensor of shape (batch, steps, hidden_size)
        state : State
        """
        context = self._context(x)
        teacher = None
        if targets is not None and self.taught:
            unknown = torch.full_like(targets[:, :1], torch.nan)
            teacher = torch.cat([targets[:, 1:], unknown], dim=1)
        outputs, errors = [], []
        pieces = self._pieces(x.shape[1], tail)
        for number, piece in enumerate(pieces, start=1):
            if teacher is not None:
                context["teacher"] = teacher[:, piece]
            differentiated = not tail or number == len(pieces)
            with torch.set_grad_enabled(torch.is_grad_enabled() and differentiated):
                part, state = self.cell.sequence(x[:, piece], state, **context)
            if number < len(pieces):
                state = detached(state)
            outputs.append(part)
            if teacher is not None and differentiated:
                errors.append(self._error(part, context["teacher"]))
        self.teaching_error = torch.stack(errors).mean() if errors else None
        return torch.cat(outputs, dim=1) if len(outputs) > 1 else part, state

    def summary(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return the output of the last step, (batch, hidden_size)."""
        if targets is not None and self.taught:
            return self.sequence(x, targets=targets, tail=True)[0][:, -1]
        context, cut = self._context(x), self._pieces(x.shape[1], True)[-1].start
        if cut == 0:
            return self.cell.summary(x, **context)
        state = None
        with torch.no_grad():  # of what came before only the state is wanted
            for before in x[:, :cut].split(self.bptt_steps or cut, dim=1):
                _, state = self.cell.sequence(before, state, **context)
        return self.cell.sequence(x[:, cut:], state, **context)[0][:, -1]

    def _context(self, x: Tensor) -> dict[str, Any]:
        if not self.hidden_dropout.active:
            return {}
        return {"hidden_mask": self.hidden_dropout.mask(x, self.cell.hidden_size)}

    def _pieces(self, n_steps: int, tail: bool) -> list[slice]:
        """Split the steps where gradients are cut."""
        cut = self.bptt_steps
        if cut is None or not self.training or n_steps <= cut:
            return [slice(0, n_steps)]
        if tail:
            return [slice(0, n_steps - cut), slice(n_steps - cut, n_steps)]
        borders = [*range(n_steps, 0, -cut), 0][::-1]
        return [slice(a, b) for a, b in zip(borders[:-1], borders[1:], strict=True)]

    def _error(self, outputs: Tensor, teacher: Tensor) -> Tensor:
        cell: Any = self.cell
        return MaskedMSE()(cell.readout(outputs), teacher, ~teacher.isnan())


class Forward(nn.Module):
    """One cell, from the first step to the last; causal.

    Parameters
    ----------
    branch : Branch
    """

    causal = True

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch
        self.output_size = branch.cell.hidden_size

    def sequence(
        self,
        x: Tensor,
        state: State = None,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
        tail: bool = False,
    ) -> tuple[Tensor, State]:
        """Return the outputs of all steps and the state after the last one.

        With `lengths`, outputs in the padding are 0, and the state is of no use.
        """
        outputs, state = self.branch.sequence(x, state, targets=targets, tail=tail)
        return without_padding(outputs, lengths), state

    def summary(
        self,
        x: Tensor,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return what is known after the whole sequence, (batch, output_size)."""
        if lengths is None:
            return self.branch.summary(x, targets)
        return last_steps(self.branch.sequence(x, targets=targets)[0], lengths)


class Coupled(nn.Module):
    """Two cells on the same input, one from each end, fused; not causal.

    Parameters
    ----------
    forward_branch, backward_branch : Branch
    fusion : nn.Module
        Joins the two outputs.

    References
    ----------
    M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE
    Transactions on Signal Processing 45 (11), 1997. A. Graves and J. Schmidhuber,
    "Framewise phoneme classification with bidirectional LSTM networks", 2005.
    """

    causal = False

    def __init__(
        self, forward_branch: Branch, backward_branch: Branch, fusion: nn.Module
    ) -> None:
        super().__init__()
        self.forward_branch = forward_branch
        self.backward_branch = backward_branch
        self.fusion = fusion
        self.output_size = int(fusion.output_size)  # type: ignore[arg-type]

    def sequence(
        self,
        x: Tensor,
        state: State = None,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
        tail: bool = False,
    ) -> tuple[Tensor, State]:
        """Return the fused outputs of all steps, aligned in time; there is no state.

        `tail` is taken and makes no difference: every step of the output depends on
        both ends of the sequence.
        """
        ahead, behind = self.both(x, targets=targets, lengths=lengths)
        return without_padding(self.fusion(ahead, behind), lengths), None

    def summary(
        self,
        x: Tensor,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return what is known after the whole sequence, (batch, output_size).

        The two sequences are fused in the order of reading, not of time: at the last
        step the backward cell, too, has read everything, the oldest step last.
        """
        back, back_targets = _reversed(x, targets, lengths)
        if lengths is None and getattr(self.fusion, "stepwise", False):
            ahead = self.forward_branch.summary(x, targets)
            behind = self.backward_branch.summary(back, back_targets)
            return self.fusion(ahead.unsqueeze(1), behind.unsqueeze(1))[:, 0]
        ahead, _ = self.forward_branch.sequence(x, targets=targets)
        behind, _ = self.backward_branch.sequence(back, targets=back_targets)
        return last_steps(self.fusion(ahead, behind), lengths)

    def both(
        self,
        x: Tensor,
        *,
        targets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of both branches, aligned in time."""
        back, back_targets = _reversed(x, targets, lengths)
        ahead, _ = self.forward_branch.sequence(x, targets=targets)
        behind, _ = self.backward_branch.sequence(back, targets=back_targets)
        return ahead, reverse(behind, lengths)


def _reversed(
    x: Tensor, targets: Tensor | None, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    if targets is not None:
        targets = reverse(targets, lengths)
    return reverse(x, lengths), targets
