"""The course of a training, told once: a part held out, calibration, the refit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sklrnn.training.batches import Windows
from sklrnn.training.net import History, SequenceNet
from sklrnn.training.phases import forget_moments, train_phases
from sklrnn.training.processes import Processes
from sklrnn.training.stopping import Length, best_epoch


class Taught(NamedTuple):
    """What a course leaves.

    Attributes
    ----------
    net : SequenceNet
        Trained, at its best weights.
    histories : dict of skorch.history.History
        Of each phase of the training with the validation part kept.
    calibration : object
        What `calibrate` returned; None without it.
    length : Length
    """

    net: SequenceNet
    histories: dict[str | None, History]
    calibration: Any
    length: Length


def teach(
    params: Any,
    length: Length,
    *,
    build: Callable[[], SequenceNet],
    hold_out: Callable[[SequenceNet], tuple[Windows, Windows | None]],
    everything: Callable[[SequenceNet], Windows],
    calibrate: Callable[[SequenceNet], Any] | None = None,
    epochs: int | None = None,
) -> Taught:
    """Train a network, calibrate it, and train a second one on everything.

    1. A network learns the windows that `hold_out` gives first, phase by phase, and
       goes back to the weights of its best epoch: that of the lowest loss on the
       second ones, which are held out for that.
    2. It is calibrated, on what it has not learned from.
    3. With ``params.refit``, a second network learns everything for as many epochs as
       were best, and takes its place. (Where nothing was held out, it has already.)
       Its learning rate runs through the whole schedule in these epochs: with the rates
       that the same steps had before, errors were 1.05 times as high (15 forecasts of 5
       series, standard error .02).

    Parameters
    ----------
    params : estimator
        Read for `refit`, `patience`, `accelerator` and `warm_start` alone.
    length : Length
    build : callable
        Returns an untrained net, each time the same.
    hold_out : callable
        Takes the net; returns what to learn from and what is held out, or None.
    everything : callable
        Takes the net; returns all windows. What `hold_out` gave may go by then.
    calibrate : callable, optional
        Takes a trained net.
    epochs : int, optional
        Largest number of epochs, where it is not that of `length`.

    Raises
    ------
    DivergenceError
        With the network, at its best weights so far, as ``error.net``.
    """
    processes, size = Processes.of(params), length.epoch_size
    net = build()
    datasets = hold_out(net)
    held_out = datasets[1] is not None
    epochs = length.max_epochs if epochs is None else epochs
    phases = dict.fromkeys(net.module_.phases, epochs)
    histories = train_phases(
        net,
        datasets,
        phases,
        epoch_size=size,
        patience=params.patience,
        processes=processes,
    )
    del datasets
    calibration = None if calibrate is None else calibrate(net)
    if params.refit and held_out and epochs:
        if params.patience is not None:
            phases = {name: best_epoch(rows) for name, rows in histories.items()}
        net = build()
        train_phases(
            net,
            (everything(net), None),
            phases,
            epoch_size=size,
            patience=None,
            processes=processes,
            earlier=histories,
        )
    forget_moments(net, params)
    return Taught(net, histories, calibration, length)


def show(estimator: Any, fitted: Any) -> None:
    """Set the attributes that tell of a training: net, histories, length.

    `fitted` is `Taught`, or has its `net`, `histories` and `length`.
    """
    estimator.net_ = fitted.net
    *earlier, estimator.history_ = fitted.histories.values()
    estimator.teacher_history_ = earlier[0] if earlier else None
    estimator.batch_size_, estimator.max_epochs_, _ = fitted.length
