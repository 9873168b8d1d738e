"""The network that predicts the next symbol of a sequence."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from sklrnn.network.assemble import (
    LayerParams,
    Rows,
    build_layers,
    count_weights,
    other_draws,
)
from sklrnn.network.cells.base import Cell, State, detached
from sklrnn.network.decoupled import matching_share
from sklrnn.network.directions import Branch
from sklrnn.network.layers import RecurrentLayers
from sklrnn.network.padding import reverse


class SymbolEncoder(nn.Module):
    """Symbols in, outputs of recurrent layers out.

    Parameters
    ----------
    n_codes : int
        Number of symbols, the boundary among them.
    n_outputs : int
        Number of symbols that can come next.
    embedding_size : int or None
        Number of features learned for every symbol; None for one-hot rows, scaled to
        a mean square of 1.
    params : LayerParams
    """

    def __init__(
        self,
        n_codes: int,
        n_outputs: int,
        embedding_size: int | None,
        params: LayerParams,
    ) -> None:
        super().__init__()
        self.n_codes = n_codes
        self.n_outputs = n_outputs
        self.embedding: nn.Embedding | None = None
        if embedding_size is not None:
            self.embedding = nn.Embedding(n_codes, embedding_size)
        # A cell that reads a window is given no length of it: sequences have any.
        rows = Rows(embedding_size or n_codes, n_outputs, False, None)
        self.layers: RecurrentLayers = build_layers(params, rows, "forward")
        self.output_size = self.layers.output_size
        branches = (m for m in self.layers.modules() if isinstance(m, Branch))
        self.taught = any(branch.taught for branch in branches)

    def rows(self, symbols: Tensor) -> Tensor:
        """Return what the first layer reads, (..., embedding_size or n_codes)."""
        if self.embedding is not None:
            return self.embedding(symbols)
        weight = next(self.parameters())
        rows = weight.new_zeros(*symbols.shape, self.n_codes)
        # Features of mean square 1, as of standardised inputs, for which cells are
        # initialised; from plain ones many symbols are learned several times as slowly.
        return rows.scatter_(-1, symbols.unsqueeze(-1), math.sqrt(self.n_codes))

    def forward(
        self,
        symbols: Tensor,
        states: list[State] | None = None,
        counted: Tensor | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Read symbols, (batch, steps); return the outputs and the states after.

        A cell that feeds back its own output is taught, in training, with the symbols
        that it reads one step later, as one-hot rows; not where `counted`, bool of the
        shape of `symbols`, is False.
        """
        targets = None
        if self.taught and self.training and counted is not None:
            known = counted & (symbols < self.n_outputs)
            codes = symbols.where(known, 0)
            targets = nn.functional.one_hot(codes, self.n_outputs).float()
            targets = targets.where(known[..., None], torch.nan)
        return self.layers.sequence(self.rows(symbols), states, targets=targets)


