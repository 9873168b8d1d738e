"""Values put together again, from JSON and the arrays beside it."""

from __future__ import annotations

import datetime
import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklrnn import registry
from sklrnn.data.symbols import END
from sklrnn.deploy.packing import FROZEN_LIST
from sklrnn.deploy.storable import (
    CLASSES,
    LARGEST_INT,
    OFFSETS,
    TYPES,
    check_fields,
    load_class,
    time_zones,
)


class Unpacker:
    """Puts values together.

    Parameters
    ----------
    arrays : dict of ndarray
        What stands beside the JSON.
    device : str, optional
        Torch device of the networks, in place of the one that they were on.
    """

    def __init__(
        self, arrays: Mapping[str, np.ndarray], device: str | None = None
    ) -> None:
        self.arrays = arrays
        self.device = device
        self._seen: dict[int, Any] = {}

    def unpack(self, packed: Any) -> Any:
        """Return the value that JSON stands for.

        Raises
        ------
        ValueError, TypeError, LookupError
            If it stands for none.
        """
        if isinstance(packed, list):
            return [self.unpack(one) for one in packed]
        if not isinstance(packed, dict):
            return packed
        if "$" not in packed:
            return {key: self.unpack(one) for key, one in packed.items()}
        kind = packed["$"]
        if kind not in _UNPACKERS:
            raise ValueError(f"it holds something of an unknown kind, {kind!r:.80}")
        return _UNPACKERS[kind](self, packed)

    def array(self, name: Any) -> np.ndarray:
        """Return an array from beside the JSON."""
        if not isinstance(name, str) or name not in self.arrays:
            raise ValueError(f"it has no array {name!r:.80}")
        return self.arrays[name]

    def _object(self, packed: dict[str, Any]) -> Any:
        fields = packed["fields"]
        if not isinstance(fields, dict) or "$" in fields:
            raise TypeError("an object has no fields")
        unpacked = {key: self.unpack(one) for key, one in fields.items()}
        if packed["class"] == "SequenceNet" and self.device is not None:
            unpacked["settings"]["device"] = self.device
        value = _build(packed["class"], unpacked)
        self._seen[_whole(packed["n"])] = value
        return value

    def _again(self, packed: dict[str, Any]) -> Any:
        return self._seen[_whole(packed["n"])]

    def _table(self, packed: dict[str, Any]) -> list[Any]:
        n, name = _whole(packed["n"]), packed["class"]
        columns = {key: self._column(one, n) for key, one in packed["fields"].items()}
        return [
            _build(name, {key: column[row] for key, column in columns.items()})
            for row in range(n)
        ]

    def _column(self, packed: dict[str, Any], n: int) -> list[Any]:
        kind = packed["$"]
        if kind == "same":
            return [self.unpack(packed["v"])] * n
        if kind == "ints":
            found = self.array(packed["v"]).tolist()
        elif kind == "each":
            found = self.unpack(packed["v"])
        elif kind == "arrays":
            lengths = self.array(packed["lengths"])
            whole = self.array(packed["v"])
            if lengths.sum() != len(whole) or (lengths < 0).any():
                raise ValueError("the lengths of its series are not those of its rows")
            ends = np.cumsum(lengths)[:-1]
            found = [part.copy() for part in np.split(whole, ends)]
        else:
            raise ValueError(f"a column is of an unknown kind, {kind!r:.80}")
        if not isinstance(found, list) or len(found) != n:
            raise ValueError("a column has not as many entries as there are series")
        return found


def _build(name: Any, fields: dict[str, Any]) -> Any:
    """Put an object of the closed list together from its fields."""
    if not isinstance(name, str) or name not in CLASSES:
        raise ValueError(f"it holds an object of an unknown class, {name!r:.80}")
    kind = CLASSES[name]
    if kind.from_fields is not None:
        return load_class(kind.from_fields)(fields)
    cls = load_class(kind.path)
    if hasattr(cls, "_fields") or is_dataclass(cls):
        check_fields(cls, fields)
        return cls(**fields)
    value = cls.__new__(cls)
    set_fields(value, fields)
    return value


