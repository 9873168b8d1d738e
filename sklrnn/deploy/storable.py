"""The closed list: what a file may hold, and by which names.

A value of Python's, numpy's, pandas' or torch's becomes JSON; arrays go beside it, by
name. An object of a class in `CLASSES` becomes its name and its fields. Nothing else
can be written, and what is read can name nothing else: no class, module or function
comes from a file.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Hashable
from functools import cache
from importlib import import_module
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd


class Kind(NamedTuple):
    """A class that files may hold.

    Attributes
    ----------
    path : str
        Module and name.
    to_fields, from_fields : str or None
        Functions that take an object apart and put it together; without them its
        attributes are what is written.
    """

    path: str
    to_fields: str | None = None
    from_fields: str | None = None


CLASSES: dict[str, Kind] = {
    "Categories": Kind("sklrnn.data.categories:Categories"),
    "Columns": Kind("sklrnn.imputation.tables:Columns"),
    "Correction": Kind("sklrnn.training.calibration:Correction"),
    "FittedAssociation": Kind("sklrnn.symbols.translation:FittedAssociation"),
    "FittedImputer": Kind("sklrnn.imputation.filling:FittedImputer"),
    "FittedNetwork": Kind("sklrnn.forecasting.forecasts:FittedNetwork"),
    "FittedRecognizer": Kind("sklrnn.recognition.answers:FittedRecognizer"),
    "ForecastingHorizon": Kind("sktime.forecasting.base._fh:ForecastingHorizon"),
    "GridSeries": Kind("sklrnn.data.series:GridSeries"),
    "Length": Kind("sklrnn.training.stopping:Length"),
    "LevelQuantiles": Kind("sklrnn.training.calibration:LevelQuantiles"),
    "QuantileOffsets": Kind("sklrnn.training.calibration:QuantileOffsets"),
    "ResidualQuantiles": Kind(
        "sklrnn.training.calibration:ResidualQuantiles",
        "sklrnn.training.calibration:residual_fields",
        "sklrnn.training.calibration:residuals_of_fields",
    ),
    "Scaling": Kind("sklrnn.recognition.answers:Scaling"),
    "Seen": Kind("sklrnn.data.surroundings:Seen"),
    "SequenceNet": Kind(
        "sklrnn.training.net:SequenceNet",
        "sklrnn.training.storing:net_fields",
        "sklrnn.training.storing:net_of_fields",
    ),
    "History": Kind(
        "skorch.history:History",
        "sklrnn.training.storing:history_fields",
        "sklrnn.training.storing:history_of_fields",
    ),
    "Stream": Kind("sklrnn.imputation.filling:Stream"),
    "Taught": Kind("sklrnn.training.course:Taught"),
    "TimeUnit": Kind("sklrnn.data.timegrid:TimeUnit"),
    "Vocabulary": Kind("sklrnn.data.symbols:Vocabulary"),
}
"""What a file may hold, beside values of Python's, numpy's, pandas' and torch's own."""

TYPES = {
    "Index": pd.Index,
    "RangeIndex": pd.RangeIndex,
    "DatetimeIndex": pd.DatetimeIndex,
    "PeriodIndex": pd.PeriodIndex,
    "TimedeltaIndex": pd.TimedeltaIndex,
}
OFFSETS = {
    name: found
    for name, found in vars(pd.offsets).items()
    if isinstance(found, type) and issubclass(found, pd.offsets.BaseOffset)
}
LARGEST_INT = 2**63

STATE = {
    "_X": "DataFrame|ndarray|None",
    "_X_metadata": "dict|list",
    "_architecture": "dict",
    "_back": "bool",
    "_center": "ndarray",
    "_class_dictionary": "dict",
    "_columns": "Columns|Index|None",
    "_config_dynamic": "dict",
    "_converter_store_X": "dict",
    "_converter_store_y": "dict",
    "_cutoff": "Index|None",
    "_diagonal": "ndarray|float|None",
    "_estimator_type": "str",
    "_fh": "ForecastingHorizon|None",
    "_fitted": "FittedNetwork|FittedImputer|FittedRecognizer|FittedAssociation|Taught",
    "_flat": "bool",
    "_index_names": "FrozenList|list|tuple",
    "_is_fitted": "bool",
    "_is_timed": "bool",
    "_is_vectorized": "bool|str",
    "_n_channels": "int",
    "_n_dimensions": "int",
    "_names": "Index|tuple|None",
    "_outputs": "Index|tuple|list|None",
    "_pretrained_attrs": "list",
    "_ratio": "float",
    "_scale": "ndarray",
    "_series": "list",
    "_state": "str",
    "_stream": "Stream|None",
    "_strings": "bool",
    "_tags_dynamic": "dict",
    "_vocabularies": "tuple",
    "_vocabulary": "Vocabulary",
    "_y": "DataFrame|Series|ndarray|None",
    "_y_metadata": "dict",
    "_y_mtype_last_seen": "str",
    "batch_size_": "int",
    "beta_": "float|None",
    "capacity_": "float",
    "classes_": "ndarray|list",
    "feature_names_in_": "ndarray",
    "history_": "History",
    "horizon_": "int",
    "input_tokens_": "list",
    "load_": "float",
    "loss_": "str|None",
    "max_epochs_": "int",
    "n_classes_": "int",
    "n_features_in_": "int",
    "n_patterns_": "int",
    "net_": "SequenceNet",
    "output_tokens_": "list",
    "patterns_": "ndarray|None",
    "pretrained_": "FittedNetwork",
    "rule_": "str|None",
    "seed_": "int",
    "segment_length_": "int",
    "symbols_": "list",
    "teacher_history_": "History|None",
    "validation_error_": "Series",
    "weights_": "ndarray|None",
    "window_length_": "int",
}
"""The attributes of fitted estimators, and of which types they are."""


def load_class(path: str) -> Any:
    """Import what a path of `CLASSES` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


