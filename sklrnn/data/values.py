"""Values of tables: checked, and as floats."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklrnn.data.rows import check_times


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
            f"'negative_binomial'; {listed(names)} does not"
        )


def to_float(frame: pd.DataFrame, name: str, where: str = "") -> np.ndarray:
    """Check a frame's times and values; return the values as float64, NaN for missing.

    Raises
    ------
    ValueError
        If times repeat or a value is infinite; the message names the column.
    """
    check_times(frame.index, f"{name}{where}")
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        names = [str(column) for column in frame.columns[infinite]]
        raise ValueError(
            f"{name}{where} has infinite values in {listed(names)}; replace them by "
            "NaN if they stand for missing values"
        )
    return values


def listed(names: list[str]) -> str:
    """Return names as messages list them."""
    return ("column " if len(names) == 1 else "columns ") + ", ".join(names)
