"""What fills missed of entries removed from the validation part: spreads widened."""

from __future__ import annotations

import numpy as np
import torch

from sklrnn.imputation.corruption import GapWindows
from sklrnn.imputation.filling import DISTANCES, class_of, run
from sklrnn.training.calibration import ResidualQuantiles
from sklrnn.training.net import SequenceNet

_FEWEST_RESIDUALS = 20
"""A column with fewer takes those of all columns."""

_WIDENED = 0.9

_LEAST_WIDENING = 1.0
"""Spreads are not narrowed: what comes later is rarely easier than validation."""


def calibrate(
    net: SequenceNet, windows: GapWindows
) -> tuple[np.ndarray, ResidualQuantiles, np.ndarray]:
    """Collect what the network misses of the removed entries.

    Returns
    -------
    widening : ndarray of shape (n_classes,)
        For the spread, by the distance from what was observed.
    residuals : ResidualQuantiles
        In units of the spread so widened.
    errors : ndarray of shape (n_columns,)
        Mean absolute errors; NaN where nothing was scored.
    """
    relative, missed, classes = [], [], []
    for found, (target, removed), _, distance in run(net, windows):
        step = removed.any(dim=-1)
        error = torch.where(removed, target - found.mean, torch.nan)[step]
        missed.append(error.abs().cpu().numpy())
        relative.append((error / found.spread[step]).cpu().numpy())
        classes.append(class_of(distance[step]).cpu().numpy())
    known, errors = np.concatenate(relative), np.concatenate(missed)
    widening = _widen(known, np.concatenate(classes))
    known = known / widening[np.concatenate(classes)]
    counts = (~np.isnan(known)).sum(axis=0)
    pooled = known[~np.isnan(known)]
    few = counts < _FEWEST_RESIDUALS
    n_rows = max(len(known), len(pooled)) if few.any() else len(known)
    table = np.full((n_rows, len(few)), np.nan)
    table[: len(known)] = known
    if few.any():
        table[: len(pooled), few] = pooled[:, None]
    table = table[~np.isnan(table).all(axis=1)]
    with np.errstate(invalid="ignore"):
        mean = np.nansum(errors, axis=0) / np.where(counts, counts, np.nan)
    return widening, ResidualQuantiles(table[:, None]), mean


def _widen(relative: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return by how much the errors of each class exceed what is usual for all."""
    known = ~np.isnan(relative)
    size, classes = np.abs(relative[known]), classes[known]
    widening = np.ones(len(DISTANCES) + 1)
    usual = np.quantile(size, _WIDENED)
    for number in range(len(widening)):
        inside = size[classes == number]
        if number:  # too few to tell: as in the class before
            widening[number] = widening[number - 1]
        if len(inside) >= _FEWEST_RESIDUALS and usual > 0:
            widening[number] = np.quantile(inside, _WIDENED) / usual
    return np.maximum(widening, _LEAST_WIDENING)
