"""Cells and fusions by name: built in, registered, or plugged in by entry points."""

from __future__ import annotations

import difflib
import importlib
import multiprocessing
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, NamedTuple, TypeVar, overload

API_VERSION = 1
"""The contract of cells and fusions that this version supports; plug-ins declare it."""

_BUILT_IN = {
    "sklrnn.cells": {
        "elman": "sklrnn.network.cells.elman:Elman",
        "gru": "sklrnn.network.cells.gru:GRU",
        "grud": "sklrnn.network.cells.grud:GRUD",
        "jordan": "sklrnn.network.cells.jordan:Jordan",
        "lstm": "sklrnn.network.cells.lstm:LSTM",
        "mingru": "sklrnn.network.cells.mingru:MinGRU",
        "minlstm": "sklrnn.network.cells.minlstm:MinLSTM",
        "mlp": "sklrnn.network.cells.mlp:MLP",
        "transformer": "sklrnn.network.cells.transformer:Transformer",
    },
    "sklrnn.fusions": {
        "concat": "sklrnn.network.fusions:Concat",
        "gated": "sklrnn.network.fusions:Gated",
        "recurrent": "sklrnn.network.fusions:Recurrent",
    },
}
_LOADED: dict[type, _Entry] = {}
_REGISTERED: dict[str, dict[str, type]] = {group: {} for group in _BUILT_IN}
_KINDS = {"sklrnn.cells": "cell", "sklrnn.fusions": "fusion"}

# The class to inherit from, and what to define: of each tuple at least one.
_CONTRACTS: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "sklrnn.cells": (
        "sklrnn.network.cells.base:Cell",
        [("initial_state",), ("step", "advance")],
    ),
    "sklrnn.fusions": ("torch.nn:Module", [("forward",)]),
}

_UNKNOWN = "unknown"  # the name or version of a distribution that does not tell

_Class = TypeVar("_Class", bound=type)


class PluginError(ImportError):
    """A plug-in was named but cannot be used; the cause is in the message."""


class Plugin(NamedTuple):
    """A name that `cell` or `fusion` may have, and where it comes from.

    Attributes
    ----------
    kind : {"cell", "fusion"}
    name : str
    distribution : str or None
        What was installed; None for a class given to `register_cell` or
        `register_fusion`.
    version : str or None
        Of the distribution.
    status : str
        "ok"; "not loaded", so that it is not known whether it can be used; "broken: "
        and the cause; "ambiguous: " or "hidden: " where the plain name is not this
        plug-in's, and what to write instead.
    """

    kind: str
    name: str
    distribution: str | None
    version: str | None
    status: str


class _Entry(NamedTuple):
    """An entry point, or why those of a distribution cannot be read."""

    point: EntryPoint
    distribution: str
    version: str
    unreadable: Exception | None = None

    @property
    def qualified(self) -> str:
        return f"{self.distribution}:{self.point.name}"


# ---- from names to classes --------------------------------------------------------


def find_cell(cell: str | type) -> Any:
    """Return the class of a recurrent cell.

    Parameters
    ----------
    cell : str or class
        A built-in name such as "lstm", a name given to `register_cell`, or the name of
        an entry point in the group ``sklrnn.cells``; with the name of its distribution
        in front, as in "their-package:name", it is that distribution's. Or a class that
        inherits from `sklrnn.network.cells.base.Cell`, returned as it is.

    Raises
    ------
    ValueError
        If no cell of that name is known, or several plug-ins claim it.
    PluginError
        If the plug-in of that name cannot be loaded, does not follow the contract, or
        was not written for its present number, `API_VERSION`.
    TypeError
        If `cell` is neither a name nor a class that follows the contract.

    Examples
    --------
    >>> from sklrnn.registry import find_cell
    >>> find_cell("gru").__name__
    'GRU'
    """
    return _find(cell, "sklrnn.cells")


def find_fusion(fusion: str | type) -> Any:
    """Return the class of a fusion.

    As `find_cell`, with `register_fusion` and the group ``sklrnn.fusions``; a class
    inherits from `torch.nn.Module`.
    """
    return _find(fusion, "sklrnn.fusions")


def _find(name: str | type, group: str) -> Any:
    kind = _KINDS[group]
    if isinstance(name, type):
        _check_class(name, group)
        return name
    if not isinstance(name, str):
        raise TypeError(f"{kind} must be a name or a class, got {name!r}")
    if name.removeprefix("sklrnn:") in _BUILT_IN[group]:
        return _import(_BUILT_IN[group][name.removeprefix("sklrnn:")])
    if name in _REGISTERED[group]:
        return _REGISTERED[group][name]
    found = _claims(name, group)
    if not found:
        # It may have been installed since the last look, as notebooks do.
        _forget_entries()
        found = _claims(name, group)
    if not found:
        raise ValueError(_unknown(name, group))
    if len(found) > 1:
        raise ValueError(f"{kind} {name!r} is ambiguous: {_choose_among(found)}")
    return _load(found[0])


