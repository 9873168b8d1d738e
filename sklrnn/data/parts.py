"""Panels in parts: folders of Parquet files, lists, iterables; one read at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.rows import check_order

_REMEDY = (
    "give a list, a folder of Parquet files, an object that can be iterated again, or "
    "a callable that returns a new iterator each time"
)
_END = object()


class Part(NamedTuple):
    """One panel of many.

    Attributes
    ----------
    number : int
        Its place among the parts, from 0.
    name : str
        What errors call it.
    y : pd.DataFrame
        Targets; the row MultiIndex holds the series and, last, the time.
    x : pd.DataFrame or None
        Exogenous columns.
    """

    number: int
    name: str
    y: pd.DataFrame
    x: pd.DataFrame | None


class Parts:
    """Panels with the same columns, read as often as wanted, one in memory at a time.

    Parameters
    ----------
    source : sequence of DataFrame or path, or callable
        A callable returns an iterator over all parts, anew each time.
    exogenous : tuple of Hashable
        Names of the exogenous columns; all others are targets.

    Attributes
    ----------
    targets : tuple of Hashable
        Names of the targets, known once a part has been read.
    """

    def __init__(
        self,
        source: Sequence[Any] | Callable[[], Iterable[Any]],
        exogenous: tuple[Hashable, ...],
    ) -> None:
        self.source = source
        self.exogenous = exogenous
        self.targets: tuple[Hashable, ...] = ()
        self._form: _Form | None = None

    @property
    def any_order(self) -> bool:
        """Whether parts can be read in any order."""
        return not callable(self.source)

    def read(self, numbers: Iterable[int] | None = None) -> Iterator[Part]:
        """Yield parts: all, or those of these numbers.

        They come in the order of the numbers where the source allows for any, and else
        in its own.

        Raises
        ------
        ValueError, TypeError
            If a part cannot be read, or is not a panel with the columns of the first.
        """
        if not callable(self.source):
            order = range(len(self.source)) if numbers is None else numbers
            for number in order:
                yield self._read_one(number, self.source[number])
            return
        wanted = None if numbers is None else set(numbers)
        items = iter(self.source())
        # No name is given to an item: it would be kept until the next one is there.
        for number in count():
            if wanted is not None and number not in wanted:
                if next(items, _END) is _END:
                    return
                continue
            try:
                yield self._read_one(number, next(items))
            except StopIteration:
                return

    def _read_one(self, number: int, item: Any) -> Part:
        name = f"part {number + 1} of y"
        if isinstance(item, (str, os.PathLike)):
            name = f"the file {os.fspath(item)!r}"
            table = read_panel(item)
        else:
            table = item
        if not isinstance(table, pd.DataFrame):
            raise TypeError(
                f"{name} must be a DataFrame or a Parquet file, got "
                f"{type(table).__name__}"
            )
        if not isinstance(table.index, pd.MultiIndex):
            raise ValueError(
                f"{name} must be a panel, with a row MultiIndex of the series and, "
                "last, the time"
            )
        if len(table) == 0:
            raise ValueError(f"{name} has no rows; leave it out")
        part = self._split(number, name, self._check_columns(name, table))
        check_order(table.index, name)
        return part

    def _check_columns(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        form = _Form.of(table)
        if self._form is None:
            self._settle(name, form)
            self._form = form
        first = self._form
        if sorted(map(str, form.columns)) != sorted(map(str, first.columns)):
            raise ValueError(
                f"{name} has the columns {form.columns}, but the first part has "
                f"{first.columns}; all parts must have the same ones"
            )
        if form[1:] != first[1:]:
            raise ValueError(
                f"{name} has an index of {form.n_levels} levels with times of "
                f"{form.times}, but the first part has {first.n_levels} levels and "
                f"times of {first.times}"
            )
        return table if form == first else table[first.columns]

    def _settle(self, name: str, form: _Form) -> None:
        missing = [c for c in self.exogenous if c not in form.columns]
        if missing:
            raise ValueError(
                f"X has the name {missing[0]!r}, but {name} has the columns "
                f"{form.columns}"
            )
        self.targets = tuple(c for c in form.columns if c not in self.exogenous)
        if not self.targets:
            raise ValueError(
                f"X names all columns of {name}, and leaves none to forecast"
            )

    def _split(self, number: int, name: str, table: pd.DataFrame) -> Part:
        y = table[list(self.targets)] if self.exogenous else table
        x = table[list(self.exogenous)] if self.exogenous else None
        for column, kind in y.dtypes.items():
            if not pd.api.types.is_numeric_dtype(kind):
                raise TypeError(
                    f"{name} holds {kind}, no numbers, in the column {column!r}; drop "
                    f"it, or name it as exogenous, X=[{column!r}]"
                )
        nullable = [c for c, kind in y.dtypes.items() if hasattr(kind, "na_value")]
        return Part(number, name, y.astype(dict.fromkeys(nullable, "float64")), x)


def open_parts(y: Any, X: Any = None) -> Parts | None:
    """Take y for a panel in parts, if that is what it is; else return None.

    Parameters
    ----------
    y : path, callable, or iterable
        A folder of Parquet files, taken in the order of their names; a callable that
        returns an iterator over parts; or an iterable whose first item is a panel (a
        DataFrame with a row MultiIndex) or the path of a Parquet file.
    X : list of column names, optional
        Exogenous columns of the parts.

    Raises
    ------
    TypeError
        If y can be iterated only once, or X is not a list of names.
    ValueError
        If there are no parts.
    """
    source: Any
    if isinstance(y, (str, os.PathLike)):
        source = _list_folder(Path(y))
    elif isinstance(y, Iterator):
        raise TypeError(
            f"y is a {type(y).__name__}, which can be gone through only once, but "
            f"training goes through the parts once per epoch; {_REMEDY}"
        )
    elif callable(y) and not isinstance(y, type):
        source = y
    elif isinstance(y, (list, tuple)) and len(y) == 0:
        raise ValueError("y has no parts; give at least one panel")
    elif _holds_parts(y):
        source = y if isinstance(y, (list, tuple)) else y.__iter__
    else:
        return None
    return Parts(source, _names(X))


def _holds_parts(y: Any) -> bool:
    """Tell whether y is an iterable over panels or files, by its first item."""
    if not isinstance(y, Iterable) or isinstance(
        y, (pd.DataFrame, pd.Series, np.ndarray)
    ):
        return False
    item = next(iter(y), None)
    if isinstance(item, pd.DataFrame):
        return isinstance(item.index, pd.MultiIndex)
    # The items of some tables are the names of their columns.
    kinds = (str, os.PathLike) if isinstance(y, (list, tuple)) else os.PathLike
    return isinstance(item, kinds)


def _names(X: Any) -> tuple[Hashable, ...]:
    if X is None:
        return ()
    if isinstance(X, str):
        return (X,)
    if not isinstance(X, (list, tuple, pd.Index)):
        raise TypeError(
            "where y comes in parts, X must be a list of the names of their exogenous "
            f"columns, got {type(X).__name__}"
        )
    return tuple(X)


def _list_folder(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"y is {str(folder)!r}, which is no folder of Parquet files")
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise ValueError(f"the folder {str(folder)!r} has no files *.parquet")
    return files


def read_panel(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a Parquet file as a panel.

    An index that pandas wrote, with a level or more for the series and the last one
    for the time, is taken as it is. In any other file the first column of dates or
    timestamps is the time, and what stands before it tells the series; if there is
    none, the first column tells the series and the second is the time, in integers.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    panel : DataFrame with a row MultiIndex

    Raises
    ------
    ImportError
        If pyarrow is missing.
    ValueError
        If the file cannot be read, or has no such columns.
    """
    name = f"the file {os.fspath(path)!r}"
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"reading {name} needs pyarrow: pip install 'sklrnn[parquet]'"
        ) from error
    try:
        table = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ValueError(f"{name} is not a Parquet table: {error}") from error
    if isinstance(table.index, pd.MultiIndex):
        return table
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    time = next((i for i, kind in enumerate(table.dtypes) if _is_time(kind)), None)
    if time is None:
        table, time = _dates_to_timestamps(table)
    if (
        time is None
        and table.shape[1] > 2
        and pd.api.types.is_integer_dtype(table.dtypes.iloc[1])
    ):
        time = 1
    if not time or table.shape[1] == time + 1:
        raise ValueError(
            f"{name} has the columns {list(table.columns)}, not one or more that tell "
            "the series, then the time (dates, timestamps, or integers in the second "
            "column), then the values; write it so, or with these as the MultiIndex"
        )
    return table.set_index(list(table.columns[: time + 1]))


def _dates_to_timestamps(table: pd.DataFrame) -> tuple[pd.DataFrame, int | None]:
    """Turn the first column of dates, if any, which pandas reads as objects."""
    for place, kind in enumerate(table.dtypes):
        column = table.iloc[:, place]
        of_objects = pd.api.types.is_object_dtype(kind)
        if of_objects and pd.api.types.infer_dtype(column, skipna=True) == "date":
            return table.assign(**{str(column.name): pd.to_datetime(column)}), place
    return table, None


def _is_time(kind: Any) -> bool:
    return pd.api.types.is_datetime64_any_dtype(kind) or isinstance(
        kind, pd.PeriodDtype
    )


class _Form(NamedTuple):
    """What all parts have in common: their columns, and of what kind their index is."""

    columns: list[Hashable]
    n_levels: int
    times: str

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Form:
        assert isinstance(table.index, pd.MultiIndex)
        kind = table.index.levels[-1].dtype
        times = str(kind)
        if pd.api.types.is_datetime64_any_dtype(kind):
            times = "timestamps"
        elif pd.api.types.is_integer_dtype(kind):
            times = "integers"
        return cls(list(table.columns), table.index.nlevels, times)
