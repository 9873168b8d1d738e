"""Series and windows of panels in parts: what all have in common, and each in turn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.categories import Categories
from sklrnn.data.parts import Part, Parts
from sklrnn.data.reader import SeriesReader
from sklrnn.data.rows import iterate_series
from sklrnn.data.scaling import Moments, Scaling, exogenous_moments, scale_exogenous
from sklrnn.data.series import GridSeries
from sklrnn.data.windows import WindowSet, has_gaps, split_windows


class PartedSeries:
    """The series of panels in parts, of which one at a time is in memory.

    All parts are gone through once, to learn what they have in common.

    Parameters
    ----------
    parts : Parts
    reader : SeriesReader
        Exogenous columns of which it does not know the categories or the scaling are
        gone through for them, in all parts.

    Attributes
    ----------
    categories : Categories
    known : list of GridSeries
        The first series, the longest, and the one with the newest cutoff.
    has_gaps : bool
    targets, exogenous : tuple of Hashable
        Names of the columns.
    n_parts : int

    Raises
    ------
    ValueError
        If a part cannot be read, or if a series is in two parts.
    """

    def __init__(self, parts: Parts, reader: SeriesReader) -> None:
        self.parts = parts
        self.known: list[GridSeries] = []
        self.has_gaps = False
        self._reader = reader
        self._kept: list[GridSeries] | None = None
        self._keys: list[np.ndarray] = []
        self._learned = _CategoriesOfParts()
        self._moments: Moments | None = None
        names = []
        for part in parts.read():
            self._learn(part)
            names.append(part.name)
            del part  # before the next one comes
        if not names:
            raise ValueError("y has no parts; give at least one panel")
        self.n_parts = len(names)
        self.targets, self.exogenous = parts.targets, parts.exogenous
        self.categories = reader.categories or self._learned.settled()
        scaling = reader.scaling
        if self._moments is not None:
            codes = self.categories.sizes(self.exogenous)
            scaling = scale_exogenous(self._moments, reader.standardize, codes)
        self._reader = reader._replace(categories=self.categories, scaling=scaling)
        if scaling is not None:
            for one in self.known:
                columns = slice(one.n_targets, None)
                one.center[columns], one.scale[columns] = scaling
        self._check_keys(names)

    def load(
        self, numbers: Iterable[int], take: Callable[[list[GridSeries]], Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the numbers of parts, and what `take` makes of their series."""
        if self._kept is not None:
            yield 0, take(self._kept)
            return
        for part in self.parts.read(numbers):
            number, x = part.number, self.categories.encode(part.x)
            series = _read_part(self._reader, part, x)
            if self.n_parts == 1:
                self._kept = series
            # One part in memory: nothing of it stays while the next one is read.
            del part, x
            taken = take(series)
            del series
            yield number, taken
            del taken

    def split_windows(
        self, **options: Any
    ) -> tuple[PartedWindows, PartedWindows | None]:
        """Cut all parts into windows, as `sklrnn.data.windows.split_windows` does."""
        split: partial[Any] = partial(split_windows, **options)
        counts = np.full((2, self.n_parts), -1)
        for number, found in self.load(
            range(self.n_parts), lambda s: _lengths(split(s))
        ):
            counts[:, number] = found
        if (counts < 0).any():
            raise _changed(int(np.argmin(counts[0])))
        train, valid = (PartedWindows(self, counts[i], i, split) for i in (0, 1))
        return train, valid if len(valid) else None

    def _learn(self, part: Part) -> None:
        """Take in a part, of which nothing but what all parts have in common stays."""
        x, reader = part.x, self._reader
        if x is not None:
            if reader.categories is None:
                self._learned.add(part)
            x = (reader.categories or Categories.learn(x)).encode(x)
        if x is not None and reader.scaling is None:
            found = exogenous_moments(part.y, dict(iterate_series(x)))
            joined = found if self._moments is None else self._moments.joined(found)
            self._moments = joined
        series = _read_part(reader._replace(scaling=_unscaled(x)), part, x)
        self.has_gaps = self.has_gaps or has_gaps(series)
        self._keys.append(_hashed([one.key for one in series]))
        first, longest, newest = self.known or series[:1] * 3
        longest = max(longest, *series, key=lambda one: one.end)
        newest = max(newest, *series, key=lambda one: one.cutoff)
        self.known = [first, longest, newest]

    def _check_keys(self, names: list[str]) -> None:
        """Check that every series is in one part, wholly."""
        hashed = np.concatenate(self._keys)
        owner = np.repeat(np.arange(len(names)), [len(each) for each in self._keys])
        self._keys.clear()
        order = np.argsort(hashed, kind="stable")
        again = np.flatnonzero(np.diff(hashed[order]) == 0)
        if len(again) == 0:
            return
        one, other = order[again[0]], order[again[0] + 1]
        place = int(other - np.searchsorted(owner, owner[other]))
        _, key = next(self.load([int(owner[other])], lambda s: s[place].key))
        raise ValueError(
            f"the series {key!r} is in {names[owner[one]]} and in "
            f"{names[owner[other]]}; a series must lie wholly in one part"
        )


