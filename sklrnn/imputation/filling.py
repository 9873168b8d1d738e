"""Filling gaps with a trained network: standardised series in, estimates out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklrnn.data.surroundings import Seen, describe, look_back
from sklrnn.imputation.corruption import GapWindows, tile
from sklrnn.imputation.tables import TimedSeries
from sklrnn.network.heads import Estimate
from sklrnn.training.batches import evaluation_batch
from sklrnn.training.calibration import ResidualQuantiles
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import Length
from sklrnn.training.threads import suitable_threads

_STREAM_STEPS = 4096

DISTANCES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Steps to the nearest observation at which spreads are widened apart."""


class FittedImputer(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    histories, length
        As of `sklrnn.training.course.Taught`.
    window_length : int
    companions : ndarray of shape (n_columns, n_columns)
        How columns explain each other: see `sklrnn.data.surroundings`.
    widening : ndarray of shape (n_classes,)
        Factors of the spread that the network expects, by the distance of an entry
        from what was observed.
    residuals : ResidualQuantiles
        Of every column, in units of the spread so widened.
    errors : ndarray of shape (n_columns,)
        Mean absolute error on the validation part, standardised; NaN where nothing
        was scored.
    """

    net: SequenceNet
    histories: dict[str | None, Any]
    length: Length
    window_length: int
    companions: np.ndarray
    widening: np.ndarray
    residuals: ResidualQuantiles
    errors: np.ndarray


def estimate(
    fitted: FittedImputer, series: list[TimedSeries]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Estimate every entry of series, and what error to expect of it.

    Returns
    -------
    list of (mean, spread)
        ndarrays of shape (n_steps, n_columns), standardised.
    """
    module = fitted.net.module_
    if module.direction == "forward":
        return [go_on(fitted, one, None)[:2] for one in series]
    windows = GapWindows(
        window_length=fitted.window_length,
        n_columns=module.n_columns,
        both_sides=True,
        companions=fitted.companions,
        device=fitted.net.device,
    )
    nothing = [np.zeros(one.values.shape, dtype=bool) for one in series]
    tiles = [tile(len(one.values), fitted.window_length) for one in series]
    windows.cover(series, nothing, tiles)
    means, spreads = [], []
    for found, _, counts, distance in run(fitted.net, windows):
        means.append(found.mean[counts].cpu().numpy())
        wide = fitted.widening[class_of(distance[counts]).cpu().numpy()]
        spreads.append(found.spread[counts].cpu().numpy() * wide)
    borders = np.cumsum([len(one.values) for one in series])[:-1]
    # The middles of the windows follow one another without gap or overlap.
    parts = (np.split(np.concatenate(a), borders) for a in (means, spreads))
    return list(zip(*parts, strict=True))


def estimate_windows(
    fitted: FittedImputer, windows: np.ndarray, *, online: bool
) -> np.ndarray:
    """Estimate every entry of many short series, each from itself alone.

    Parameters
    ----------
    fitted : FittedImputer
    windows : ndarray of shape (n_windows, n_steps, n_columns)
        Standardised, NaN where not observed; rows follow one another by one step.
    online : bool
        Whether a network that can reads no later row than the one it estimates, as
        `go_on` does. One with ``direction="coupled"`` cannot.

    Returns
    -------
    mean : ndarray of shape (n_windows, n_steps, n_columns)
        Standardised.
    """
    module: Any = fitted.net.module_.eval()
    times = np.arange(windows.shape[1], dtype=np.float64)
    series = [TimedSeries(window, times) for window in windows]
    if module.direction == "coupled" or not (online or module.direction == "forward"):
        return np.stack([mean for mean, _ in estimate(fitted, series)])
    rows = describe(series, both_sides=False, companions=fitted.companions)
    size = evaluation_batch(windows.shape[1])
    means = []
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for i in range(0, len(rows), size):
            batch = torch.from_numpy(np.stack(rows[i : i + size])).to(fitted.net.device)
            means.append(module.advance(batch, None)[0].mean.cpu().numpy())
    return np.concatenate(means)


class Stream(NamedTuple):
    """Where a causal reading of a table has come to."""

    seen: Seen
    states: Any


def go_on(
    fitted: FittedImputer, one: TimedSeries, stream: Stream | None
) -> tuple[np.ndarray, np.ndarray, Stream | None]:
    """Estimate the rows of a series from what came before them alone.

    Parameters
    ----------
    fitted : FittedImputer
    one : TimedSeries
        The rows that follow; their times go on, too.
    stream : Stream or None
        Where to go on from; None at the beginning.

    Returns
    -------
    mean, spread : ndarray of shape (n_steps, n_columns)
        Standardised.
    stream : Stream
    """
    module: Any = fitted.net.module_.eval()
    seen, states = (None, None) if stream is None else stream
    means, spreads = [], []
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for i in range(0, len(one.values), _STREAM_STEPS):
            part = slice(i, i + _STREAM_STEPS)
            rows, seen = look_back(
                one.values[part], one.times[part], seen, fitted.companions
            )
            batch = torch.from_numpy(rows)[None].to(fitted.net.device)
            found, states = module.advance(batch, states)
            means.append(found.mean[0].cpu().numpy())
            wide = fitted.widening[class_of(module.distance(batch[0])).cpu().numpy()]
            spreads.append(found.spread[0].cpu().numpy() * wide)
    assert seen is not None
    return np.concatenate(means), np.concatenate(spreads), Stream(seen, states)


def run(
    net: SequenceNet, windows: GapWindows
) -> Iterator[tuple[Estimate, tuple, Tensor, Tensor]]:
    """Run a network over windows.

    Yields estimates, what is scored, the steps that count, and the distances.
    """
    module: Any = net.module_.eval()
    size = evaluation_batch(windows.window_length)
    with torch.no_grad(), suitable_threads(module.hidden_size):
        for index in torch.arange(len(windows), device=net.device).split(size):
            inputs, scored = windows.gather(index)
            counts = windows.counting(index)
            distance = module.distance(inputs["rows"])
            yield module(**inputs), scored, counts[..., 0], distance


def class_of(distance: Tensor) -> Tensor:
    """Return the class of each distance, from 0 to the number of `DISTANCES`."""
    borders = torch.tensor(DISTANCES, device=distance.device)
    return torch.bucketize(distance.contiguous(), borders)
