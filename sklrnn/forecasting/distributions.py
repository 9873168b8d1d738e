"""Predicted distributions: their means, quantiles and levels, from their parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from sklrnn.network.likelihoods import QUANTILE_LEVELS

_LEVELS = np.array(QUANTILE_LEVELS)
EVEN_LEVELS = (np.arange(200) + 0.5) / 200
"""Levels whose quantiles stand for a distribution."""

MEDIAN = QUANTILE_LEVELS.index(0.5)


class Distribution(NamedTuple):
    """Distributions of one kind, one for every entry.

    Attributes
    ----------
    kind : str
        "point", "gaussian", "student_t", "negative_binomial", "quantiles", "samples".
    params : ndarray of shape (..., n_params)
        Of a point its value. Else as `sklrnn.network.likelihoods` has them: mean and
        standard deviation; location, scale and degrees of freedom; mean and dispersion;
        quantiles at its levels. Of "samples" any number of values.
    """

    kind: str
    params: np.ndarray

    def scaled(self, scale: np.ndarray, center: np.ndarray) -> Distribution:
        """Return the distributions of ``x * scale + center``, x being of these.

        `scale` and `center` go with the entries. Counts are left as they are.
        """
        if self.kind == "negative_binomial":
            return self
        params = self.params.astype(np.float64)
        if self.kind in ("point", "quantiles", "samples"):
            params = params * scale[..., None] + center[..., None]
        else:
            params[..., 0] = params[..., 0] * scale + center
            params[..., 1] *= scale
        return Distribution(self.kind, params)

    def mean(self) -> np.ndarray:
        """Return the means; of "quantiles" the medians."""
        if self.kind == "samples":
            return self.params.mean(axis=-1)
        return self.params[..., MEDIAN if self.kind == "quantiles" else 0]

    def variance(self) -> np.ndarray:
        """Return the variances; of "quantiles" by 200 of them."""
        if self.kind == "samples":
            return self.params.var(axis=-1)
        if self.kind == "quantiles":
            return self.quantile(EVEN_LEVELS).var(axis=-1)
        return self._frozen().var()[..., 0]

    def quantile(self, alpha: np.ndarray) -> np.ndarray:
        """Return quantiles.

        Parameters
        ----------
        alpha : ndarray of shape (..., n_levels)
            Levels in (0, 1), for every entry or for all alike.

        Returns
        -------
        ndarray of shape (..., n_levels)
        """
        if self.kind in ("quantiles", "samples"):
            return interpolate(*self._table(), alpha)
        return self._frozen().ppf(alpha)

    def level(self, x: np.ndarray) -> np.ndarray:
        """Return the level at which values stand: the probability of less.

        Of counts, half of the probability of the value itself is counted with it.
        """
        if self.kind in ("quantiles", "samples"):
            return _level(*self._table(), x)
        frozen = self._frozen()
        if self.kind == "negative_binomial":
            return (
                0.5 * (frozen.cdf(x[..., None]) + frozen.cdf(x[..., None] - 1))[..., 0]
            )
        return frozen.cdf(x[..., None])[..., 0]

    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Return levels and the quantiles at them, in rising order."""
        if self.kind == "quantiles":
            return _LEVELS, self.params
        n = self.params.shape[-1]
        return (np.arange(n) + 0.5) / n, np.sort(self.params, axis=-1)

    def _frozen(self) -> Any:
        """Return scipy's distribution, with an axis for levels at the end."""
        first, second = self.params[..., :1], self.params[..., 1:2]
        if self.kind == "gaussian":
            return stats.norm(first, second)
        if self.kind == "student_t":
            return stats.t(self.params[..., 2:], first, second)
        return stats.nbinom(1 / second, 1 / (1 + second * first))


def count_unit(variance: np.ndarray) -> np.ndarray:
    """Return what misses of counts are measured in: deviations, but 1 at least."""
    return np.sqrt(np.maximum(variance, 1.0))


def interpolate(levels: np.ndarray, table: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Read quantiles off a table of them, linear in z, the level's normal quantile.

    Beyond the outermost levels this goes on as the tail of a normal distribution.
    """
    z, wanted = stats.norm.ppf(levels), stats.norm.ppf(alpha)
    right = np.clip(np.searchsorted(z, wanted), 1, len(z) - 1)
    right = np.broadcast_to(right, (*table.shape[:-1], right.shape[-1]))
    low = np.take_along_axis(table, right - 1, axis=-1)
    high = np.take_along_axis(table, right, axis=-1)
    share = (wanted - z[right - 1]) / (z[right] - z[right - 1])
    return low + share * (high - low)


def _level(levels: np.ndarray, table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the inverse of `_interpolate`."""
    z = stats.norm.ppf(levels)
    below = (table < x[..., None]).sum(axis=-1, keepdims=True)
    right = np.clip(below, 1, len(z) - 1)
    low = np.take_along_axis(table, right - 1, axis=-1)
    high = np.take_along_axis(table, right, axis=-1)
    width = np.where(high > low, high - low, 1.0)
    share = np.where(high > low, (x[..., None] - low) / width, 0.5)
    found = z[right - 1] + share * (z[right] - z[right - 1])
    return stats.norm.cdf(found[..., 0])
