"""Parameters that the recurrent estimators share: which there are, and their checks."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from sklrnn import registry
from sklrnn.interfaces.parameters import check_choice, check_integer, check_real
from sklrnn.network.decoupled import MATCHING_SCHEDULES
from sklrnn.training.net import Callback, InputShapeSetter
from sklrnn.training.processes import Processes
from sklrnn.training.schedule import SCHEDULES

OPTIMIZERS = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}

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
    _check_callbacks(params["callbacks"])
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
    _check_idle(type(estimator), params)


def _check_callbacks(callbacks: Any) -> None:
    """Check that a list holds callbacks, each by itself or after a name of its own."""
    if not isinstance(callbacks, (list, tuple, type(None))):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks or None, got {callbacks!r}"
        )
    names = []
    for place, item in enumerate(callbacks or ()):
        name, callback = None, item
        if isinstance(item, (tuple, list)) and len(item) == 2:
            name, callback = item
            names.append(name)
        cls = callback if isinstance(callback, type) else type(callback)
        if not issubclass(cls, Callback) or not isinstance(name, (str, type(None))):
            raise TypeError(
                "callbacks must hold skorch callbacks, or pairs of a name and a "
                f"callback, got {item!r} at place {place}"
            )
        if issubclass(cls, InputShapeSetter):
            raise ValueError(
                f"callbacks has {cls.__name__} at place {place}, but the data set the "
                "sizes of the network; leave it out"
            )
    for name in names:
        if names.count(name) > 1 or name in ("epoch_timer", "print_log", "keep_best"):
            raise ValueError(
                f"callbacks has the name {name!r} for several callbacks, as the "
                "estimator has one of its own or it is given twice; choose another"
            )


def _check_idle(estimator: type, params: dict[str, Any]) -> None:
    """Refuse what was set, but does nothing beside the other parameters."""
    defaults = inspect.signature(estimator).parameters
    for name, reason in _reasons_to_idle(params).items():
        if name not in params or name not in defaults:
            continue
        value, default = params[name], defaults[name].default
        if value is not default and value != default:
            raise ValueError(
                f"{name} is {value!r}, but does nothing with {reason}; leave it out"
            )


def _reasons_to_idle(params: dict[str, Any]) -> dict[str, str]:
    """Return which parameters do nothing beside the others, and what is to blame."""
    idle = {}
    direction = params["direction"]
    if direction == "forward":
        idle["fusion_params"] = "direction='forward', which leaves nothing to fuse"
    if direction != "decoupled":
        why = f"direction={direction!r}, which has no teacher to match"
        idle |= {"matching_weight": why, "matching_schedule": why}
    elif params.get("matching_weight") == 0:
        idle["matching_schedule"] = "matching_weight=0"
    if params.get("teacher_forcing") == 0:
        idle["teacher_forcing_schedule"] = "teacher_forcing=0"
    if params.get("accelerator") is not None:
        idle["device"] = "an accelerator, which says where each process computes"
    cell = registry.find_cell(params["cell"])
    layers_remember = params["num_layers"] > 1 and params["cell_params"]
    # Symbols are cut into pieces by it, whatever the cell.
    of_symbols = "embedding_size" in params
    if not (getattr(cell, "remembers", True) or layers_remember or of_symbols):
        idle["bptt_steps"] = f"the cell {cell.__name__}, which remembers nothing"
    window_length, bptt_steps = params.get("window_length"), params.get("bptt_steps")
    if window_length is not None and (bptt_steps or 0) > window_length:
        idle["bptt_steps"] = f"window_length={window_length}, which is shorter"
    return idle


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
