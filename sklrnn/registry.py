"""Cells and fusions by name: built in, plugged in through entry points, or a class."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

_BUILT_IN = {
    "sklrnn.cells": {
        "elman": "sklrnn.network.cells.elman:Elman",
        "gru": "sklrnn.network.cells.gru:GRU",
        "lstm": "sklrnn.network.cells.lstm:LSTM",
    },
    "sklrnn.fusions": {
        "concat": "sklrnn.network.fusions:Concat",
        "gated": "sklrnn.network.fusions:Gated",
        "recurrent": "sklrnn.network.fusions:Recurrent",
    },
}


class PluginError(ImportError):
    """A plug-in was named but could not be loaded; the cause is chained."""


def find_cell(cell: str | type) -> Any:
    """Return the class of a recurrent cell.

    Parameters
    ----------
    cell : str or class
        A built-in name ("elman", "lstm", "gru"), the name of an entry point in the
        group ``sklrnn.cells``, or a class that follows the contract of
        `sklrnn.network.cells.base.Cell`, returned as it is.

    Raises
    ------
    ValueError
        If no cell of that name is known, or several plug-ins claim it.
    PluginError
        If the plug-in of that name cannot be loaded.
    """
    return _find(cell, "cell", "sklrnn.cells")


def find_fusion(fusion: str | type) -> Any:
    """Return the class of a fusion; as `find_cell`, in the group ``sklrnn.fusions``."""
    return _find(fusion, "fusion", "sklrnn.fusions")


def _find(name: str | type, parameter: str, group: str) -> Any:
    if isinstance(name, type):
        return name
    if not isinstance(name, str):
        raise TypeError(f"{parameter} must be a name or a class, got {name!r}")
    built_in = _BUILT_IN[group]
    if name in built_in:
        module, _, attribute = built_in[name].partition(":")
        return getattr(import_module(module), attribute)
    distribution, _, plain = name.rpartition(":")
    found = [
        point
        for point in _entry_points(group)
        if point.name == plain
        and (not distribution or _distribution(point) == distribution)
    ]
    if not found:
        raise ValueError(_unknown(name, parameter, group))
    if len(found) > 1:
        choices = " or ".join(f"'{_distribution(p)}:{p.name}'" for p in found)
        raise ValueError(
            f"{parameter} {name!r} is provided by more than one distribution; choose "
            f"{choices}"
        )
    return _load(found[0])


@cache
def _entry_points(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PluginError(
            f"the plug-in {point.name!r} ({point.group}, {point.value}) of the "
            f"distribution {_distribution(point)!r} cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error


def _unknown(name: str, parameter: str, group: str) -> str:
    known = sorted({*_BUILT_IN[group], *(p.name for p in _entry_points(group))})
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{parameter} must be one of {known} or a class, got {name!r}{hint}"
