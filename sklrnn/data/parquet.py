"""Parquet files as panels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd


def list_folder(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder, in the order of their names."""
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
