"""Sequences of symbols cut into pieces, from one to the next of which states go."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sklrnn.training.batches import Carried, Windows


def cut_text(codes: np.ndarray, n_streams: int) -> list[np.ndarray]:
    """Cut a text into parallel streams of the same length, up to one symbol."""
    return np.array_split(codes, n_streams)


class Pieces(Windows):
    """Groups of sequences, cut into pieces that follow one another.

    Every item is a batch: one piece of all the sequences of a group. Those of a group
    come in order, so that states can be carried from each to the next; another group
    starts from the initial state. Sequences of a group have about the same length; one
    that has ended is padded, and no padding is scored.

    A network reads the boundary and then the symbols, each of which is to be predicted
    from those before it; where sequences have ends, the boundary after the last, too.

    Parameters
    ----------
    sequences : list of ndarray of int64
        Numbers of symbols, from 0 to below `boundary`.
    boundary : int
        The number of what stands before the first symbol and after the last.
    ends : bool
        Whether the end of a sequence is to be predicted.
    n_rows : int
        Number of sequences in a group.
    n_steps : int or None
        Number of steps in a piece; None for whole sequences.
    reads_ahead : bool, default=False
        Whether what follows a piece is wanted, too, as many steps again.
    seed : int or None, default=None
        Groups are drawn anew for every epoch; None keeps the first.
    device : str or torch.device, default="cpu"

    Attributes
    ----------
    rows : list of ndarray of int64
        Which sequences each group has.
    plan : list of (int, int)
        Group and first step of every piece.
    n_targets : ndarray of shape (n_sequences,)
        Number of steps to predict in each sequence.
    """

    carries = True

    def __init__(
        self,
        sequences: list[np.ndarray],
        *,
        boundary: int,
        ends: bool,
        n_rows: int,
        n_steps: int | None,
        reads_ahead: bool = False,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        edge = np.array([boundary], dtype=np.int64)
        flat = [part for codes in sequences for part in (edge, codes)] + [edge]
        self.flat = torch.from_numpy(np.concatenate(flat)).to(device)
        lengths = np.array([len(codes) for codes in sequences])
        self.first = np.concatenate([[0], np.cumsum(lengths[:-1] + 1)])
        # The boundary after a sequence is that before the next.
        self.n_targets = lengths + int(ends)
        self.boundary = boundary
        self.n_rows = n_rows
        self.window_length = n_steps or int(self.n_targets.max())
        self.n_ahead = self.window_length if reads_ahead and n_steps else 0
        self.reads_ahead = reads_ahead
        self.rng = None if seed is None else np.random.default_rng(seed)
        self.carried = Carried()
        self._group(np.arange(len(sequences)))

    def renew(self, progress: float) -> None:
        """Draw new groups, of sequences with the same number of pieces if possible."""
        if self.rng is not None:
            self._group(self.rng.permutation(len(self.n_targets)))

    def _group(self, order: np.ndarray) -> None:
        # Sorted by pieces, not by steps: groups differ from epoch to epoch, and yet
        # there are as many batches in each.
        n_pieces = -(-self.n_targets // self.window_length)
        order = order[np.argsort(n_pieces[order], kind="stable")]
        self.rows = np.split(order, range(self.n_rows, len(order), self.n_rows))
        if self.rng is not None:
            self.rows = [self.rows[i] for i in self.rng.permutation(len(self.rows))]
        self.plan = [
            (group, piece * self.window_length)
            for group, rows in enumerate(self.rows)
            for piece in range(n_pieces[rows].max())
        ]
        self.starts = torch.arange(len(self.plan), device=self.flat.device)

    def gather(self, index: Tensor) -> tuple[dict, tuple[Tensor, Tensor]]:
        """Return one batch.

        Parameters
        ----------
        index : Tensor of shape (1,)

        Returns
        -------
        inputs : dict
            "symbols", int64 of shape (n_rows, n_steps), what is read; "counted", bool
            of that shape, False in padding; "carried", what `Carried` says; and with
            `reads_ahead` "following", of shape (n_rows, n_steps or more), what is to
            be predicted and what comes after that, and "lengths", (n_rows,), how much
            of it there is.
        scored : (Tensor of shape (n_counted,), Tensor of shape (n_rows, n_steps))
            The symbols to predict where they count, and "counted".
        """
        group, start = self.plan[int(index)]
        rows = self.rows[group]
        left = np.maximum(self.n_targets[rows] - start, 0)
        n_steps = min(int(left.max()), self.window_length)
        at, lengths = (
            torch.from_numpy(part).to(self.flat.device)
            for part in (self.first[rows] + start, left)
        )
        follows, valid = self._read(at + 1, lengths, n_steps + self.n_ahead)
        counted = valid[:, :n_steps]
        symbols, _ = self._read(at, lengths, n_steps)
        self.carried.turn(anew=start == 0)
        inputs = {"symbols": symbols, "counted": counted, "carried": self.carried}
        if self.reads_ahead:
            inputs |= {"following": follows, "lengths": valid.sum(dim=1)}
        return inputs, (follows[:, :n_steps][counted], counted)

    def _read(self, at: Tensor, lengths: Tensor, n_steps: int) -> tuple[Tensor, Tensor]:
        """Return the symbols from some places on, and which of them are no padding."""
        steps = torch.arange(n_steps, device=at.device)
        valid = steps < lengths[:, None]
        places = (at[:, None] + steps).clamp(max=len(self.flat) - 1)
        return self.flat[places].where(valid, self.boundary), valid
