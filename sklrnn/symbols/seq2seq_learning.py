"""Learning pairs of sequences, and applying what was learned: numbers in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sklrnn.data.pairs import pad
from sklrnn.network.associate import PADDING, AssociationNetwork
from sklrnn.network.search import search
from sklrnn.training.batches import Windows, evaluation_batch
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet, take_over
from sklrnn.training.phases import (
    best_epoch,
    build_net,
    default_batch_size,
    default_epochs,
    train_phases,
)
from sklrnn.training.threads import suitable_threads


class FittedAssociation(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    history : skorch.history.History
        Of the training with the validation part kept.
    shape : dict
        Numbers of tokens and of steps that the network was built for.
    batch_size, max_epochs : int
    """

    net: SequenceNet
    history: Any
    shape: dict[str, int]
    batch_size: int
    max_epochs: int


class Pairs(NamedTuple):
    """Sequences of numbers of tokens, and those that belong to them."""

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]

    def choose(self, numbers: np.ndarray) -> Pairs:
        """Return some of the pairs."""
        return Pairs(*([side[i] for i in numbers] for side in self))


class PairWindows(Windows):
    """Pairs as padded tables, gathered by index.

    Parameters
    ----------
    pairs : Pairs
    shape : dict
        With the numbers of tokens, ``n_inputs`` and ``n_outputs``.
    device : str or torch.device
    """

    def __init__(
        self, pairs: Pairs, shape: dict[str, int], device: str | torch.device
    ) -> None:
        end = shape["n_outputs"]
        inputs, lengths = mark_inputs(pairs.inputs, shape["n_inputs"])
        previous, steps = pad(pairs.outputs, first=[end + 1])
        targets, _ = pad(pairs.outputs, last=[end], padding=PADDING)
        self.inputs, self.lengths, self.previous, self.n_steps, self.targets = (
            torch.from_numpy(table).to(device)
            for table in (inputs, lengths, previous, steps, targets)
        )
        self.starts = torch.arange(len(inputs), device=device)
        self.window_length = inputs.shape[1] + previous.shape[1]

    def gather(self, index: Tensor) -> tuple[dict[str, Tensor], tuple]:
        """Return what the network reads and what it is to predict, of some pairs."""
        lengths = self.lengths[index]
        n_in, n_out = int(lengths.max()), int(self.n_steps[index].max())
        inputs = {
            "inputs": self.inputs[index, :n_in],
            "lengths": lengths,
            "previous": self.previous[index, :n_out],
        }
        return inputs, (self.targets[index, :n_out], None)


