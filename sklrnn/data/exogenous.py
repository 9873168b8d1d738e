"""Exogenous columns: what tables have in common of them, learned table by table."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.categories import Categories
from sklrnn.data.rows import iterate_series, listed, to_float, where_of
from sklrnn.data.scaling import Moments, Scaling
from sklrnn.data.timegrid import infer_step, matched, positions


class Exogenous(NamedTuple):
    """Exogenous columns, as a network knows them.

    Attributes
    ----------
    names : tuple of Hashable
    categories : Categories
        Of the columns that hold no numbers.
    scaling : (ndarray, ndarray) or None
        Center and scale of the columns, over all series; None if there are no columns.
    """

    names: tuple[Hashable, ...]
    categories: Categories
    scaling: Scaling | None

    @property
    def sizes(self) -> dict[int, int]:
        """Place -> number of categories, of the columns that have any."""
        return self.categories.sizes(self.names)


class ExogenousLearner:
    """Learns from one table after the other what all have in common.

    Parameters
    ----------
    names : tuple of Hashable
        Of the exogenous columns.
    standardize : bool
        Whether columns of numbers are to be standardised.
    """

    def __init__(self, names: tuple[Hashable, ...], standardize: bool) -> None:
        self.names = names
        self.standardize = standardize
        self._categories = _CategoriesOfTables()
        self._moments: Moments | None = None

    def add(
        self, y: pd.DataFrame, x: pd.DataFrame | None, where: str = "X"
    ) -> Exogenous:
        """Take in the targets and the exogenous columns of a table, called `where`.

        Returns what this table alone tells, unscaled.
        """
        if x is None:
            return Exogenous(self.names, Categories({}), None)
        alone = self._categories.add(x, where)
        found = _moments(y, dict(iterate_series(alone.encode(x))))
        joined = found if self._moments is None else self._moments.joined(found)
        self._moments = joined
        width = len(self.names)
        return Exogenous(self.names, alone, (np.zeros(width), np.ones(width)))

    def settled(self) -> Exogenous:
        """Return what all tables have in common.

        Raises
        ------
        ValueError
            If a column holds numbers in one table and categories in another, or nothing
            in all.
        """
        categories, scaling = self._categories.settled(), None
        if self._moments is not None:
            self._check_seen(self._moments)
            center, scale = self._moments.standardisation()
            if not self.standardize:
                center[:], scale[:] = 0.0, 1.0
            codes = list(categories.sizes(self.names))
            center[codes], scale[codes] = 0.0, 1.0
            scaling = center, scale
        return Exogenous(self.names, categories, scaling)

    def _check_seen(self, moments: Moments) -> None:
        counts = zip(self.names, moments.n_seen, strict=True)
        unseen = [str(name) for name, n_seen in counts if n_seen == 0]
        if unseen:
            raise ValueError(
                f"X has no observed value in {listed(unseen)} up to the end of y; drop "
                "what was never measured"
            )


def _moments(y: pd.DataFrame, exogenous: dict[Hashable, pd.DataFrame]) -> Moments:
    """Return the moments of exogenous columns over all series, up to the end of each.

    `exogenous` has the rows of each series.
    """
    # With no row at all there is an error still to come, which names the series.
    parts = [np.zeros((1, one.shape[1])) for one in list(exogenous.values())[:1]]
    for key, frame in iterate_series(y):
        known = exogenous.get(key)
        if known is not None:
            numbers = to_float(known, "X", where_of(key))
            times = matched(known.index, frame.index[-1], f"X{where_of(key)}")
            parts.append(numbers[_until(times, frame.index)])
    rows = np.concatenate(parts)
    return Moments.of(rows[1:] if len(rows) > 1 else rows)


def _until(times: pd.Index, index: pd.Index) -> np.ndarray:
    """Tell which times are not after the last step of a series.

    Times beside its grid go to the nearest step, as they do where they are written.
    """
    end = index[-1]
    step = None if len(times) == 0 or end in times else infer_step(index)
    if step is None:
        return np.asarray(times <= end)
    return positions(times, end, step) <= 0


class _CategoriesOfTables:
    """The categories of columns, learned table by table."""

    def __init__(self) -> None:
        self.known: dict[Hashable, pd.Index] = {}
        self.declared: dict[Hashable, bool] = {}
        self.numbers: dict[Hashable, str] = {}

    def add(self, x: pd.DataFrame, where: str) -> Categories:
        """Take in a table; return the categories of this one alone."""
        alone = Categories.learn(x)
        for name in x.columns:
            column, found = x[name], alone.known.get(name)
            if found is None:
                if column.notna().any():
                    self.numbers.setdefault(name, where)
                continue
            declared = isinstance(column.dtype, pd.CategoricalDtype)
            before = self.known.get(name, found[:0])
            self.declared[name] = self.declared.get(name, True) and declared
            self.known[name] = before.append(found.difference(before, sort=False))
        return alone

    def settled(self) -> Categories:
        """Return the categories of all tables."""
        for name in self.known:
            if name in self.numbers:
                raise ValueError(
                    f"the column {name!r} of X holds numbers in {self.numbers[name]} "
                    "and categories in another; give it the same type in all parts"
                )
        return Categories(
            {
                # Those that pandas declares have an order of their own.
                name: index if self.declared[name] else pd.Index(sorted(index, key=str))
                for name, index in self.known.items()
            }
        )