def set_fields(value: Any, fields: dict[str, Any]) -> None:
    """Set attributes; none may take the place of a method."""
    for name, one in fields.items():
        if not name.isidentifier() or name.startswith("__"):
            raise ValueError(f"{name!r:.80} cannot be the name of an attribute")
        if callable(getattr(type(value), name, None)):
            raise ValueError(f"{name!r:.80} is a method, which no file can hold")
        value.__dict__[name] = one


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r:.80} is no number of something")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _float(u: Unpacker, packed: dict[str, Any]) -> float:
    if packed["v"] not in ("nan", "inf", "-inf"):
        raise ValueError(f"{packed['v']!r:.80} is no number")
    return float(packed["v"])


def _array(u: Unpacker, packed: dict[str, Any]) -> np.ndarray:
    found = u.array(packed["v"])
    return found.T if packed.get("order") == "F" else found


def _times(u: Unpacker, packed: dict[str, Any]) -> np.ndarray:
    dtype = _text(packed["dtype"])
    if re.fullmatch(r"[mM]8(\[(\d{1,4})?[A-Za-z]{1,2}\])?", dtype) is None:
        raise ValueError(f"{dtype!r:.80} is no kind of times")
    return u.array(packed["v"]).view(dtype)


def _items(u: Unpacker, packed: dict[str, Any]) -> np.ndarray:
    values, shape = u.unpack(packed["v"]), [_whole(n) for n in packed["shape"]]
    if not isinstance(values, list) or math.prod(shape) != len(values):
        raise ValueError("an array has another number of entries than its shape")
    if packed["dtype"] == "O":
        found = np.empty(len(values), dtype=object)
        for place, one in enumerate(values):
            found[place] = one
        return found.reshape(shape)
    width = re.fullmatch(r"U(\d{1,9})", _text(packed["dtype"]))
    if width is None or any(type(one) is not str for one in values):
        raise ValueError("an array of texts has other entries")
    if int(width[1]) > max([len(one) for one in values], default=0) + 10_000:
        raise ValueError("an array of texts is too wide")
    return np.array(values, dtype=packed["dtype"]).reshape(shape)


def _scalar(u: Unpacker, packed: dict[str, Any]) -> Any:
    found = u.unpack(packed["v"])
    if not isinstance(found, np.ndarray) or found.ndim:
        raise TypeError("a number of numpy's is none")
    return found[()]


def _type(u: Unpacker, packed: dict[str, Any]) -> type:
    return TYPES[_text(packed["name"])]


def _plugin(u: Unpacker, packed: dict[str, Any]) -> Any:
    given = {key: one for key, one in packed.items() if key != "$"}
    return registry.find_identified(registry.Identity(**given))


def _optimizer(u: Unpacker, packed: dict[str, Any]) -> Any:
    import torch

    found = getattr(torch.optim, _text(packed["name"]), None)
    if not isinstance(found, type) or not issubclass(found, torch.optim.Optimizer):
        raise ValueError(f"{packed['name']!r:.80} is no optimiser of torch's")
    return found


def _tensor(u: Unpacker, packed: dict[str, Any]) -> Any:
    import torch

    found = torch.from_numpy(u.array(packed["v"]))
    dtype = packed.get("dtype")
    if dtype is None:
        return found
    if dtype != "bfloat16":
        raise ValueError(f"a tensor holds numbers of an unknown kind, {dtype!r:.80}")
    return found.view(torch.bfloat16)


def _random_state(u: Unpacker, packed: dict[str, Any]) -> np.random.RandomState:
    found = np.random.RandomState()
    kind, keys, at, has_gauss, gauss = u.unpack(packed["v"])
    if kind != "MT19937":
        raise ValueError("a random state is of an unknown kind")
    found.set_state((kind, keys, at, has_gauss, gauss))
    return found


def _generator(u: Unpacker, packed: dict[str, Any]) -> np.random.Generator:
    bits = np.random.PCG64()
    bits.state = u.unpack(packed["v"])
    return np.random.Generator(bits)


def _zone(found: Any) -> Any:
    if found is None:
        return None
    if isinstance(found, str):
        # ZoneInfo would look for a file, or a module, of any name that it is given.
        if found not in time_zones():
            raise ValueError(f"no time zone {found!r:.80} is known here")
        return zoneinfo.ZoneInfo(found)
    seconds = float(found)
    if seconds == 0:
        return datetime.timezone.utc
    return datetime.timezone(datetime.timedelta(seconds=seconds))