def _claims(name: str, group: str) -> list[_Entry]:
    """Return the entry points that a name, with or without distribution, may mean."""
    distribution, _, plain = name.rpartition(":")
    return [
        entry
        for entry in _entries(group)
        if entry.point.name == plain
        and (not distribution or _normal(distribution) == _normal(entry.distribution))
    ]


def _choose_among(found: list[_Entry]) -> str:
    choices = sorted({repr(entry.qualified) for entry in found})
    if len(choices) == 1:
        return f"{choices[0]} is declared {len(found)} times by that distribution"
    return f"choose {' or '.join(choices)}"


def _unknown(name: str, group: str) -> str:
    kind = _KINDS[group]
    readable = [entry for entry in _entries(group) if entry.unreadable is None]
    known = {*_BUILT_IN[group], *_REGISTERED[group], *(e.point.name for e in readable)}
    near = difflib.get_close_matches(
        name, [*known, *(entry.qualified for entry in readable)], n=1
    )
    message = f"{kind} must be one of {sorted(known)} or a class, got {name!r}"
    if near:
        message += f"; did you mean {near[0]!r}?"
    if multiprocessing.parent_process() is not None:
        message += (
            f"; a name given to register_{kind} in the main process is not known in "
            "its workers: give them the class itself"
        )
    return message


def describe(found: type) -> str | None:
    """Name a class of cells or fusions that is not built in, and where it is from.

    Returns
    -------
    str or None
        None of a built-in class.

    Examples
    --------
    >>> from sklrnn.registry import describe, find_cell
    >>> describe(find_cell("gru")) is None
    True
    """
    module, name = _identity(found)
    if any(f"{module}:{name}" in paths.values() for paths in _BUILT_IN.values()):
        return None
    if found in _LOADED:
        entry = _LOADED[found]
        return (
            f"the plug-in {entry.point.name!r} of the distribution "
            f"{entry.distribution!r} {entry.version}"
        )
    for group, classes in _REGISTERED.items():
        for known, cls in classes.items():
            if cls is found:
                return f"the {_KINDS[group]} {known!r}, registered as {module}.{name},"
    return f"the class {module}.{name}"


class Identity(NamedTuple):
    """A cell or a fusion, as it can be told to another process.

    Attributes
    ----------
    kind : {"cell", "fusion"}
    name : str
    distribution, version : str or None
        Of a plug-in; None of what is built in or was registered in a process.
    """

    kind: str
    name: str
    distribution: str | None = None
    version: str | None = None


def identify(found: type) -> Identity | None:
    """Return what tells a class of cells or fusions, if it has a name.

    Examples
    --------
    >>> from sklrnn.registry import find_cell, identify
    >>> identify(find_cell("gru")).name
    'gru'
    """
    module, name = _identity(found)
    for group, paths in _BUILT_IN.items():
        for known, path in paths.items():
            if path == f"{module}:{name}":
                return Identity(_KINDS[group], known)
    if found in _LOADED:
        entry = _LOADED[found]
        kind = _KINDS[entry.point.group]
        return Identity(kind, entry.point.name, entry.distribution, entry.version)
    for group, classes in _REGISTERED.items():
        for known, cls in classes.items():
            if cls is found:
                return Identity(_KINDS[group], known)
    return None


def find_identified(wanted: Identity) -> Any:
    """Return the class that another process has identified.

    Raises
    ------
    PluginError
        If it is not here, in another version, or cannot be used: with its name, its
        distribution and its version.
    """
    group = next((g for g, kind in _KINDS.items() if kind == wanted.kind), None)
    if group is None or not isinstance(wanted.name, str):
        raise ValueError(f"{wanted.kind!r:.80} is no kind of plug-in")
    if wanted.distribution is None:
        if wanted.name in _BUILT_IN[group] or wanted.name in _REGISTERED[group]:
            return _find(wanted.name, group)
        raise PluginError(
            f"the {wanted.kind} {wanted.name!r} was registered by the script that used "
            f"it, and is not known here: call register_{wanted.kind} first, as it did"
        )
    qualified = f"{wanted.distribution}:{wanted.name}"
    what = (
        f"the {wanted.kind} {wanted.name!r} of the distribution "
        f"{wanted.distribution!r} {wanted.version}"
    )
    found = _claims(qualified, group)
    if not found:
        _forget_entries()
        found = _claims(qualified, group)
    install = f"pip install '{wanted.distribution}=={wanted.version}'"
    if not found:
        raise PluginError(f"{what} is missing; install it: {install}")
    if found[0].version != wanted.version:
        raise PluginError(
            f"{what} is needed, and here is version {found[0].version}; install that "
            f"one: {install}"
        )
    return _load(found[0])


