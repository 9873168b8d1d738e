"""What is learned from: through one door, a table or one in parts becomes series."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import pandas as pd

from sklrnn.data.categories import Categories
from sklrnn.data.parted import PartedSeries
from sklrnn.data.parts import Parts
from sklrnn.data.reader import SeriesReader
from sklrnn.data.series import GridSeries
from sklrnn.data.windows import WindowSet, has_gaps, split_windows


class WholeSeries(NamedTuple):
    """The series of a table that is in memory, as one learns from them.

    Attributes
    ----------
    known : list of GridSeries
    targets, exogenous : tuple of Hashable
        Names of the columns.
    categories : Categories
        Of the exogenous columns.
    """

    known: list[GridSeries]
    targets: tuple[Hashable, ...]
    exogenous: tuple[Hashable, ...]
    categories: Categories

    @property
    def has_gaps(self) -> bool:
        """Whether anything up to a cutoff is missing."""
        return has_gaps(self.known)

    def split_windows(self, **options: Any) -> tuple[WindowSet, WindowSet | None]:
        """Cut all series into windows, as `sklrnn.data.windows.split_windows` does."""
        return split_windows(self.known, **options)


Source = WholeSeries | PartedSeries


def open_source(
    reader: SeriesReader, y: pd.DataFrame | Parts, x: pd.DataFrame | None
) -> Source:
    """Read what is to be learned from.

    Parameters
    ----------
    reader : SeriesReader
        What it knows of exogenous columns counts if they have the same names.
    y : pd.DataFrame or Parts
        Targets; for a panel the last level of the row MultiIndex is time. Parts hold
        their exogenous columns, too.
    x : pd.DataFrame or None
        Exogenous columns, indexed likewise; rows may be missing or reach further.

    Raises
    ------
    ValueError
        As `SeriesReader.read` does; and if a part cannot be read.
    """
    if isinstance(y, Parts):
        return PartedSeries(y, _for(reader, y.exogenous))
    if y.shape[1] == 0:
        raise ValueError("y has no columns; give at least one to forecast")
    exogenous = names_of(x)
    reader = _for(reader, exogenous)
    categories = reader.categories or Categories.learn(x)
    series = reader._replace(categories=categories).read(y, x)
    return WholeSeries(series, names_of(y), exogenous, categories)


def _for(reader: SeriesReader, exogenous: tuple[Hashable, ...]) -> SeriesReader:
    """Forget what a reader knows of exogenous columns, unless they are these."""
    if exogenous == reader.exogenous:
        return reader
    return reader._replace(exogenous=exogenous, categories=None, scaling=None)


def names_of(table: pd.DataFrame | None) -> tuple[Hashable, ...]:
    """Return the names of a table's columns; none of None."""
    return () if table is None else tuple(table.columns)
