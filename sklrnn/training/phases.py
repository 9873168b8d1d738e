"""The phases of a training: each part of a network in turn, to its best weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from sklrnn.network.plugged import blame
from sklrnn.training.batches import Windows
from sklrnn.training.divergence import DivergenceError
from sklrnn.training.net import History, SequenceNet
from sklrnn.training.processes import Processes
from sklrnn.training.stopping import KeepBest, default_patience
from sklrnn.training.threads import flushed_denormals, suitable_threads


def train_phases(
    net: SequenceNet,
    datasets: tuple[Windows, Windows | None],
    phases: dict[str | None, int],
    *,
    epoch_size: int | None,
    patience: int | str | None,
    processes: Processes | None = None,
    earlier: dict[str | None, History] | None = None,
) -> dict[str | None, History]:
    """Train a net in place, for as many epochs as each part of the training has.

    A patience of "auto" is that of `default_patience`. A refit gives the histories of
    the `earlier` training, for its callbacks.

    Raises
    ------
    DivergenceError
        With the net, at its best weights so far, as ``error.net``.
    """
    if isinstance(patience, str):
        size = min(len(datasets[0]), epoch_size or len(datasets[0]))
        patience = default_patience(size, net.batch_size)
    histories = {}
    for phase, epochs in phases.items():
        if phase is not None:
            begin_phase(net, phase)
        net.earlier = None if earlier is None else earlier[phase]
        try:
            with suitable_threads(net.module_.hidden_size), flushed_denormals():
                train(
                    net,
                    datasets,
                    epochs=epochs,
                    epoch_size=epoch_size,
                    patience=patience,
                    processes=processes,
                )
        except DivergenceError as error:
            error.net = net
            raise
        # Strangers' code may raise anything; it is raised on, or named.
        except Exception as error:
            blame(net.module_, error)
            raise
        finally:
            net.earlier = None
        histories[phase] = net.history_
    return histories


def begin_phase(net: SequenceNet, phase: str | None) -> None:
    """Begin a part of a training, with a fresh optimiser and an empty history."""
    net.module_.begin(phase)
    net.phase = phase
    net.initialize_optimizer()
    net.history_ = History()  # skorch would empty the one that was handed out


def train(
    net: SequenceNet,
    datasets: tuple[Windows, Windows | None],
    *,
    epochs: int,
    epoch_size: int | None,
    patience: int | None,
    processes: Processes | None = None,
) -> None:
    """Train a net in place and leave it with its best weights.

    With validation data the best epoch is the one of the lowest validation loss, else
    of the lowest training loss; without patience, the last one. Processes that train
    together each call this with the same data, and end with the same weights.

    Raises
    ------
    DivergenceError
        If the loss is no longer finite; the net then holds its best weights so far.
    ValueError
        If processes were not given the same data.
    """
    if epochs == 0:
        return
    if processes is not None:
        processes.check_same("windows", len(datasets[0]))
    net.epoch_size = epoch_size
    net.processes = processes
    keep_best = None
    if patience is not None:
        monitor = "train_loss" if datasets[1] is None else "valid_loss"
        keep_best = KeepBest(patience, monitor)
        net.callbacks_.append(("keep_best", keep_best))
    try:
        net.partial_fit(datasets, epochs=epochs)
    except (DivergenceError, KeyboardInterrupt):
        if keep_best is not None:
            keep_best.restore(net)
        raise
    finally:
        net.processes = None
        if keep_best is not None:
            net.callbacks_.remove(("keep_best", keep_best))


def forget_moments(net: SequenceNet, params: Any) -> None:
    """Let go of the optimiser's moments, unless ``warm_start`` goes on from them.

    They are twice as large as the weights. A training that begins from the weights, of
    an update or after `pretrain`, gathers its own while its rate warms up: the errors
    of forecasts that were updated all along were .99 times those with the moments kept
    (15 runs on 5 series, standard error .01).
    """
    if not getattr(params, "warm_start", False):
        net.optimizer_.state.clear()


@contextmanager
def as_before_if_cut_short(net: SequenceNet) -> Iterator[None]:
    """Put a net back as it was, unless its training ends, or diverges."""
    history = list(net.history_)
    weights = deepcopy(net.module_.state_dict())
    optimizer = deepcopy(net.optimizer_.state_dict())
    cut_short = True
    try:
        yield
        cut_short = False
    except DivergenceError:  # which leaves the best weights
        cut_short = False
        raise
    finally:
        if cut_short:
            net.module_.load_state_dict(weights)
            net.optimizer_.load_state_dict(optimizer)
            net.history_ = History(history)
