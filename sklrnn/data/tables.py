"""Tables to series of float arrays on time grids: checks, standardisation, growth."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.timegrid import Step, TimeGrids, infer_step, matched, positions

MAX_SPARSITY = 100
"""Most steps of the grid that one row may stand for."""

_ROUNDING = 1e-9
"""Deviation, as a share of the largest value, up to which a column is constant: to
divide by that noise would blow the first real change up."""


@dataclass(slots=True)
class GridSeries:
    """One series on its regular time grid, standardised, NaN where not observed.

    Attributes
    ----------
    key : Hashable
        Name of the series in its panel; None for a single series.
    origin : Any
        Time of the first row.
    step : int or pd.offsets.BaseOffset
        Time from one row to the next.
    values : ndarray of shape (n_rows, n_targets + n_exogenous), float32
        The targets, then the exogenous columns. Rows from `end` on are future: they
        hold exogenous values alone, or observations that a cutoff set back hides.
    n_targets : int
        Number of target columns.
    center, scale : ndarray of shape (n_targets + n_exogenous,), float64
        The standardisation; ``values * scale + center`` is in the units of the table.
    end : int
        Number of rows up to and including the cutoff.
    cutoff : Any
        Time of the newest row that forecasts may use.
    constant : tuple of int
        Which targets were constant when they were standardised.
    """

    key: Hashable
    origin: Any
    step: Step
    values: np.ndarray
    n_targets: int
    center: np.ndarray
    scale: np.ndarray
    end: int
    cutoff: Any
    constant: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """What messages say of where something is wrong."""
        return _where(self.key)

    def matched(self, index: pd.Index, name: str) -> pd.Index:
        """Return times at which rows can be written, in the series' own time zone.

        Raises
        ------
        ValueError
            If times are of another kind than the series' own, or far from them.
        """
        if len(index) == 0:
            return index
        index = matched(index, self.origin, f"{name}{self.where}")
        ends = positions(index[[0, -1]], self.origin, self.step)
        before = max(-int(ends[0]), 0)
        n_rows = len(self.values) + len(index)
        _check_sparsity(int(ends[1]) + before, n_rows, self.step)
        return index

    def write(self, index: pd.Index, values: np.ndarray, first_column: int) -> int:
        """Put rows at their times; earlier values give way to later observations.

        Returns the position of the last row written, counted from the new origin.
        """
        if len(index) == 0:
            return self.end - 1
        at = positions(index, self.origin, self.step)
        return self.write_at(at, index, values, first_column)

    def write_at(
        self, at: np.ndarray, index: pd.Index, values: np.ndarray, first_column: int
    ) -> int:
        """Do as `write` where the positions of the times are known."""
        columns = slice(first_column, first_column + values.shape[1])
        scaled = (values - self.center[columns]) / self.scale[columns]
        at, scaled = _average_repeats(at, scaled)
        before = max(-int(at[0]), 0)
        _check_sparsity(int(at[-1]) + before, len(self.values) + len(index), self.step)
        after = max(int(at[-1]) + 1 - len(self.values), 0)
        if before or after:
            self.values = np.pad(
                self.values, ((before, after), (0, 0)), constant_values=np.nan
            )
        if before:
            self.origin = index[0]
            self.end += before
        target = self.values[:, columns]
        target[at + before] = np.where(
            np.isnan(scaled), target[at + before], scaled
        ).astype(np.float32)
        return int(at[-1]) + before

    def write_targets(self, index: pd.Index, values: np.ndarray) -> int:
        """Write target rows and move the cutoff to the last of them.

        Returns the number of steps by which it moved.
        """
        end = self.write(index, values, 0) + 1
        n_new = end - self.end
        self.end, self.cutoff = end, index[-1]
        return n_new


def read_series(
    y: pd.DataFrame,
    x: pd.DataFrame | None,
    *,
    standardize: bool,
    counts: bool = False,
    step: Step | None = None,
    like: GridSeries | None = None,
    key: Hashable = None,
    exogenous_scaling: tuple[np.ndarray, np.ndarray] | None = None,
    codes: Iterable[int] = (),
) -> list[GridSeries]:
    """Read one series, or each series of a panel, onto its time grid.

    Targets are standardised series by series, exogenous columns over all series: what
    is constant in each tells them apart.

    Parameters
    ----------
    y : pd.DataFrame
        Targets; for a panel the last level of the row MultiIndex is time.
    x : pd.DataFrame or None
        Exogenous columns, indexed likewise; rows may be missing or reach further.
    standardize : bool
        Whether to subtract each column's mean and divide by its standard deviation.
    counts : bool, default=False
        Whether the targets are counts, which are left as they are.
    step : int or pd.offsets.BaseOffset, optional
        Step of the grid where the index does not tell.
    like : GridSeries, optional
        A series whose standardisation is taken over.
    key : Hashable, optional
        Name of a single series in the panel that it comes from.
    exogenous_scaling : (ndarray, ndarray), optional
        Center and scale of the exogenous columns, where these are known.
    codes : iterable of int, optional
        Places of the exogenous columns that number categories, and are left as they
        are.

    Raises
    ------
    ValueError
        If times repeat, a value is infinite, a target was never observed, or a count is
        negative or not whole.
    """
    exogenous = dict(iterate_series(x)) if x is not None else {}
    if x is not None and exogenous_scaling is None:
        moments = exogenous_moments(y, exogenous)
        exogenous_scaling = scale_exogenous(moments, standardize, codes)
    series, grids = [], TimeGrids(step, partial(_step_of_others, y))
    for name, frame in iterate_series(y):
        known = exogenous.get(name) if x is not None else None
        if x is not None and known is None:
            raise ValueError(
                f"X has no rows for the series {name!r} that y holds; give X for every "
                "series of y"
            )
        pair = _check_pair(key if name is None else name, frame, known)
        if like is None:
            moments = Moments.of(pair.targets)
            center, scale = moments.standardisation()
            if counts:
                check_counts(pair.y.columns, pair.targets, pair.where)
            if counts or not standardize:
                center[:], scale[:] = 0.0, 1.0
            constant = moments.constant()
        else:
            center, scale = like.center[: like.n_targets], like.scale[: like.n_targets]
            constant = like.constant
        if exogenous_scaling is not None:
            center = np.concatenate([center, exogenous_scaling[0]])
            scale = np.concatenate([scale, exogenous_scaling[1]])
        series.append(_on_grid(pair, center, scale, constant, grids))
    return series


def _step_of_others(y: pd.DataFrame) -> Step | None:
    """Return the step of the first series of a panel that tells it."""
    found = (infer_step(frame.index) for _, frame in iterate_series(y))
    return next((step for step in found if step is not None), None)


def exogenous_moments(
    y: pd.DataFrame, exogenous: dict[Hashable, pd.DataFrame]
) -> Moments:
    """Return the moments of exogenous columns over all series, up to the end of each.

    Parameters
    ----------
    y : pd.DataFrame
    exogenous : dict of key to pd.DataFrame
        The rows of each series.
    """
    # With no row at all there is an error still to come, which names the series.
    parts = [np.zeros((1, one.shape[1])) for one in list(exogenous.values())[:1]]
    for key, frame in iterate_series(y):
        known = exogenous.get(key)
        if known is not None:
            numbers = to_float(known, "X", _where(key))
            times = matched(known.index, frame.index[-1], f"X{_where(key)}")
            parts.append(numbers[times <= frame.index[-1]])
    rows = np.concatenate(parts)
    return Moments.of(rows[1:] if len(rows) > 1 else rows)


def scale_exogenous(
    moments: Moments, standardize: bool, codes: Iterable[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return center and scale of exogenous columns; `codes` stay as they are."""
    center, scale = moments.standardisation()
    if not standardize:
        center, scale = np.zeros_like(center), np.ones_like(scale)
    center[list(codes)] = 0.0
    scale[list(codes)] = 1.0
    return center, scale


