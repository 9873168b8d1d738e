"""Nets and histories taken apart for a file, and put together again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from sklrnn.network import likelihoods, losses
from sklrnn.network.associate import AssociationNetwork
from sklrnn.network.ensemble import ForecastEnsemble
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.network.generate import SymbolNetwork
from sklrnn.network.recognize import RecognitionNetwork
from sklrnn.network.reconstruct import ReconstructionNetwork
from sklrnn.training.building import NET_PARAMS, new_net
from sklrnn.training.net import History, SequenceNet
from sklrnn.training.parameters import OPTIMIZERS
from sklrnn.training.size import check_layout

NETWORKS: dict[str, type[nn.Module]] = {
    found.__name__: found
    for found in (
        AssociationNetwork,
        ForecastEnsemble,
        ForecastNetwork,
        RecognitionNetwork,
        ReconstructionNetwork,
        SymbolNetwork,
    )
}
CRITERIA: dict[str, type[nn.Module]] = {
    name: found
    for module in (losses, likelihoods)
    for name, found in vars(module).items()
    if isinstance(found, type)
    and issubclass(found, nn.Module)
    and found.__module__ == module.__name__
} | {"CrossEntropyLoss": nn.CrossEntropyLoss}

_MOST_BATCHES = 10_000_000
_SETTINGS = {
    "batch_size",
    "max_epochs",
    "seed",
    "epoch_size",
    *NET_PARAMS,
} - {"callbacks", "optimizer", "weight_decay"}


def net_fields(net: SequenceNet) -> dict[str, Any]:
    """Return what makes up a trained net, but for its callbacks.

    The optimiser's moments are there where a training would go on from them.
    """
    given = vars(net)
    shape = {
        name.removeprefix("module__"): value
        for name, value in given.items()
        if name.startswith("module__")
    }
    moments = net.optimizer_.state_dict()
    return {
        "network": net.module.__name__,
        "shape": shape,
        "criterion": net.criterion.__name__,
        "optimizer": _name_of(net),
        "weight_decay": given["optimizer__weight_decay"],
        "settings": {name: given[name] for name in sorted(_SETTINGS)},
        "phase": net.phase,
        "weights": dict(net.module_.state_dict()),
        "moments": moments if moments["state"] else None,
        "history": net.history_,
    }


def _name_of(net: SequenceNet) -> Any:
    """Return the optimiser as the estimator was given it: by name, or a class."""
    fused = "optimizer__fused" in vars(net)
    for name, found in OPTIMIZERS.items():
        if found is net.optimizer and fused == (name in ("adamw", "adam")):
            return name
    return net.optimizer


def net_of_fields(fields: dict[str, Any]) -> SequenceNet:
    """Put a net together.

    Raises
    ------
    ValueError
        If the weights are not those of such a network.
    """
    weights = fields["weights"]
    if not isinstance(weights, dict) or not all(
        isinstance(one, torch.Tensor) for one in weights.values()
    ):
        raise TypeError("the weights of a network are none")
    module, shape = NETWORKS[fields["network"]], fields["shape"]
    check_layout(module, shape, weights)
    if set(fields["settings"]) != _SETTINGS:
        raise ValueError("the settings of a network are not those of one")
    net = new_net(
        module,
        shape,
        optimizer=fields["optimizer"],
        weight_decay=fields["weight_decay"],
        callbacks=None,
        criterion=CRITERIA[fields["criterion"]],
        **fields["settings"],
    )
    net.module_.load_state_dict(weights)
    if fields["phase"] is not None:
        net.module_.begin(fields["phase"])
        net.phase = fields["phase"]
    if fields["moments"] is not None:
        net.optimizer_.load_state_dict(fields["moments"])
    if not isinstance(fields["history"], History):
        raise TypeError("the history of a training is none")
    net.history_ = fields["history"]
    net.module_.eval()
    return net


def history_fields(history: History) -> dict[str, Any]:
    """Return a history column by column, as arrays where they are of numbers."""
    rows = list(history)
    names = list(rows[0]) if rows else []
    if any(list(row) != names for row in rows):
        return {"rows": rows}
    columns = {name: _column([row[name] for row in rows]) for name in names}
    return {"n": len(rows), "columns": columns}


def _column(values: list[Any]) -> Any:
    for kind in (bool, int, float):
        if all(type(value) is kind for value in values):
            return np.array(values)
    if all(type(value) is list and not any(value) for value in values):
        return {"empty": np.array([len(value) for value in values])}
    return values


def history_of_fields(fields: dict[str, Any]) -> History:
    """Put a history together."""
    if "rows" in fields:
        return History(fields["rows"])
    n = fields["n"]
    columns = {name: _values(one) for name, one in fields["columns"].items()}
    if any(len(column) != n for column in columns.values()):
        raise ValueError("the columns of a history are not equally long")
    return History(
        [{name: column[row] for name, column in columns.items()} for row in range(n)]
    )


def _values(column: Any) -> list[Any]:
    if isinstance(column, np.ndarray):
        return column.tolist()
    if isinstance(column, dict):
        counts = column["empty"].tolist()
        if min(counts, default=0) < 0 or sum(counts) > _MOST_BATCHES:
            raise ValueError("a history has too many batches")
        return [[{}] * count for count in counts]  # to which nothing is added any more
    return column
