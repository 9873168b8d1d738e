"""Forecasts from a trained network: series in, values in the units of y out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklrnn.batches import WindowDataset
from sklrnn.calibration import ResidualQuantiles
from sklrnn.data.gaps import fill_forward, last_observed
from sklrnn.data.tables import GridSeries, to_float
from sklrnn.data.timegrid import positions
from sklrnn.data.windows import WindowSet, cut_windows
from sklrnn.network.rollout import roll_out
from sklrnn.training import SequenceNet, suitable_threads

_BATCH = 2048


class FittedNetwork(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    window_length : int
        Number of past steps that a forecast reads.
    horizon : int
        Number of steps ahead that `residuals` were collected for.
    exogenous : tuple of Hashable
        Names of the exogenous columns.
    residuals : ResidualQuantiles
        In standardised units.
    """

    net: SequenceNet
    window_length: int
    horizon: int
    exogenous: tuple[Hashable, ...]
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
    results = [np.empty((len(o), series[0].n_targets)) for o in offsets]
    # In-sample steps are one step ahead of many windows, the others many steps ahead
    # of one window: two passes.
    for in_sample in (True, False):
        places = [np.flatnonzero((offset <= 0) == in_sample) for offset in offsets]
        if any(len(place) for place in places):
            _forecast_places(fitted, series, offsets, exogenous, places, results)
    return results


def _forecast_places(
    fitted: FittedNetwork,
    series: list[GridSeries],
    offsets: list[np.ndarray],
    exogenous: dict[Hashable, pd.DataFrame],
    places: list[np.ndarray],
    results: list[np.ndarray],
) -> None:
    """Forecast at some places of the offsets, all in-sample or none, into results."""
    wanted = [
        (i, one, places[i], offsets[i][places[i]])
        for i, one in enumerate(series)
        if len(places[i])
    ]
    n_steps = max(int(offset.max(initial=1)) for *_, offset in wanted)
    pasts, futures = [], []
    rows: list[np.ndarray] = []
    n_windows = 0
    for _, one, _, offset in wanted:
        # The window of an in-sample step ends before it, all others at the cutoff.
        before = one.end - 1 + np.minimum(offset, 1)
        ends, window = np.unique(np.clip(before, 0, one.end), return_inverse=True)
        masked = fitted.net.module_.masked
        pasts.append(cut_windows(one, ends, fitted.window_length, masked))
        if fitted.exogenous:
            given = exogenous.get(one.key)
            futures.append(_known_future(one, given, ends, offset, n_steps))
        rows.append(n_windows + window)
        n_windows += len(ends)
    values = run(
        fitted.net,
        torch.from_numpy(np.concatenate(pasts)),
        torch.from_numpy(np.concatenate(futures)) if futures else None,
        n_steps,
    )
    for (i, one, place, offset), row in zip(wanted, rows, strict=True):
        at = slice(0, one.n_targets)
        scaled = values[row, np.maximum(offset, 1) - 1]
        results[i][place] = scaled * one.scale[at] + one.center[at]


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
        for start in range(0, len(past), _BATCH):
            batch = slice(start, start + _BATCH)
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
        raise ValueError(
            f"X lacks {len(missing)} of the {len(wanted)} rows to forecast, the first "
            f"of them {missing[0] - one.end + 1} steps after the cutoff {one.cutoff}; "
            "`fit` had X, so give its values there (NaN where unknown)"
        )
    low = int(ends.min())
    last, gap = last_observed(rows, low)
    filled, _, _ = fill_forward(rows[low:], last, gap)
    at = np.minimum((ends - low)[:, None] + np.arange(n_steps), len(filled) - 1)
    return filled[at].astype(np.float32)
