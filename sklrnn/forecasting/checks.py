"""Checks of parameters and columns against those that a network was trained with."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from sklrnn.data.sources import names_of
from sklrnn.forecasting.forecasts import FittedNetwork
from sklrnn.forecasting.parameters import CHOSEN, architecture

_FARTHEST = 1_000_000
"""Most steps from the cutoff that are forecast."""

_BEYOND = (
    OverflowError,
    pd.errors.OutOfBoundsDatetime,
    pd.errors.OutOfBoundsTimedelta,
)


def check_start(
    start: FittedNetwork,
    params: Any,
    targets: tuple[Hashable, ...],
    exogenous: tuple[Hashable, ...],
) -> None:
    """Check that a network trained before fits the data and parameters of now.

    Raises
    ------
    ValueError
        Naming what does not fit.
    """
    for name in CHOSEN:
        value, before = getattr(params, name), getattr(start, name)
        if value is not None and value != before:
            raise ValueError(
                f"{name} is {value}, but the network to go on from was trained with "
                f"{before}; keep it, or fit a new RNNForecaster"
            )
    for name, value in architecture(params).items():
        if value != start.architecture[name]:
            raise ValueError(
                f"{name} is {value!r}, but the network to go on from was built with "
                f"{start.architecture[name]!r}; keep it, or fit a new RNNForecaster"
            )
    check_targets(start, targets)
    if exogenous != start.exogenous:
        raise ValueError(
            f"X has the columns {list(exogenous)}, but the network to go on from was "
            f"trained with {list(start.exogenous)}, in this order"
        )


def check_targets(start: FittedNetwork, targets: tuple[Hashable, ...]) -> None:
    """Check the columns of y; names that the network does not know go by position.

    Raises
    ------
    ValueError
        If there are more or fewer, or if one has the name of another.
    """
    known = start.targets
    moved = [n for n, k in zip(targets, known, strict=False) if n != k and n in known]
    if len(targets) != len(known) or moved:
        raise ValueError(
            f"y has the columns {list(targets)}, but the network was trained on "
            f"{list(known)}; give the same ones in the same order"
        )


def check_exogenous(
    fitted: FittedNetwork, x: pd.DataFrame, *, ahead: bool = False
) -> None:
    """Check the columns of X; `ahead`, those that are not known then may be missing.

    Raises
    ------
    ValueError
        If they are not those of `fit`, in the same order.
    """
    names, known = names_of(x), fitted.exogenous
    if not known:
        raise ValueError(
            f"X has the columns {list(names)}, but `fit` had no X; leave X out, or "
            "fit with it"
        )
    if ahead:
        known = tuple(
            name for name in known if name in names or name not in fitted.past_only
        )
    if names != known:
        raise ValueError(
            f"X has the columns {list(names)}, but `fit` had "
            f"{list(fitted.exogenous)}; give the same ones in the same order"
        )


@contextmanager
def in_reach(fh: ForecastingHorizon) -> Iterator[None]:
    """Check that steps are not too many, and that their times can be told.

    Raises
    ------
    ValueError
        If `fh` reaches beyond a million steps, or beyond the times of pandas.
    """
    steps = fh.to_pandas()
    if fh.is_relative and pd.api.types.is_integer_dtype(steps):
        farthest = int(np.abs(steps).max())
        if farthest > _FARTHEST:
            raise ValueError(
                f"fh reaches {farthest} steps; it must stay within {_FARTHEST} of the "
                "cutoff"
            )
    try:
        yield
    except _BEYOND as error:
        raise ValueError(
            f"fh reaches beyond the times that pandas can tell: {error}; lower it"
        ) from error