# ---- registration -----------------------------------------------------------------


@overload
def register_cell(
    name: str, cell: None = None, *, replace: bool = False
) -> Callable[[_Class], _Class]: ...


@overload
def register_cell(name: str, cell: _Class, *, replace: bool = False) -> _Class: ...


def register_cell(name: str, cell: Any = None, *, replace: bool = False) -> Any:
    """Give a class of cells a name, in this process.

    Meant for a class in a notebook or script; a package declares an entry point in the
    group ``sklrnn.cells`` instead. A registered name goes before one that is plugged
    in. Parallel workers do not know it: with ``n_jobs``, give the class itself.

    Parameters
    ----------
    name : str
        Not that of a built-in cell.
    cell : class, optional
        Inherits from `sklrnn.network.cells.base.Cell`. Without it `register_cell` is a
        decorator, ``@register_cell("name")``.
    replace : bool, default=False
        Whether the name may be taken from another class. A class of the same module and
        name takes the place of its older self in any case, so that a notebook's cell
        can run again.

    Returns
    -------
    cell : class
        As given.

    Raises
    ------
    TypeError
        If `cell` is not a class that follows the contract, or `name` not a string.
    ValueError
        If `name` is that of a built-in cell or, unless `replace`, of another class
        registered before.

    Examples
    --------
    >>> from sklrnn import RNNForecaster, register_cell
    >>> from sklrnn.network.cells.gru import GRU
    >>> @register_cell("my_gru")
    ... class MyGRU(GRU):
    ...     pass
    >>> RNNForecaster(cell="my_gru")
    RNNForecaster(cell='my_gru')
    """
    return _register(name, cell, replace, "sklrnn.cells")


@overload
def register_fusion(
    name: str, fusion: None = None, *, replace: bool = False
) -> Callable[[_Class], _Class]: ...


@overload
def register_fusion(name: str, fusion: _Class, *, replace: bool = False) -> _Class: ...


def register_fusion(name: str, fusion: Any = None, *, replace: bool = False) -> Any:
    """Give a class of fusions a name, in this process; as `register_cell`.

    Parameters
    ----------
    name : str
        Not that of a built-in fusion.
    fusion : class, optional
        Inherits from `torch.nn.Module`.
    replace : bool, default=False
        Whether the name may be taken from another class.

    Returns
    -------
    fusion : class
        As given.

    Raises
    ------
    TypeError, ValueError
        As `register_cell`.
    """
    return _register(name, fusion, replace, "sklrnn.fusions")


def _register(name: str, found: Any, replace: bool, group: str) -> Any:
    kind = _KINDS[group]
    if not isinstance(name, str):
        raise TypeError(
            f"the name of a {kind} must be a string, got {name!r}; write "
            f'@register_{kind}("name") or register_{kind}("name", the_class)'
        )
    if not name or ":" in name:
        raise ValueError(
            f"the name of a {kind} must not be empty or contain ':', got {name!r}"
        )
    if name in _BUILT_IN[group]:
        raise ValueError(f"the {kind} {name!r} is built in; choose another name")
    if found is None:
        return lambda cls: _register(name, cls, replace, group)
    _check_class(found, group)
    old = _REGISTERED[group].get(name)
    if old is not None and not replace and _identity(old) != _identity(found):
        raise ValueError(
            f"the {kind} {name!r} is registered already, as {'.'.join(_identity(old))};"
            " choose another name or set replace=True"
        )
    _REGISTERED[group][name] = found
    return found


