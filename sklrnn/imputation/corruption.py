"""Training data of a reconstruction: series from which entries were removed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklrnn.data.absence import AbsenceDiffusion, draw_levels
from sklrnn.data.surroundings import describe
from sklrnn.imputation.tables import TimedSeries, rows_of
from sklrnn.training.batches import Windows

_EPOCH_ROWS = 400_000
"""Rows that an epoch goes through, at most; of longer data, others every time."""

_PIECE = 64
"""Windows in a piece of such longer data."""

_LOWEST_CEILING = 0.05
"""Of the level of absence: at 0 there would be nothing to score."""


class Tiles(NamedTuple):
    """Windows that cover a series, and which of their steps count.

    Attributes
    ----------
    starts : ndarray of shape (n_windows,), int64
    low, high : ndarray of shape (n_windows,), int64
        The steps of each window that count; every step of the series counts in one.
    """

    starts: np.ndarray
    low: np.ndarray
    high: np.ndarray


def tile(n_steps: int, window_length: int) -> Tiles:
    """Cover a series with windows that overlap by half, and count their middles."""
    if n_steps <= window_length:
        return Tiles(*(np.array([n]) for n in (0, 0, n_steps)))
    margin = window_length // 4
    starts = np.arange(0, n_steps - window_length, window_length - 2 * margin)
    starts = np.append(starts, n_steps - window_length)
    low = np.full(len(starts), margin)
    low[0] = 0
    # Each goes on where the one before it stops.
    high = np.append(starts[1:] + margin - starts[:-1], window_length)
    return Tiles(starts, low, high)


class GapWindows(Windows):
    """Windows of rows that tell what surrounds each entry, and the entries to score.

    Parameters
    ----------
    window_length, n_columns : int
    both_sides : bool
        Whether the network reads what comes after an entry, too.
    companions : ndarray of shape (n_columns, n_columns) or None
        How columns explain each other, as `find_companions` returns it.
    device : str or torch.device
    """

    def __init__(
        self,
        *,
        window_length: int,
        n_columns: int,
        both_sides: bool,
        companions: np.ndarray | None,
        device: str | torch.device,
    ) -> None:
        self.window_length = window_length
        self.companions = companions
        self.n_columns = n_columns
        self.both_sides = both_sides
        self.device = device

    def hold(self, series: list[TimedSeries], removed: list[np.ndarray]) -> np.ndarray:
        """Take in series with entries removed, and return where each of them begins."""
        seen = [
            TimedSeries(np.where(gone, np.nan, one.values), one.times)
            for one, gone in zip(series, removed, strict=True)
        ]
        lengths = np.array([len(one.values) for one in series])
        # Padded up to a window where a series is shorter than that.
        room = np.maximum(lengths, self.window_length)
        firsts = np.cumsum(room) - room
        rows = describe(seen, both_sides=self.both_sides, companions=self.companions)
        n_read = rows[0].shape[1]
        flat = np.zeros((room.sum(), n_read + 2 * self.n_columns), np.float32)
        for one, gone, read, first in zip(series, removed, rows, firsts, strict=True):
            place = flat[first : first + len(read)]
            place[:, :n_read] = read
            place[:, n_read : n_read + self.n_columns] = np.nan_to_num(one.values)
            place[:, n_read + self.n_columns :] = gone
            # Padding goes on as the series ends: what is computed of it stays finite.
            flat[first + len(read) : first + self.window_length, :n_read] = read[-1]
        self.flat = torch.from_numpy(flat).to(self.device)
        self.n_read = n_read
        return firsts

    def choose(
        self,
        starts: np.ndarray,
        lengths: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
    ) -> None:
        """Choose windows: their first rows, their lengths, and the steps to score."""
        device = self.device
        self.starts = torch.from_numpy(starts).to(device)
        self.low = torch.from_numpy(low)[:, None, None].to(device)
        self.high = torch.from_numpy(high)[:, None, None].to(device)
        self.lengths = None
        if (lengths < self.window_length).any():
            self.lengths = torch.from_numpy(lengths).to(device)
        n_rows, width = self.flat.shape
        self.windows = self.flat.as_strided(
            (n_rows - self.window_length + 1, self.window_length * width), (width, 1)
        )
        self.steps = torch.arange(self.window_length, device=device)[:, None]

    def gather(self, index: Tensor) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
        """Return the inputs, and the targets with their mask, of a batch of windows."""
        batch = self.windows.index_select(0, self.starts[index])
        batch = batch.view(len(index), self.window_length, self.flat.shape[1])
        sizes = [self.n_read, self.n_columns, self.n_columns]
        rows, target, removed = batch.split(sizes, dim=-1)
        inputs = {"rows": rows}
        if self.lengths is not None:
            inputs["lengths"] = self.lengths[index]
        return inputs, (target, (removed > 0) & self.counting(index))

    def counting(self, index: Tensor) -> Tensor:
        """Tell which steps of windows count: bool, of shape (batch, steps, 1)."""
        return (self.steps >= self.low[index]) & (self.steps < self.high[index])

    def cover(
        self,
        series: list[TimedSeries],
        removed: list[np.ndarray],
        tiles: list[Tiles],
    ) -> None:
        """Take in series with entries removed, and choose the windows of tiles."""
        firsts = self.hold(series, removed)
        lengths = [
            np.full(len(where.starts), min(len(one.values), self.window_length))
            for where, one in zip(tiles, series, strict=True)
        ]
        starts = [where.starts + n for where, n in zip(tiles, firsts, strict=True)]
        self.choose(
            np.concatenate(starts),
            np.concatenate(lengths),
            np.concatenate([where.low for where in tiles]),
            np.concatenate([where.high for where in tiles]),
        )


class TrainingWindows(GapWindows):
    """Windows from anywhere, with other entries removed in every epoch.

    Parameters
    ----------
    series : list of TimedSeries
    absence : AbsenceDiffusion
    last_step : bool
        Whether entries of a window's last step alone are scored.
    growth : float
        Share of the training over which the highest level of absence rises to 1.
    seed : int
    **shape
        As `GapWindows` takes it.
    """

    def __init__(
        self,
        series: list[TimedSeries],
        absence: AbsenceDiffusion,
        *,
        last_step: bool,
        growth: float,
        seed: int,
        window_length: int,
        both_sides: bool,
        companions: np.ndarray | None,
        device: str | torch.device,
    ) -> None:
        super().__init__(
            window_length=window_length,
            n_columns=series[0].values.shape[1],
            both_sides=both_sides,
            companions=companions,
            device=device,
        )
        self.pieces = _cut(series, _PIECE * window_length)
        self.absence = absence
        self.last_step = last_step
        self.growth = growth
        self.generator = np.random.default_rng(seed)
        self.n_windows: int | None = None
        self.renew(0.0)

    def renew(self, progress: float) -> None:
        """Remove other entries, at levels for this time of the training."""
        rng = self.generator
        ceiling = 1.0
        if self.growth:
            ceiling = min(max(progress / self.growth, _LOWEST_CEILING), 1.0)
        series = self._some_pieces()
        removed = remove(series, self.absence, self.window_length, ceiling, rng)
        firsts = self.hold(series, removed)
        lengths = np.array([len(one.values) for one in series])
        spare = np.maximum(lengths - self.window_length, 0)
        starts = np.concatenate(
            [first + np.arange(n + 1) for first, n in zip(firsts, spare, strict=True)]
        )
        lengths = np.repeat(np.minimum(lengths, self.window_length), spare + 1)
        low = np.zeros_like(lengths)
        if self.last_step:
            low = lengths - 1
            gone = self.flat[:, -self.n_columns :].any(dim=1).cpu().numpy()
            keep = gone[starts + low]
            if keep.any():
                starts, lengths, low = starts[keep], lengths[keep], low[keep]
        if self.n_windows is None:
            self.n_windows = len(starts)
        if len(starts) != self.n_windows:
            pick = rng.integers(len(starts), size=self.n_windows)
            starts, lengths, low = starts[pick], lengths[pick], low[pick]
        self.choose(starts, lengths, low, lengths)

    def _some_pieces(self) -> list[TimedSeries]:
        """Return all pieces or, of too many, some drawn at random."""
        lengths = np.array([len(piece.values) for piece in self.pieces])
        if lengths.sum() <= _EPOCH_ROWS:
            return self.pieces
        order = self.generator.permutation(len(lengths))
        count = int(np.searchsorted(np.cumsum(lengths[order]), _EPOCH_ROWS)) + 1
        return [self.pieces[i] for i in np.sort(order[:count])]


def validation_windows(
    series: list[TimedSeries],
    splits: list[int],
    absence: AbsenceDiffusion,
    *,
    last_step: bool,
    seed: int,
    **shape: Any,
) -> GapWindows:
    """Remove entries of the newest part of every series once, and tile it.

    Parameters
    ----------
    series : list of TimedSeries
    splits : list of int
        First row of that part of every series; what is before it is read, not scored.
    absence : AbsenceDiffusion
    last_step : bool
        Whether windows end anywhere in that part and only their last step is scored.
    seed : int
    **shape
        As `GapWindows` takes it.
    """
    length = shape["window_length"]
    rng = np.random.default_rng(seed)
    kept, removed, tiles = [], [], []
    parts = [rows_of(one, split) for one, split in zip(series, splits, strict=True)]
    gone = remove(parts, absence, length, 1.0, rng)
    for one, split, new in zip(series, splits, gone, strict=True):
        if not new.any():
            continue
        begin = max(split - length, 0)
        kept.append(rows_of(one, begin))
        removed.append(np.pad(new, ((split - begin, 0), (0, 0))))
        where = _last_steps(removed[-1], length) if last_step else None
        tiles.append(where or tile(len(removed[-1]), length))
    windows = GapWindows(n_columns=series[0].values.shape[1], **shape)
    windows.cover(kept, removed, tiles)
    return windows


def remove(
    series: list[TimedSeries],
    absence: AbsenceDiffusion,
    stretch: int,
    ceiling: float,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Draw which observed entries of series to remove: at least one of them all."""
    observed = ~np.isnan(np.concatenate([one.values for one in series]))
    levels = draw_levels(len(observed), stretch, ceiling, rng)
    removed = absence.draw(levels, observed.shape[1], rng) & observed
    if not removed.any():
        known = np.flatnonzero(observed)
        removed.flat[rng.choice(known)] = True
    borders = np.cumsum([len(one.values) for one in series])[:-1]
    return np.split(removed, borders)


def _last_steps(removed: np.ndarray, window_length: int) -> Tiles | None:
    """Return windows that end at the rows with removed entries and count only those.

    None where no window ends at such a row, because the series is too short.
    """
    length = min(len(removed), window_length)
    ends = np.flatnonzero(removed.any(axis=1)) + 1
    ends = ends[ends >= length]
    if len(ends) == 0:
        return None
    low = np.full(len(ends), length - 1)
    return Tiles(ends - length, low, low + 1)


def _cut(series: list[TimedSeries], n_steps: int) -> list[TimedSeries]:
    """Cut series that are too long for one epoch into pieces."""
    if sum(len(one.values) for one in series) <= _EPOCH_ROWS:
        return series
    return [
        rows_of(one, i, i + n_steps)
        for one in series
        for i in range(0, len(one.values), n_steps)
    ]
