"""Building: an untrained net from an estimator's parameters; its start from another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from sklrnn.network.losses import MaskedMSE
from sklrnn.training.net import SequenceNet
from sklrnn.training.parameters import LAYER_PARAMS, OPTIMIZERS
from sklrnn.training.processes import Processes
from sklrnn.training.size import check_size
from sklrnn.training.stopping import Length

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


def build_net(
    estimator: Any,
    module: type[nn.Module],
    module_params: dict[str, Any],
    length: Length,
    *,
    seed: int,
    criterion: type[nn.Module] = MaskedMSE,
    start: SequenceNet | None = None,
) -> SequenceNet:
    """Build an untrained net from an estimator's parameters.

    Of `start`, a net of the same shape, it takes the weights over.
    """
    params = estimator.get_params(deep=False)
    layers = {name: params[name] for name in LAYER_PARAMS if name in params}
    shape = {name: _plain(value) for name, value in (layers | module_params).items()}
    settings = {name: _plain(params[name]) for name in NET_PARAMS}
    processes = Processes.of(estimator)
    if processes is not None:
        settings["device"] = processes.device
        settings["verbose"] = settings["verbose"] if processes.is_first else 0
    check_size(module, shape, settings["device"])
    net = new_net(
        module,
        shape,
        batch_size=int(length.batch_size),
        max_epochs=int(length.max_epochs),
        seed=seed,
        criterion=criterion,
        **settings,
    )
    if start is not None:
        take_over(net, start)
    return net


def _plain(value: Any) -> Any:
    """Return Python's own number for one of numpy's, which torch does not take."""
    return value.item() if isinstance(value, np.generic) else value


_SPARED_FROM_DECAY = ("*bias*", "*norm*", "*gain*", "*input_decay*", "*initial*")


def new_net(
    module: type[torch.nn.Module],
    module_params: dict[str, Any],
    *,
    optimizer: str | type[torch.optim.Optimizer],
    weight_decay: float,
    callbacks: Any,
    seed: int,
    device: str,
    criterion: type[torch.nn.Module] = MaskedMSE,
    **net_params: Any,
) -> SequenceNet:
    """Make and initialise a net; the weights depend on `seed` alone.

    Weight decay spares biases, gains of normalisation and learned initial states.
    """
    optimizer_class = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    extra: dict[str, Any] = {"optimizer__weight_decay": weight_decay}
    if optimizer in ("adamw", "adam"):
        extra["optimizer__fused"] = True
    net = SequenceNet(
        module,
        criterion=criterion,
        optimizer=optimizer_class,
        optimizer__param_groups=[
            (pattern, {"weight_decay": 0.0}) for pattern in _SPARED_FROM_DECAY
        ],
        train_split=None,
        callbacks=list(callbacks or []),
        device=device,
        seed=seed,
        **{f"module__{name}": value for name, value in module_params.items()},
        **extra,
        **net_params,
    )
    with _seeded(seed):
        net.initialize()
    return net


_init_lock = threading.Lock()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the generator that initialisation draws from, the CPU's, and put it back."""
    with _init_lock, torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the generators of GPUs as well.
        torch.default_generator.manual_seed(seed)
        yield


def take_over(net: SequenceNet, start: SequenceNet) -> None:
    """Give a net the weights of another and, of the same optimiser, its moments.

    Only a fit with ``warm_start=True`` has kept those.
    """
    net.module_.load_state_dict(start.module_.state_dict())
    same = type(net.optimizer_) is type(start.optimizer_)
    if not same or not start.optimizer_.state:
        return
    own = [dict(group, params=None) for group in net.optimizer_.param_groups]
    net.optimizer_.load_state_dict(deepcopy(start.optimizer_.state_dict()))
    # The learning rate and the weight decay are those asked for now.
    for group, settings in zip(net.optimizer_.param_groups, own, strict=True):
        group.update({k: v for k, v in settings.items() if k != "params"})
