"""Surroundings: what is known of every entry of a table from before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklrnn.data.gaps import fill_forward

NEVER = 1e9
"""Time since last seen, in steps, of what was never seen."""

HALF_LIFE = 24
"""Observations after which one counts half in its column's level and scale."""

_ALPHA = 1.0 - 0.5 ** (1.0 / HALF_LIFE)
_RIDGE = 0.01
"""Added to the variances, of 1, of the columns that explain another."""

_COMPANION_WORK = 5e9
"""Multiplications that finding companions takes at most, by leaving rows out."""

_SMALLEST_SCALE = 0.01
"""Of a column of standard deviation 1: rounding alone is no movement."""

_PER_COLUMN = 7


class Seen(NamedTuple):
    """What has been seen of every column up to some time, arrays of shape (n_columns,).

    Attributes
    ----------
    last : ndarray
        Last observation; NaN where there is none yet.
    when : ndarray
        Its time, in steps.
    level, square : ndarray
        Moving averages of the observations, and of their squared distance from the
        average before them; NaN where there is none yet.
    residual : ndarray
        What the other columns did not explain of the last observation; 0 before it.
    time : float
        Time of the last row, in steps; NaN before the first.
    """

    last: np.ndarray
    when: np.ndarray
    level: np.ndarray
    square: np.ndarray
    residual: np.ndarray
    time: float

    @classmethod
    def nothing(cls, n_columns: int) -> Seen:
        """Return what is known before the first row."""
        unknown = np.full(n_columns, np.nan)
        nothing = np.zeros(n_columns)
        return cls(unknown, unknown, unknown, unknown, nothing, np.nan)


def look_back(
    values: np.ndarray,
    times: np.ndarray,
    seen: Seen | None = None,
    companions: np.ndarray | None = None,
) -> tuple[np.ndarray, Seen]:
    """Describe every row by itself and what came before it.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_columns)
        Standardised, NaN where not observed.
    times : ndarray of shape (n_steps,)
        Times of the rows, in steps, increasing; they need not be whole.
    seen : Seen, optional
        What came before the first row; nothing if not given.
    companions : ndarray of shape (n, n), optional
        As `find_companions` returns them, of n columns; n may be a part of n_columns,
        which are then series of n columns each, side by side. No column explains
        another if not given.

    Returns
    -------
    rows : ndarray of shape (n_steps, 7 * n_columns + 1), float32
        Of every column the last value seen (0 before the first), the mask (1 =
        observed), the time since then in steps (`NEVER` before the first), the level
        and the scale (moving mean and deviation of the observations; 0 and 1 before
        the first), the change of the last value since the row before, and the last
        value moved along with its companions since it was seen; then the time since
        the row before, in steps.
    seen : Seen
        What to go on from.
    """
    n_steps, n_columns = values.shape
    if seen is None:
        seen = Seen.nothing(n_columns)
    mask = ~np.isnan(values)
    # One row in front stands for all that came before.
    values = np.concatenate([seen.last[None], values])
    times = np.concatenate([[seen.time], times])
    number = np.arange(n_steps + 1)[:, None]
    at = np.maximum.accumulate(np.where(np.isnan(values), 0, number), axis=0)
    last = np.take_along_axis(values, at, axis=0)
    when = np.where(at == 0, seen.when, times[at])
    since = np.where(np.isnan(last), NEVER, times[:, None] - when)
    level = _average(values, seen.level)
    deviation = np.square(values[1:] - level[:-1])
    square = _average(np.concatenate([seen.square[None], deviation]), seen.square)
    step = np.diff(times, prepend=np.nan)
    explained = _explain(np.nan_to_num(last), companions)
    residual = np.where(np.isnan(values), 0.0, values - explained)
    residual[0] = seen.residual
    residual = np.take_along_axis(residual, at, axis=0)
    change = np.diff(last, axis=0, prepend=last[:1])
    rows = np.concatenate(
        [
            np.nan_to_num(last),
            np.concatenate([mask[:1], mask]),
            since,
            np.nan_to_num(level),
            np.where(np.isnan(square), 1.0, np.sqrt(square + _SMALLEST_SCALE**2)),
            np.nan_to_num(change),
            explained + residual,
            np.where(np.isnan(step), 1.0, step)[:, None],
        ],
        axis=1,
        dtype=np.float32,
        casting="same_kind",
    )[1:]
    newest = [each[-1] for each in (last, when, level, square, residual)]
    after = Seen._make([*newest, float(times[-1])])
    return rows, after


