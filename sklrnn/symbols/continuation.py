"""What a trained network says of symbols: their probabilities, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklrnn.network.generate import Stepper, SymbolNetwork
from sklrnn.symbols.pieces import Pieces
from sklrnn.training.net import SequenceNet
from sklrnn.training.threads import flushed_denormals, suitable_threads

_SCORED_ROWS = 64

_SCORED_STEPS = 1024

_SCORED_LOGITS = 4_000_000
"""Most numbers to hold at once where sequences are scored."""

_PREFIX_STEPS = 4096

_DRAWN_AT_ONCE = 4096


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
    drawn: list[int] = []
    # One sequence is too little work for two threads, whatever the network.
    with torch.inference_mode(), suitable_threads(1), flushed_denormals():
        stepper = Stepper(network)
        logits, states = _read_prefix(network.eval(), prefix, net.device)
        for chance in _chances(rng, length):
            values = logits.cpu().numpy().astype(np.float64)
            symbol = _draw(values, temperature, top_k, chance)
            if symbol == network.boundary:
                break
            drawn.append(symbol)
            if len(drawn) < length:
                logits, states = stepper.step(symbol, states)
    return drawn


def _chances(rng: np.random.Generator, length: int) -> Iterator[float]:
    """Draw numbers as they are needed: `length` may be more than memory holds."""
    for start in range(0, length, _DRAWN_AT_ONCE):
        yield from rng.random(min(_DRAWN_AT_ONCE, length - start))


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
