"""Columns of a file's table: found by name, as numbers, on their times or a grid."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.data.calendar import months_of
from sklrnn.data.csv import quoted
from sklrnn.data.rows import check_order
from sklrnn.data.series import MAX_SPARSITY
from sklrnn.data.timegrid import infer_step, positions, times_of

_OFFSET = r"\s*(Z|[+-]\d\d:?\d\d)$"


def split_names(entries: Iterable[str], columns: pd.Index) -> list[str]:
    """Split entries such as ``"price,holidays"`` into names of columns.

    Parameters
    ----------
    entries : iterable of str
        Names, or several names joined by commas.
    columns : Index
        Columns of the table: an entry that is one of them is not split.

    Returns
    -------
    names : list of str
        In the order given. They need not be columns: see `check_column`.

    Examples
    --------
    >>> split_names(["price, holidays", "a,b"], pd.Index(["a,b", "price"]))
    ['price', 'holidays', 'a,b']
    """
    names: list[str] = []
    for entry in entries:
        parts = [entry] if entry in columns else entry.split(",")
        names.extend(part.strip() for part in parts)
    return names


def check_column(name: str, columns: Iterable[Any], source: str) -> None:
    """Check that a table has a column.

    Parameters
    ----------
    name : str
        The column asked for.
    columns : iterable
        Columns of the table.
    source : str
        Where the table came from, for the error.

    Raises
    ------
    ValueError
        If it is none of the columns; says which are near, or else which there are.
    """
    known = [str(column) for column in columns]
    if name in known:
        return
    near = get_close_matches(name, known, n=3)
    if near:
        hint = f"did you mean {' or '.join(map(quoted, near))}?"
    else:
        more = ", ..." if len(known) > 12 else ""
        hint = f"it has {', '.join(known[:12])}{more}"
    raise ValueError(f"{source} has no column {quoted(name)}; {hint}")


def put_on_grid(
    table: pd.DataFrame, names: Sequence[str], time: str | None = None
) -> tuple[pd.DataFrame, str]:
    """Put columns of numbers on a regular grid of times.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Two rows or more in time order, as `read_table` returns them.
    names : sequence of str
        Columns to keep. They hold numbers, or nothing where a value is missing.
    time : str, optional
        Column of dates or integers. By default the first column of dates that is not
        among `names`, or else the number of the row, from 0.

    Returns
    -------
    on_grid : DataFrame of shape (n_steps, len(names))
        float64, in the units of the table, NaN where a value is missing and at the
        times that the table leaves out. The index, named after the column of times
        (or "row"), is a DatetimeIndex with a frequency or a RangeIndex of step 1.
        Rows at the same point of the grid share it: their mean stands there.
    times : str
        Where the times were found, such as ``'column "day"'`` or ``"row number"``.

    Raises
    ------
    ValueError
        If `time` does not hold dates or integers throughout, if the times do not
        increase, if integers are all more than 1 apart, if the grid would have more
        than 100 times as many steps as the table has rows, or if one of `names` does
        not hold numbers.

    Examples
    --------
    >>> days = ["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"]
    >>> table = pd.DataFrame({"day": days, "sold": [3, 4, 5, 6]})
    >>> on_grid, times = put_on_grid(table, ["sold"])
    >>> times
    'column "day"'
    >>> on_grid
                sold
    day
    2024-01-01   3.0
    2024-01-02   4.0
    2024-01-03   NaN
    2024-01-04   5.0
    2024-01-05   6.0
    """
    index, times = _find_times(table, time, names)
    _check_order(index, times)
    columns = {name: _numbers(table[name]) for name in names}
    on_grid = _on_grid(index, columns, times)
    return on_grid.set_axis(_as_written(on_grid.index, table), axis=0), times


def index_rows(
    table: pd.DataFrame, names: Sequence[str] | None = None, time: str | None = None
) -> tuple[pd.DataFrame, str]:
    """Give the rows of columns of numbers their times, and leave them as they are.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        In time order, as `read_table` returns it.
    names : sequence of str, optional
        Columns to keep. They hold numbers, or nothing where a value is missing. By
        default all columns of numbers, without that of the times.
    time : str, optional
        Column of dates or integers. By default the first column of dates that is not
        among `names`, or else the number of the row, from 0.

    Returns
    -------
    rows : DataFrame of shape (n_rows, n_names)
        float64, in the units of the table, NaN where a value is missing. The index is
        a DatetimeIndex or one of integers, named after the column of times, or a
        RangeIndex named "row".
    times : str
        Where the times were found, such as ``'column "day"'`` or ``"row number"``.

    Raises
    ------
    ValueError
        If `time` does not hold dates or integers throughout, if the times do not
        increase, if there is no column of numbers, or if one of `names` does not hold
        finite numbers or has no value at all.

    Examples
    --------
    >>> days = ["2024-01-01", "2024-01-02", "2024-01-09"]
    >>> table = pd.DataFrame({"day": days, "sold": [3, None, 5], "shop": "A"})
    >>> rows, times = index_rows(table)
    >>> rows
                sold
    day
    2024-01-01   3.0
    2024-01-02   NaN
    2024-01-09   5.0
    """
    index, times = _find_times(table, time, names or [])
    _check_order(index, times)
    if names is None:
        names = [
            name
            for name in table.columns.drop([index.name], errors="ignore")
            if _holds_numbers(table[name])
        ]
        if not names:
            raise ValueError("no column holds numbers")
    rows = pd.DataFrame({name: _numbers_only(table[name]) for name in names})
    return rows.set_axis(_as_written(index, table)), times


def cut_observed(series: pd.Series) -> pd.Series:
    """Cut a series down to what lies between its first and its last observed value.

    Parameters
    ----------
    series : Series of shape (n_rows,)
        NaN where not observed.

    Returns
    -------
    observed : Series of shape (n_steps,)
        It begins and ends with a value.

    Raises
    ------
    ValueError
        If there is no value at all.
    """
    if series.notna().sum() == 0:
        raise ValueError(f"the column {quoted(series.name)} has no value at all")
    return series.loc[series.first_valid_index() : series.last_valid_index()]


def cut_known_ahead(
    table: pd.DataFrame, names: Sequence[str], last: Any
) -> pd.DataFrame:
    """Cut out the rows after a time, up to the last that has any value.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        As `put_on_grid` returns it.
    names : sequence of str
        Columns to keep: those that are known in advance.
    last : timestamp or int
        The time that the rows follow.

    Returns
    -------
    ahead : DataFrame of shape (n_known, len(names))
        Without rows if nothing is known after `last`.
    """
    after = table.loc[table.index > last, list(names)]
    known = after.notna().any(axis=1).to_numpy()
    n_known = int(known.nonzero()[0][-1]) + 1 if known.any() else 0
    return after.iloc[:n_known]


def _as_written(index: pd.Index, table: pd.DataFrame) -> pd.Index:
    """Return times of mixed offsets, which are counted in UTC, at the last of these."""
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
        return index
    if index.name not in table.columns:
        return index
    last = pd.to_datetime(str(table[index.name].iloc[-1]))
    if last.tzinfo is None or last.utcoffset() == pd.Timedelta(0):
        return index
    freq, index = index.freq, index.tz_convert(last.tzinfo)
    return index if freq is None else pd.DatetimeIndex(index, freq=freq)


def _find_times(
    table: pd.DataFrame, name: str | None, taken: Sequence[str]
) -> tuple[pd.Index, str]:
    """Return the time of each row, and where it was found."""
    if name is not None:
        return _parse_times(table[name]), f"column {quoted(name)}"
    for column in table.columns.difference(list(taken), sort=False):
        if pd.api.types.is_numeric_dtype(table[column]):
            continue
        dates = _parse_dates(table[column])
        if dates is not None:
            return dates.rename(column), f"column {quoted(column)}"
    return pd.RangeIndex(len(table), name="row"), "row number"


def _parse_times(column: pd.Series) -> pd.Index:
    name = quoted(column.name)
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax()) + 1
        raise ValueError(f"the time column {name} is empty in row {row}")
    if pd.api.types.is_bool_dtype(column):
        raise ValueError(f"the time column {name} holds neither dates nor integers")
    if pd.api.types.is_numeric_dtype(column):
        if not (column % 1 == 0).all():
            raise ValueError(
                f"the time column {name} holds fractions; write times as dates or "
                "integers"
            )
        return pd.Index(column.astype("int64"), name=column.name)
    dates = _parse_dates(column)
    if dates is None:
        raise ValueError(
            f"the time column {name} does not parse as dates throughout (its first "
            f"entry is {column.iloc[0]!r}); write them like 2024-01-31 23:00"
        )
    return dates


def _parse_dates(column: pd.Series) -> pd.DatetimeIndex | None:
    """Parse dates written alike: the month first, or the day.

    Where offsets from UTC mix, as they do over a year in many zones, in UTC; or, where
    all are at midnight, as they are written: days and months follow the local clock.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    months, days = _read_dates(column), None
    if not column.astype(str).str.match(r"\s*\d{4}").all():
        days = _read_dates(column, dayfirst=True)
    if months is not None and days is not None and not months.equals(days):
        return _likelier(column, months, days)
    if months is not None or days is not None:
        return months if months is not None else days
    dates = _read_dates(column, utc=True)
    if dates is None:
        return None
    midnights = _days(column)
    return dates if midnights is None else midnights