def _timestamp(u: Unpacker, packed: dict[str, Any]) -> pd.Timestamp:
    unit = _unit(packed["unit"])
    found = pd.Timestamp(np.int64(packed["v"]).view(f"M8[{unit}]"))
    zone = _zone(packed.get("tz"))
    return found if zone is None else found.tz_localize("UTC").tz_convert(zone)


def _unit(found: Any) -> str:
    if found not in ("s", "ms", "us", "ns"):
        raise ValueError(f"times are in an unknown unit, {found!r:.80}")
    return found


def _timedelta(u: Unpacker, packed: dict[str, Any]) -> pd.Timedelta:
    return pd.Timedelta(np.int64(packed["v"]).view(f"m8[{_unit(packed['unit'])}]"))


def _period(u: Unpacker, packed: dict[str, Any]) -> pd.Period:
    freq: Any = _is_offset(u, packed["freq"])
    return pd.Period(ordinal=int(packed["v"]), freq=freq)


def _is_offset(u: Unpacker, packed: Any) -> pd.offsets.BaseOffset:
    found = u.unpack(packed)
    if not isinstance(found, pd.offsets.BaseOffset):
        raise TypeError("a frequency is none")
    return found


def _offset(u: Unpacker, packed: dict[str, Any]) -> pd.offsets.BaseOffset:
    given = u.unpack(packed["given"])
    cls = OFFSETS[_text(packed["name"])]
    if abs(packed["n"]) > LARGEST_INT:
        raise ValueError("a frequency is too long")
    if packed["normalize"]:
        given["normalize"] = True
    return cls(packed["n"], **given)


def _range(u: Unpacker, packed: dict[str, Any]) -> pd.RangeIndex:
    start, stop, step = packed["v"]
    return pd.RangeIndex(start, stop, step, name=u.unpack(packed["name"]))


def _datetimes(u: Unpacker, packed: dict[str, Any]) -> pd.DatetimeIndex:
    values = u.array(packed["v"]).view(f"M8[{_unit(packed['unit'])}]")
    found, zone = pd.DatetimeIndex(values), _zone(packed["tz"])
    if zone is not None:
        found = found.tz_localize("UTC").tz_convert(zone)
    found.name = u.unpack(packed["name"])
    return _with_freq(u, found, packed["freq"])


def _with_freq(u: Unpacker, found: Any, packed: Any) -> Any:
    if packed is not None:
        found.freq = _is_offset(u, packed)
    return found


def _timedeltas(u: Unpacker, packed: dict[str, Any]) -> pd.TimedeltaIndex:
    values = u.array(packed["v"]).view(f"m8[{_unit(packed['unit'])}]")
    found = pd.TimedeltaIndex(values, name=u.unpack(packed["name"]))
    return _with_freq(u, found, packed["freq"])


def _periods(u: Unpacker, packed: dict[str, Any]) -> pd.PeriodIndex:
    freq = _is_offset(u, packed["freq"])
    found: Any = pd.PeriodIndex
    found = found.from_ordinals(u.array(packed["v"]), freq=freq)
    return found.rename(u.unpack(packed["name"]))


def _multi(u: Unpacker, packed: dict[str, Any]) -> pd.MultiIndex:
    levels, codes, names = zip(*(u.unpack(part) for part in packed["v"]), strict=True)
    return pd.MultiIndex(levels=levels, codes=codes, names=names)


def _index(u: Unpacker, packed: dict[str, Any]) -> pd.Index:
    name, values = u.unpack(packed["name"]), u.unpack(packed["v"])
    if isinstance(values, np.ndarray) and values.dtype == object:
        return pd.Index(values, dtype=object, name=name)
    return pd.Index(values, name=name)


def _categorical(u: Unpacker, packed: dict[str, Any]) -> pd.Categorical:
    return pd.Categorical.from_codes(
        u.array(packed["v"]),
        categories=u.unpack(packed["categories"]),
        ordered=bool(packed["ordered"]),
    )


_COLUMN = re.compile(
    r"str|string|boolean|U?Int(8|16|32|64)|Float(32|64)|"
    r"string\[(python|pyarrow)\]"
)


