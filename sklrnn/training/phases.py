"""The fit and predict steps that the recurrent estimators share."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import torch
from torch import nn

from sklrnn import registry
from sklrnn.interfaces.parameters import check_choice, check_integer, check_real
from sklrnn.network.decoupled import MATCHING_SCHEDULES
from sklrnn.network.losses import MaskedMSE
from sklrnn.training.batches import Windows
from sklrnn.training.net import (
    OPTIMIZERS,
    SCHEDULES,
    DivergenceError,
    History,
    SequenceNet,
    begin_phase,
    new_net,
    train,
)
from sklrnn.training.processes import Processes
from sklrnn.training.threads import flushed_denormals, suitable_threads

_LENGTH = (2000, 64_000)
"""Optimiser steps and windows in a training by default, whichever is less."""

EPOCH_WINDOWS = 8192

LAYER_PARAMS = (
    "cell",
    "cell_params",
    "hidden_size",
    "num_layers",
    "direction",
    "fusion",
    "fusion_params",
    "dropout",
    "recurrent_dropout",
    "layer_norm",
    "bptt_steps",
    "matching_weight",
    "matching_schedule",
)
TRAINING_ONLY = (
    "dropout",
    "recurrent_dropout",
    "bptt_steps",
    "matching_weight",
    "matching_schedule",
)
"""Parameters of the layers that may differ from those the weights were learned with."""
NET_PARAMS = (
    "optimizer",
    "lr",
    "weight_decay",
    "warmup",
    "schedule",
    "gradient_clip",
    "callbacks",
    "device",
    "verbose",
)
_POSITIVE = ("hidden_size", "num_layers")
_POSITIVE_OR_NONE = (
    "max_epochs",
    "batch_size",
    "window_length",
    "horizon",
    "bptt_steps",
    "absence_spread",
    "embedding_size",
)
_NOT_NEGATIVE = ("weight_decay", "matching_weight", "verbose")
_WHOLE = ("fine_tune_epochs", "update_epochs")
DIRECTIONS = ("forward", "coupled", "decoupled")


def check_params(estimator: Any) -> None:
    """Check the parameters that estimators share, as far as `estimator` has them.

    Raises
    ------
    ValueError
        Naming the parameter, its value and what would be right.
    TypeError
        If a parameter has the wrong type.
    """
    params = estimator.get_params(deep=False)
    for name in _POSITIVE:
        check_integer(name, params[name], low=1)
    for name in _POSITIVE_OR_NONE:
        if params.get(name) is not None:
            check_integer(name, params[name], low=1, auto=True)
    _check_patience(params["patience"])
    for name in _NOT_NEGATIVE:
        if name in params:
            check_real(name, params[name], low=0.0)
    for name in _WHOLE:
        if name in params:
            check_integer(name, params[name], low=0)
    check_real("lr", params["lr"], low=0.0, open_low=True)
    if "absence_rate" in params:
        check_real(
            "absence_rate", params["absence_rate"], low=0.0, high=1.0, open_low=True
        )
        check_real("absence_growth", params["absence_growth"], low=0.0, high=1.0)
    for name in ("dropout", "recurrent_dropout"):
        check_real(name, params[name], low=0.0, high=1.0)
    check_real("warmup", params["warmup"], low=0.0, high=1.0)
    if params["validation_fraction"] is not None:
        check_real(
            "validation_fraction", params["validation_fraction"], low=0.0, high=1.0
        )
    if params["gradient_clip"] is not None:
        check_real("gradient_clip", params["gradient_clip"], low=0.0, open_low=True)
    for name in ("refit", "warm_start", "layer_norm", "keep_empty_features"):
        if name in params and params[name] not in (True, False):
            raise TypeError(f"{name} must be True or False, got {params[name]!r}")
    if not isinstance(params["callbacks"], (list, tuple, type(None))):
        raise TypeError(
            "callbacks must be a list of skorch callbacks or None, got "
            f"{params['callbacks']!r}"
        )
    check_choice("schedule", params["schedule"], SCHEDULES)
    check_choice("direction", params["direction"], DIRECTIONS)
    if "matching_schedule" in params:
        schedule = params["matching_schedule"]
        check_choice("matching_schedule", schedule, MATCHING_SCHEDULES)
    if isinstance(params["optimizer"], str):
        check_choice("optimizer", params["optimizer"], tuple(OPTIMIZERS))
    elif not isinstance(params["optimizer"], type):
        raise TypeError(
            "optimizer must be a name or a torch optimiser class, got "
            f"{params['optimizer']!r}"
        )
    cell = registry.find_cell(params["cell"])
    _check_keywords("cell_params", params["cell_params"], cell)
    if "fusion" in params:
        _check_fusion(params)
    _check_device(params["device"])
    Processes.of(estimator)


def _check_patience(patience: Any) -> None:
    if patience is None or isinstance(patience, str) and patience == "auto":
        return
    try:
        check_integer("patience", patience, low=1)
    except TypeError:
        raise TypeError(
            "patience must be an integer, 'auto', or None to run all epochs, got "
            f"{patience!r}"
        ) from None


def _check_fusion(params: dict[str, Any]) -> None:
    fusion = registry.find_fusion(params["fusion"])
    if params["direction"] == "forward" and params["fusion"] != "concat":
        raise ValueError(
            f"fusion is {params['fusion']!r}, but direction='forward' leaves nothing "
            "to fuse; set direction='coupled' or 'decoupled', or leave fusion out"
        )
    _check_keywords("fusion_params", params["fusion_params"], fusion)


def default_batch_size(n_windows: int, largest: int = 128) -> int:
    """Return a hundredth of the windows, as a power of two from 16 to `largest`."""
    return int(min(max(2 ** round(math.log2(max(n_windows, 1) / 100)), 16), largest))


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


def build_net(
    estimator: Any,
    module: type[nn.Module],
    module_params: dict[str, Any],
    *,
    batch_size: int,
    max_epochs: int,
    seed: int,
    criterion: type[nn.Module] = MaskedMSE,
) -> SequenceNet:
    """Build an untrained net from an estimator's parameters."""
    params = estimator.get_params(deep=False)
    layers = {name: params[name] for name in LAYER_PARAMS if name in params}
    shape = {name: _plain(value) for name, value in (layers | module_params).items()}
    settings = {name: _plain(params[name]) for name in NET_PARAMS}
    processes = Processes.of(estimator)
    if processes is not None:
        settings["device"] = processes.device
        settings["verbose"] = settings["verbose"] if processes.is_first else 0
    return new_net(
        module,
        shape,
        batch_size=int(batch_size),
        max_epochs=int(max_epochs),
        seed=seed,
        criterion=criterion,
        **settings,
    )


