"""Learning to recognise sequences: what is to be learned, and a network's training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sklrnn.data.sequences import Sequences
from sklrnn.network.recognize import LOSSES, RecognitionNetwork
from sklrnn.recognition.answers import FittedRecognizer, Scaling
from sklrnn.training.batches import SequenceDataset
from sklrnn.training.building import build_net
from sklrnn.training.course import teach
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import choose_length

NORMALIZATIONS = ("standard", "sequence", None)


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
    """
    scaling = Scaling.of(lesson.sequences, params.normalize)
    if start is not None:
        scaling = start.scaling
    loss = "cross_entropy" if lesson.answers.dtype == np.int64 else "mse"
    learned, held = _split(lesson, params.validation_fraction, seed)
    length = choose_length(params, len(learned.sequences.lengths))
    shape = {
        "n_channels": lesson.sequences.values.shape[1],
        "n_outputs": lesson.n_outputs,
        "masked": scaling.masked,
        "pooling": pooling,
        "window_length": int(lesson.sequences.lengths.max()),
    }

    def build() -> SequenceNet:
        return build_net(
            params,
            RecognitionNetwork,
            shape,
            length,
            seed=seed,
            criterion=LOSSES[loss],
            start=None if start is None else start.net,
        )

    def dataset(part: Lesson) -> SequenceDataset:
        return SequenceDataset(
            scaling.rows(part.sequences),
            part.sequences.lengths,
            part.answers,
            part.weights,
            device=params.device,
        )

    def hold_out(net: SequenceNet) -> tuple[SequenceDataset, SequenceDataset | None]:
        return dataset(learned), None if held is None else dataset(held)

    taught = teach(
        params,
        length,
        build=build,
        hold_out=lambda net: (
            dataset(learned),
            None if held is None else dataset(held),
        ),
        everything=lambda net: dataset(lesson),
    )
    return FittedRecognizer(taught.net, taught.histories, length, scaling)


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