def _identity(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


# ---- the list ---------------------------------------------------------------------


def plugins(load: bool = False) -> list[Plugin]:
    """List the cells and fusions that can be named.

    Parameters
    ----------
    load : bool, default=False
        Whether to load each plug-in and so find out whether it can be used. By default
        nothing is imported.

    Returns
    -------
    plugins : list of Plugin
        Named tuples of `kind`, `name`, `distribution`, `version` and `status`; built-in
        ones first, then those registered in this process, then the installed ones.

    Examples
    --------
    >>> import sklrnn
    >>> [plugin.name for plugin in sklrnn.plugins() if plugin.kind == "fusion"][:3]
    ['concat', 'gated', 'recurrent']
    """
    _forget_entries()
    return [row for group in _BUILT_IN for row in _rows(group, load)]


def _rows(group: str, load: bool) -> list[Plugin]:
    kind = _KINDS[group]
    version = sys.modules[__package__].__version__
    rows = [Plugin(kind, name, "sklrnn", version, "ok") for name in _BUILT_IN[group]]
    rows += [Plugin(kind, name, None, None, "ok") for name in _REGISTERED[group]]
    for entry in _entries(group):
        row = (kind, entry.point.name, entry.distribution, entry.version)
        rows.append(Plugin(*row, _status(entry, load)))
    return rows


def _status(entry: _Entry, load: bool) -> str:
    group, name = entry.point.group, entry.point.name
    if entry.unreadable is not None or load:
        try:
            _load(entry)
        except PluginError as error:
            return f"broken: {_one_line(error.__cause__ or error)}"
    if name in _BUILT_IN[group]:
        return f"hidden: {name!r} is built in; write {entry.qualified!r}"
    if name in _REGISTERED[group]:
        return f"hidden: {name!r} is registered; write {entry.qualified!r}"
    claims = _claims(name, group)
    if len(claims) > 1:
        return f"ambiguous: {_choose_among(claims)}"
    return "ok" if load else "not loaded"


# ---- entry points -----------------------------------------------------------------


@cache
def _entries(group: str) -> tuple[_Entry, ...]:
    """Return the entry points of a group, of each distribution the first on the path.

    `importlib.metadata.entry_points` would do, but reads those of all groups of all
    distributions, and fails for all where one cannot be read.
    """
    found: list[_Entry] = []
    seen = set()
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt")
        except (OSError, UnicodeError):
            continue  # nobody can tell what it offers
        if text is None or f"[{group}]" not in re.sub(r"\s", "", text):
            continue
        name, version = _name_and_version(distribution)
        if _normal(name) not in seen:
            found += _read_entries(distribution, group, name, version)
        seen.update([_normal(name)] if name != _UNKNOWN else [])
    return tuple(sorted(found, key=lambda entry: (entry.distribution, entry.point)))


def _read_entries(
    distribution: Distribution, group: str, name: str, version: str
) -> list[_Entry]:
    try:
        points = sorted(set(distribution.entry_points.select(group=group)))
    except Exception as error:
        point = EntryPoint("(all)", "entry_points.txt", group)
        return [_Entry(point, name, version, unreadable=error)]
    return [_Entry(point, name, version) for point in points]


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    try:
        metadata = distribution.metadata
        return str(metadata["Name"] or _UNKNOWN), str(metadata["Version"] or _UNKNOWN)
    except Exception:  # no metadata, or none that can be read
        return _UNKNOWN, _UNKNOWN


def _forget_entries() -> None:
    importlib.invalidate_caches()
    _entries.cache_clear()


def _normal(distribution: str) -> str:
    """Return the name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _load(entry: _Entry) -> Any:
    """Import what an entry point names, and check that it can be used."""
    try:
        if entry.unreadable is not None:
            raise entry.unreadable
        found = entry.point.load()
        _check_class(found, entry.point.group)
        _check_api(found)
        _LOADED[found] = entry
    # A module may do anything when it is imported, sys.exit() included.
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"the plug-in {entry.point.name!r} of the distribution "
            f"{entry.distribution!r} {entry.version} (entry point "
            f"{entry.point.value!r} in the group {entry.point.group!r}) cannot be "
            f"used: {_one_line(error)}"
        ) from error
    return found


def _one_line(error: BaseException) -> str:
    """Return what an error says; of an error that is not ours also its type."""
    text = " ".join(str(error).split())
    if isinstance(error, _ContractError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# ---- contracts --------------------------------------------------------------------


class _ContractError(TypeError):
    """A class does not follow the contract of cells or fusions."""


def _check_class(found: Any, group: str) -> None:
    kind = _KINDS[group]
    base_path, needed = _CONTRACTS[group]
    base = _import(base_path)
    wanted = (
        f"a {kind} must be a class that inherits from {base_path.replace(':', '.')}"
    )
    if not isinstance(found, type):
        raise _ContractError(f"{wanted}, got {found!r}")
    if not issubclass(found, base):
        raise _ContractError(f"{wanted}, got the class {'.'.join(_identity(found))}")
    # The base class has all of them, but only to say that they are lacking.
    for names in needed:
        if all(getattr(found, name) is getattr(base, name) for name in names):
            raise _ContractError(
                f"a {kind} must define {' or '.join(names)}, but "
                f"{'.'.join(_identity(found))} does not"
            )


def _check_api(found: Any) -> None:
    # Of the class itself: what it inherits was written by someone else, or for another
    # class, and says nothing about it.
    number = vars(found).get("sklrnn_api")
    name = ".".join(_identity(found))
    if number is None:
        raise _ContractError(
            f"{name} does not tell which contract it was written for; its class body "
            f"needs sklrnn_api = {API_VERSION}"
        )
    if number != API_VERSION:
        raise _ContractError(
            f"{name} declares sklrnn_api = {number!r}, but this version of sklrnn "
            f"supports {API_VERSION}; install versions that fit together"
        )


def _import(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
