"""Windows: where they start, and how series are stacked so that they need no copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklrnn.data.gaps import GAP_CAP, fill_forward, last_observed, scale_gap
from sklrnn.data.series import GridSeries


@dataclass
class WindowSet:
    """Windows as row numbers into one flat array; the rows themselves are not copied.

    Attributes
    ----------
    flat : ndarray of shape (n_rows, n_channels), float32
        All series one after the other, each behind rows of padding.
    starts : ndarray of shape (n_windows,), int32 or, of very many rows, int64
        First row of each window's past.
    n_valid : ndarray of shape (n_windows,), of the smallest signed integers that do
        How many steps of each window's future may be scored.
    observed : ndarray of shape (n_rows, n_targets), bool, or None
        Which targets may be scored, where the rows themselves do not tell: gaps that
        came after a network without a mask was built.
    counts : ndarray of shape (n_series,), int64, or None
        How many of the windows each series has; they come series by series. None: all
        are of one.
    """

    flat: np.ndarray
    starts: np.ndarray
    n_valid: np.ndarray
    observed: np.ndarray | None = None
    counts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def emptied(self) -> WindowSet:
        """Return the rows without any window."""
        starts = np.empty(0, dtype=self.starts.dtype)
        n_valid = np.empty(0, dtype=self.n_valid.dtype)
        return WindowSet(self.flat, starts, n_valid, self.observed)

    def thinned(self, n_windows: int) -> WindowSet:
        """Return at most `n_windows` of the windows, evenly spaced."""
        if len(self) <= n_windows:
            return self
        keep = np.linspace(0, len(self) - 1, n_windows).astype(np.int64)
        starts, n_valid = self.starts[keep], self.n_valid[keep]
        counts = self._counts_of(keep)
        return WindowSet(self.flat, starts, n_valid, self.observed, counts)

    def oldest_first(self) -> np.ndarray:
        """Return the numbers of the windows, all series' oldest ones first.

        A share of them from the beginning is that share of every series' own.
        """
        numbers = np.arange(len(self))
        counts = self._counts_of(numbers)
        place = numbers - np.repeat(np.cumsum(counts) - counts, counts)
        return np.argsort(place / np.repeat(counts, counts), kind="stable")

    def _counts_of(self, chosen: np.ndarray) -> np.ndarray:
        """Return how many of some windows, in their order, each series has."""
        counts = np.array([len(self)]) if self.counts is None else self.counts
        bounds = np.concatenate([[0], np.cumsum(counts)])
        return np.diff(np.searchsorted(chosen, bounds))

    def copied(self, chosen: np.ndarray, length: int) -> WindowSet:
        """Return some windows with their own `length` rows each, and nothing else."""
        rows = (self.starts[chosen, None] + np.arange(length)).ravel()
        observed = None if self.observed is None else self.observed[rows]
        starts, counts = np.arange(len(chosen)) * length, self._counts_of(chosen)
        n_valid = self.n_valid[chosen]
        return WindowSet(self.flat[rows], starts, n_valid, observed, counts)

    @classmethod
    def joined(cls, sets: list[WindowSet]) -> WindowSet:
        """Return the windows of all sets, in their order."""
        firsts = np.cumsum([0] + [len(each.flat) for each in sets[:-1]])
        observed = None
        masks = [each.observed for each in sets if each.observed is not None]
        if masks:
            n_targets = masks[0].shape[1]
            observed = np.concatenate([each._scorable(n_targets) for each in sets])
        return cls(
            np.concatenate([each.flat for each in sets]),
            np.concatenate(
                [each.starts + first for each, first in zip(sets, firsts, strict=True)]
            ),
            np.concatenate([each.n_valid for each in sets]),
            observed,
            np.concatenate([each._counts_of(np.arange(len(each))) for each in sets]),
        )

    def _scorable(self, n_targets: int) -> np.ndarray:
        if self.observed is not None:
            return self.observed
        return np.ones((len(self.flat), n_targets), dtype=bool)


def has_gaps(series: list[GridSeries]) -> bool:
    """Tell whether anything up to a cutoff is missing."""
    return any(np.isnan(one.values[: one.end]).any() for one in series)


def channels(
    values: np.ndarray,
    masked: bool,
    last: np.ndarray | None = None,
    gap: np.ndarray | None = None,
) -> np.ndarray:
    """Turn rows with gaps into a network's input rows.

    Returns
    -------
    ndarray of shape (n_rows, n_columns) or, if `masked`, (n_rows, 3 * n_columns)
        The values carried forward; then the mask (1 = observed) and the scaled time
        since last seen.
    """
    filled, mask, since = fill_forward(values, last, gap)
    if not masked:
        return filled.astype(np.float32, copy=False)
    return np.concatenate(
        [filled, mask.astype(np.float32), scale_gap(since)], axis=1, dtype=np.float32
    )


def stack_series(
    series: list[GridSeries], n_before: int, n_after: int, masked: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Lay all series into one array, each with `n_before` rows of padding in front.

    Returns
    -------
    flat : ndarray of shape (n_rows, n_channels), float32
    firsts : ndarray of shape (n_series,), int64
        Row of each series' first time step.
    """
    lengths = np.array([one.end for one in series])
    n_channels = series[0].values.shape[1] * (3 if masked else 1)
    flat = np.zeros((int((lengths + n_before).sum()) + n_after, n_channels), np.float32)
    firsts = _first_rows(series, n_before)
    for one, first in zip(series, firsts, strict=True):
        flat[first : first + one.end] = channels(one.values[: one.end], masked)
        flat[first - n_before : first] = _padding(flat[first], masked)
    return flat, firsts