class PartedWindows:
    """The windows of series in parts: those for training, or those for validation.

    Parameters
    ----------
    series : PartedSeries
    counts : ndarray of shape (n_parts,)
        How many windows each part has.
    place : int
        Which of both to take from what `split` returns.
    split : partial
        `sklrnn.data.windows.split_windows` with its options.
    """

    def __init__(
        self,
        series: PartedSeries,
        counts: np.ndarray,
        place: int,
        split: partial[tuple[WindowSet, WindowSet | None]],
    ) -> None:
        self.series = series
        self.counts = counts
        self._place = place
        self._split = split
        self._length = split.keywords["window_length"] + split.keywords["horizon"]

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def any_order(self) -> bool:
        """Whether parts can be read in any order."""
        return self.series.parts.any_order

    def load(self, numbers: Iterable[int]) -> Iterator[tuple[int, WindowSet]]:
        """Yield the numbers and the windows of parts.

        Raises
        ------
        ValueError
            If a part is not what it was when it was read before.
        """
        for number, windows in self.series.load(numbers, self._cut):
            if len(windows or ()) != self.counts[number]:
                raise _changed(number)
            yield number, windows
            del windows

    def _cut(self, series: list[GridSeries]) -> WindowSet | None:
        return self._split(series)[self._place]

    def thinned(self, n_windows: int) -> WindowSet:
        """Return at most `n_windows` of the windows, evenly spaced, in memory."""
        total = len(self)
        keep = np.arange(total)
        if total > n_windows:
            keep = np.linspace(0, total - 1, n_windows).astype(np.int64)
        ends = np.cumsum(self.counts)
        firsts = ends - self.counts
        owner = np.searchsorted(ends, keep, side="right")
        pooled = []
        for number, windows in self.load(np.unique(owner).tolist()):
            chosen = keep[owner == number] - firsts[number]
            pooled.append(windows.copied(chosen, self._length))
            del windows
        return WindowSet.joined(pooled)


class _CategoriesOfParts:
    """The categories of columns, learned part by part."""

    def __init__(self) -> None:
        self.known: dict[Hashable, pd.Index] = {}
        self.declared: dict[Hashable, bool] = {}
        self.numbers: dict[Hashable, str] = {}

    def add(self, part: Part) -> None:
        """Take in the exogenous columns of a part."""
        assert part.x is not None
        found = Categories.learn(part.x).known
        for name in part.x.columns:
            column = part.x[name]
            if name not in found:
                if column.notna().any():
                    self.numbers.setdefault(name, part.name)
                continue
            declared = isinstance(column.dtype, pd.CategoricalDtype)
            before = self.known.get(name, found[name][:0])
            self.declared[name] = self.declared.get(name, True) and declared
            self.known[name] = before.append(found[name].difference(before, sort=False))

    def settled(self) -> Categories:
        """Return the categories of all parts.

        Raises
        ------
        ValueError
            If a column holds numbers in one part and categories in another.
        """
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


def _read_part(
    reader: SeriesReader, part: Part, x: pd.DataFrame | None
) -> list[GridSeries]:
    try:
        return reader.read_numbers(part.y, x)
    except ValueError as error:
        raise ValueError(f"{part.name}: {error}") from error


def _lengths(sets: tuple[WindowSet, WindowSet | None]) -> list[int]:
    return [len(each or ()) for each in sets]


def _unscaled(x: pd.DataFrame | None) -> Scaling | None:
    return None if x is None else (np.zeros(x.shape[1]), np.ones(x.shape[1]))


def _hashed(keys: list[Hashable]) -> np.ndarray:
    """Return 8 bytes for each key: millions of series are to fit in memory."""
    index = pd.Index(keys)  # of tuples it makes a MultiIndex
    return pd.util.hash_pandas_object(index, index=False).to_numpy()


def _changed(number: int) -> ValueError:
    return ValueError(
        f"part {number + 1} of y is not what it was when it was first read; y must "
        "give the same panels each time"
    )
