"""Forecasts from a trained network: series in, values in the units of y out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklrnn.batches import WindowDataset, evaluation_batch
from sklrnn.calibration import ResidualQuantiles
from sklrnn.data.gaps import fill_forward, last_observed
from sklrnn.data.tables import GridSeries, to_float
from sklrnn.data.timegrid import positions
from sklrnn.data.windows import WindowSet, cut_windows, last_window
from sklrnn.network.rollout import roll_out
from sklrnn.threads import suitable_threads
from sklrnn.training import SequenceNet


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
        Number of steps ahead that `residuals` were collected for.
    batch_size, max_epochs : int
    epoch_size : int or None
        Number of windows in an epoch; None for all.
    targets, exogenous : tuple of Hashable
        Names of the columns.
    architecture : dict
        The parameters that the network was built by.
    residuals : ResidualQuantiles
        In standardised units.
    """

    net: SequenceNet
    histories: dict[str | None, Any]
    window_length: int
    horizon: int
    batch_size: int
    max_epochs: int
    epoch_size: int | None
    targets: tuple[Hashable, ...]
    exogenous: tuple[Hashable, ...]
    architecture: dict[str, Any]
    residuals: ResidualQuantiles


def forecast(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
) -> list[np.ndarray]:
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
    list of ndarray of shape (n_times, n_targets)
        In the units of y.

    Raises
    ------
    ValueError
        If exogenous rows are missing at times to forecast.
    """
    results = [np.empty((len(offset), series[0].n_targets)) for offset in offsets]
    _forecast_ahead(fitted, series, offsets, exogenous, results)
    _forecast_in_sample(fitted, series, offsets, exogenous, results)
    return results


def _forecast_ahead(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
    results: list[np.ndarray],
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
            blocks.append(_known_future(one, given, end, offsets[i], n_steps))
        future = torch.from_numpy(np.concatenate(blocks))
    values = run(fitted.net, torch.from_numpy(np.stack(past)), future, n_steps)
    for row, i in zip(values, chosen, strict=True):
        place = places[id(offsets[i])]
        results[i][place] = _in_units(series[i], row[offsets[i][place] - 1])


def _forecast_in_sample(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
    results: list[np.ndarray],
) -> None:
    """Forecast steps up to the cutoff, each from the window that ends before it."""
    masked = fitted.net.module_.masked
    for i, one in enumerate(series):
        place = np.flatnonzero(offsets[i] <= 0)
        if len(place) == 0:
            continue
        offset = offsets[i][place]
        ends = np.clip(one.end - 1 + offset, 0, one.end)
        past = cut_windows(one, ends, fitted.window_length, masked)
        future = None
        if fitted.exogenous:
            given = exogenous.get(one.key)
            future = torch.from_numpy(_known_future(one, given, ends, offset, 1))
        values = run(fitted.net, torch.from_numpy(past), future, 1)
        results[i][place] = _in_units(one, values[:, 0])


def _in_units(one: GridSeries, values: np.ndarray) -> np.ndarray:
    targets = slice(0, one.n_targets)
    return values * one.scale[targets] + one.center[targets]


def run(
    net: SequenceNet, past: Tensor, future: Tensor | None, n_steps: int
) -> np.ndarray:
    """Run a network on windows, in evaluation mode, in batches.

    Returns
    -------
    ndarray of shape (n_windows, n_steps, n_targets)
        In standardised units.
    """
    module: Any = net.module_.eval()
    output = []
    with torch.no_grad(), suitable_threads(module.hidden_size):
        size = evaluation_batch(past.shape[1])
        for start in range(0, len(past), size):
            batch = slice(start, start + size)
            ahead = None if future is None else future[batch].to(net.device)
            forecasts = roll_out(module, past[batch].to(net.device), ahead, n_steps)
            output.append(forecasts.cpu())
    return torch.cat(output).numpy()


def collect_residuals(
    net: SequenceNet, windows: WindowSet, *, window_length: int, horizon: int
) -> ResidualQuantiles:
    """Collect what a network's forecasts miss on windows, step by step."""
    module: Any = net.module_
    dataset = WindowDataset(
        windows,
        window_length=window_length,
        horizon=horizon,
        n_targets=module.n_targets,
        n_exogenous=module.n_exogenous,
        masked=module.masked,
    )
    inputs, (target, mask) = dataset.gather(torch.arange(len(dataset)))
    error = target.numpy() - run(net, inputs["past"], inputs.get("future"), horizon)
    if mask is not None:
        error = np.where(mask.numpy(), error, np.nan)
    return ResidualQuantiles(error)


def _known_future(
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
    if given is not None:
        at = positions(given.index, one.origin, one.step)
        inside = (at >= 0) & (at < len(rows))
        fresh = (to_float(given, "X") - one.center[columns]) / one.scale[columns]
        at, fresh = at[inside], fresh[inside]
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
