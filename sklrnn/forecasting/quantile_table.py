"""A distribution of skpro's given by a table of quantiles; needs skpro."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm
from skpro.distributions import Empirical

from sklrnn.forecasting.distributions import interpolate


class QuantileTable(Empirical):
    """skpro's empirical distribution, with quantiles between those of its sample.

    The sample of n values stands for the quantiles at the levels (i + 1/2) / n.
    `ppf` is linear between them in z, the level's normal quantile, and goes on as the
    tail of a normal distribution beyond them; `cdf` is its inverse. Everything else is
    that of the sample.

    Parameters
    ----------
    spl, weights, time_indep, skip_init_sorted, index, columns
        As of `skpro.distributions.Empirical`; weights are not looked at.
    """

    def _cdf(self, x: Any) -> Any:
        return self._apply_per_ix(_level, {}, x=x)

    def _ppf(self, p: Any) -> Any:
        return self._apply_per_ix(_quantile, {}, x=p)

    def _iloc(self, rowidx: Any = None, colidx: Any = None) -> Any:
        found = super()._iloc(rowidx, colidx)
        if isinstance(found, QuantileTable):
            return found
        return QuantileTable(found.spl, index=found.index, columns=found.columns)


def _levels(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


def _quantile(spl: np.ndarray, x: float, weights: Any = None) -> float:
    if not 0 < x < 1:
        return float("nan") if not 0 <= x <= 1 else float(np.copysign(np.inf, x - 0.5))
    return float(interpolate(_levels(len(spl)), spl, np.array([x]))[0])


def _level(spl: np.ndarray, x: float, weights: Any = None) -> float:
    """Return the probability of values up to x, the inverse of `_quantile`."""
    z = norm.ppf(_levels(len(spl)))
    right = int(np.clip(np.searchsorted(spl, x, side="right"), 1, len(spl) - 1))
    low, high = spl[right - 1], spl[right]
    if low == high:
        return float(x >= low)
    share = (x - low) / (high - low)
    return float(norm.cdf(z[right - 1] + share * (z[right] - z[right - 1])))
