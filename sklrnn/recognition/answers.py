"""The answers of a trained network to sequences; how these are scaled."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from sklrnn.data.scaling import standardisation
from sklrnn.data.sequences import Sequences, rows_of
from sklrnn.training.batches import SequenceDataset, evaluation_batch
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import Length
from sklrnn.training.threads import suitable_threads

_ROWS = 16


class Scaling(NamedTuple):
    """How the channels of sequences are scaled.

    Attributes
    ----------
    kind : {"standard", "sequence"} or None
    center, scale : ndarray of shape (n_channels,)
    masked : bool
        Whether the network is told what was observed.
    """

    kind: str | None
    center: np.ndarray
    scale: np.ndarray
    masked: bool

    @classmethod
    def of(cls, sequences: Sequences, kind: str | None) -> Scaling:
        """Learn the scaling from sequences."""
        center, scale = standardisation([sequences.values], kind == "standard")
        return cls(kind, center, scale, bool(np.isnan(sequences.values).any()))

    def rows(self, sequences: Sequences) -> np.ndarray:
        """Return what the network reads, (n_rows, n_read), float32."""
        values = (sequences.values - self.center) / self.scale
        if self.kind == "sequence":
            values = _standardise_each(sequences._replace(values=values))
        values = values.astype(np.float32)
        return rows_of(sequences._replace(values=values), self.masked)


class FittedRecognizer(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    histories, length
        As of `sklrnn.training.course.Taught`.
    scaling : Scaling
    """

    net: SequenceNet
    histories: dict[str | None, Any]
    length: Length
    scaling: Scaling


def answer(fitted: FittedRecognizer, sequences: Sequences) -> np.ndarray:
    """Run a network over sequences.

    Returns
    -------
    ndarray of shape (n_sequences, n_outputs) or, without pooling, (n_rows, n_outputs)
        Logits or values, in the order of the sequences.
    """
    module: Any = fitted.net.module_.eval()
    device = fitted.net.device
    data = SequenceDataset(
        fitted.scaling.rows(sequences), sequences.lengths, device=device
    )
    precision = torch.float32
    if not _mixes_well(module) and torch.device(device).type != "mps":
        precision = torch.float64
        module = copy.deepcopy(module).double()
    per_step = module.pool is None
    found: list[np.ndarray] = [np.empty(0)] * len(sequences.lengths)
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for numbers in _equally_long(sequences.lengths):
            index = torch.from_numpy(numbers).to(device)
            inputs, _ = data.gather(_filled(index))
            outputs = module(inputs["x"].to(precision))[: len(index)]
            outputs = outputs.cpu().numpy().astype(np.float32)
            for number, output in zip(numbers, outputs, strict=True):
                found[number] = output
    return np.concatenate(found) if per_step else np.stack(found)


def _mixes_well(module: Any) -> bool:
    """Tell whether a row of a matrix product is the same wherever it stands in it.

    Libraries sum some numbers at a time, four or a multiple of it; of what is left
    over the order depends on the place of the row. Double precision makes the rounding
    so small that it is gone in single precision.
    """
    weights = (each for each in module.parameters() if each.ndim > 1)
    sizes = (each[0].numel() for each in weights)
    return all(size <= 4 or size % 4 == 0 for size in sizes)


def _equally_long(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the numbers of sequences in batches without padding.

    What stands in a batch must follow from a sequence's own length alone: sums over
    steps round differently with padding behind them, so that an answer would depend on
    which longer sequences are given with it.
    """
    order = np.argsort(lengths, kind="stable")
    borders = np.flatnonzero(np.diff(lengths[order])) + 1
    for group in np.split(order, borders):
        size = evaluation_batch(int(lengths[group[0]]))
        yield from np.split(group, range(size, len(group), size))


def _filled(index: torch.Tensor) -> torch.Tensor:
    """Repeat the last of a batch up to a multiple of 16.

    Matrix products round differently for a few rows than for many: so the answer to a
    sequence does not depend on how many others are asked for with it.
    """
    return torch.cat([index, index[-1:].expand(-len(index) % _ROWS)])


def _standardise_each(sequences: Sequences) -> np.ndarray:
    """Give every channel of every sequence a mean of 0 and a deviation of 1."""
    parts = []
    for part in sequences.split():
        center, scale = standardisation([part], True)
        parts.append((part - center) / scale)
    return np.concatenate(parts)
