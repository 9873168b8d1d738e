"""Calibration: from residuals on held-out data to quantiles that never cross."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

_SMALLEST_LEVEL = 1e-6


class ResidualQuantiles:
    """Distribution of the forecast error, for every step of the horizon.

    Split-conformal: the quantile of level alpha of n residuals is the one of rank
    ``alpha (n + 1)``, interpolated between ranks (Lei et al. 2018, section 2.2, with
    signed residuals). Levels beyond the outermost ranks go on as the tail of a normal
    distribution through them. Steps beyond the last one with residuals take that
    step's, growing with the square root of the step.

    Parameters
    ----------
    residuals : ndarray of shape (n_windows, n_steps, n_targets)
        Observation less forecast, NaN where there was none, in any units.
    grows : bool, default=True
        Whether steps without residuals grow with the square root of the step.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman,
    "Distribution-free predictive inference for regression", JASA 113 (523), 2018.
    """

    def __init__(self, residuals: np.ndarray, grows: bool = True) -> None:
        self.grows = grows
        self.residuals = np.sort(residuals, axis=0).astype(np.float32)
        self.counts = (~np.isnan(residuals)).sum(axis=0)
        known = self.counts > 0
        # The last step with residuals, at or before each step; 0 if there is none.
        steps = np.where(known, np.arange(len(known))[:, None], 0)
        self.source = np.maximum.accumulate(steps, axis=0)

    def quantiles(self, steps: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return the quantiles of the error.

        Parameters
        ----------
        steps : ndarray of shape (n_steps,), int
            Steps ahead, from 1.
        alpha : ndarray of shape (n_levels,)
            Levels in (0, 1).

        Returns
        -------
        ndarray of shape (n_steps, n_targets, n_levels)
        """
        sample, n, growth = self._at(steps)
        n = n[..., None]
        rank = np.clip(alpha * (n + 1), 1, np.maximum(n, 1)) - 1
        low = np.floor(rank).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(n - 1, 0))
        below = np.take_along_axis(sample, low, axis=-1)
        above = np.take_along_axis(sample, high, axis=-1)
        inner = below + (rank - low) * (above - below)
        edge = norm.ppf(np.clip(alpha, 1 / (n + 1), n / (n + 1)))
        with np.errstate(divide="ignore", invalid="ignore"):
            stretch = np.where(edge == 0, 1.0, norm.ppf(alpha) / edge)
        middle = self._median(sample, n)
        tails = middle + (inner - middle) * np.maximum(stretch, 1.0)
        spread = np.sqrt(self._mean_square(sample, n)) * norm.ppf(alpha)
        return np.where(n < 3, spread, tails) * growth[..., None]

    def variance(self, steps: np.ndarray) -> np.ndarray:
        """Return the mean squared error, (n_steps, n_targets)."""
        sample, n, growth = self._at(steps)
        return self._mean_square(sample, n[..., None])[..., 0] * growth**2

    def _at(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sorted residuals (n_steps, n_targets, n), their number and the growth."""
        n_known = len(self.counts)
        row = np.clip(np.asarray(steps) - 1, 0, n_known - 1)
        source = self.source[row]
        target = np.arange(self.counts.shape[1])
        sample = np.moveaxis(self.residuals, 0, -1)[source, target]
        wanted = np.maximum(np.asarray(steps), 1)[:, None]
        growth = np.sqrt(wanted / (source + 1)) if self.grows else np.ones(source.shape)
        return np.nan_to_num(sample), self.counts[source, target], growth

    @staticmethod
    def _median(sample: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.take_along_axis(sample, np.maximum(n - 1, 0) // 2, axis=-1)

    @staticmethod
    def _mean_square(sample: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.square(sample).sum(axis=-1, keepdims=True) / np.maximum(n, 1)


class LevelQuantiles:
    """Which levels of predicted distributions hold the shares that they should.

    The level at which a true value stands in its predicted distribution is uniform if
    that is right. Where it is not, the quantile of level alpha is taken at another
    level: the quantile alpha of the levels that were seen, per step ahead. Levels are
    kept as normal quantiles, so that tails go on beyond those seen.

    Parameters
    ----------
    levels : ndarray of shape (n_windows, n_steps, n_targets)
        NaN where nothing was observed.

    References
    ----------
    V. Chernozhukov, K. Wuthrich and Y. Zhu, "Distributional conformal prediction",
    PNAS 118 (48), 2021. V. Kuleshov, N. Fenner and S. Ermon, "Accurate uncertainties
    for deep learning using calibrated regression", ICML 2018.
    """

    def __init__(self, levels: np.ndarray) -> None:
        within = np.clip(levels, _SMALLEST_LEVEL, 1 - _SMALLEST_LEVEL)
        self.z = ResidualQuantiles(norm.ppf(within), grows=False)

    def levels(self, steps: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return the levels to take quantiles at.

        Parameters
        ----------
        steps : ndarray of shape (n_steps,), int
            Steps ahead, from 1.
        alpha : ndarray of shape (n_levels,)
            Levels in (0, 1).

        Returns
        -------
        ndarray of shape (n_steps, n_targets, n_levels)
        """
        found = norm.cdf(self.z.quantiles(steps, alpha))
        return np.clip(found, _SMALLEST_LEVEL, 1 - _SMALLEST_LEVEL)
