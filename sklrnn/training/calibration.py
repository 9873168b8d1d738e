"""Calibration: from residuals on held-out data to quantiles that never cross."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

_SMALLEST_LEVEL = 1e-4  # beyond which tails of predicted distributions tell nothing
_FEWEST = 3  # residuals, to take quantiles of
_LEAST_KEPT = 100  # residuals, where there were fewer to begin with
# How tracked levels move, in normal quantiles: per time step, per update, in all,
# and in all towards the median.
_GAIN, _MOST_GAIN, _MOST_SHIFT, _MOST_INWARDS = 0.05, 1.0, 1.0, 0.1
_LEAST_WIDTH = 0.15  # of intervals, as a share of those learned in `fit`
_LOW = np.array([0.001, 0.005, 0.01, 0.025])
LEVELS = np.r_[_LOW, np.arange(1, 20) / 20, 1 - _LOW[::-1]]
"""Levels at which calibration looks."""

_OUTER = np.array([0.005, 0.025, 0.05, 0.1, 0.25])
OFFSET_LEVELS = np.r_[_OUTER, 0.5, 1 - _OUTER[::-1]]
"""Levels at which predicted quantiles are compared with what came."""

_MIDDLE = np.array([0.5])


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
        In the order of time, as far as there is one.
    grows : bool, default=True
        Whether steps without residuals grow with the square root of the step.
    n_levels : int, default=1
        Number of columns that each target has: what so many quantiles of it, from the
        lowest level to the highest and symmetric about the median, miss.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman,
    "Distribution-free predictive inference for regression", JASA 113 (523), 2018.
    C. Xu and Y. Xie, "Conformal prediction interval for dynamic time-series", ICML
    2021. I. Gibbs and E. Candes, "Adaptive conformal inference under distribution
    shift", NeurIPS 2021.
    """

    def __init__(
        self, residuals: np.ndarray, grows: bool = True, n_levels: int = 1
    ) -> None:
        self.grows = grows
        self.n_levels = n_levels
        self.first: ResidualQuantiles | None = None
        self.n_kept = max(len(residuals), _LEAST_KEPT)
        self.shifts = np.zeros((residuals.shape[2], len(LEVELS)))
        self._keep(residuals.astype(np.float32))

    def _keep(self, residuals: np.ndarray) -> None:
        self.recent = residuals
        self.residuals = np.sort(residuals, axis=0)
        self.counts = (~np.isnan(residuals)).sum(axis=0)
        known = self.counts > 0
        # The last step with residuals, at or before each step; 0 if there is none.
        steps = np.where(known, np.arange(len(known))[:, None], 0)
        self.source = np.maximum.accumulate(steps, axis=0)

    def updated(self, residuals: np.ndarray, n_new: int) -> ResidualQuantiles:
        """Return the distribution after newer residuals were seen.

        They take the place of the oldest ones (Xu and Xie 2021), and where another
        share of them than alpha lies below the quantile alpha, that is taken at a level
        moved against it from now on (Gibbs and Candes 2021): in units of normal
        quantiles, by the difference of both shares times 0.05 per time step, or times 1
        at most per call, and by 1 at most in all, or 0.1 towards the median.

        A residual beyond all that were known of its step counts with its mirror image:
        a machine that has stopped can start again, which no residual tells before it
        does. Intervals stay at least 0.15 times as wide, on either side of the median,
        as they were at first.

        Parameters
        ----------
        residuals : ndarray of shape (n_windows, n_steps, n_targets)
            NaN where nothing new was observed.
        n_new : int
            Number of time steps that passed since the last ones.
        """
        known = ~np.isnan(residuals)
        counts = known.sum(axis=(0, 1))
        found = self.quantiles(np.arange(1, residuals.shape[1] + 1), LEVELS)
        below = np.stack(
            [
                (known & (residuals <= found[..., level])).sum(axis=(0, 1))
                for level in range(len(LEVELS))
            ],
            axis=-1,
        )
        excess = LEVELS - below / np.maximum(counts, 1)[:, None]
        excess[counts == 0] = 0.0
        gain = min(_GAIN * n_new, _MOST_GAIN)
        later = copy.copy(self)
        later.first = self.first or self
        moved = self.shifts + gain * excess
        # What has become too wide narrows as newer residuals come, anyway.
        lowest = np.where(LEVELS > 0.5, -_MOST_INWARDS, -_MOST_SHIFT)
        highest = np.where(LEVELS < 0.5, _MOST_INWARDS, _MOST_SHIFT)
        later.shifts = np.clip(moved, lowest, highest)
        new = residuals.astype(np.float32)
        everything = np.concatenate([self.recent, self._mirrored(new), new])
        seen = ~np.isnan(everything)
        age = seen[::-1].cumsum(axis=0)[::-1]
        everything[age > self.n_kept] = np.nan
        told = ~np.isnan(everything).all(axis=(1, 2))
        told[-1] = True  # or nothing might be left
        later._keep(everything[told])
        return later

    def _mirrored(self, residuals: np.ndarray) -> np.ndarray:
        """Return the mirror images of residuals beyond those known, else NaN."""
        beyond = residuals < np.fmin.reduce(self.recent)
        beyond |= residuals > np.fmax.reduce(self.recent)
        mirrored = np.where(beyond, -residuals, np.nan)
        by_level = mirrored.reshape(*residuals.shape[:2], -1, self.n_levels)
        return by_level[..., ::-1].reshape(residuals.shape)

    def _levels(self, alpha: np.ndarray) -> np.ndarray:
        """Return the levels to take quantiles at: one row per target if any moved."""
        if not self.shifts.any():
            return alpha
        z, wanted = norm.ppf(LEVELS), norm.ppf(alpha)
        inner = np.clip(wanted, z[0], z[-1])
        # In order again, if shifts made levels pass each other.
        moved = np.sort(z + self.shifts, axis=-1)
        moved = np.stack([np.interp(inner, z, one) for one in moved])
        levels = norm.cdf(moved + wanted - inner)
        return np.clip(levels, _SMALLEST_LEVEL, 1 - _SMALLEST_LEVEL)

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
        found = self._sample_quantiles(steps, self._levels(alpha))
        if self.first is None or self.n_levels > 1:
            return found
        middle = self._sample_quantiles(steps, self._levels(_MIDDLE))
        return widened(found, middle, self.first.least(steps, alpha))

    def least(self, steps: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return how far quantiles are to lie from the median, at least; signed."""
        found, middle = (self.quantiles(steps, levels) for levels in (alpha, _MIDDLE))
        return _LEAST_WIDTH * (found - middle)

    def _sample_quantiles(self, steps: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return the quantiles of the residuals, at the levels as they are."""
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
        return np.where(n < _FEWEST, spread, tails) * growth[..., None]

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


def residual_fields(value: ResidualQuantiles) -> dict[str, Any]:
    """Return what makes up a distribution; what follows from it is left out."""
    names = ("grows", "n_levels", "n_kept", "shifts", "recent", "first")
    return {name: getattr(value, name) for name in names}


def residuals_of_fields(fields: dict[str, Any]) -> ResidualQuantiles:
    """Put a distribution together again.

    Raises
    ------
    TypeError
        If something else than residuals is given.
    """
    found = ResidualQuantiles(
        fields["recent"], grows=fields["grows"], n_levels=fields["n_levels"]
    )
    found.n_kept, found.shifts = fields["n_kept"], fields["shifts"]
    found.first = fields["first"]
    if not isinstance(found.first, (ResidualQuantiles, type(None))):
        raise TypeError("what residuals were at first is something else")
    return found


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
        self.z = ResidualQuantiles(norm.ppf(_inside(levels)), grows=False)

    def levels(self, steps: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Return the levels to take quantiles at: their own where nothing was seen.

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
        _, counts, _ = self.z._at(steps)
        found = norm.cdf(self.z.quantiles(steps, alpha))
        return _inside(np.where(counts[..., None] > 0, found, alpha))


class QuantileOffsets:
    """By how much quantiles of predicted distributions have missed of late.

    Conformalised quantile regression (Romano et al. 2019), every level by itself: to
    the quantile of level alpha comes the quantile alpha of what was observed less that
    quantile. What is right stays as it is.

    Parameters
    ----------
    errors : ndarray of shape (n_windows, n_steps, n_targets, len(OFFSET_LEVELS))
        Observation less quantile, NaN where there was no observation.

    References
    ----------
    Y. Romano, E. Patterson and E. J. Candes, "Conformalized quantile regression",
    NeurIPS 2019.
    """

    def __init__(self, errors: np.ndarray) -> None:
        self.errors = ResidualQuantiles(
            _in_columns(errors), grows=False, n_levels=errors.shape[-1]
        )

    def updated(self, errors: np.ndarray, n_new: int) -> QuantileOffsets:
        """Do as `ResidualQuantiles.updated`."""
        later = copy.copy(self)
        later.errors = self.errors.updated(_in_columns(errors), n_new)
        return later

    def at(self, steps: np.ndarray) -> np.ndarray:
        """Return the offsets at `LEVELS`, (n_steps, n_targets, len(LEVELS)).

        They are 0 where fewer than 3 observations tell.
        """
        found = self.errors.quantiles(steps, OFFSET_LEVELS)
        n = len(OFFSET_LEVELS)
        found = found.reshape(len(steps), -1, n, n).diagonal(axis1=-2, axis2=-1)
        _, counts, _ = self.errors._at(steps)
        enough = counts.reshape(found.shape) >= _FEWEST
        return np.where(enough, found, 0.0) @ _BETWEEN


class Correction(NamedTuple):
    """What calibration does to predicted distributions.

    Attributes
    ----------
    levels : LevelQuantiles
        Learned in `fit`.
    offsets : QuantileOffsets
        Of what the quantiles at these levels miss; they go on learning.
    spread : ResidualQuantiles or None
        Of what the median at these levels missed in `fit`; None for counts, whose
        distributions are never as narrow as the last values may have been.
    """

    levels: LevelQuantiles
    offsets: QuantileOffsets
    spread: ResidualQuantiles | None


def widened(quantiles: np.ndarray, middle: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return quantiles that lie at least as far from the median as `least` says.

    Parameters
    ----------
    quantiles : ndarray of shape (..., n_levels)
    middle : ndarray of shape (..., 1)
        The median.
    least : ndarray of shape (..., n_levels)
        Negative below the median.
    """
    bound = middle + least
    moved = [np.minimum(quantiles, bound), np.maximum(quantiles, bound)]
    return np.select([least < 0, least > 0], moved, quantiles)


def _in_columns(errors: np.ndarray) -> np.ndarray:
    return errors.reshape(*errors.shape[:2], -1)


def _weights_between() -> np.ndarray:
    """Return what each of OFFSET_LEVELS counts at each of LEVELS: linear in z."""
    z, wanted = norm.ppf(OFFSET_LEVELS), norm.ppf(LEVELS)
    return np.stack([np.interp(wanted, z, row) for row in np.eye(len(z))])


def _inside(levels: np.ndarray) -> np.ndarray:
    return np.clip(levels, _SMALLEST_LEVEL, 1 - _SMALLEST_LEVEL)


_BETWEEN = _weights_between()