def _first_rows(series: list[GridSeries], n_before: int) -> np.ndarray:
    lengths = np.array([one.end for one in series])
    return np.cumsum(lengths + n_before) - lengths


def split_windows(
    series: list[GridSeries],
    *,
    window_length: int,
    horizon: int,
    validation_fraction: float | None,
    masked: bool,
    like: WindowSet | None = None,
) -> tuple[WindowSet, WindowSet | None]:
    """Cut every series into windows, the newest part of each kept for validation.

    A window is `window_length` steps of past and `horizon` steps of future. Training
    windows score nothing of the newest part of their series, which holds
    ``validation_fraction`` of the steps with an observed target; validation windows
    score only that part. Where a series is short, pasts begin in the padding and
    futures end early.

    Parameters
    ----------
    series : list of GridSeries
    window_length, horizon : int
    validation_fraction : float or None
    masked : bool
    like : WindowSet, optional
        Windows of the same series, of these lengths, whose rows are used again.

    Returns
    -------
    train : WindowSet
    valid : WindowSet or None
        None if nothing is kept for validation.
    """
    if like is not None:
        flat, observed = like.flat, like.observed
        firsts = _first_rows(series, window_length)
    else:
        flat, firsts = stack_series(series, window_length, horizon, masked)
        observed = _observed(series, firsts, len(flat)) if not masked else None
    # There can be as many windows as rows. Memory that is never written costs nothing.
    most = sum(one.end for one in series)
    small = np.int32 if len(flat) < 2**31 else np.int64
    smaller = np.min_scalar_type(-horizon - 1)
    starts, n_valid, counts = {}, {}, {"train": 0, "valid": 0}
    of_series = {name: np.zeros(len(series), dtype=np.int64) for name in counts}
    for name in counts:
        starts[name] = np.empty(most, dtype=small)
        n_valid[name] = np.empty(most, dtype=smaller)
    for number, (one, first) in enumerate(zip(series, firsts, strict=True)):
        seen = ~np.isnan(one.values[: one.end, : one.n_targets])
        split = validation_start(seen, validation_fraction)
        begin = min(window_length, max(split // 2, 1)) - 1
        for name, low, high in (
            ("train", begin, split),
            ("valid", max(split - 1, 0), one.end),
        ):
            last_seen = _worth_scoring(one, np.arange(low, high - 1), horizon)
            place = slice(counts[name], counts[name] + len(last_seen))
            starts[name][place] = last_seen + first - window_length + 1
            n_valid[name][place] = np.minimum(high - 1 - last_seen, horizon)
            counts[name] = place.stop
            of_series[name][number] = len(last_seen)
    train, valid = (
        WindowSet(flat, starts[name][:n], n_valid[name][:n], observed, of_series[name])
        for name, n in counts.items()
    )
    return train, valid if len(valid) else None


def _observed(
    series: list[GridSeries], firsts: np.ndarray, n_rows: int
) -> np.ndarray | None:
    """Return which targets of stacked series were observed; None if all were."""
    if not has_gaps(series):
        return None
    observed = np.zeros((n_rows, series[0].n_targets), dtype=bool)
    for one, first in zip(series, firsts, strict=True):
        seen = ~np.isnan(one.values[: one.end, : one.n_targets])
        observed[first : first + one.end] = seen
    return observed


def cut_windows(
    one: GridSeries, ends: np.ndarray, window_length: int, masked: bool
) -> np.ndarray:
    """Cut the windows of one series that end before the rows `ends`.

    Parameters
    ----------
    ends : ndarray of shape (n_windows,)
        Number of rows each window may know, from 0 (nothing yet) to the number of rows.

    Returns
    -------
    ndarray of shape (n_windows, window_length, n_channels), float32
    """
    low = max(int(ends.min()) - window_length, 0)
    high = int(ends.max())
    last, gap = last_observed(one.values, low)
    rows = channels(one.values[low:high], masked, last, gap)
    if len(rows) == 0:
        rows = np.zeros((1, one.values.shape[1] * (3 if masked else 1)), np.float32)
    padding = np.repeat(_padding(rows[0], masked)[None], window_length, axis=0)
    padded = np.concatenate([padding, rows])
    at = (ends - low)[:, None] + np.arange(window_length)[None]
    windows = padded[at]
    windows[ends == 0] = _padding(np.zeros_like(rows[0]), masked)
    return windows


def last_window(one: GridSeries, window_length: int, masked: bool) -> np.ndarray:
    """Return the window that ends at the cutoff, (window_length, n_channels)."""
    rows = one.values[max(one.end - window_length, 0) : one.end]
    # Nothing to fill: the usual case, and a quick one for panels of many series.
    if len(rows) == window_length and not masked and not np.isnan(rows).any():
        return rows
    return cut_windows(one, np.array([one.end]), window_length, masked)[0]


def _padding(row: np.ndarray, masked: bool) -> np.ndarray:
    """Return the row that stands for times before a series began."""
    row = row.copy()
    if masked:
        n_columns = len(row) // 3
        row[n_columns : 2 * n_columns] = 0.0
        row[2 * n_columns :] = scale_gap(np.array(GAP_CAP))
    return row


def _worth_scoring(one: GridSeries, last_seen: np.ndarray, horizon: int) -> np.ndarray:
    """Keep the windows, by the last row of their pasts, that have a target to score."""
    observed = ~np.isnan(one.values[: one.end, : one.n_targets]).all(axis=1)
    if observed.all():
        return last_seen
    count = np.r_[0, np.cumsum(observed)]
    stop = np.minimum(last_seen + 1 + horizon, one.end)
    kept = last_seen[count[stop] > count[last_seen + 1]]
    return kept if len(kept) else last_seen


def validation_start(observed: np.ndarray, fraction: float | None) -> int:
    """Return the first row of the validation part; the end if there is none.

    Parameters
    ----------
    observed : ndarray of shape (n_steps, n_columns), bool
    fraction : float or None
        Share of the rows with a value that belongs to it: at least 3 of them, or a
        third of less than 9, for what one or two show is chance.
    """
    rows = np.flatnonzero(observed.any(axis=1))
    if not fraction or len(rows) < 4:
        return len(observed)
    n_held = max(round(fraction * len(rows)), min(3, len(rows) // 3))
    n_held = max(1, min(n_held, len(rows) - 2))
    return int(rows[-n_held])