class _Pair(NamedTuple):
    """The targets and the exogenous columns of one series, as tables and as numbers."""

    key: Hashable
    y: pd.DataFrame
    x: pd.DataFrame | None
    targets: np.ndarray
    exogenous: np.ndarray | None

    @property
    def where(self) -> str:
        return _where(self.key)


def iterate_series(table: pd.DataFrame) -> Iterator[tuple[Hashable, pd.DataFrame]]:
    """Yield (key, frame) for each series of a table; key is None for a single one."""
    if not isinstance(table.index, pd.MultiIndex):
        yield None, table
        return
    times = table.index.levels[-1], table.index.codes[-1]
    values = table.to_numpy(dtype=np.float64)
    order, bounds = _grouped(table.index)
    firsts = bounds[:-1] if order is None else order[bounds[:-1]]
    keys = table.index[firsts].droplevel(-1)
    for i, key in enumerate(keys):
        rows: Any = slice(bounds[i], bounds[i + 1])
        rows = rows if order is None else order[rows]
        index = times[0].take(times[1][rows])
        yield key, pd.DataFrame(values[rows], index=index, columns=table.columns)


def row_order(table: pd.DataFrame) -> np.ndarray:
    """Return the rows of a table in the order in which `iterate_series` yields them."""
    if not isinstance(table.index, pd.MultiIndex):
        return np.arange(len(table))
    order, _ = _grouped(table.index)
    return np.arange(len(table)) if order is None else order


