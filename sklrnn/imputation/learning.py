"""Learning to fill gaps: a network's training, calibration and refit."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklrnn.data.absence import AbsenceDiffusion, find_joint_gaps
from sklrnn.data.surroundings import find_companions
from sklrnn.data.windows import validation_start
from sklrnn.imputation.corruption import GapWindows, TrainingWindows, validation_windows
from sklrnn.imputation.filling import FittedImputer
from sklrnn.imputation.residuals import calibrate
from sklrnn.imputation.tables import TimedSeries, rows_of
from sklrnn.interfaces.parameters import check_window_length
from sklrnn.network.reconstruct import LOSSES, ReconstructionNetwork
from sklrnn.training.batches import Windows
from sklrnn.training.building import build_net
from sklrnn.training.course import teach
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import choose_length

_WINDOW_LENGTH = 48
_LENGTH = (4000, 256_000)
"""Optimiser steps and windows in a training by default, whichever is less."""

_LARGEST_BATCH = 64


@reused_memory()
def learn(
    params: Any,
    series: list[TimedSeries],
    *,
    seed: int,
    start: FittedImputer | None = None,
) -> FittedImputer:
    """Train a network to fill gaps, and calibrate what it expects of its errors.

    Entries are removed from the newest part of every series to choose the number of
    epochs and to calibrate; then, with ``params.refit``, a second network learns that
    long from everything.

    Parameters
    ----------
    params : RNNImputer
        Read for its parameters alone.
    series : list of TimedSeries
    seed : int
    start : FittedImputer, optional
        What to go on from; it is left as it is.
    """
    course = _Course(params, series, seed, start)
    taught = teach(
        params,
        course.length,
        build=course.build,
        hold_out=course.hold_out,
        everything=course.everything,
        calibrate=course.calibrate,
    )
    widening, residuals, errors = taught.calibration
    return FittedImputer(
        net=taught.net,
        histories=taught.histories,
        window_length=course.window_length,
        length=course.length,
        companions=course.companions,
        widening=widening,
        residuals=residuals,
        errors=errors,
    )


class _Course:
    """A training of networks to fill gaps: what is chosen for it, and its windows.

    Parameters are those of `learn`.
    """

    def __init__(
        self,
        params: Any,
        series: list[TimedSeries],
        seed: int,
        start: FittedImputer | None,
    ) -> None:
        self.params, self.series, self.seed, self.start = params, series, seed, start
        masks = [~np.isnan(one.values) for one in series]
        self.splits = [validation_start(m, params.validation_fraction) for m in masks]
        older = [
            rows_of(one, 0, split)
            for one, split in zip(series, self.splits, strict=True)
        ]
        if start is None:
            longest = max(len(one.values) for one in series)
            self.window_length = params.window_length or min(_WINDOW_LENGTH, longest)
            check_window_length(self.window_length, longest)
            seen = np.concatenate([one.values for one in older])
            self.companions = find_companions(seen)
        else:
            self.window_length, self.companions = start.window_length, start.companions
        self.absence = AbsenceDiffusion(
            params.absence_pattern,
            params.absence_rate,
            params.absence_spread or self.window_length,
            np.concatenate([find_joint_gaps(mask) for mask in masks]),
        )
        self.shape = {
            "window_length": self.window_length,
            "both_sides": params.direction != "forward",
            "companions": self.companions,
            "last_step": params.score_steps == "last",
            "device": params.device,
        }
        self.train_set = self._training(older)
        self.scored, self.held_out = self._scored()
        self.length = choose_length(
            params,
            len(self.train_set),
            largest_batch=_LARGEST_BATCH,
            length=_LENGTH,
        )

    def _training(self, parts: list[TimedSeries]) -> TrainingWindows:
        growth = self.params.absence_growth
        return TrainingWindows(
            parts, self.absence, growth=growth, seed=self.seed, **self.shape
        )

    def _scored(self) -> tuple[GapWindows, bool]:
        """Return windows with entries to score, and whether they are held out.

        Without a validation part intervals rest on all rows, which the network knows.
        """
        pairs = list(zip(self.series, self.splits, strict=True))
        held = [(one, split) for one, split in pairs if split < len(one.values)]
        series, splits = zip(*(held or [(one, 0) for one, _ in pairs]), strict=True)
        windows = validation_windows(
            list(series), list(splits), self.absence, seed=self.seed + 1, **self.shape
        )
        return windows, bool(held)

    def build(self) -> SequenceNet:
        """Return an untrained net, or one with the weights of what it starts from."""
        shape = {
            "n_columns": self.series[0].values.shape[1],
            "window_length": self.window_length,
            "loss": self.params.loss,
        }
        return build_net(
            self.params,
            ReconstructionNetwork,
            shape,
            self.length,
            seed=self.seed,
            criterion=LOSSES[self.params.loss],
            start=None if self.start is None else self.start.net,
        )

    def hold_out(self, net: SequenceNet) -> tuple[Windows, Windows | None]:
        """Return what to learn from, and what was removed from the newest part."""
        return self.train_set, self.scored if self.held_out else None

    def everything(self, net: SequenceNet) -> Windows:
        """Return windows of all rows."""
        return self._training(self.series)

    def calibrate(self, net: SequenceNet) -> tuple:
        """Return what the network misses of what was removed."""
        return calibrate(net, self.scored)
