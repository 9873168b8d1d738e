"""What becomes of an estimator whose fit does not end well."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_Fit = TypeVar("_Fit", bound=Callable[..., Any])


def whole_or_not_at_all(fit: _Fit) -> _Fit:
    """Let a method that fits leave an estimator as it was, unless it ends well.

    Whatever ends it: a refusal, an interrupt, a training that diverges. One that was
    fitted before predicts as it did; of a divergence `net_` has the best weights.
    """

    @wraps(fit)
    def fit_or_take_back(self, *args, **kwargs):
        # Fits put new objects in place of old ones, which stay as they are; but for
        # what sktime notes of data, in dicts that it keeps.
        before = {
            name: dict(value) if name[0] == "_" and type(value) is dict else value
            for name, value in self.__dict__.items()
        }
        try:
            return fit(self, *args, **kwargs)
        except BaseException as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            if getattr(error, "net", None) is not None:
                self.net_ = error.net  # type: ignore[attr-defined]
            raise

    return fit_or_take_back  # type: ignore[return-value]