def _grouped(index: pd.MultiIndex) -> tuple[np.ndarray | None, np.ndarray]:
    """Find the rows of every series, in the order in which the series appear.

    Returns
    -------
    order : ndarray of int or None
        Rows, series by series; None if they stand so already.
    bounds : ndarray of int
        Where in `order` each series begins, and the number of rows.
    """
    if len(index) == 0:
        return None, np.zeros(1, dtype=np.int64)
    changes = np.zeros(len(index) - 1, dtype=bool)
    for codes in index.codes[:-1]:
        changes |= codes[1:] != codes[:-1]
    starts = np.r_[0, np.flatnonzero(changes) + 1, len(index)]
    runs = index[starts[:-1]].droplevel(-1)
    if runs.is_unique:
        return None, starts
    numbers, keys = pd.factorize(runs)
    of_row = np.repeat(numbers, np.diff(starts))
    order = np.argsort(of_row, kind="stable")
    return order, np.searchsorted(of_row[order], np.arange(len(keys) + 1))


def _check_pair(key: Hashable, y: pd.DataFrame, x: pd.DataFrame | None) -> _Pair:
    where = _where(key)
    targets = to_float(y, "y", where)
    unseen = ~(~np.isnan(targets)).any(axis=0)
    if unseen.any():
        names = [str(name) for name in y.columns[unseen]]
        raise ValueError(
            f"y has no observed value in {_listed(names)}{where}; drop what was never "
            "measured, or give more rows"
        )
    if x is None:
        return _Pair(key, y, x, targets, None)
    exogenous = to_float(x, "X", where)
    times = matched(x.index, y.index[0], f"X{where}")
    x = x if times is x.index else x.set_axis(times)
    if not x.index.isin(y.index).any():
        raise ValueError(
            f"X and y share no time{where}: y ends at {y.index[-1]}, X starts at "
            f"{x.index[0]}"
        )
    return _Pair(key, y, x, targets, exogenous)


def _on_grid(
    pair: _Pair,
    center: np.ndarray,
    scale: np.ndarray,
    constant: tuple[int, ...],
    grids: TimeGrids,
) -> GridSeries:
    index = pair.y.index
    step, at = grids.read(index)
    n_rows = int(at[-1]) + 1
    _check_sparsity(n_rows, len(index), step)
    series = GridSeries(
        key=pair.key,
        origin=index[0],
        step=step,
        values=np.full((n_rows, len(center)), np.nan, dtype=np.float32),
        n_targets=pair.targets.shape[1],
        center=center,
        scale=scale,
        end=n_rows,
        cutoff=index[-1],
        constant=constant,
    )
    series.write_at(at, index, pair.targets, 0)
    if pair.x is not None and pair.exogenous is not None:
        series.write(pair.x.index, pair.exogenous, series.n_targets)
    return series


def check_counts(columns: pd.Index, targets: np.ndarray, where: str = "") -> None:
    """Check that targets, (n_rows, n_targets), are counts where they are observed.

    Raises
    ------
    ValueError
        Naming the columns that are not.
    """
    known = np.where(np.isnan(targets), 0.0, targets)
    wrong = ((known < 0) | (known != np.round(known))).any(axis=0)
    if wrong.any():
        names = [str(name) for name in columns[wrong]]
        raise ValueError(
            f"y{where} must hold counts, 0, 1, 2, ..., with distribution="
            f"'negative_binomial'; {_listed(names)} does not"
        )


def to_float(frame: pd.DataFrame, name: str, where: str = "") -> np.ndarray:
    """Check a frame's times and values; return the values as float64, NaN for missing.

    Raises
    ------
    ValueError
        If times repeat or a value is infinite; the message names the column.
    """
    if not frame.index.is_unique:
        again = frame.index[frame.index.duplicated()][0]
        raise ValueError(
            f"{name}{where} has the time {again} more than once; keep one row per "
            "time, for instance with groupby(level=-1).mean()"
        )
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        names = [str(column) for column in frame.columns[infinite]]
        raise ValueError(
            f"{name}{where} has infinite values in {_listed(names)}; replace them by "
            "NaN if they stand for missing values"
        )
    return values


