"""What scikit-learn asks of an estimator of sktime's."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import NotFittedError
from sktime.exceptions import NotFittedError as SktimeNotFittedError

from sklrnn.interfaces.parameters import check_architecture


class _NotFitted(NotFittedError, SktimeNotFittedError):
    """What both libraries expect to be raised."""


class SklearnSide:
    """What scikit-learn asks of an estimator of sktime's.

    An estimator that keeps what it has learned as `_fitted` and `_architecture` can go
    on from it with `warm_start`.
    """

    # What the estimator has.
    is_fitted: bool
    warm_start: bool
    clone: Any
    reset: Any

    _KEPT = ("_parent_callback_ctx", "_sklearn_output_config")
    """What scikit-learn puts here before it calls `fit`."""

    def reset(self):  # type: ignore[no-redef]
        """Forget everything but the parameters, as sktime's `fit` does first.

        What scikit-learn's Pipeline has put here for its callbacks stays, and so do
        the setting of `set_output` and what a warm start goes on from.
        """
        kept = {n: self.__dict__[n] for n in self._KEPT if n in self.__dict__}
        if self.warm_start is True:
            if "_fitted" in self.__dict__:
                kept["_previous"] = (self._fitted, self._architecture)
            elif "_previous" in self.__dict__:
                kept["_previous"] = self.__dict__["_previous"]
        super().reset()  # type: ignore[misc]
        self.__dict__.update(kept)
        return self

    def _begin(self, architecture: dict[str, Any]) -> Any:
        """Return what a warm start goes on from, if any, once it is seen to fit."""
        previous = self.__dict__.get("_previous")
        if previous is None:
            return None
        check_architecture(previous[1], architecture, type(self).__name__)
        return previous[0]

    def _finish(self, fitted: Any, architecture: dict[str, Any]) -> None:
        """Keep what has been learned."""
        self._fitted = fitted
        self._architecture = architecture
        self.__dict__.pop("_previous", None)

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            raise _NotFitted(
                f"This {type(self).__name__} has not been fitted yet; call `fit` first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    def __sklearn_clone__(self) -> Any:
        cloned = self.clone()
        if hasattr(self, "_sklearn_output_config"):
            cloned._sklearn_output_config = dict(self._sklearn_output_config)
        return cloned

    def __hash__(self) -> int:
        # sktime defines equality by parameters, which may change, and no hash;
        # ColumnTransformer puts transformers into a set.
        return hash(type(self))
