"""Values taken apart: to JSON, with arrays beside it."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from sklrnn import registry
from sklrnn.data.symbols import END
from sklrnn.deploy.storable import (
    CLASSES,
    LARGEST_INT,
    OFFSETS,
    TYPES,
    UnstorableError,
    load_class,
    time_zones,
)

_MANY = 8
"""Objects of one class, from which on a list of them is written as a table."""


class Packer:
    """Takes values apart.

    Attributes
    ----------
    arrays, weights : dict of ndarray
        What goes beside the JSON: arrays of numpy's, and torch's tensors.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.weights: dict[str, np.ndarray] = {}
        self._seen: dict[int, tuple[int, Any]] = {}
        self._paths = {kind.path: name for name, kind in CLASSES.items()}

    def pack(self, value: Any, where: str) -> Any:
        """Return JSON for a value; `where` says where it stands.

        Raises
        ------
        UnstorableError
            If it is, or holds, something that is not of the closed list.
        """
        if value is None or isinstance(value, (bool, str)):
            return value if type(value) in (type(None), bool, str) else str(value)
        if type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
        if type(value) is list:
            return self._list(value, where)
        if type(value) is dict:
            return self._dict(value, where)
        if value is END:
            return {"$": "end"}
        if type(value) is tuple:
            return {"$": "tuple", "v": self._items(value, where)}
        if type(value) in (set, frozenset):
            kind = type(value).__name__
            return {"$": kind, "v": self._items(sorted(value, key=repr), where)}
        if type(value) is bytes:
            return {"$": "bytes", "v": value.hex()}
        name = self._paths.get(_path(type(value)))
        if name is not None:
            return self._object(name, value, where)
        for kinds, pack in _PACKERS:
            if isinstance(value, kinds):
                return pack(self, value, where)
        found = _pack_of_torch(self, value, where)
        if found is None:
            raise UnstorableError(where, value)
        return found

    def _items(self, values: Iterable[Any], where: str) -> list[Any]:
        return [self.pack(one, f"{where}.{n}") for n, one in enumerate(values)]

    def _dict(self, value: dict[Any, Any], where: str) -> Any:
        if all(type(key) is str and key != "$" for key in value):
            return {key: self.pack(one, f"{where}.{key}") for key, one in value.items()}
        pairs = [
            [self.pack(key, f"{where}.keys.{n}"), self.pack(one, f"{where}.{key}")]
            for n, (key, one) in enumerate(value.items())
        ]
        return {"$": "dict", "v": pairs}

    def _list(self, values: list[Any], where: str) -> Any:
        if len(values) > _MANY:
            kind = type(values[0])
            name = self._paths.get(_path(kind))
            whole = name is not None and CLASSES[name].to_fields is None
            if whole and all(type(one) is kind for one in values):
                return self._table(str(name), values, where)
            if all(type(one) is float for one in values):
                return {"$": "floats", "v": self.keep(np.array(values), where)}
        return self._items(values, where)

    def _table(self, name: str, objects: list[Any], where: str) -> Any:
        rows = [_fields(name, one) for one in objects]
        columns = {
            field: self._column([row[field] for row in rows], f"{where}.{field}")
            for field in rows[0]
        }
        return {"$": "table", "class": name, "n": len(objects), "fields": columns}

    def _column(self, values: list[Any], where: str) -> Any:
        first = values[0]
        if isinstance(first, np.ndarray) and first.ndim and first.dtype.kind in "fiub":
            shape, dtype = first.shape[1:], first.dtype
            if all(
                isinstance(one, np.ndarray)
                and one.dtype == dtype
                and one.ndim
                and one.shape[1:] == shape
                and one.flags.c_contiguous
                for one in values
            ):
                lengths = np.array([len(one) for one in values])
                return {
                    "$": "arrays",
                    "v": self.keep(np.concatenate(values), where),
                    "lengths": self.keep(lengths, f"{where}.lengths"),
                }
        if all(type(one) is int and abs(one) < LARGEST_INT for one in values):
            return {"$": "ints", "v": self.keep(np.array(values), where)}
        if not isinstance(first, np.ndarray):
            try:
                alike = all(type(v) is type(first) and v == first for v in values)
            except (TypeError, ValueError):
                alike = False
            if alike:
                return {"$": "same", "v": self.pack(first, where)}
        return {"$": "each", "v": self._items(values, where)}

    def _object(self, name: str, value: Any, where: str) -> Any:
        if id(value) in self._seen:
            return {"$": "again", "n": self._seen[id(value)][0]}
        packed = {
            key: self.pack(one, f"{where}.{key}")
            for key, one in _fields(name, value).items()
        }
        number = len(self._seen)
        self._seen[id(value)] = number, value
        return {"$": "object", "class": name, "n": number, "fields": packed}

    def keep(self, array: np.ndarray, where: str, weights: bool = False) -> str:
        """Put an array beside the JSON; return its name."""
        held = self.weights if weights else self.arrays
        name, number = where, 1
        while name in self.arrays or name in self.weights:
            number += 1
            name = f"{where}~{number}"
        held[name] = array
        return name