def standardisation(
    columns: list[np.ndarray], standardize: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the deviation of every column, of 0 and 1 if not wanted."""
    n_columns = sum(part.shape[1] for part in columns)
    if not standardize:
        return np.zeros(n_columns), np.ones(n_columns)
    found = [Moments.of(part).standardisation() for part in columns]
    centers, scales = zip(*found, strict=True)
    return np.concatenate(centers), np.concatenate(scales)


class Moments(NamedTuple):
    """Number, mean and squared deviations of the observed values of columns.

    Attributes
    ----------
    n_seen, size : ndarray of shape (n_columns,)
        How many there are, and the largest, without sign.
    mean, square : ndarray of shape (n_columns,)
        Mean, and sum of the squares about it, of the values divided by `size`: squares
        of large values overflow.
    """

    n_seen: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Moments:
        """Return those of rows, (n_rows, n_columns), NaN where not observed."""
        mask = ~np.isnan(rows)
        rows = np.where(mask, rows, 0.0)
        n_seen = mask.sum(axis=0)
        size = np.abs(rows).max(axis=0)
        rows = rows / _divisor(size)
        mean = rows.sum(axis=0) / np.maximum(n_seen, 1)
        square = (np.where(mask, rows - mean, 0.0) ** 2).sum(axis=0)
        return cls(n_seen, size, mean, square)

    def joined(self, other: Moments) -> Moments:
        """Return those of the rows of both (Chan et al. 1983)."""
        size = np.maximum(self.size, other.size)
        shrink = np.stack([self.size, other.size]) / _divisor(size)
        means = np.stack([self.mean, other.mean]) * shrink
        squares = np.stack([self.square, other.square]) * shrink**2
        n_seen = self.n_seen + other.n_seen
        share = other.n_seen / np.maximum(n_seen, 1)
        apart = means[1] - means[0]
        mean = means[0] + apart * share
        square = squares.sum(axis=0) + apart**2 * self.n_seen * share
        return Moments(n_seen, size, mean, square)

    def standardisation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the deviation of every column."""
        deviation = self._deviation()
        scale = np.where(deviation > _ROUNDING, deviation * self.size, 1.0)
        return self.mean * self.size, scale

    def constant(self) -> tuple[int, ...]:
        """Return the columns that do not move, or by rounding alone."""
        return tuple(np.flatnonzero(self._deviation() <= _ROUNDING).tolist())

    def _deviation(self) -> np.ndarray:
        return np.sqrt(self.square / np.maximum(self.n_seen, 1))


def _divisor(size: np.ndarray) -> np.ndarray:
    return np.where(size == 0, 1.0, size)


def _average_repeats(
    at: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average rows that fall on the same point of the grid."""
    if len(at) < 2 or (np.diff(at) > 0).all():
        return at, values
    averaged = pd.DataFrame(values).groupby(at).mean()
    return averaged.index.to_numpy(), averaged.to_numpy()


def _check_sparsity(n_slots: int, n_rows: int, step: Step) -> None:
    if n_slots > MAX_SPARSITY * n_rows + 1000:
        raise ValueError(
            f"the time index spans {n_slots} steps of {step} for {n_rows} rows: too "
            "sparse for a series. Resample it, or turn integers that stand for times "
            "into a DatetimeIndex"
        )


def _where(key: Hashable) -> str:
    return "" if key is None else f" of series {key!r}"


def _listed(names: list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + ", ".join(names)


def repeats_one_value(series: list[GridSeries], n_looked_at: int = 100) -> bool:
    """Tell whether most targets have one value more than half of the time.

    As sales have that are rare, whose median is 0 (or a machine that mostly rests).

    Parameters
    ----------
    series : list of GridSeries
    n_looked_at : int, default=100
        Number of series, evenly spaced, to tell it by.
    """
    chosen = np.linspace(0, len(series) - 1, min(len(series), n_looked_at)).astype(int)
    found = []
    for one in (series[i] for i in chosen):
        for values in one.values[: one.end, : one.n_targets].T:
            seen = np.sort(values[~np.isnan(values)])
            middle = seen[len(seen) // 2 : len(seen) // 2 + 1]
            found.append((seen == middle).sum() > len(seen) / 2)
    return float(np.mean(found)) > 0.5
