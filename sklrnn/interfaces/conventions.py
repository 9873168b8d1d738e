"""The two calling conventions: sktime's ``fit(y, X)`` and scikit-learn's ``fit(X, y)``.

By keyword nothing is ever reinterpreted. By position the number of dimensions decides,
and where it cannot decide the call is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from sklrnn.data.names import arranged, column_names
from sklrnn.data.rows import check_order


class TableConvention:
    """scikit-learn's side of a sktime forecaster: tables whose rows are time steps."""

    # What the forecaster has.
    fit: Any
    predict: Any
    clone: Any
    check_is_fitted: Any
    is_fitted: bool
    _fh: Any
    _cutoff: Any
    _next_times: Any

    def _fit_table(self, X: Any, y: Any) -> Any:
        X, y = align_table(X, y)
        self.fit(y=y, X=X)
        self.n_features_in_ = X.shape[1]
        if all(isinstance(name, str) for name in X.columns):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def _predict_table(self, X: Any) -> np.ndarray:
        return np.asarray(self._predict_rows(table(X), exogenous=True))

    def _score_table(self, y: Any, X: Any = None) -> float:
        """Return R² of the forecast of the rows of y, which follow the training data.

        Entries of y that were not observed are left out.
        """
        from sklearn.metrics import r2_score

        rows = y if X is None else X
        rows = rows if has_times(rows) else table(rows)
        y_pred = self._predict_rows(rows, exogenous=X is not None)
        if isinstance(y_pred, pd.DataFrame):
            y = arranged(y, y_pred.columns, "y")
        true, predicted = (
            np.asarray(a, dtype=float).reshape(len(a), -1) for a in (y, y_pred)
        )
        known = ~np.isnan(true).any(axis=1)
        return r2_score(true[known], predicted[known])

    def _predict_rows(self, rows: Any, exogenous: bool) -> Any:
        """Forecast at rows, leaving no horizon behind."""
        self.check_is_fitted()
        fh = self._horizon_of(rows)
        if exogenous:
            ahead = fh.is_relative
            times = self._next_times(len(rows)) if ahead else fh.to_pandas()
            rows = rows.set_axis(times, axis=0)
        before = self._fh
        try:
            return self.predict(fh=fh, X=rows if exogenous else None)
        finally:
            self._fh = before

    def _horizon_of(self, rows: Any) -> ForecastingHorizon:
        """Return the times of rows that tell them, else as many steps from the cutoff.

        Integers that do not lie after the cutoff are row numbers, not times.
        """
        if len(rows) == 0:
            raise ValueError("X has no rows; give one for each time step to predict")
        index, cutoff = rows.index, self._cutoff
        if isinstance(cutoff, (pd.DatetimeIndex, pd.PeriodIndex)):
            timed = isinstance(index, type(cutoff))
        else:
            timed = pd.api.types.is_integer_dtype(index) and index[0] > cutoff[0]
        if timed:
            check_order(index, "X")
            return ForecastingHorizon(index, is_relative=False)
        return ForecastingHorizon(np.arange(1, len(rows) + 1), is_relative=True)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=False),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(allow_nan=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    def __sklearn_clone__(self) -> Any:
        # sktime's own clone keeps what was pretrained.
        return self.clone()


def accepts_sklearn_fit(fit: Callable) -> Callable:
    """Let ``fit(X, y)`` by position reach ``self._fit_table(X, y)``.

    Raises
    ------
    TypeError
        If both are two-dimensional and no `fh` tells that the call is sktime's.
    """

    @functools.wraps(fit)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_names(args, kwargs)
        if len(args) != 2 or args[1] is None or kwargs.get("fh") is not None:
            return fit(self, *args, **kwargs)
        if _is_sklearn_order("fit", *args):
            unknown = sorted(set(kwargs) - {"fh"})
            if unknown:
                raise TypeError(f"fit(X, y) takes no further arguments, got {unknown}")
            return self._fit_table(*args)
        return fit(self, *args, **kwargs)

    return wrapper


def accepts_sklearn_predict(predict: Callable) -> Callable:
    """Let ``predict(X)`` by position reach ``self._predict_table(X)``."""

    @functools.wraps(predict)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_names(args, kwargs)
        if len(args) == 1 and not kwargs and is_table(args[0]):
            return self._predict_table(args[0])
        return predict(self, *args, **kwargs)

    return wrapper


def accepts_sklearn_score(score: Callable) -> Callable:
    """Let `score` without any horizon reach ``self._score_table``.

    ``score(X, y)`` by position is scikit-learn's; ``score(y)``, and any call by
    keyword, keep their meaning.
    """

    @functools.wraps(score)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_names(args, kwargs)
        if len(args) > 2 or kwargs.get("fh") is not None:
            return score(self, *args, **kwargs)
        if self._fh is None and len(args) == 2 and args[1] is not None:
            if _is_sklearn_order("score", *args):
                return self._score_table(X=args[0], y=args[1])
        if self._fh is not None:
            return score(self, *args, **kwargs)
        names = dict(zip(("y", "X"), args, strict=False)) | kwargs
        return self._score_table(**{k: v for k, v in names.items() if k != "fh"})

    return wrapper


def _check_names(args: tuple, kwargs: dict[str, Any]) -> None:
    """Refuse tables with two columns of one name."""
    for place, data in enumerate(args):
        column_names(data, f"argument {place + 1}")
    for name, data in kwargs.items():
        column_names(data, name)


def _is_sklearn_order(method: str, first: Any, second: Any) -> bool:
    """Tell whether two arguments by position are (X, y); refuse to guess."""
    shapes = dimensions(first), dimensions(second)
    if shapes == (2, 2):
        raise TypeError(
            f"{method} got two two-dimensional arguments by position, and cannot tell "
            f"sktime's {method}(y, X) from scikit-learn's {method}(X, y); use the "
            "keywords y= and X= (or, for scikit-learn's order, a one-dimensional y)"
        )
    return shapes == (2, 1)


def dimensions(data: Any) -> int | None:
    """Count the dimensions of array-like data; None for anything else."""
    if isinstance(data, (np.ndarray, pd.DataFrame, pd.Series, pd.Index)):
        return data.ndim
    if isinstance(data, (list, tuple)):
        try:
            return np.asarray(data, dtype=float).ndim
        except (TypeError, ValueError):
            return None
    return None


def is_table(data: Any) -> bool:
    """Tell whether data is a two-dimensional table of one series, not a panel."""
    if isinstance(data, pd.DataFrame):
        return not isinstance(data.index, pd.MultiIndex)
    return dimensions(data) == 2


def align_table(X: Any, y: Any) -> tuple[pd.DataFrame, pd.Series]:
    """Turn scikit-learn's X and y, whose rows go together, into frames on one index.

    Dates of y or X are the times; without dates an index of integers, y's before X's;
    else the times are 0, 1, 2, ...

    Raises
    ------
    ValueError
        If X and y do not have the same number of rows or the same dates, or if the
        rows are not in the order of time.
    """
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} rows and y has {len(y)}; they must match")
    index: pd.Index = pd.RangeIndex(len(y))
    dated = [data for data in (y, X) if _has_dates(data)]
    counted = [data for data in (y, X) if has_times(data)]
    if len(dated) == 2 and not dated[0].index.equals(dated[1].index):
        raise ValueError(
            f"X and y have different times: X starts at {X.index[0]}, y at {y.index[0]}"
        )
    if dated:
        index = dated[0].index
    elif counted:
        index = counted[0].index
    check_order(index, "X and y")
    frame = table(X).set_axis(index, axis=0)
    name = y.name if isinstance(y, pd.Series) else None
    return frame, pd.Series(np.asarray(y, dtype=np.float64), index=index, name=name)


def table(X: Any) -> pd.DataFrame:
    """Return X as a DataFrame; a frame comes back as it is."""
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))


def has_times(data: Any) -> bool:
    """Tell whether data carries an index that can be a time index."""
    index = getattr(data, "index", None)
    return _has_dates(data) or (
        isinstance(index, pd.Index) and pd.api.types.is_integer_dtype(index)
    )


def _has_dates(data: Any) -> bool:
    return isinstance(getattr(data, "index", None), (pd.DatetimeIndex, pd.PeriodIndex))
