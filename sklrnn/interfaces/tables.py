"""Tables that scikit-learn is to check: cells of numbers, columns in order."""

from __future__ import annotations

from typing import Any

from sklrnn.data.cells import refuse_strange_cells
from sklrnn.data.names import arranged_table, column_names


def match_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check the cells and the names of a table; return it in the order of `fit`.

    The labels of its columns are kept as ``estimator._names`` where `reset` is True.

    Raises
    ------
    TypeError, ValueError
        If a cell holds a text or a list, or if two columns have one name.
    """
    refuse_strange_cells(X)
    known = column_names(X)
    if reset:
        estimator._names = known
    return arranged_table(X, estimator._names)