def _read_dates(
    column: pd.Series, *, dayfirst: bool = False, utc: bool = False
) -> pd.DatetimeIndex | None:
    """Read dates in one way; None where some entry cannot be read so."""
    # pandas warns where it would have to guess entry by entry.
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        try:
            dates = pd.DatetimeIndex(pd.to_datetime(column, dayfirst=dayfirst, utc=utc))
        except (ValueError, TypeError):
            return None
    return None if doubts or dates.hasnans else dates


def _likelier(
    column: pd.Series, months: pd.DatetimeIndex, days: pd.DatetimeIndex
) -> pd.DatetimeIndex:
    """Choose between the month first and the day first by which makes a series."""
    shares = [_share_of_grid(dates) for dates in (months, days)]
    if max(shares) > 1.5 * min(shares) or max(shares) == 0:
        return months if shares[0] >= shares[1] else days
    raise ValueError(
        f"the time column {quoted(column.name)} may be read with the month first or "
        f"the day first (its first entry is {column.iloc[0]!r}); write dates like "
        "2024-01-31"
    )


def _share_of_grid(dates: pd.DatetimeIndex) -> float:
    """Return the share of the steps of a regular grid that dates fill; 0 of none."""
    if not (dates.is_monotonic_increasing and dates.is_unique) or len(dates) < 2:
        return 0.0
    step = infer_step(dates)
    assert step is not None
    return len(dates) / (int(positions(dates[-1:], dates[0], step)[0]) + 1)


