"""Cells that hold no number: texts, lists, arrays in arrays."""

import numpy as np
import pandas as pd
import pytest

from sklrnn.data.cells import refuse_strange_cells

TEXTS = np.array([["1", "-1"]])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (TEXTS, "X holds texts"),
        (TEXTS.astype(object), "X holds texts.*cell 0 is '1'"),
        (TEXTS.tolist(), "row 0 of X holds texts.*as '1'"),
        (["1", "2"], "row 0 of X holds texts"),
        ([TEXTS], "sequence 0 of X holds texts"),
        (pd.DataFrame({"a": ["1"]}), "the column 'a' of X holds texts"),
        (pd.DataFrame({"a": [1, "1"]}), "the column 'a' of X holds .*cell 1 is '1'"),
    ],
)
def test_texts(X, message):
    with pytest.raises(TypeError, match=message):
        refuse_strange_cells(X)


def test_lists_in_cells():
    X = pd.DataFrame({"a": [[1, 2], [3, 4]]})
    with pytest.raises(ValueError, match=r"cell 0 of the column 'a' of X holds a list"):
        refuse_strange_cells(X)
    with pytest.raises(ValueError, match=r"cell 0 of X holds a list"):
        refuse_strange_cells(X.to_numpy())


def test_numbers_and_series_pass():
    refuse_strange_cells(pd.DataFrame({"a": [pd.Series([1.0])]}))
    refuse_strange_cells(np.array([[1, None]], dtype=object))
    refuse_strange_cells([[1, 2], [3]])
