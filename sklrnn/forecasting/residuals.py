"""What forecasts missed, on the validation part and of rows that came since."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sklrnn.data.series import GridSeries
from sklrnn.data.sources import PartedWindows
from sklrnn.data.windows import WindowSet, cut_windows
from sklrnn.forecasting.distributions import Distribution, count_unit
from sklrnn.forecasting.forecasts import FittedNetwork, run, stored_future
from sklrnn.training.batches import WindowDataset
from sklrnn.training.calibration import (
    OFFSET_LEVELS,
    Correction,
    LevelQuantiles,
    QuantileOffsets,
    ResidualQuantiles,
)
from sklrnn.training.net import SequenceNet

_WINDOWS = 4000
_VALUES = 4_000_000
_WINDOWS_OF_PATHS = 300  # where paths are drawn


def calibrate(
    net: SequenceNet,
    train_set: WindowSet | PartedWindows,
    valid_set: WindowSet | PartedWindows | None,
    *,
    window_length: int,
    horizon: int,
) -> ResidualQuantiles | Correction:
    """Collect what a network's forecasts miss on windows, step by step.

    Of distributions, the levels at which the true values stood, and what the quantiles
    at levels corrected by these still miss. Windows are those of the validation part;
    of targets of which it has nothing, and where there is none, those learned from.
    """
    module: Any = net.module_
    shape = window_length, horizon
    past, future, true = _gather(module, valid_set or train_set, *shape)
    unseen = np.isnan(true).all(axis=(0, 1))
    if valid_set is not None and unseen.any():
        older = _gather(module, train_set, *shape)
        past = torch.cat([older[0], past])
        future = None if future is None else torch.cat([older[1], future])
        true = np.concatenate([np.where(unseen, older[2], np.nan), true])
    parts = run(net, past, future, true.shape[1])
    if module.likelihood is None:
        return ResidualQuantiles(true - parts[0][1].mean())
    found = [part.level(true[:, steps]) for steps, part in parts]
    seen = np.where(np.isnan(true), np.nan, np.concatenate(found, axis=1))
    levels = LevelQuantiles(seen)
    misses = _misses(levels, parts, true)
    spread = None
    if module.likelihood.kind != "negative_binomial":
        spread = ResidualQuantiles(misses[..., OFFSET_LEVELS == 0.5][..., 0])
    return Correction(levels, QuantileOffsets(misses), spread)


def _gather(
    module: Any, windows: WindowSet | PartedWindows, window_length: int, horizon: int
) -> tuple[torch.Tensor, Any, np.ndarray]:
    """Return pasts, known futures and true values of windows, the oldest first."""
    thinned = windows.thinned(_n_windows(module, horizon))
    dataset = WindowDataset(
        thinned,
        n_targets=module.n_targets,
        n_exogenous=module.n_exogenous,
        masked=module.masked,
        window_length=window_length,
        horizon=horizon,
    )
    order = torch.from_numpy(thinned.oldest_first())
    inputs, (target, mask) = dataset.gather(order)
    true = target.numpy()
    if mask is not None:
        true = np.where(mask.numpy(), true, np.nan)
    return inputs["past"], inputs.get("future"), true


def recalibrate(
    fitted: FittedNetwork, series: list[GridSeries], n_new: list[int], *, pooled: bool
) -> FittedNetwork:
    """Let the calibration see by how much forecasts missed what is new of series.

    Where series share it, those that were constant in `fit` have no say: they have no
    deviation that what they miss could be measured in.

    Parameters
    ----------
    fitted : FittedNetwork
    series : list of GridSeries
    n_new : list of int
        Number of steps at the end of each that are new.
    pooled : bool
        Whether there are more series than one.
    """
    calibration, horizon = fitted.calibration, fitted.horizon
    grown = [(one, n) for one, n in zip(series, n_new, strict=True) if n > 0]
    units = fitted.architecture
    standardised = (
        units["normalize"] is not None and units["distribution"] != "negative_binomial"
    )
    if calibration is None or not grown:
        return fitted
    module: Any = fitted.net.module_
    n_windows = sum(n + horizon - 1 for _, n in grown)
    every = -(-n_windows // _n_windows(module, horizon))
    past, future, true, place = [], [], [], []
    for i, (one, n) in enumerate(grown):
        # Each forecast reaches into what is new, and rests on what was known by then.
        before = one.end - n
        first = max(before - horizon + 1, min(before, fitted.window_length))
        ends = np.arange(one.end - 1 - i % every, first - 1, -every)[::-1]
        if not len(ends):
            continue
        rows = ends[:, None] + np.arange(horizon)
        inside = (rows >= before) & (rows < one.end)
        values = one.values[np.where(inside, rows, 0), : one.n_targets]
        told = inside[..., None]
        if pooled and standardised:
            told = told & ~np.isin(np.arange(one.n_targets), one.constant)
        true.append(np.where(told, values, np.nan))
        place.append(np.arange(len(ends)) / len(ends))
        past.append(cut_windows(one, ends, fitted.window_length, module.masked))
        if fitted.exogenous:
            future.append(stored_future(one, ends, np.arange(1, horizon + 1)))
    order = np.argsort(np.concatenate(place), kind="stable")  # the oldest of all first
    observed = np.concatenate(true)[order]
    parts = run(
        fitted.net,
        torch.from_numpy(np.concatenate(past)[order]),
        torch.from_numpy(np.concatenate(future)[order]) if future else None,
        horizon,
    )
    if isinstance(calibration, Correction):
        misses = _misses(calibration.levels, parts, observed)
        offsets = calibration.offsets.updated(misses, max(n_new))
        return fitted._replace(calibration=calibration._replace(offsets=offsets))
    missed = observed - parts[0][1].mean()
    return fitted._replace(calibration=calibration.updated(missed, max(n_new)))


def _n_windows(module: Any, horizon: int) -> int:
    """Return the largest number of windows to calibrate by."""
    if module.likelihood is not None and horizon > module.horizon:
        return _WINDOWS_OF_PATHS
    n_each = 1 if module.likelihood is None else len(OFFSET_LEVELS)
    affordable = _VALUES // (horizon * module.n_targets * n_each)
    return min(_WINDOWS, max(affordable, 100))


def _misses(
    levels: LevelQuantiles, parts: list[tuple[slice, Distribution]], true: np.ndarray
) -> np.ndarray:
    """Return what quantiles at corrected levels miss of true values.

    Of counts, in units of `count_unit`.
    """
    alpha = levels.levels(np.arange(1, true.shape[1] + 1), OFFSET_LEVELS)
    found = [part.quantile(alpha[steps]) for steps, part in parts]
    missed = true[..., None] - np.concatenate(found, axis=1)
    if parts[0][1].kind != "negative_binomial":
        return missed
    # Counts are not standardised: what one series misses is little to another.
    units = [count_unit(part.variance()) for _, part in parts]
    return missed / np.concatenate(units, axis=1)[..., None]