class SymbolNetwork(nn.Module):
    """Symbols in, what comes next out, as logits.

    Parameters
    ----------
    n_symbols : int
        Number of symbols; the boundary, which is read before the first of them, is
        one more.
    ends : bool
        Whether the boundary can come next: the end of a sequence.
    embedding_size : int or None
    **layers
        As `sklrnn.network.assemble.LayerParams` lists them, without fusions.

    Attributes
    ----------
    phase : {"backward", "forward"} or None
        What is being trained, where that is not everything at once.

    Notes
    -----
    With "decoupled", a backward network with embedding and head of its own is trained
    first: having read a sequence from its end down to symbol t+1 it predicts symbol t.
    Frozen, it teaches the forward one, whose state after symbol t-1 is to match, mapped
    linearly, the teacher's state that predicts the same symbol. In every piece of a
    long sequence the teacher reads as many steps again of what follows, as if the
    sequence ended there.

    References
    ----------
    D. Serdyuk et al., "Twin networks: matching the future for sequence generation",
    ICLR 2018, section 2.
    """

    def __init__(
        self, *, n_symbols: int, ends: bool, embedding_size: int | None, **layers: Any
    ) -> None:
        super().__init__()
        params = cast(LayerParams, layers)
        self.boundary = n_symbols
        self.ends = ends
        self.n_outputs = n_symbols + int(ends)
        self.hidden_size = params["hidden_size"]
        self.matching_weight = params["matching_weight"]
        self.matching_schedule = params["matching_schedule"]
        shape = (n_symbols + 1, self.n_outputs, embedding_size, params)
        self.encoder = SymbolEncoder(*shape)
        size = self.encoder.output_size
        self.head = nn.Linear(size, self.n_outputs)
        self.teacher: SymbolEncoder | None = None
        self.phase: str | None = None
        if params["direction"] == "decoupled":
            # Drawn apart, so that the forward network starts as it would without.
            with other_draws(1):
                self.teacher = SymbolEncoder(*shape)
                self.teacher_head = nn.Linear(size, self.n_outputs)
                self.match = nn.Linear(size, size, bias=False)

    @property
    def phases(self) -> tuple[str | None, ...]:
        """The parts of the training, in order."""
        return (None,) if self.teacher is None else ("backward", "forward")

    def begin(self, phase: str | None) -> None:
        """Begin a part of the training: freeze what does not learn in it."""
        self.phase = phase
        if self.teacher is not None:
            self.requires_grad_(phase == "forward")
            for module in (self.teacher, self.teacher_head):
                module.requires_grad_(phase == "backward")

    def gradient_groups(self) -> list[list[nn.Parameter]]:
        """Return the weights whose gradients are clipped together."""
        return [list(self.parameters())]

    def count_parameters(self) -> dict[str, int]:
        """Count the weights, by what they are for."""
        return count_weights(self, self.encoder, self.head)

    def loss(
        self,
        criterion: nn.Module,
        inputs: dict[str, Any],
        scored: tuple[Tensor, Tensor],
        progress: float,
    ) -> tuple[Tensor, Tensor]:
        """Score a batch of `sklrnn.symbols.pieces.Pieces`.

        Parameters
        ----------
        criterion : nn.Module
            Takes logits and symbols.
        inputs : dict
            As `Pieces.gather` returns it.
        scored : (Tensor, Tensor)
            The symbols to predict where they count, and bool, where they do.
        progress : float
            Share of the training that is done, from 0 to 1.

        Returns
        -------
        loss : Tensor, scalar
        logits : Tensor of shape (n_counted, n_outputs)
        """
        following, counted = scored
        if self.phase == "backward":
            behind = self._behind(inputs)[:, : counted.shape[1]]
            logits = self.teacher_head(behind[counted])
            error = self.teacher.layers.take_teaching_error()  # type: ignore[union-attr]
        else:
            carried = inputs["carried"]
            ahead, states = self.encoder(inputs["symbols"], carried.before, counted)
            carried.after = detached(states)
            ahead = ahead[counted]
            logits = self.head(ahead)
            error = self.encoder.layers.take_teaching_error()
        loss = criterion(logits, following)
        if error is not None:
            loss = loss + error
        if self.phase == "forward" and self.training:
            with torch.no_grad():
                behind = self._frozen(inputs)[:, : counted.shape[1]][counted]
            distance = (self.match(ahead) - behind).square().sum(-1).mean()
            share = matching_share(self.matching_schedule, progress)
            loss = loss + self.matching_weight * share * distance
        return loss, logits

    def forward(
        self, symbols: Tensor, states: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Return the logits of what follows each symbol, and the states at the end.

        Parameters
        ----------
        symbols : Tensor of shape (batch, steps), int64
        states : list of State, optional
            Where to go on from; the initial ones if not given.

        Returns
        -------
        logits : Tensor of shape (batch, steps, n_outputs)
        states : list of State
        """
        outputs, states = self.encoder(symbols, states)
        return self.head(outputs), states

    def _behind(self, inputs: dict[str, Any]) -> Tensor:
        """Return the teacher's outputs, aligned with the symbols that they predict.

        The one that predicts symbol t has read from the end down to symbol t+1; for
        the last symbol, the boundary alone.
        """
        assert self.teacher is not None
        following, lengths = inputs["following"], inputs["lengths"]
        steps = torch.arange(following.shape[1], device=following.device)
        read = following.roll(-1, dims=1)
        read = read.where(steps < lengths[:, None] - 1, self.boundary)
        back = reverse(read[..., None], lengths)[..., 0]
        outputs, _ = self.teacher(back, None, steps < lengths[:, None])
        return reverse(outputs, lengths)

    def _frozen(self, inputs: dict[str, Any]) -> Tensor:
        """Run the teacher without its dropout."""
        assert self.teacher is not None
        self.teacher.eval()
        try:
            return self._behind(inputs)
        finally:
            self.teacher.train(self.training)


class Stepper:
    """A trained network, one symbol at a time and with no more work than that takes.

    Parameters
    ----------
    network : SymbolNetwork
    """

    def __init__(self, network: SymbolNetwork) -> None:
        self.network = network.eval()
        self.cells: list[Cell] = [
            layer.branch.cell for layer in network.encoder.layers.layers
        ]
        first = type(self.cells[0])
        # What needs no state is computed once for a symbol, not at every step.
        self.prepared = first.advance is not Cell.advance and first.step is Cell.step
        self._rows: dict[int, Tensor] = {}

    def step(self, symbol: int, states: list[State]) -> tuple[Tensor, list[State]]:
        """Read one symbol more; return logits, (n_outputs,), and the states after."""
        if symbol not in self._rows:
            self._rows[symbol] = self._prepare(symbol)
        x, after = self._rows[symbol], []
        for number, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            run: Any = cell.advance if self.prepared and number == 0 else cell.step
            x, state = run(x, state)
            after.append(state)
        return self.network.head(x)[0], after

    def _prepare(self, symbol: int) -> Tensor:
        device = self.network.head.weight.device
        rows = self.network.encoder.rows(torch.tensor([[symbol]], device=device))
        return self.cells[0].project(rows)[:, 0] if self.prepared else rows[:, 0]
