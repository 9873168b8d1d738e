"""The score of an imputer: what it misses of entries that are taken away."""

from __future__ import annotations

import numpy as np

from sklrnn.data.absence import AbsenceDiffusion, find_joint_gaps
from sklrnn.imputation.corruption import remove
from sklrnn.imputation.filling import FittedImputer, estimate
from sklrnn.imputation.tables import TimedSeries

_SEED = 0
_RATE = 0.4
_SPREAD = 24


def mean_error(fitted: FittedImputer, series: list[TimedSeries]) -> float:
    """Return the mean absolute error on entries removed from series, standardised.

    What is removed, points and runs of up to 24 steps, depends on the series alone.

    Raises
    ------
    ValueError
        If there is nothing to remove.
    """
    known = [~np.isnan(one.values) for one in series]
    if not any(mask.any() for mask in known):
        raise ValueError("X has no observed value to score")
    gaps = np.concatenate([find_joint_gaps(mask) for mask in known])
    absence = AbsenceDiffusion("mixed", _RATE, _SPREAD, gaps)
    rng = np.random.default_rng(_SEED)
    removed = remove(series, absence, _SPREAD, 1.0, rng)
    corrupted = [
        TimedSeries(np.where(gone, np.nan, one.values), one.times)
        for one, gone in zip(series, removed, strict=True)
    ]
    found = estimate(fitted, corrupted)
    errors = [
        np.abs(mean - one.values)[gone]
        for one, gone, (mean, _) in zip(series, removed, found, strict=True)
    ]
    return float(np.concatenate(errors).mean())