def _plain(value: Any) -> Any:
    """Return Python's own number for one of numpy's, which torch does not take."""
    return value.item() if isinstance(value, np.generic) else value


def train_phases(
    net: SequenceNet,
    datasets: tuple[Windows, Windows | None],
    phases: dict[str | None, int],
    *,
    epoch_size: int | None,
    patience: int | str | None,
    processes: Processes | None = None,
) -> dict[str | None, History]:
    """Train a net in place, for as many epochs as each part of the training has.

    A patience of "auto" is that of `default_patience`.

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
        histories[phase] = net.history_
    return histories


def best_epoch(history: History) -> int:
    """Return the number of the epoch of the lowest validation loss, from 1."""
    return int(np.argmin(history[:, "valid_loss"])) + 1


def settled_epoch(history: History) -> int:
    """Return the last epoch that is as good as the best one, from 1.

    As good is a validation loss that is higher by no more than the losses differ from
    epoch to epoch by chance: of epochs that cannot be told apart the last has learned
    at the lowest rate. (After the one-standard-error rule of Breiman et al. 1984.)
    """
    losses = np.array(history[:, "valid_loss"])
    chance = np.std(np.diff(losses)) / np.sqrt(2) if len(losses) > 2 else 0.0
    return int(np.flatnonzero(losses <= losses.min() + chance)[-1]) + 1


def _check_keywords(name: str, value: Any, taker: type) -> None:
    """Check that a class takes the keywords that a dict parameter holds."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict or None, got {value!r}")
    signature = inspect.signature(taker).parameters
    if any(p.kind is p.VAR_KEYWORD for p in signature.values()):
        return
    known = [k for k in signature if k not in ("input_size", "hidden_size")]
    for key in value:
        if key not in known:
            raise ValueError(
                f"{name} has the key {key!r}, but {taker.__name__} takes {known}"
            )


def _check_device(device: Any) -> None:
    try:
        parsed = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be a torch device, got {device!r}") from error
    if parsed.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {device!r}, but torch finds no CUDA device")