def _column(u: Unpacker, packed: dict[str, Any]) -> Any:
    dtype = _text(packed["dtype"])
    if _COLUMN.fullmatch(dtype) is None:
        raise ValueError(f"a column is of an unknown dtype, {dtype!r:.80}")
    return pd.array(u.unpack(packed["v"]), dtype=dtype)


def _series(u: Unpacker, packed: dict[str, Any]) -> pd.Series:
    index = _is_index(u, packed["index"])
    return pd.Series(u.unpack(packed["v"]), index=index, name=u.unpack(packed["name"]))


def _is_index(u: Unpacker, packed: Any) -> pd.Index:
    found = u.unpack(packed)
    if not isinstance(found, pd.Index):
        raise TypeError("an index is none")
    return found


def _frame(u: Unpacker, packed: dict[str, Any]) -> pd.DataFrame:
    index, columns = (_is_index(u, packed[name]) for name in ("index", "columns"))
    held = {
        n: pd.Series(one, index=index) for n, one in enumerate(u.unpack(packed["v"]))
    }
    found = pd.DataFrame(held, index=index)
    return found.set_axis(columns, axis=1)


def _dtype(u: Unpacker, packed: dict[str, Any]) -> Any:
    name = _text(packed["name"])
    if _COLUMN.fullmatch(name) is None:
        if re.fullmatch(r"[a-z]{1,12}\d{0,3}(\[[a-z]{1,2}\])?", name) is None:
            raise ValueError(f"{name!r:.80} is no dtype")
        return np.dtype(name)
    return pd.api.types.pandas_dtype(name)


def _frozen(u: Unpacker, packed: dict[str, Any]) -> Any:
    return FROZEN_LIST(u.unpack(packed["v"]))


def _dtype_kind(u: Unpacker, packed: dict[str, Any]) -> Any:
    from sktime.datatypes._dtypekind import DtypeKind

    return DtypeKind[_text(packed["name"])]


def _pairs(u: Unpacker, packed: dict[str, Any]) -> dict[Any, Any]:
    found = {}
    for key, value in packed["v"]:
        found[u.unpack(key)] = u.unpack(value)
    return found


_UNPACKERS: dict[Any, Callable[[Unpacker, dict[str, Any]], Any]] = {
    "float": _float,
    "tuple": lambda u, packed: tuple(u.unpack(list(packed["v"]))),
    "set": lambda u, packed: set(u.unpack(list(packed["v"]))),
    "frozenset": lambda u, packed: frozenset(u.unpack(list(packed["v"]))),
    "bytes": lambda u, packed: bytes.fromhex(packed["v"]),
    "dict": _pairs,
    "end": lambda u, packed: END,
    "floats": lambda u, packed: u.array(packed["v"]).tolist(),
    "table": Unpacker._table,
    "object": Unpacker._object,
    "again": Unpacker._again,
    "array": _array,
    "times": _times,
    "items": _items,
    "str_": lambda u, packed: np.str_(_text(packed["v"])),
    "scalar": _scalar,
    "type": _type,
    "plugin": _plugin,
    "optimizer": _optimizer,
    "tensor": _tensor,
    "RandomState": _random_state,
    "Generator": _generator,
    "Timestamp": _timestamp,
    "NaT": lambda u, packed: pd.NaT,
    "NA": lambda u, packed: pd.NA,
    "Timedelta": _timedelta,
    "timedelta": lambda u, packed: datetime.timedelta(*packed["v"]),
    "date": lambda u, packed: datetime.date.fromisoformat(packed["v"]),
    "time": lambda u, packed: datetime.time.fromisoformat(packed["v"]),
    "datetime": lambda u, packed: datetime.datetime.fromisoformat(packed["v"]),
    "Period": _period,
    "offset": _offset,
    "MultiIndex": _multi,
    "RangeIndex": _range,
    "DatetimeIndex": _datetimes,
    "TimedeltaIndex": _timedeltas,
    "PeriodIndex": _periods,
    "Index": _index,
    "Categorical": _categorical,
    "column": _column,
    "Series": _series,
    "DataFrame": _frame,
    "dtype": _dtype,
    "FrozenList": _frozen,
    "DtypeKind": _dtype_kind,
}