class UnstorableError(TypeError):
    """A value that no file can hold; `what` names its type."""

    def __init__(self, where: str, value: Any) -> None:
        kind = type(value)
        self.where = where
        self.what = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, type):
            self.what = f"the class {value.__module__}.{value.__qualname__}"
        super().__init__(f"{where} holds {self.what}, which no file can hold")


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the time zones that are known here."""
    return frozenset(zoneinfo.available_timezones())


def check_state(state: dict[str, Any]) -> None:
    """Raise a TypeError if an attribute of a fitted estimator is of a wrong type."""
    for name, value in state.items():
        if name in STATE and not _is_one_of(value, STATE[name].split("|")):
            raise TypeError(f"{name} is a {type(value).__name__}, not {STATE[name]}")


def _is_one_of(value: Any, names: list[str]) -> bool:
    if value is None:
        return "None" in names
    if isinstance(value, bool):
        return "bool" in names
    known = [kind.__name__ for kind in type(value).__mro__]
    if "integer" in known or "floating" in known:  # numpy's
        known.append("int" if "integer" in known else "float")
    return any(name in known for name in names)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def check_fields(cls: type, fields: dict[str, Any]) -> None:
    """Raise a TypeError if fields are not of the types that a class declares."""
    for name, hint in _hints(cls).items():
        if name in fields and not _fits(fields[name], hint):
            raise TypeError(
                f"{name} of a {cls.__name__} is a {type(fields[name]).__name__}"
            )


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value is of a type, as far as that can be told quickly."""
    if hint in (Any, Hashable, None, type(None)):
        return hint in (Any, Hashable) or value is None
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is tuple and isinstance(value, tuple):
        if inner[-1:] == (Ellipsis,):
            return all(_fits(one, inner[0]) for one in value)
        pairs = zip(value, inner, strict=False)
        return len(value) == len(inner) and all(_fits(*pair) for pair in pairs)
    if origin is list and isinstance(value, list):
        return all(_fits(one, inner[0]) for one in value)
    if origin is dict and isinstance(value, dict):
        return all(
            _fits(key, inner[0]) and _fits(one, inner[1]) for key, one in value.items()
        )
    kind = origin or hint
    if kind is float:
        return isinstance(value, (int, float, np.number)) and value is not True
    if kind is int:
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if kind is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
    return not isinstance(kind, type) or isinstance(value, kind)
