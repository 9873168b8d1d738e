"""Learning to recognise sequences, and recognising them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from sklrnn.data.sequences import Sequences, rows_of
from sklrnn.data.tables import standardisation
from sklrnn.network.recognize import LOSSES, RecognitionNetwork
from sklrnn.training.batches import SequenceDataset, evaluation_batch
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet, take_over
from sklrnn.training.phases import (
    build_net,
    default_batch_size,
    default_epochs,
    settled_epoch,
    train_phases,
)
from sklrnn.training.threads import suitable_threads

_ROWS = 16

NORMALIZATIONS = ("standard", "sequence", None)


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
    histories : dict of skorch.history.History
        Of each part of the training with the validation part kept.
    scaling : Scaling
    batch_size, max_epochs : int
    """

    net: SequenceNet
    histories: dict[str | None, Any]
    scaling: Scaling
    batch_size: int
    max_epochs: int


class Lesson(NamedTuple):
    """What is to be learned.

    Attributes
    ----------
    sequences : Sequences
    answers : ndarray
        Of every sequence, or of every row: classes, int64, or values, float32, of shape
        (n, n_outputs).
    weights : ndarray
        Of every answer, 0 where it is not to be learned; with a mean of 1.
    n_outputs : int
    """

    sequences: Sequences
    answers: np.ndarray
    weights: np.ndarray
    n_outputs: int

    def take(self, index: np.ndarray) -> Lesson:
        """Return a part of the sequences."""
        rows = index
        if len(self.answers) != len(self.sequences.lengths):
            every = np.arange(len(self.answers))
            parts = self.sequences.split(every)
            rows = np.concatenate([parts[i] for i in index])
        return self._replace(
            sequences=self.sequences.take(index),
            answers=self.answers[rows],
            weights=self.weights[rows],
        )


@reused_memory()
def learn(
    params: Any,
    lesson: Lesson,
    *,
    pooling: str | None,
    seed: int,
    start: FittedRecognizer | None = None,
) -> FittedRecognizer:
    """Train a network to recognise sequences.

    A part of the sequences is kept for validation and chooses the number of epochs;
    then, with ``params.refit``, a second network learns that long from all.

    Parameters
    ----------
    params : estimator
        Read for its parameters alone.
    lesson : Lesson
    pooling : {"last", "mean", "max", "attention"} or None
        None for an answer at every step.
    seed : int
    start : FittedRecognizer, optional
        What to go on from; it is left as it is.

    Raises
    ------
    DivergenceError
        With the network, at its best weights so far, as ``error.net``.
    """
    scaling = Scaling.of(lesson.sequences, params.normalize)
    if start is not None:
        scaling = start.scaling
    loss = "cross_entropy" if lesson.answers.dtype == np.int64 else "mse"
    learned, held = _split(lesson, params.validation_fraction, seed)
    batch_size = params.batch_size or default_batch_size(len(learned.sequences.lengths))
    max_epochs, epoch_size = params.max_epochs, None
    if max_epochs is None:
        max_epochs, epoch_size = default_epochs(
            len(learned.sequences.lengths), batch_size
        )

    def new_net() -> SequenceNet:
        net = build_net(
            params,
            RecognitionNetwork,
            {
                "n_channels": lesson.sequences.values.shape[1],
                "n_outputs": lesson.n_outputs,
                "masked": scaling.masked,
                "pooling": pooling,
                "window_length": int(lesson.sequences.lengths.max()),
            },
            batch_size=batch_size,
            max_epochs=max_epochs,
            seed=seed,
            criterion=LOSSES[loss],
        )
        if start is not None:
            take_over(net, start.net)
        return net

    def dataset(part: Lesson) -> SequenceDataset:
        return SequenceDataset(
            scaling.rows(part.sequences),
            part.sequences.lengths,
            part.answers,
            part.weights,
            device=params.device,
        )

    net = new_net()
    phases = dict.fromkeys(net.module_.phases, max_epochs)
    datasets = (dataset(learned), None if held is None else dataset(held))
    histories = train_phases(
        net, datasets, phases, epoch_size=epoch_size, patience=params.patience
    )
    if params.refit and held is not None:
        if params.patience is not None:
            phases = {name: settled_epoch(rows) for name, rows in histories.items()}
        net = new_net()
        everything = (dataset(lesson), None)
        train_phases(net, everything, phases, epoch_size=epoch_size, patience=None)
    return FittedRecognizer(net, histories, scaling, batch_size, max_epochs)


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
    size = evaluation_batch(data.window_length)
    # Sequences of similar lengths together: less padding.
    order = torch.from_numpy(np.argsort(sequences.lengths, kind="stable")).to(device)
    per_step = module.pool is None
    found = []
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for index in order.split(size):
            inputs, _ = data.gather(_filled(index))
            outputs = module(**inputs)[: len(index)]
            if per_step:
                steps = torch.arange(outputs.shape[1], device=device)
                outputs = outputs[steps < data.lengths[index, None]]
            found.append(outputs.cpu().numpy())
    together = np.concatenate(found)
    back = np.empty(len(order), dtype=np.int64)
    back[order.cpu().numpy()] = np.arange(len(order))
    if not per_step:
        return together[back]
    parts = np.split(together, np.cumsum(sequences.lengths[order.cpu().numpy()])[:-1])
    return np.concatenate([parts[i] for i in back])


def _filled(index: torch.Tensor) -> torch.Tensor:
    """Repeat the last of a batch up to a multiple of 16.

    Matrix products round differently for a few rows than for many: so the answer to a
    sequence does not depend on how many others are asked for with it.
    """
    return torch.cat([index, index[-1:].expand(-len(index) % _ROWS)])


def _split(
    lesson: Lesson, fraction: float | None, seed: int
) -> tuple[Lesson, Lesson | None]:
    """Draw the sequences to validate with: of every class its share."""
    n_sequences = len(lesson.sequences.lengths)
    groups = np.zeros(n_sequences, dtype=np.int64)
    if lesson.answers.ndim == 1 and len(lesson.answers) == n_sequences:
        groups = lesson.answers
    held = np.zeros(n_sequences, dtype=bool)
    rng = np.random.default_rng(seed)
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        held[members[: int((fraction or 0.0) * len(members))]] = True
    if not held.any():
        return lesson, None
    return lesson.take(np.flatnonzero(~held)), lesson.take(np.flatnonzero(held))


def _standardise_each(sequences: Sequences) -> np.ndarray:
    """Give every channel of every sequence a mean of 0 and a deviation of 1."""
    parts = []
    for part in sequences.split():
        center, scale = standardisation([part], True)
        parts.append((part - center) / scale)
    return np.concatenate(parts)