def _path(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _fields(name: str, value: Any) -> dict[str, Any]:
    """Return what makes up an object."""
    kind = CLASSES[name]
    if kind.to_fields is not None:
        return load_class(kind.to_fields)(value)
    if hasattr(value, "_asdict"):
        return value._asdict()
    if is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in dataclass_fields(value)}
    return dict(vars(value))


def _pack_array(packer: Packer, value: np.ndarray, where: str) -> Any:
    if value.dtype.kind in "fiub" and value.dtype.itemsize <= 8:
        plain = value.astype(value.dtype.newbyteorder("="), copy=False)
        turned = plain.ndim > 1 and plain.flags.f_contiguous
        turned = turned and not plain.flags.c_contiguous
        held = np.asarray(plain.T if turned else plain, order="C")
        found = {"$": "array", "v": packer.keep(held, where)}
        return found | ({"order": "F"} if turned else {})
    if value.dtype.kind in "mM":
        name = packer.keep(np.ascontiguousarray(value).view(np.int64), where)
        return {"$": "times", "v": name, "dtype": value.dtype.str[1:]}
    if value.dtype.kind in "UO":
        flat = packer._items(value.ravel().tolist(), where)
        kind = value.dtype.str[1:] if value.dtype.kind == "U" else "O"
        return {"$": "items", "v": flat, "shape": list(value.shape), "dtype": kind}
    raise UnstorableError(where, value)


def _pack_scalar(packer: Packer, value: Any, where: str) -> Any:
    if isinstance(value, np.str_):
        return {"$": "str_", "v": str(value)}
    packed = _pack_array(packer, np.asarray(value), where)
    return {"$": "scalar", "v": packed}


def _pack_type(packer: Packer, value: type, where: str) -> Any:
    for name, known in TYPES.items():
        if value is known:
            return {"$": "type", "name": name}
    found = registry.identify(value)
    if found is not None:
        return {"$": "plugin", **found._asdict()}
    optimizer = _name_of_optimizer(value)
    if optimizer is not None:
        return {"$": "optimizer", "name": optimizer}
    raise UnstorableError(where, value)


def _name_of_optimizer(value: type) -> str | None:
    import torch

    if value is getattr(torch.optim, value.__name__, None):
        return value.__name__ if issubclass(value, torch.optim.Optimizer) else None
    return None


def _pack_of_torch(packer: Packer, value: Any, where: str) -> Any:
    if not type(value).__module__.startswith("torch"):
        return None
    import torch

    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu().contiguous()
        dtype = str(plain.dtype).removeprefix("torch.")
        if plain.dtype in (torch.bfloat16,):
            plain = plain.view(torch.int16)
        array = plain.numpy()
        found = {"$": "tensor", "v": packer.keep(array, where, weights=True)}
        return found | ({"dtype": dtype} if str(array.dtype) != dtype else {})
    return None


