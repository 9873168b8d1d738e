"""Forecasts from a trained network: series in, values in the units of y out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklrnn.data.categories import Categories
from sklrnn.data.exogenous import Exogenous
from sklrnn.data.gaps import fill_forward, last_observed
from sklrnn.data.reader import SeriesReader
from sklrnn.data.rows import to_float
from sklrnn.data.series import GridSeries
from sklrnn.data.timegrid import Step, matched, positions
from sklrnn.data.windows import cut_windows, last_window
from sklrnn.forecasting.distributions import Distribution
from sklrnn.network.rollout import Draws, roll_out
from sklrnn.training.batches import evaluation_batch
from sklrnn.training.calibration import Correction, ResidualQuantiles
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import Length
from sklrnn.training.threads import suitable_threads

PATHS = 200
"""Number of paths drawn where distributions are fed back."""

_PATHS_AT_ONCE = 20_000


class FittedNetwork(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    histories : dict of skorch.history.History
        Of each part of the training with the validation part kept.
    window_length : int
        Number of past steps that a forecast reads.
    horizon : int
        Number of steps ahead that `calibration` is for.
    segment_length : int
        Number of steps that the recurrence reads at once.
    step : int or pd.offsets.BaseOffset
        Time from one row to the next.
    loss : str or None
        What was minimised; None for that of a distribution.
    length : Length
        Of the training.
    targets, exogenous, past_only : tuple of Hashable
        Names of the columns; the last ones are among the second.
    exogenous_scaling : (ndarray, ndarray) or None
        Center and scale of the exogenous columns.
    categories : Categories
        Of the exogenous columns.
    architecture : dict
        The parameters that the network was built by.
    calibration : ResidualQuantiles, Correction or None
        In standardised units; None if there is none.
    """

    net: SequenceNet
    histories: dict[str | None, Any]
    window_length: int
    horizon: int
    segment_length: int
    step: Step
    loss: str | None
    length: Length
    targets: tuple[Hashable, ...]
    exogenous: tuple[Hashable, ...]
    past_only: tuple[Hashable, ...]
    exogenous_scaling: tuple[np.ndarray, np.ndarray] | None
    categories: Categories
    architecture: dict[str, Any]
    calibration: ResidualQuantiles | Correction | None

    def reader(self) -> SeriesReader:
        """Return how tables are read as the network was given them."""
        return SeriesReader(
            standardize=self.architecture["normalize"] is not None,
            counts=self.architecture["distribution"] == "negative_binomial",
            step=self.step,
            exogenous=Exogenous(
                self.exogenous, self.categories, self.exogenous_scaling
            ),
        )


def new_reader(params: Any) -> SeriesReader:
    """Return how a forecaster with such parameters reads tables, knowing nothing."""
    return SeriesReader(
        standardize=params.normalize is not None,
        counts=params.distribution == "negative_binomial",
    )