def look_ahead(
    values: np.ndarray, times: np.ndarray, companions: np.ndarray | None = None
) -> np.ndarray:
    """Describe every row by itself and what comes after it, as `look_back` does."""
    return look_back(values[::-1], -times[::-1], None, companions)[0][::-1]


def find_companions(values: np.ndarray) -> np.ndarray:
    """Find how far each column is explained by the others of its row.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_columns)
        Standardised, NaN where not observed.

    Returns
    -------
    companions : ndarray of shape (n_columns, n_columns)
        Row c holds the coefficients of the ridge regression of column c, where it is
        observed, on the last values of the others; the diagonal is 0.
    """
    n_steps, n_columns = values.shape
    companions = np.zeros((n_columns, n_columns))
    thinned = max(int(n_steps * n_columns**3 / _COMPANION_WORK), 1)
    filled, mask, _ = fill_forward(values)
    filled, mask = filled[::thinned], mask[::thinned]
    for column in range(n_columns):
        known = mask[:, column]
        others = np.arange(n_columns) != column
        if known.sum() < 2 * n_columns or n_columns == 1:
            continue
        centered = filled[known] - filled[known].mean(axis=0)
        product = centered.T @ centered / len(centered)
        gram = product[np.ix_(others, others)] + _RIDGE * np.eye(n_columns - 1)
        companions[column, others] = np.linalg.solve(gram, product[others, column])
    return companions


def describe(
    series: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    both_sides: bool,
    companions: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Describe the rows of many series, each by itself and what is around it.

    Parameters
    ----------
    series : sequence of (values, times)
        As `look_back` takes them, all with the same columns.
    both_sides : bool
        Whether what comes after a row is described, too, behind what came before it.
    companions : ndarray of shape (n_columns, n_columns), optional
        As for `look_back`.

    Returns
    -------
    list of ndarray of shape (n_steps, n_channels), float32
    """
    # Series on the same times are looked at together, as columns of one table.
    groups: dict[bytes, list[int]] = {}
    for number, (_, times) in enumerate(series):
        groups.setdefault((times - times[0]).tobytes(), []).append(number)
    rows: list[Any] = [None] * len(series)
    for members in groups.values():
        values = np.concatenate([series[i][0] for i in members], axis=1)
        times = series[members[0]][1]
        sides = [look_back(values, times, None, companions)[0]]
        if both_sides:
            sides.append(look_ahead(values, times, companions))
        apart = [_take_apart(side, len(members)) for side in sides]
        for place, parts in zip(members, zip(*apart, strict=True), strict=True):
            rows[place] = np.concatenate(parts, axis=1)
    return rows


def _take_apart(rows: np.ndarray, n_series: int) -> list[np.ndarray]:
    if n_series == 1:
        return [rows]
    parts = rows[:, :-1].reshape(len(rows), _PER_COLUMN, n_series, -1)
    return [
        np.concatenate([parts[:, :, i].reshape(len(rows), -1), rows[:, -1:]], axis=1)
        for i in range(n_series)
    ]


def _explain(values: np.ndarray, companions: np.ndarray | None) -> np.ndarray:
    if companions is None:
        return np.zeros_like(values)
    series = values.reshape(len(values), -1, len(companions))
    return (series @ companions.T).reshape(values.shape)


def _average(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Average what is observed, the newest first in weight; `before` is row 0's."""
    start = np.concatenate([before[None], values[1:]])
    frame = pd.DataFrame(start)
    return frame.ewm(alpha=_ALPHA, adjust=False, ignore_na=True).mean().to_numpy()