def _days(column: pd.Series) -> pd.DatetimeIndex | None:
    """Return dates as they are written, without offsets, if all are at midnight."""
    written = column.astype(str).str.replace(_OFFSET, "", regex=True)
    dates = pd.DatetimeIndex(pd.to_datetime(written, errors="coerce"))
    return dates if (dates == dates.normalize()).all() else None


def _check_order(index: pd.Index, times: str) -> None:
    name = f"the table ({times})"
    check_order(index, name, once=True, remedy="sort the rows by time")


def _numbers(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ValueError(
            f"the column {quoted(column.name)} is not numeric: {column.iloc[row]!r} "
            f"in row {row + 1}"
        )
    endless = np.isinf(numbers.to_numpy())
    if endless.any():
        row = int(endless.argmax())
        raise ValueError(
            f"the column {quoted(column.name)} is not finite: {numbers.iloc[row]} in "
            f"row {row + 1}; leave the cell empty if the value is not known"
        )
    return numbers


def _holds_numbers(column: pd.Series) -> bool:
    kind = pd.api.types
    return kind.is_numeric_dtype(column) and not kind.is_bool_dtype(column)


def _numbers_only(column: pd.Series) -> pd.Series:
    """Return a column of numbers, of which some are known; True is no number here."""
    name = quoted(column.name)
    if pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        row = int(column.notna().to_numpy().argmax())
        raise ValueError(
            f"the column {name} is not numeric: {column.iloc[row]} in row {row + 1}"
        )
    numbers = _numbers(column)
    if numbers.isna().all():
        raise ValueError(
            f"the column {name} has no value at all to learn from; name the other "
            "columns to leave it as it is"
        )
    return numbers


def _on_grid(
    index: pd.Index, columns: dict[str, pd.Series], times: str
) -> pd.DataFrame:
    """Put rows on a regular grid of times, with NaN at the times that are missing."""
    step = infer_step(index)
    assert step is not None  # of two rows or more
    at = positions(index, index[0], step)
    apart = np.gcd.reduce(np.diff(at))
    if isinstance(step, int) and (apart := apart * step) > 1:
        raise ValueError(
            f"the integer times ({times}) are {apart} apart; write them as dates, or "
            "count the steps"
        )
    n_steps = int(at[-1]) + 1
    if n_steps > MAX_SPARSITY * len(index):
        raise ValueError(
            f"the times ({times}) span {n_steps} steps of {_step_name(step)} for "
            f"{len(index)} rows: too sparse for a series"
        )
    table = pd.DataFrame({name: c.to_numpy() for name, c in columns.items()})
    # Times between two points of the grid go to the nearest, and share it.
    table = table.groupby(at).mean().reindex(range(n_steps))
    if isinstance(step, int):
        table.index = pd.RangeIndex(index[0], index[0] + n_steps, name=index.name)
    elif index[0].tz is None and step.is_on_offset(index[0]) and not months_of(step):
        table.index = pd.date_range(
            index[0], periods=n_steps, freq=step, name=index.name
        )
    else:
        table.index = times_of(np.arange(n_steps), index[0], step).rename(index.name)
    return table


def _step_name(step: Any) -> str:
    return str(getattr(step, "freqstr", step))
