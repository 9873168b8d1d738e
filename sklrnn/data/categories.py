"""Columns of categories as numbers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import pandas as pd


class Categories(NamedTuple):
    """The categories of a table's columns that hold no numbers.

    Attributes
    ----------
    known : dict of Hashable to pd.Index
        Column -> its categories, in the order of their numbers, from 1.
    """

    known: dict[Hashable, pd.Index]

    @classmethod
    def learn(cls, table: pd.DataFrame) -> Categories:
        """Find the columns of categories, strings and objects, and what they hold."""
        known: dict[Hashable, pd.Index] = {}
        for name in table.columns:
            column = table[name]
            if isinstance(column.dtype, pd.CategoricalDtype):
                known[name] = pd.Index(column.cat.categories)
            elif not _holds_numbers(column):
                known[name] = pd.Index(sorted(column.dropna().unique(), key=str))
        return cls(known)

    def encode(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table with numbers for categories: 0 for those never seen.

        Missing values stay missing.

        Raises
        ------
        ValueError
            If a column of numbers holds something else.
        """
        for number in table.columns.difference(list(self.known), sort=False):
            if not _holds_numbers(table[number]):
                raise ValueError(
                    f"X holds more than numbers in column {number!r}, which held "
                    "numbers in `fit`; give numbers, or fit with its values as strings"
                )
        present = [n for n in self.known if n in table.columns]
        if not present:
            return table
        numbers = {}
        for name in present:
            column = pd.Index(table[name].astype(object))
            found = self.known[name].astype(object).get_indexer(column) + 1.0
            numbers[name] = np.where(column.isna(), np.nan, found)
        encoded = table.copy(deep=False)
        for name, values in numbers.items():
            encoded[name] = values
        return encoded

    def sizes(self, columns: tuple[Hashable, ...]) -> dict[int, int]:
        """Return place -> number of categories, of the columns that have any."""
        return {
            place: len(self.known[name])
            for place, name in enumerate(columns)
            if name in self.known
        }


def _holds_numbers(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    if pd.api.types.infer_dtype(column) in ("string", "mixed", "mixed-integer"):
        return False  # strings are names, those of digits too
    try:
        pd.to_numeric(column)
    except (TypeError, ValueError):
        return False
    return True