def mark_inputs(
    sequences: list[np.ndarray], n_inputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Put input sequences between the marks of begin and end, into one table."""
    return pad(sequences, first=[n_inputs], last=[n_inputs + 1])


@reused_memory()
def learn(
    params: Any,
    pairs: Pairs,
    *,
    n_inputs: int,
    n_outputs: int,
    seed: int,
    start: FittedAssociation | None = None,
) -> FittedAssociation:
    """Train a network.

    A random share of the pairs is kept to choose the number of epochs; then, with
    ``params.refit``, a second network learns that long from all of them.

    Parameters
    ----------
    params : RNNSeq2Seq
        Read for its parameters alone.
    pairs : Pairs
    n_inputs, n_outputs : int
        Number of tokens on both sides.
    seed : int
    start : FittedAssociation, optional
        What to go on from; it is left as it is.

    Raises
    ------
    DivergenceError
        With the network, at its best weights so far, as ``error.net``.
    """
    train_part, valid_part = _split(pairs, params.validation_fraction, seed)
    shape = {
        "n_inputs": n_inputs,
        "n_outputs": n_outputs,
        "input_length": max(map(len, pairs.inputs)) + 2,
        "output_length": max(map(len, pairs.outputs)) + 1,
    }
    if start is not None:
        shape = start.shape
    n_pairs = len(train_part.inputs)
    batch_size = params.batch_size or default_batch_size(n_pairs)
    max_epochs, epoch_size = params.max_epochs, None
    if max_epochs is None:
        max_epochs, epoch_size = default_epochs(n_pairs, batch_size)

    def new_net() -> SequenceNet:
        choices = {
            "attention": params.attention,
            "embedding_size": params.embedding_size,
            "teacher_forcing": params.teacher_forcing,
            "teacher_forcing_schedule": params.teacher_forcing_schedule,
        }
        net = build_net(
            params,
            AssociationNetwork,
            {**shape, **choices},
            batch_size=batch_size,
            max_epochs=max_epochs,
            seed=seed,
            criterion=nn.CrossEntropyLoss,
        )
        if start is not None:
            take_over(net, start.net)
        return net

    def windows(part: Pairs) -> PairWindows:
        return PairWindows(part, shape, params.device)

    net = new_net()
    validation = None if valid_part is None else windows(valid_part)
    history = train_phases(
        net,
        (windows(train_part), validation),
        {None: max_epochs},
        epoch_size=epoch_size,
        patience=params.patience,
    )[None]
    if params.refit and valid_part is not None:
        epochs = max_epochs if params.patience is None else best_epoch(history)
        net = new_net()
        train_phases(
            net,
            (windows(pairs), None),
            {None: epochs},
            epoch_size=epoch_size,
            patience=None,
        )
    return FittedAssociation(net, history, shape, batch_size, max_epochs)


def _split(
    pairs: Pairs, fraction: float | None, seed: int
) -> tuple[Pairs, Pairs | None]:
    """Keep a random share of the pairs for validation, if there are two."""
    n_pairs = len(pairs.inputs)
    if not fraction or n_pairs < 2:
        return pairs, None
    order = np.random.default_rng(seed).permutation(n_pairs)
    n_kept = min(max(round(fraction * n_pairs), 1), n_pairs - 1)
    return pairs.choose(order[n_kept:]), pairs.choose(order[:n_kept])


def decode(
    fitted: FittedAssociation,
    inputs: list[np.ndarray],
    limits: np.ndarray,
    width: int,
) -> list[list[int]]:
    """Return the output that the network finds most probable for every input.

    Parameters
    ----------
    fitted : FittedAssociation
    inputs : list of ndarray of int
    limits : ndarray of shape (n_sequences,), int
        Largest number of tokens of every output.
    width : int
        Of the beam.
    """
    found: list[list[int]] = [[] for _ in inputs]
    bounds = torch.from_numpy(limits)
    for numbers, table, lengths in _batches(fitted, inputs, width):
        limit = bounds[numbers].to(table.device)
        outputs = search(fitted.net.module_, table, lengths, limit, width)
        for number, output in zip(numbers, outputs, strict=True):
            found[number] = output
    return found


def attend(
    fitted: FittedAssociation, inputs: list[np.ndarray], outputs: list[list[int]]
) -> list[np.ndarray]:
    """Return where the decoder looks while it puts out given sequences.

    Returns
    -------
    list of ndarray of shape (n_out, n_in)
        A row for every token of the output. What it lacks to a sum of 1 lies on the
        marks of begin and end.
    """
    weights: list[Any] = [None for _ in inputs]
    for numbers, table, lengths in _batches(fitted, inputs):
        codes = [np.array(outputs[number], dtype=np.int64) for number in numbers]
        previous, _ = pad(codes, first=[fitted.shape["n_outputs"] + 1])
        told = torch.from_numpy(previous).to(table.device)
        seen = fitted.net.module_.attend(table, lengths, told).cpu().numpy()
        for number, rows in zip(numbers, seen, strict=True):
            n_out, n_in = len(outputs[number]), len(inputs[number])
            weights[number] = rows[:n_out, 1 : n_in + 1]
    return weights


def _batches(
    fitted: FittedAssociation, inputs: list[np.ndarray], copies: int = 1
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Yield numbers of inputs, their table and their lengths; the shortest first."""
    device, module = fitted.net.device, fitted.net.module_.eval()
    order = sorted(range(len(inputs)), key=lambda number: len(inputs[number]))
    size = evaluation_batch(copies * max(map(len, inputs)))
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for first in range(0, len(order), size):
            numbers = order[first : first + size]
            chosen = [inputs[number] for number in numbers]
            tables = mark_inputs(chosen, fitted.shape["n_inputs"])
            table, lengths = (torch.from_numpy(part).to(device) for part in tables)
            yield numbers, table, lengths