def _pack_random(packer: Packer, value: Any, where: str) -> Any:
    if isinstance(value, np.random.RandomState):
        kind, keys, at, has_gauss, gauss = value.get_state()
        state = [kind, keys, int(at), int(has_gauss), float(gauss)]
        return {"$": "RandomState", "v": packer.pack(state, where)}
    if type(value.bit_generator) is not np.random.PCG64:
        raise UnstorableError(where, value)
    bits = dict(value.bit_generator.state)
    return {"$": "Generator", "v": packer.pack(bits, where)}


def _pack_zone(zone: Any, where: str) -> Any:
    if zone is None:
        return None
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return zone.key
    if isinstance(zone, datetime.timezone):
        return zone.utcoffset(None).total_seconds()
    name = getattr(zone, "zone", None)  # pytz
    if isinstance(name, str) and name in time_zones():
        return name
    raise UnstorableError(where, zone)


def _pack_timestamp(packer: Packer, value: pd.Timestamp, where: str) -> Any:
    zone = _pack_zone(value.tzinfo, where)
    held = value if zone is None else value.tz_convert("UTC").tz_localize(None)
    number = int(held.asm8.astype(np.int64))
    packed = {"$": "Timestamp", "v": number, "unit": value.unit}
    return packed if zone is None else packed | {"tz": zone}


def _pack_nat(packer: Packer, value: Any, where: str) -> Any:
    return {"$": "NaT"} if value is pd.NaT else {"$": "NA"}


def _pack_timedelta(packer: Packer, value: pd.Timedelta, where: str) -> Any:
    number = int(value.asm8.astype(np.int64))
    return {"$": "Timedelta", "v": number, "unit": value.unit}


def _pack_period(packer: Packer, value: pd.Period, where: str) -> Any:
    freq = packer.pack(value.freq, f"{where}.freq")
    return {"$": "Period", "v": value.ordinal, "freq": freq}


def _pack_offset(packer: Packer, value: pd.offsets.BaseOffset, where: str) -> Any:
    name = type(value).__name__
    if OFFSETS.get(name) is not type(value):
        raise UnstorableError(where, value)
    given = {key: one for key, one in value.kwds.items() if key != "calendar"}
    if "holidays" in given:
        holidays = [str(np.datetime64(one, "D")) for one in given["holidays"]]
        given["holidays"] = holidays
    return {
        "$": "offset",
        "name": name,
        "n": int(value.n),
        "normalize": bool(getattr(value, "normalize", False)),
        "given": packer.pack(given, where),
    }


def _pack_index(packer: Packer, value: pd.Index, where: str) -> Any:
    name = packer.pack(value.name, f"{where}.name")
    if isinstance(value, pd.MultiIndex):
        parts = zip(value.levels, value.codes, value.names, strict=True)
        return {
            "$": "MultiIndex",
            "v": [
                [
                    packer.pack(level, f"{where}.{n}"),
                    packer.pack(np.asarray(codes), f"{where}.codes.{n}"),
                    packer.pack(own, where),
                ]
                for n, (level, codes, own) in enumerate(parts)
            ],
        }
    if isinstance(value, pd.RangeIndex):
        ends = [value.start, value.stop, value.step]
        return {"$": "RangeIndex", "v": ends, "name": name}
    found: dict[str, Any] = {"$": type(value).__name__, "name": name}
    if isinstance(value, pd.DatetimeIndex):
        zone = _pack_zone(value.tz, where)
        held = value if zone is None else value.tz_convert("UTC").tz_localize(None)
        found["v"] = packer.keep(held.to_numpy().view(np.int64), where)
        found |= {"unit": value.unit, "tz": zone}
        found["freq"] = packer.pack(value.freq, f"{where}.freq")
        return found
    if isinstance(value, pd.TimedeltaIndex):
        found["v"] = packer.keep(value.to_numpy().view(np.int64), where)
        found |= {"unit": value.unit, "freq": packer.pack(value.freq, f"{where}.freq")}
        return found
    if isinstance(value, pd.PeriodIndex):
        found["v"] = packer.keep(value.asi8, where)
        found["freq"] = packer.pack(value.freq, f"{where}.freq")
        return found
    if type(value) not in (pd.Index, pd.CategoricalIndex):
        raise UnstorableError(where, value)
    return {**found, "$": "Index", "v": _pack_values(packer, value, where)}


