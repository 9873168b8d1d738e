"""scikit-learn's side of an sktime transformer: tables whose rows are time steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from sklrnn.data.cells import refuse_strange_cells
from sklrnn.data.frames import as_numbers, column_numbers, is_nested, put_fills
from sklrnn.data.names import arranged, column_names
from sklrnn.data.rows import check_steps
from sklrnn.data.sequences import check_cells
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.interfaces.sklearn import SklearnSide


class TransformerConvention(SklearnSide, OneToOneFeatureMixin, TransformerMixin):
    """Takes what scikit-learn and sktime give to a transformer, and returns the same.

    Two-dimensional arrays, and frames on any index, are tables; everything else goes to
    sktime, which knows series, panels and hierarchies.
    """

    n_features_in_: int
    _names: Any  # labels of the columns; None of arrays

    @whole_or_not_at_all
    def fit(self, X, y=None):
        """Learn to fill.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features), or sktime data container
            Rows are time steps in order; NaN where not observed. A DatetimeIndex or
            PeriodIndex tells the times, integers do so likewise. A panel of arrays has
            the shape (n_series, n_features, n_steps).
        y : ignored

        Returns
        -------
        self
        """
        data, _ = self._admit(X, reset=True)
        names = ("n_features_in_", "feature_names_in_", "_names")
        kept = {n: self.__dict__[n] for n in names if n in self.__dict__}
        super().fit(data)
        self.__dict__.update(kept)
        return self

    def transform(self, X, y=None):
        """Fill what is missing.

        Parameters
        ----------
        X : as for `fit`
            With the columns of `fit`; of any length.
        y : ignored

        Returns
        -------
        filled : the type of X
        """
        self._check_fitted()
        data, restore = self._admit(X, reset=False)
        return restore(super().transform(data))

    def fit_transform(self, X, y=None):
        """Learn to fill, and fill the same data.

        Parameters
        ----------
        X : as for `fit`
        y : ignored

        Returns
        -------
        filled : the type of X
        """
        return self.fit(X).transform(X)

    def _admit(self, X: Any, reset: bool) -> tuple[Any, Callable]:
        """Check X, and return it as sktime takes it, with what turns results back.

        The latter puts fills into the gaps of X or, with ``fill=False``, makes a table
        of other numbers like X.
        """
        _check_type(X)
        refuse_strange_cells(X)
        if reset:
            self._names = column_names(X)
        if isinstance(X, pd.Series):
            return self._admit_series(X, reset)
        if isinstance(X, pd.DataFrame) and not is_nested(X):
            return self._admit_frame(X, reset)
        if _is_panel(X):
            return self._admit_panel(X, reset)
        array = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        names = None if reset else getattr(self, "feature_names_in_", None)
        frame = pd.DataFrame(array, columns=names)
        return frame, lambda data, fill=True: data.to_numpy(dtype=array.dtype)

    def _admit_frame(self, X: pd.DataFrame, reset: bool) -> tuple[Any, Callable]:
        if X.shape[0] == 0 or X.shape[1] == 0:
            raise ValueError(
                f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s) "
                f"(shape={X.shape}) while a minimum of 1 is required."
            )
        validate_data(self, X, reset=reset, skip_check_array=True)
        own = X.columns
        X = arranged(X, self._names)
        frame = as_numbers(X)

        def restore(data: pd.DataFrame, fill: bool = True) -> pd.DataFrame:
            table = put_fills(X, data) if fill else data.set_axis(X.index, axis=0)
            return arranged(table, own)

        return frame, restore

    def _admit_panel(self, X: Any, reset: bool) -> tuple[Any, Callable]:
        own = [each.columns for each in _frames(X)]
        X = arranged(X, self._names)
        _check_cells(X)
        self._set_width(_width(X), reset)

        def restore(data: Any, fill: bool = True) -> Any:
            if isinstance(data, pd.DataFrame):
                return arranged(data, own[0])
            if isinstance(data, list):
                pairs = zip(data, own, strict=True)
                return [arranged(part, columns) for part, columns in pairs]
            return data

        return X, restore

    def _admit_series(self, X: pd.Series, reset: bool) -> tuple[Any, Callable]:
        self._set_width(1, reset)
        table = X.to_frame()

        def restore(data: pd.DataFrame, fill: bool = True) -> pd.Series:
            result = put_fills(table, data) if fill else data.set_axis(X.index, axis=0)
            column = result.iloc[:, 0]
            column.name = X.name
            return column

        return as_numbers(table), restore

    def _set_width(self, width: int, reset: bool) -> None:
        """Set the number of features, or check it, of data without names."""
        if reset:
            self.__dict__.pop("feature_names_in_", None)
            self.n_features_in_ = width
        elif width != self.n_features_in_:
            raise ValueError(
                f"X has {width} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64", "float32"]),
            input_tags=InputTags(allow_nan=True),
        )


def _check_type(X: Any) -> None:
    """Refuse what is no table in words of ours; scikit-learn refuses sparse ones."""
    # One of scipy's sparse formats is a dict, and has a shape.
    if isinstance(X, (str, bytes, dict, set)) and not hasattr(X, "shape"):
        raise TypeError(
            f"X has the type {type(X).__name__}; give a table, an array of shape "
            "(n_steps, n_features), or a panel of sktime's"
        )


def _is_panel(X: Any) -> bool:
    """Tell whether X is a panel of sktime's that is no frame of numbers."""
    if isinstance(X, pd.DataFrame):
        return is_nested(X)
    if isinstance(X, np.ndarray):
        return X.ndim == 3
    return isinstance(X, list) and len(X) > 0 and isinstance(X[0], pd.DataFrame)


def _frames(X: Any) -> list[pd.DataFrame]:
    if isinstance(X, list):
        return X
    return [X] if isinstance(X, pd.DataFrame) else []


def _width(X: Any) -> int:
    return X[0].shape[1] if isinstance(X, list) else X.shape[1]


def _check_cells(X: Any) -> None:
    """Check that a panel holds finite numbers, in the order of time."""
    if isinstance(X, np.ndarray):
        for place in range(X.shape[1]):
            column_numbers(pd.Series(X[:, place].ravel(), name=place))
    elif isinstance(X, list):
        for number, frame in enumerate(X):
            check_steps(frame.index, f"sequence {number} of X")
            for place in range(frame.shape[1]):
                column_numbers(frame.iloc[:, place])
    else:
        for number, row in enumerate(X.itertuples(index=False)):
            check_cells(list(row), f"row {number} of X")