class Forecast:
    """What is forecast of one series, each part of its times by its distribution.

    Parameters
    ----------
    shape : (int, int)
        Number of times and of targets.

    Attributes
    ----------
    parts : list of (ndarray, Distribution)
        Rows, and the distributions of their entries.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.parts: list[tuple[np.ndarray, Distribution]] = []

    def mean(self) -> np.ndarray:
        """Return the means, (n_times, n_targets)."""
        found = np.empty(self.shape)
        for rows, part in self.parts:
            found[rows] = part.mean()
        return found

    def variance(self) -> np.ndarray:
        """Return the variances, (n_times, n_targets)."""
        found = np.empty(self.shape)
        for rows, part in self.parts:
            found[rows] = part.variance()
        return found

    def params(self) -> np.ndarray | None:
        """Return the parameters, (n_times, n_targets, n_params); None if drawn."""
        if any(part.kind == "samples" for _, part in self.parts):
            return None
        n_params = self.parts[0][1].params.shape[-1]
        found = np.empty((*self.shape, n_params))
        for rows, part in self.parts:
            found[rows] = part.params
        return found

    def quantile(self, alpha: np.ndarray) -> np.ndarray:
        """Return quantiles, (n_times, n_targets, n_levels), at levels of that shape."""
        found = np.empty((*self.shape, alpha.shape[-1]))
        for rows, part in self.parts:
            found[rows] = part.quantile(alpha[rows])
        return found


def forecast(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
) -> list[Forecast]:
    """Forecast each series at its offsets, all series in one batched pass.

    Parameters
    ----------
    fitted : FittedNetwork
    series : list of GridSeries
    offsets : list of ndarray of shape (n_times,)
        Steps from each series' cutoff; in-sample ones, up to 0, are forecast one step
        ahead from what came before them.
    exogenous : dict of key to pd.DataFrame
        Exogenous values, in addition to those that the series hold.

    Returns
    -------
    list of Forecast
        In the units of y.

    Raises
    ------
    ValueError
        If exogenous rows are missing at times to forecast.
    """
    if exogenous:
        series = [_completed(fitted, one, exogenous.get(one.key)) for one in series]
    n_targets = series[0].n_targets
    results = [Forecast((len(offset), n_targets)) for offset in offsets]
    _forecast_ahead(fitted, series, offsets, exogenous, results)
    _forecast_in_sample(fitted, series, offsets, exogenous, results)
    return results


def _forecast_ahead(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
    results: list[Forecast],
) -> None:
    """Forecast from every series' last window, all in one pass."""
    # Series with one cutoff share their offsets.
    distinct = {id(offset): offset for offset in offsets}
    places = {name: np.flatnonzero(offset > 0) for name, offset in distinct.items()}
    chosen = [i for i, offset in enumerate(offsets) if len(places[id(offset)])]
    if not chosen:
        return
    n_steps = max(int(offset.max()) for offset in distinct.values())
    masked = fitted.net.module_.masked
    past = [last_window(series[i], fitted.window_length, masked) for i in chosen]
    future = None
    if fitted.exogenous:
        blocks = []
        for i in chosen:
            one, end = series[i], np.array([series[i].end])
            given = exogenous.get(one.key)
            blocks.append(_known_future(fitted, one, given, end, offsets[i], n_steps))
        future = torch.from_numpy(np.concatenate(blocks))
    parts = run(fitted.net, torch.from_numpy(np.stack(past)), future, n_steps)
    alike: dict[int, list[int]] = {}
    for row, i in enumerate(chosen):
        alike.setdefault(id(offsets[i]), []).append(row)
    for name, rows in alike.items():
        place = places[name]
        at = distinct[name][place] - 1
        for steps, found in parts:
            inside = (at >= steps.start) & (at < steps.stop)
            if not inside.any():
                continue
            params = found.params[rows][:, at[inside] - steps.start]
            # All series at once: one by one takes as long as the network.
            owners = [series[chosen[row]] for row in rows]
            whole = in_units(owners, Distribution(found.kind, params))
            for row, one in zip(rows, whole.params, strict=True):
                part = place[inside], Distribution(found.kind, one)
                results[chosen[row]].parts.append(part)


def _forecast_in_sample(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
    results: list[Forecast],
) -> None:
    """Forecast steps up to the cutoff, each from the window that ends before it."""
    masked = fitted.net.module_.masked
    distinct = {id(offset): offset for offset in offsets}
    places = {name: np.flatnonzero(offset <= 0) for name, offset in distinct.items()}
    for i, one in enumerate(series):
        place = places[id(offsets[i])]
        if len(place) == 0:
            continue
        offset = offsets[i][place]
        ends = np.clip(one.end - 1 + offset, 0, one.end)
        past = cut_windows(one, ends, fitted.window_length, masked)
        future = None
        if fitted.exogenous:
            given = exogenous.get(one.key)
            block = _known_future(fitted, one, given, ends, offset, 1)
            future = torch.from_numpy(block)
        ((_, found),) = run(fitted.net, torch.from_numpy(past), future, 1)
        whole = in_units([one], Distribution(found.kind, found.params[None, :, 0]))
        results[i].parts.append((place, Distribution(found.kind, whole.params[0])))


def in_units(series: list[GridSeries], found: Distribution) -> Distribution:
    """Return distributions of shape (n_series, n_times, n_targets) in units of y."""
    targets = slice(0, series[0].n_targets)
    scale = np.stack([one.forecast_scale() for one in series])
    center = np.stack([one.center[targets] for one in series])
    return found.scaled(scale[:, None], center[:, None])


def run(
    net: SequenceNet,
    past: Tensor,
    future: Tensor | None,
    n_steps: int,
    n_paths: int = PATHS,
) -> list[tuple[slice, Distribution]]:
    """Run a network on windows, in evaluation mode, in batches.

    Returns
    -------
    list of (slice, Distribution)
        Steps, from 0, and what is forecast of them, in standardised units; entries have
        the shape (n_windows, n_steps, n_targets). A network that predicts distributions
        gives those of its horizon, and what comes after it as `n_paths` samples.
    """
    module: Any = net.module_.eval()
    if module.likelihood is None:
        values = _roll(net, past, future, n_steps)
        return [(slice(0, n_steps), Distribution("point", values[..., None]))]
    near = min(module.horizon, n_steps)
    ahead = None if future is None else future[:, :near]
    params = _roll(net, past, ahead, near)
    parts = [(slice(0, near), Distribution(module.likelihood.kind, params))]
    if n_steps > near:
        paths = _sample_paths(net, past, future, n_steps, n_paths)[:, near:]
        parts.append((slice(near, n_steps), Distribution("samples", paths)))
    return parts


