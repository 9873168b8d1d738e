"""Learning what comes next in sequences of symbols: a network's training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import nn

from sklrnn.network.generate import SymbolNetwork
from sklrnn.symbols.pieces import Pieces, cut_text
from sklrnn.training.building import build_net
from sklrnn.training.course import Taught, teach
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import Length, default_batch_size

_TRAINING_STEPS = 2000
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 300
_LARGEST_BATCH = 64
_USUAL_STEPS = 64
_STREAM_PIECES = 32
"""By default a text is cut into streams of about that many pieces."""

_VALIDATION_STREAM = 256
"""Fewest symbols in a stream of the validation part: each begins knowing nothing."""


@reused_memory()
def learn(
    params: Any,
    sequences: list[np.ndarray],
    *,
    n_symbols: int,
    ends: bool,
    seed: int,
    start: Taught | None = None,
) -> Taught:
    """Train a network to predict the next symbol.

    Parameters
    ----------
    params : RNNGenerator
        Read for its parameters alone.
    sequences : list of ndarray of int64
        Without ends, one text, which is cut into parallel streams.
    n_symbols : int
    ends : bool
        Whether the end of a sequence is a symbol, too.
    seed : int
    start : Taught, optional
        What to go on from; it is left as it is.
    """
    older, held = _hold_out(sequences, params.validation_fraction, ends, seed)
    batch_size = params.batch_size or _default_rows(older, params.bptt_steps, ends)
    shape = {
        "boundary": n_symbols,
        "ends": ends,
        "n_rows": batch_size,
        "n_steps": params.bptt_steps,
        "reads_ahead": params.direction == "decoupled",
        "device": params.device,
    }

    def training(parts: list[np.ndarray]) -> Pieces:
        if ends:
            return Pieces(parts, seed=seed, **shape)
        return Pieces(_streams(parts[0], batch_size, 2), **shape)

    validation = None
    if held:
        if not ends:
            held = _streams(held[0], batch_size, _VALIDATION_STREAM)
        validation = Pieces(held, **shape)
    train_set = training(older)
    max_epochs = params.max_epochs
    if max_epochs is None:
        wanted = _TRAINING_STEPS // len(train_set)
        max_epochs = min(max(wanted, _FEWEST_EPOCHS), _MOST_EPOCHS)
    length = Length(batch_size, max_epochs)
    sizes = {
        "n_symbols": n_symbols,
        "ends": ends,
        "embedding_size": params.embedding_size,
    }

    def build() -> SequenceNet:
        return build_net(
            params,
            SymbolNetwork,
            sizes,
            length,
            seed=seed,
            criterion=nn.CrossEntropyLoss,
            start=None if start is None else start.net,
        )

    return teach(
        params,
        length,
        build=build,
        hold_out=lambda net: (train_set, validation),
        everything=lambda net: training(sequences),
    )


def _hold_out(
    sequences: list[np.ndarray], fraction: float | None, ends: bool, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Split into what is learned and what is kept: a text's end, or some sequences."""
    if not fraction:
        return sequences, []
    n_all = len(sequences) if ends else len(sequences[0])
    n_held = min(max(round(fraction * n_all), 1), n_all - 1)
    if not ends:
        (text,) = sequences
        return [text[: n_all - n_held]], [text[n_all - n_held :]]
    order = np.random.default_rng(seed).permutation(n_all)
    held, older = np.sort(order[:n_held]), np.sort(order[n_held:])
    return [sequences[i] for i in older], [sequences[i] for i in held]


def _default_rows(sequences: list[np.ndarray], n_steps: int | None, ends: bool) -> int:
    if ends:
        return default_batch_size(len(sequences), largest=_LARGEST_BATCH)
    pieces = len(sequences[0]) / (n_steps or _USUAL_STEPS)
    n_streams = 2 ** round(math.log2(max(pieces / _STREAM_PIECES, 1)))
    return min(n_streams, _LARGEST_BATCH)


def _streams(text: np.ndarray, n_rows: int, shortest: int) -> list[np.ndarray]:
    return cut_text(text, min(n_rows, max(len(text) // shortest, 1)))
