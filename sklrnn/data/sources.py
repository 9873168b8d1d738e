"""What is learned from: through one door, a table or one in parts becomes series."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.exogenous import Exogenous, ExogenousLearner
from sklrnn.data.parts import Part, Parts
from sklrnn.data.reader import SeriesReader
from sklrnn.data.series import GridSeries
from sklrnn.data.windows import WindowSet, has_gaps, split_windows


def open_source(
    reader: SeriesReader, y: pd.DataFrame | Parts, x: pd.DataFrame | None
) -> WholeSeries | PartedSeries:
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
    reader = _for(reader, names_of(x))
    exogenous = reader.exogenous
    if exogenous is None:
        learner = ExogenousLearner(names_of(x), reader.standardize)
        learner.add(y, x)
        exogenous = learner.settled()
    series = reader._replace(exogenous=exogenous).read(y, x)
    return WholeSeries(series, names_of(y), exogenous)


def _for(reader: SeriesReader, names: tuple[Hashable, ...]) -> SeriesReader:
    """Forget what a reader knows of exogenous columns, unless they have these names."""
    if reader.exogenous is None or reader.exogenous.names == names:
        return reader
    return reader._replace(exogenous=None)


def names_of(table: pd.DataFrame | None) -> tuple[Hashable, ...]:
    """Return the names of a table's columns; none of None."""
    return () if table is None else tuple(table.columns)


class WholeSeries(NamedTuple):
    """The series of a table that is in memory, as one learns from them.

    Attributes
    ----------
    known : list of GridSeries
    targets : tuple of Hashable
        Names of the targets.
    exogenous : Exogenous
    """

    known: list[GridSeries]
    targets: tuple[Hashable, ...]
    exogenous: Exogenous

    @property
    def has_gaps(self) -> bool:
        """Whether anything up to a cutoff is missing."""
        return has_gaps(self.known)

    def split_windows(self, **options: Any) -> tuple[WindowSet, WindowSet | None]:
        """Cut all series into windows, as `sklrnn.data.windows.split_windows` does."""
        return split_windows(self.known, **options)


class PartedSeries:
    """The series of panels in parts, of which one at a time is in memory.

    All parts are gone through once, to learn what they have in common.

    Parameters
    ----------
    parts : Parts
    reader : SeriesReader
        What it does not know of the exogenous columns is learned from all parts.

    Attributes
    ----------
    known : list of GridSeries
        The first series, the longest, and the one with the newest cutoff.
    has_gaps : bool
    targets : tuple of Hashable
        Names of the targets.
    exogenous : Exogenous
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
        learner = ExogenousLearner(parts.exogenous, reader.standardize)
        names = []
        for part in parts.read():
            self._learn(part, learner)
            names.append(part.name)
            del part  # before the next one comes
        if not names:
            raise ValueError("y has no parts; give at least one panel")
        self.n_parts, self.targets = len(names), parts.targets
        self.exogenous = reader.exogenous or learner.settled()
        self._reader = reader._replace(exogenous=self.exogenous)
        if self.exogenous.scaling is not None:
            for one in self.known:
                columns = slice(one.n_targets, None)
                one.center[columns], one.scale[columns] = self.exogenous.scaling
        self._check_keys(names)

    def load(
        self, numbers: Iterable[int], take: Callable[[list[GridSeries]], Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the numbers of parts, and what `take` makes of their series."""
        if self._kept is not None:
            yield 0, take(self._kept)
            return
        for part in self.parts.read(numbers):
            number, series = part.number, _read_part(self._reader, part)
            if self.n_parts == 1:
                self._kept = series
            # One part in memory: nothing of it stays while the next one is read.
            del part
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

    def _learn(self, part: Part, learner: ExogenousLearner) -> None:
        """Take in a part, of which nothing but what all parts have in common stays."""
        reader = self._reader
        if reader.exogenous is None:
            alone = learner.add(part.y, part.x, part.name)
            reader = reader._replace(exogenous=alone)
        series = _read_part(reader, part)
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


def _read_part(reader: SeriesReader, part: Part) -> list[GridSeries]:
    try:
        return reader.read(part.y, part.x)
    except ValueError as error:
        raise ValueError(f"{part.name}: {error}") from error


def _lengths(sets: tuple[WindowSet, WindowSet | None]) -> list[int]:
    return [len(each or ()) for each in sets]


def _hashed(keys: list[Hashable]) -> np.ndarray:
    """Return 8 bytes for each key: millions of series are to fit in memory."""
    index = pd.Index(keys)  # of tuples it makes a MultiIndex
    return pd.util.hash_pandas_object(index, index=False).to_numpy()


def _changed(number: int) -> ValueError:
    return ValueError(
        f"part {number + 1} of y is not what it was when it was first read; y must "
        "give the same panels each time"
    )


Source = WholeSeries | PartedSeries