def _roll(
    net: SequenceNet, past: Tensor, future: Tensor | None, n_steps: int
) -> np.ndarray:
    module: Any = net.module_
    output = []
    with torch.no_grad(), suitable_threads(module.hidden_size):
        size = evaluation_batch(past.shape[1])
        for start in range(0, len(past), size):
            batch = slice(start, start + size)
            ahead = None if future is None else future[batch].to(net.device)
            forecasts = roll_out(module, past[batch].to(net.device), ahead, n_steps)
            output.append(forecasts.cpu())
    return torch.cat(output).numpy()


def _sample_paths(
    net: SequenceNet, past: Tensor, future: Tensor | None, n_steps: int, n_paths: int
) -> np.ndarray:
    """Draw paths, (n_windows, n_steps, n_targets, n_paths); each time the same."""
    module: Any = net.module_
    device = torch.device(net.device)
    at_once = max(_PATHS_AT_ONCE // n_paths, 1)
    output = []
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for start in range(0, len(past), at_once):
            batch = slice(start, start + at_once)
            windows = past[batch].to(device).repeat_interleave(n_paths, dim=0)
            ahead = None
            if future is not None:
                ahead = future[batch].to(device).repeat_interleave(n_paths, dim=0)
            draws = Draws(net.seed + start, device)
            paths = roll_out(module, windows, ahead, n_steps, draws)
            output.append(paths.unflatten(0, (-1, n_paths)).movedim(1, -1).cpu())
    return torch.cat(output).numpy()


def stored_future(one: GridSeries, ends: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return what a series itself holds of the exogenous values after its cutoffs."""
    low, high = int(ends.min()), int(ends.max()) + len(offset)
    rows = np.full((high, one.values.shape[1] - one.n_targets), np.nan)
    stored = one.values[:high, one.n_targets :]
    rows[: len(stored)] = stored
    last, gap = last_observed(rows, low)
    filled, _, _ = fill_forward(rows[low:], last, gap)
    return filled[(ends - low)[:, None] + offset - 1].astype(np.float32)


def _given_rows(
    fitted: FittedNetwork, one: GridSeries, given: pd.DataFrame, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of a series' rows up to `end` are given, and their values, scaled.

    Columns that are not given are NaN.
    """
    columns = slice(one.n_targets, None)
    times = matched(given.index, one.origin, f"X{one.where}")
    at = positions(times, one.origin, one.step)
    given = given.reindex(columns=list(fitted.exogenous))
    fresh = (to_float(given, "X") - one.center[columns]) / one.scale[columns]
    inside = (at >= 0) & (at < end)
    return at[inside], fresh[inside]


def _completed(
    fitted: FittedNetwork, one: GridSeries, given: pd.DataFrame | None
) -> GridSeries:
    """Return a series with exogenous values of its past that it lacked until now."""
    if given is None:
        return one
    at, fresh = _given_rows(fitted, one, given, one.end)
    stored = one.values[at, one.n_targets :]
    lacking = np.isnan(stored) & ~np.isnan(fresh)
    if not lacking.any():
        return one
    values = one.values.copy()
    values[at, one.n_targets :] = np.where(lacking, fresh, stored)
    return replace(one, values=values)


def _known_future(
    fitted: FittedNetwork,
    one: GridSeries,
    given: pd.DataFrame | None,
    ends: np.ndarray,
    offset: np.ndarray,
    n_steps: int,
) -> np.ndarray:
    """Return the exogenous values of the steps after each window's end."""
    columns = slice(one.n_targets, None)
    stored = one.values[: one.end + n_steps, columns]
    rows = np.full((one.end + n_steps, stored.shape[1]), np.nan)
    rows[: len(stored)] = stored
    present = ~np.isnan(rows).all(axis=1)
    present[: one.end] = True
    if len(fitted.past_only) == len(fitted.exogenous):
        present[:] = True  # nothing is to be known ahead
    if given is not None:
        at, fresh = _given_rows(fitted, one, given, len(rows))
        rows[at] = np.where(np.isnan(fresh), rows[at], fresh)
        present[at] = True
    wanted = one.end - 1 + offset[offset > 0]
    missing = wanted[~present[wanted]]
    if len(missing):
        where = "" if one.key is None else f" of series {one.key!r}"
        raise ValueError(
            f"X lacks {len(missing)} of the {len(wanted)} rows to forecast{where}, the "
            f"first of them {missing[0] - one.end + 1} steps after the cutoff "
            f"{one.cutoff}; `fit` had X, so give its values there (NaN where unknown)"
        )
    low = int(ends.min())
    last, gap = last_observed(rows, low)
    filled, _, _ = fill_forward(rows[low:], last, gap)
    at = np.minimum((ends - low)[:, None] + np.arange(n_steps), len(filled) - 1)
    return filled[at].astype(np.float32)
