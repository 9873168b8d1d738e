"""How long a training lasts: its length, its patience, its best epoch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from sklrnn.training.net import EarlyStopping, History, NeuralNet

_LENGTH = (2000, 64_000)
"""Optimiser steps and windows in a training by default, whichever is less."""

EPOCH_WINDOWS = 8192


def default_batch_size(n_windows: int, largest: int = 128) -> int:
    """Return a hundredth of the windows, as a power of two from 16 to `largest`."""
    return int(min(max(2 ** round(math.log2(max(n_windows, 1) / 100)), 16), largest))


class Length(NamedTuple):
    """How long a training may take.

    Attributes
    ----------
    batch_size, max_epochs : int
    epoch_size : int or None
        Number of windows in an epoch, drawn anew each time; None for all.
    """

    batch_size: int
    max_epochs: int
    epoch_size: int | None = None


def choose_length(
    params: Any,
    n_windows: int,
    *,
    largest_batch: int = 128,
    length: tuple[int, int] = _LENGTH,
) -> Length:
    """Return what an estimator's parameters say, and the defaults where they do not."""
    batch_size = params.batch_size or default_batch_size(n_windows, largest_batch)
    if params.max_epochs is not None:
        return Length(batch_size, params.max_epochs)
    return Length(batch_size, *default_epochs(n_windows, batch_size, length))


def default_epochs(
    n_windows: int, batch_size: int, length: tuple[int, int] = _LENGTH
) -> tuple[int, int]:
    """Choose how long to train.

    Parameters
    ----------
    n_windows, batch_size : int
    length : (int, int), default=(2000, 64_000)
        Most optimiser steps, and most windows, in all epochs together.

    Returns
    -------
    n_epochs : int
        As many as make that many steps or windows, whichever is less;
        from 4 to 300.
    epoch_size : int
        Number of windows in an epoch: all, but 8192 drawn anew where there are more.
    """
    epoch_size = min(n_windows, EPOCH_WINDOWS)
    n_steps = min(length[0], length[1] // batch_size)
    per_epoch = max(-(-epoch_size // batch_size), 1)
    return min(max(n_steps // per_epoch, 4), 300), epoch_size


def default_patience(epoch_size: int, batch_size: int) -> int:
    """Return 20 epochs, or as many as make 100 optimiser steps, if those are more."""
    per_epoch = max(-(-epoch_size // batch_size), 1)
    return max(20, -(-100 // per_epoch))


def best_epoch(history: History) -> int:
    """Return the number of the epoch of the lowest validation loss, from 1.

    A refit trains that long, whatever is learned. The last epoch that cannot be told
    from the best one, by how much losses differ from epoch to epoch (after the
    one-standard-error rule of Breiman et al. 1984), was tried in its place: errors of
    the imputer were 1.01 times as high (14 fits on parts of compressor and ETTh1,
    standard error .03), those of docs/imputing.md within .007 either way; losses of
    classifier, regressor and labeler .98 times (27 fits, .03).
    """
    return int(np.argmin(history[:, "valid_loss"])) + 1


class KeepBest(EarlyStopping):
    """Early stopping that gives the best weights back, however training ends."""

    best_model_weights_: dict[str, Tensor] | None

    def __init__(self, patience: int, monitor: str) -> None:
        super().__init__(
            monitor=monitor, patience=patience, threshold=0.0, load_best=True
        )

    def restore(self, net: NeuralNet) -> None:
        """Load the best weights seen so far, if any."""
        if self.best_model_weights_ is not None:
            net.module_.load_state_dict(self.best_model_weights_)
            self.best_model_weights_ = None

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Load the best weights and let go of the copy."""
        self.restore(net)
