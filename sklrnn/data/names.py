"""Names of columns: unique, and matched where tables have them in another order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import pandas as pd

_SHOWN = 5


def column_names(X: Any, name: str = "X") -> pd.Index | None:
    """Return the labels of the columns of a frame, or of a list's first frame.

    Returns
    -------
    pd.Index or None
        None of data without labels.

    Raises
    ------
    ValueError
        If two columns have one name; the message says which.
    """
    if isinstance(X, list):
        frames = (item for item in X if isinstance(item, pd.DataFrame))
        X = next(frames, None)
    if not isinstance(X, pd.DataFrame):
        return None
    check_unique(X.columns, name)
    return X.columns


def check_unique(columns: pd.Index, name: str = "X") -> None:
    """Raise a ValueError that names a column, if there is one, that comes again."""
    if columns.is_unique:
        return
    twice = columns[columns.duplicated()].unique()
    raise ValueError(
        f"{name} has more than one column of the name(s) {quoted(twice)}; names tell "
        "columns apart: rename or drop one"
    )


def arranged(
    X: Any, known: pd.Index | None, name: str = "X", *, strict: bool = True
) -> Any:
    """Put the columns of a frame, or of every frame in a list, into a known order.

    Parameters
    ----------
    X : Any
        What is no frame comes back as it is.
    known : pd.Index or None
        Labels in the order that is wanted; None if there are none.
    name : str, default="X"
        What errors call X.
    strict : bool, default=True
        Whether names that are not the known ones are an error. Labels that pandas gives
        by itself, 0, 1, 2, ..., are no names: such columns go by position.

    Raises
    ------
    ValueError
        If names are missing, unknown or repeated; the message says which.
    """
    if isinstance(X, list):
        return [
            arranged(item, known, f"sequence {number} of {name}", strict=strict)
            if isinstance(item, pd.DataFrame)
            else item
            for number, item in enumerate(X)
        ]
    if not isinstance(X, pd.DataFrame):
        return X
    columns = X.columns
    check_unique(columns, name)
    if known is None or columns.equals(known):
        return X
    places = columns.get_indexer(known)
    if len(columns) == len(known) and (places >= 0).all():
        return X.iloc[:, places]
    if strict and not (_is_default(columns) or _is_default(known)):
        raise ValueError(
            f"the columns of {name} are not those that were learned: "
            + "; ".join(_differences(columns, known))
            + f". Give the columns {quoted(known)}, in any order"
        )
    return X


def arranged_table(X: Any, known: pd.Index | None, name: str = "X") -> Any:
    """Do so for a table that `sklearn.utils.validation.validate_data` is to check.

    That refuses texts in another order and takes all other labels by position, which
    is right for those that are new, but not for those of `fit` in another order.
    """
    if known is not None and all(isinstance(label, str) for label in known):
        return X
    return arranged(X, known, name, strict=False)


def _differences(columns: pd.Index, known: pd.Index) -> list[str]:
    missing, unknown = (
        known.difference(columns, False),
        columns.difference(known, False),
    )
    told = [] if missing.empty else [f"{quoted(missing)} missing"]
    return told + ([] if unknown.empty else [f"{quoted(unknown)} unknown"])


def _is_default(columns: pd.Index) -> bool:
    return columns.equals(pd.RangeIndex(len(columns)))


def quoted(names: Iterable[Hashable]) -> str:
    """Return names as messages list them; of many the first."""
    every = [repr(name) for name in names]
    more = [f"and {len(every) - _SHOWN} more"] if len(every) > _SHOWN else []
    return ", ".join(every[:_SHOWN] + more)
