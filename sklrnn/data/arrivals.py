"""Rows that come after `fit`: all are checked before the first one is written."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.reader import SeriesReader
from sklrnn.data.rows import check_counts, iterate_series, to_float
from sklrnn.data.series import GridSeries
from sklrnn.data.timegrid import positions


class Arrival(NamedTuple):
    """New rows of a series that is known.

    Attributes
    ----------
    series : GridSeries
    targets, exogenous : (Index, ndarray) or None
        Times, and the values there; None where there are none.
    """

    series: GridSeries
    targets: tuple[pd.Index, np.ndarray] | None
    exogenous: tuple[pd.Index, np.ndarray] | None

    def written(self, *, back: bool = False) -> tuple[GridSeries, int]:
        """Return the series with the rows, and by how many steps its cutoff moved.

        The series itself stays as it is. Unless it may go `back`, rows that come late
        leave the cutoff where it is.
        """
        grown, n_new = replace(self.series, values=self.series.values.copy()), 0
        if self.targets is not None:
            n_new = grown.write_targets(*self.targets, back=back)
        if self.exogenous is not None:
            grown.write(*self.exogenous, grown.n_targets)
        return grown, n_new

    @property
    def n_lacking(self) -> int:
        """How many new rows come without a row of exogenous columns."""
        one = self.series
        if self.targets is None or one.values.shape[1] == one.n_targets:
            return 0
        times = self.targets[0][self.targets[0] > one.cutoff]
        at = positions(times, one.origin, one.step) if len(times) else np.empty(0, int)
        inside = at[at < len(one.values)]
        stored = ~np.isnan(one.values[inside, one.n_targets :]).all(axis=1)
        known = set(inside[stored].tolist())
        if self.exogenous is not None:
            known |= set(positions(self.exogenous[0], one.origin, one.step).tolist())
        return len(set(at.tolist()) - known)


def read_arrivals(
    y: pd.DataFrame,
    x: pd.DataFrame | None,
    known: list[GridSeries],
    reader: SeriesReader,
) -> tuple[list[Arrival], list[GridSeries]]:
    """Read new rows of known series, and series that are new; nothing is written yet.

    Parameters
    ----------
    y : pd.DataFrame
        Targets, of a single series or a panel as the known ones are.
    x : pd.DataFrame or None
        Exogenous columns.
    known : list of GridSeries
    reader : SeriesReader
        As the known ones were read; one that knows of exogenous columns wants them
        for new series, too.

    Returns
    -------
    arrivals : list of Arrival
    new : list of GridSeries

    Raises
    ------
    ValueError
        If values or times are unusable, if a panel comes for a single series or the
        other way round, or if a new series lacks exogenous columns.
    """
    wanted, exogenous = reader.exogenous, {}
    if x is not None and wanted is not None:
        exogenous = dict(iterate_series(wanted.categories.encode(x)))
    by_key = {one.key: one for one in known}
    arrivals, new = [], []
    for key, frame in iterate_series(y):
        rows = exogenous.pop(key, None)
        if key in by_key:
            arrivals.append(_arrival(by_key[key], frame, rows, reader.counts))
            continue
        if None in by_key or key is None:
            kinds = ("a single series", "a panel")
            raise ValueError(
                f"y is {kinds[key is not None]}, but `fit` had "
                f"{kinds[None not in by_key]}; give the same kind of table"
            )
        if wanted is not None and wanted.names and rows is None:
            raise ValueError(
                f"X has no rows for the new series {key!r}; give them, as in `fit`"
            )
        new.append(key)
    # Series of which nothing was measured, but what is known ahead of them.
    for key, rows in exogenous.items():
        if key in by_key:
            arrivals.append(_arrival(by_key[key], None, rows, reader.counts))
    series = reader.read(_of(y, new), None if x is None else _of(x, new)) if new else []
    return arrivals, series


def _of(table: pd.DataFrame, keys: list[Hashable]) -> pd.DataFrame:
    """Return the rows of some series of a panel."""
    assert isinstance(table.index, pd.MultiIndex)
    return table[table.index.droplevel(-1).isin(keys)]


def _arrival(
    one: GridSeries,
    frame: pd.DataFrame | None,
    rows: pd.DataFrame | None,
    counts: bool,
) -> Arrival:
    targets = exogenous = None
    if frame is not None:
        targets = _checked(one, frame, "y")
        if counts:
            check_counts(frame.columns, targets[1], one.where)
    if rows is not None:
        exogenous = _checked(one, rows, "X")
    return Arrival(one, targets, exogenous)


def _checked(
    one: GridSeries, frame: pd.DataFrame, name: str
) -> tuple[pd.Index, np.ndarray]:
    values = to_float(frame, name, one.where)
    return one.matched(frame.index, name), values
