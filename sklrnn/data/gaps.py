"""Gaps: where they are, what was last seen, the mask, the time since last seen."""

from __future__ import annotations

import numpy as np

GAP_CAP = 1000
"""Longest time since the last observation that is told apart, in steps."""

_CHUNK = 512


def fill_forward(
    values: np.ndarray,
    last: np.ndarray | None = None,
    gap: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Carry each column's last observation forward over its gaps.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_columns)
        NaN where nothing was observed.
    last : ndarray of shape (n_columns,), optional
        Last observations before the first row; NaN where there are none.
    gap : ndarray of shape (n_columns,), optional
        Steps from those observations to the row before the first one.

    Returns
    -------
    filled : ndarray of shape (n_steps, n_columns)
        0 where a column has not been seen yet.
    mask : ndarray of shape (n_steps, n_columns), bool
        True where observed.
    gap : ndarray of shape (n_steps, n_columns)
        Steps since last seen, 0 at an observation, at most `GAP_CAP`.
    """
    n_steps, n_columns = values.shape
    mask = ~np.isnan(values)
    rows = np.arange(n_steps)[:, None]
    seen = np.maximum.accumulate(np.where(mask, rows, -1), axis=0)
    filled = np.take_along_axis(values, np.maximum(seen, 0), axis=0)
    if last is None:
        last = np.full(n_columns, np.nan, dtype=values.dtype)
    if gap is None:
        gap = np.full(n_columns, GAP_CAP)
    before = seen < 0
    filled = np.where(before, np.nan_to_num(last).astype(values.dtype), filled)
    since = np.where(before, rows + 1 + gap, rows - seen)
    return filled, mask, np.minimum(since, GAP_CAP)


def last_observed(values: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Find each column's last observation before row `end`, reading backwards.

    Returns
    -------
    last : ndarray of shape (n_columns,)
        NaN where a column was never observed.
    gap : ndarray of shape (n_columns,), int64
        Steps from the observation to row ``end - 1``; `GAP_CAP` where there is none.
    """
    n_columns = values.shape[1]
    last = np.full(n_columns, np.nan, dtype=values.dtype)
    gap = np.full(n_columns, GAP_CAP, dtype=np.int64)
    stop = end
    open_ = np.ones(n_columns, dtype=bool)
    while stop > 0 and open_.any():
        start = max(stop - _CHUNK, 0)
        mask = ~np.isnan(values[start:stop])
        found = mask.any(axis=0) & open_
        row = start + mask.shape[0] - 1 - mask[::-1].argmax(axis=0)
        last[found] = values[row[found], np.flatnonzero(found)]
        gap[found] = np.minimum(end - 1 - row[found], GAP_CAP)
        open_ &= ~found
        stop = start
    return last, gap


def scale_gap(gap: np.ndarray) -> np.ndarray:
    """Map the steps since last seen to [0, 1], logarithmically."""
    return (np.log1p(gap) / np.log1p(GAP_CAP)).astype(np.float32)


def find_gaps(missing: np.ndarray) -> np.ndarray:
    """Find the runs of missing values.

    Parameters
    ----------
    missing : ndarray of shape (n_steps,), bool
        True where nothing was observed.

    Returns
    -------
    gaps : ndarray of shape (n_gaps, 2), int64
        The first row of each gap, and the row after its last, in time order.
    """
    edges = np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8))
    return np.flatnonzero(edges).reshape(-1, 2)
