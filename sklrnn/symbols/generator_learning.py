"""Learning what comes next in sequences of symbols, scoring them, continuing them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sklrnn.network.generate import Stepper, SymbolNetwork
from sklrnn.symbols.pieces import Pieces, cut_text
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet, take_over
from sklrnn.training.phases import (
    best_epoch,
    build_net,
    default_batch_size,
    train_phases,
)
from sklrnn.training.threads import flushed_denormals, suitable_threads

_TRAINING_STEPS = 2000
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 300
_LARGEST_BATCH = 64
_USUAL_STEPS = 64
_STREAM_PIECES = 32
"""By default a text is cut into streams of about that many pieces."""

_VALIDATION_STREAM = 256
"""Fewest symbols in a stream of the validation part: each begins knowing nothing."""

_SCORED_ROWS = 64
_SCORED_STEPS = 1024
_SCORED_LOGITS = 4_000_000
"""Most numbers to hold at once where sequences are scored."""

_PREFIX_STEPS = 4096


class FittedGenerator(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    histories : dict of skorch.history.History
        Of each part of the training with the validation part kept.
    batch_size, max_epochs : int
    """

    net: SequenceNet
    histories: dict[str | None, Any]
    batch_size: int
    max_epochs: int


@reused_memory()
def learn(
    params: Any,
    sequences: list[np.ndarray],
    *,
    n_symbols: int,
    ends: bool,
    seed: int,
    start: FittedGenerator | None = None,
) -> FittedGenerator:
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
    start : FittedGenerator, optional
        What to go on from; it is left as it is.

    Raises
    ------
    DivergenceError
        With the network, at its best weights so far, as ``error.net``.
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

    def new_net() -> SequenceNet:
        net = build_net(
            params,
            SymbolNetwork,
            {
                "n_symbols": n_symbols,
                "ends": ends,
                "embedding_size": params.embedding_size,
            },
            batch_size=batch_size,
            max_epochs=max_epochs,
            seed=seed,
            criterion=nn.CrossEntropyLoss,
        )
        if start is not None:
            take_over(net, start.net)
        return net

    net = new_net()
    phases = dict.fromkeys(net.module_.phases, max_epochs)
    histories = train_phases(
        net,
        (train_set, validation),
        phases,
        epoch_size=None,
        patience=params.patience,
    )
    if params.refit and held:
        if params.patience is not None:
            phases = {name: best_epoch(rows) for name, rows in histories.items()}
        net = new_net()
        everything = (training(sequences), None)
        train_phases(net, everything, phases, epoch_size=None, patience=None)
    return FittedGenerator(net, histories, batch_size, max_epochs)


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


def score_symbols(net: SequenceNet, sequences: list[np.ndarray]) -> list[np.ndarray]:
    """Return the log-likelihood of every symbol, given those before it, in nats.

    Where the network knows ends, that of the end is the last of every sequence.
    """
    found: list[list[np.ndarray]] = [[] for _ in sequences]
    for row, log_proba, following in _run(net, sequences):
        found[row].append(log_proba.gather(1, following[:, None])[:, 0].cpu().numpy())
    return [np.concatenate(parts) for parts in found]


def predict_symbols(net: SequenceNet, sequences: list[np.ndarray]) -> list[np.ndarray]:
    """Return the probabilities of all symbols at every step of every sequence."""
    found: list[list[np.ndarray]] = [[] for _ in sequences]
    for row, log_proba, _ in _run(net, sequences):
        found[row].append(log_proba.exp().cpu().numpy())
    return [np.concatenate(parts) for parts in found]


def _run(
    net: SequenceNet, sequences: list[np.ndarray]
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Run a network over sequences, piece by piece.

    Yields the number of a sequence, log-probabilities of shape (n_steps, n_outputs),
    and the symbols that came.
    """
    module: Any = net.module_.eval()
    n_rows = min(len(sequences), _SCORED_ROWS)
    n_steps = _SCORED_LOGITS // (n_rows * module.n_outputs)
    pieces = Pieces(
        sequences,
        boundary=module.boundary,
        ends=module.ends,
        n_rows=n_rows,
        n_steps=min(max(n_steps, 1), _SCORED_STEPS),
        device=net.device,
    )
    with torch.no_grad(), suitable_threads(module.hidden_size):
        states = None
        for number, (group, start) in enumerate(pieces.plan):
            inputs, (following, counted) = pieces.gather(torch.tensor([number]))
            logits, states = module(inputs["symbols"], states if start else None)
            # In double precision, so that the probabilities add up to 1.
            log_proba = logits[counted].double().log_softmax(-1)
            sizes = counted.sum(dim=1).tolist()
            for row, *part in zip(
                pieces.rows[group],
                log_proba.split(sizes),
                following.split(sizes),
                strict=True,
            ):
                yield row, *part


def go_on(
    net: SequenceNet,
    prefix: np.ndarray,
    length: int,
    *,
    temperature: float,
    top_k: int | None,
    rng: np.random.Generator,
) -> list[int]:
    """Continue a sequence, one step of the network for each symbol.

    Parameters
    ----------
    net : SequenceNet
    prefix : ndarray of int64
        What comes before, from the beginning of the sequence.
    length : int
        Most symbols to draw; fewer if the end of the sequence is drawn.
    temperature : float
    top_k : int or None
    rng : numpy Generator

    Returns
    -------
    list of int
        Without prefix and end.
    """
    network: Any = net.module_
    chances = rng.random(length)
    drawn: list[int] = []
    # One sequence is too little work for two threads, whatever the network.
    with torch.inference_mode(), suitable_threads(1), flushed_denormals():
        stepper = Stepper(network)
        logits, states = _read_prefix(network.eval(), prefix, net.device)
        for chance in chances:
            values = logits.cpu().numpy().astype(np.float64)
            symbol = _draw(values, temperature, top_k, chance)
            if symbol == network.boundary:
                break
            drawn.append(symbol)
            if len(drawn) < length:
                logits, states = stepper.step(symbol, states)
    return drawn


def _read_prefix(
    network: SymbolNetwork, prefix: np.ndarray, device: Any
) -> tuple[Tensor, Any]:
    """Return the logits of what follows a prefix, and the states after it."""
    codes = torch.from_numpy(np.concatenate([[network.boundary], prefix]))
    states = None
    for part in codes.to(device)[None].split(_PREFIX_STEPS, dim=1):
        logits, states = network(part, states)
    return logits[0, -1], states


def _draw(
    logits: np.ndarray, temperature: float, top_k: int | None, chance: float
) -> int:
    """Draw a symbol from logits by a number that is uniform in [0, 1)."""
    if temperature == 0:
        return int(logits.argmax())
    likely = None
    if top_k is not None and top_k < len(logits):
        likely = np.argpartition(logits, -top_k)[-top_k:]
        logits = logits[likely]
    with np.errstate(over="ignore"):  # tiny temperatures
        weights = np.exp((logits - logits.max()) / temperature)
    edges = weights.cumsum()
    place = int(np.searchsorted(edges, chance * edges[-1], side="right"))
    place = min(place, len(logits) - 1)
    return place if likely is None else int(likely[place])
