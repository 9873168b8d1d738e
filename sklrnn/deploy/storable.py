"""The closed list: what a file may hold, and by which names.

A value of Python's, numpy's, pandas' or torch's becomes JSON; arrays go beside it, by
name. An object of a class in `CLASSES` becomes its name and its fields. Nothing else
can be written, and what is read can name nothing else: no class, module or function
comes from a file.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

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