def _pack_values(packer: Packer, value: Any, where: str) -> Any:
    """Return the values of an index or a column, and their dtype."""
    dtype = value.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = value.cat.codes if isinstance(value, pd.Series) else value.codes
        return {
            "$": "Categorical",
            "v": packer.keep(np.asarray(codes), where),
            "categories": packer.pack(dtype.categories, f"{where}.categories"),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, np.dtype):
        return packer.pack(value.to_numpy(), where)
    if isinstance(dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        return packer.pack(pd.Index(value), where)
    items = value.astype(object).tolist()
    return {"$": "column", "dtype": str(dtype), "v": packer._items(items, where)}


def _pack_series(packer: Packer, value: pd.Series, where: str) -> Any:
    return {
        "$": "Series",
        "index": packer.pack(value.index, f"{where}.index"),
        "name": packer.pack(value.name, f"{where}.name"),
        "v": _pack_values(packer, value, where),
    }


def _pack_frame(packer: Packer, value: pd.DataFrame, where: str) -> Any:
    columns = [
        _pack_values(packer, value.iloc[:, n], f"{where}.{n}")
        for n in range(value.shape[1])
    ]
    return {
        "$": "DataFrame",
        "index": packer.pack(value.index, f"{where}.index"),
        "columns": packer.pack(value.columns, f"{where}.columns"),
        "v": columns,
    }


def _pack_clock(packer: Packer, value: Any, where: str) -> Any:
    """Return a time, a day or a duration of Python's own."""
    if isinstance(value, datetime.timedelta):
        parts = [value.days, value.seconds, value.microseconds]
        return {"$": "timedelta", "v": parts}
    if getattr(value, "tzinfo", None) is not None:
        raise UnstorableError(where, value)
    return {"$": type(value).__name__, "v": value.isoformat()}


def _pack_dtype(packer: Packer, value: Any, where: str) -> Any:
    return {"$": "dtype", "name": str(value)}


def _pack_rest(packer: Packer, value: Any, where: str) -> Any:
    """Return what a few types are written as that have no other room."""
    if isinstance(value, FROZEN_LIST):
        return {"$": "FrozenList", "v": packer._items(value, where)}
    if type(value).__name__ == "DtypeKind":
        return {"$": "DtypeKind", "name": value.name}
    raise UnstorableError(where, value)


FROZEN_LIST = type(pd.MultiIndex.from_arrays([[0]]).names)

_PACKERS: list[tuple[Any, Callable[[Packer, Any, str], Any]]] = [
    (np.ndarray, _pack_array),
    (type(pd.NaT), _pack_nat),
    (type(pd.NA), _pack_nat),
    (pd.Timestamp, _pack_timestamp),
    (pd.Timedelta, _pack_timedelta),
    (pd.Period, _pack_period),
    (np.generic, _pack_scalar),
    ((datetime.timedelta, datetime.date, datetime.time), _pack_clock),
    (pd.offsets.BaseOffset, _pack_offset),
    (pd.Index, _pack_index),
    (pd.Series, _pack_series),
    (pd.DataFrame, _pack_frame),
    ((np.random.RandomState, np.random.Generator), _pack_random),
    ((np.dtype, pd.api.extensions.ExtensionDtype), _pack_dtype),
    (type, _pack_type),
    ((FROZEN_LIST, Enum), _pack_rest),
]
