"""What the weights of a network would take of the memory, told before it is built."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

_COPIES = 4
"""Of every weight: itself, its gradient, and two moments of the optimiser."""

_SIZES = ("hidden_size", "embedding_size", "num_layers", "n_members")
_SMALL = 8192
"""Where all sizes multiply to no more, nothing is asked."""

_REPEATED = ("num_layers", "n_members")
_BEYOND = 2**61
"""More bytes than can be counted."""

_MODULE = 10_000
"""Bytes that a module takes at least, be it without weights."""


def check_size(module: type[nn.Module], shape: dict[str, Any], device: str) -> None:
    """Raise a ValueError if a network is too large for the memory there is.

    A large one is laid out first without any memory, and weighed.

    Parameters
    ----------
    module : class
    shape : dict
        What it is constructed with.
    device : str
    """
    sizes = {name: shape[name] for name in _SIZES if shape.get(name)}
    product = 1
    for size in sizes.values():
        product *= size
    if product <= _SMALL:
        return
    needed, there = _COPIES * _bytes(module, shape), _memory(device)
    if needed > there:
        given = ", ".join(f"{name}={size}" for name, size in sizes.items() if size > 1)
        largest = max(sizes, key=lambda name: sizes[name])
        raise ValueError(
            f"{given} make a network that takes {needed / 2**30:,.1f} GiB to train "
            f"(weights, gradients, moments), and there are {there / 2**30:,.1f} GiB; "
            f"lower {largest}"
        )


def check_layout(
    module: type[nn.Module], shape: dict[str, Any], weights: dict[str, torch.Tensor]
) -> None:
    """Raise a ValueError unless weights are those of a network, before it is built.

    Parameters
    ----------
    module : class
    shape : dict
        What it is constructed with.
    weights : dict of Tensor
        What stands for its `state_dict`.
    """
    for name in _REPEATED:
        if (shape.get(name) or 1) > len(weights):
            raise ValueError(f"{name} is {shape[name]}, of {len(weights)} weights")
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        laid_out = module(**shape)
    wanted = {name: tuple(w.shape) for name, w in laid_out.state_dict().items()}
    found = {name: tuple(w.shape) for name, w in weights.items()}
    if wanted != found:
        different = sorted(set(wanted.items()) ^ set(found.items()))[0]
        raise ValueError(
            f"the weights are not those of the network: {different[0]} of the shape "
            f"{different[1]}"
        )


def _bytes(module: type[nn.Module], shape: dict[str, Any]) -> int:
    """Return what the weights take; of many like layers or members two are laid out."""
    for name in _REPEATED:
        number = shape.get(name) or 1
        if number > 3:
            two, three = (_bytes(module, shape | {name: n}) for n in (2, 3))
            return three + (number - 3) * max(three - two, _MODULE)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            laid_out = module(**shape)
    except (RuntimeError, TypeError, ValueError) as error:
        # What else is wrong with it, building it will tell.
        return _BEYOND if "overflow" in str(error) else 0
    return sum(w.numel() * w.element_size() for w in laid_out.parameters())


def _memory(device: str) -> int:
    """Return the bytes of memory of a device, as far as this process may have them."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if not hasattr(os, "sysconf"):
        return 2**63
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdigit() else whole
