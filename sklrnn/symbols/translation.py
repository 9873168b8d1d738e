"""What a trained network makes of input sequences: outputs, and where it looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklrnn.data.pairs import pad
from sklrnn.network.search import search
from sklrnn.training.batches import evaluation_batch
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import Length
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
    length : Length
        Of the training.
    """

    net: SequenceNet
    history: Any
    shape: dict[str, int]
    length: Length


def mark_inputs(
    sequences: list[np.ndarray], n_inputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Put input sequences between the marks of begin and end, into one table."""
    return pad(sequences, first=[n_inputs], last=[n_inputs + 1])


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
