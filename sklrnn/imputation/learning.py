"""Learning to fill gaps, and filling them: standardised series in, estimates out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklrnn.data.absence import AbsenceDiffusion, find_joint_gaps
from sklrnn.data.surroundings import Seen, describe, find_companions, look_back
from sklrnn.data.windows import validation_start
from sklrnn.imputation.corruption import (
    GapWindows,
    TimedSeries,
    TrainingWindows,
    rows_of,
    tile,
    validation_windows,
)
from sklrnn.network.heads import Estimate
from sklrnn.network.reconstruct import LOSSES, ReconstructionNetwork
from sklrnn.training.batches import evaluation_batch
from sklrnn.training.calibration import ResidualQuantiles
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet, take_over
from sklrnn.training.phases import (
    build_net,
    default_batch_size,
    default_epochs,
    settled_epoch,
    train_phases,
)
from sklrnn.training.threads import suitable_threads

_WINDOW_LENGTH = 48
_TRAINING_STEPS = 4000
_TRAINING_WINDOWS = 256_000
_LARGEST_BATCH = 64
_STREAM_STEPS = 4096
_FEWEST_RESIDUALS = 20
"""A column with fewer takes those of all columns."""

_DISTANCES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Steps to the nearest observation at which spreads are widened apart."""

_WIDENED = 0.9
_LEAST_WIDENING = 1.0
"""Spreads are not narrowed: what comes later is rarely easier than validation."""


class FittedImputer(NamedTuple):
    """A trained network with all that using it takes.

    Attributes
    ----------
    net : SequenceNet
    histories : dict of skorch.history.History
        Of each part of the training with the validation part kept.
    window_length, batch_size, max_epochs : int
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
    window_length: int
    batch_size: int
    max_epochs: int
    companions: np.ndarray
    widening: np.ndarray
    residuals: ResidualQuantiles
    errors: np.ndarray


@reused_memory()
def learn(
    params: Any,
    series: list[TimedSeries],
    *,
    seed: int,
    start: FittedImputer | None = None,
) -> FittedImputer:
    """Train a network to fill gaps, and calibrate what it expects of its errors.

    Entries are removed from the newest part of every series to choose the number of
    epochs and to calibrate; then, with ``params.refit``, a second network learns that
    long from everything.

    Parameters
    ----------
    params : RNNImputer
        Read for its parameters alone.
    series : list of TimedSeries
    seed : int
    start : FittedImputer, optional
        What to go on from; it is left as it is.

    Raises
    ------
    DivergenceError
        With the network, at its best weights so far, as ``error.net``.
    """
    longest = max(len(one.values) for one in series)
    window_length = params.window_length or min(_WINDOW_LENGTH, longest)
    if start is not None:
        window_length = start.window_length
    observed = [~np.isnan(one.values) for one in series]
    splits = [validation_start(m, params.validation_fraction) for m in observed]
    older = [rows_of(one, 0, split) for one, split in zip(series, splits, strict=True)]
    companions = find_companions(np.concatenate([one.values for one in older]))
    if start is not None:
        companions = start.companions
    absence = AbsenceDiffusion(
        params.absence_pattern,
        params.absence_rate,
        params.absence_spread or window_length,
        np.concatenate([find_joint_gaps(mask) for mask in observed]),
    )
    shape = {
        "window_length": window_length,
        "both_sides": params.direction != "forward",
        "companions": companions,
        "device": params.device,
    }
    last_step = params.score_steps == "last"

    def training(parts: list[TimedSeries]) -> TrainingWindows:
        growth = params.absence_growth
        return TrainingWindows(
            parts, absence, last_step=last_step, growth=growth, seed=seed, **shape
        )

    held = [i for i, mask in enumerate(observed) if splits[i] < len(mask)]
    train_set = training(older)
    batch_size = params.batch_size or default_batch_size(
        len(train_set), largest=_LARGEST_BATCH
    )
    max_epochs, epoch_size = params.max_epochs, None
    if max_epochs is None:
        max_epochs, epoch_size = default_epochs(
            len(train_set), batch_size, (_TRAINING_STEPS, _TRAINING_WINDOWS)
        )

    def new_net() -> SequenceNet:
        net = build_net(
            params,
            ReconstructionNetwork,
            {
                "n_columns": series[0].values.shape[1],
                "window_length": window_length,
                "loss": params.loss,
            },
            batch_size=batch_size,
            max_epochs=max_epochs,
            seed=seed,
            criterion=LOSSES[params.loss],
        )
        if start is not None:
            take_over(net, start.net)
        return net

    # Without a validation part intervals rest on all rows, which the network knows.
    scored = validation_windows(
        [series[i] for i in held] if held else series,
        [splits[i] for i in held] if held else [0] * len(series),
        absence,
        last_step=last_step,
        seed=seed + 1,
        **shape,
    )
    net = new_net()
    phases = dict.fromkeys(net.module_.phases, max_epochs)
    histories = train_phases(
        net,
        (train_set, scored if held else None),
        phases,
        epoch_size=epoch_size,
        patience=params.patience,
    )
    widening, residuals, errors = _calibrate(net, scored)
    if params.refit and held:
        if params.patience is not None:
            phases = {name: settled_epoch(rows) for name, rows in histories.items()}
        net = new_net()
        everything = (training(series), None)
        train_phases(net, everything, phases, epoch_size=epoch_size, patience=None)
    return FittedImputer(
        net=net,
        histories=histories,
        window_length=window_length,
        batch_size=batch_size,
        max_epochs=max_epochs,
        companions=companions,
        widening=widening,
        residuals=residuals,
        errors=errors,
    )


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
    for found, _, counts, distance in _run(fitted.net, windows):
        means.append(found.mean[counts].cpu().numpy())
        wide = fitted.widening[_class_of(distance[counts]).cpu().numpy()]
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
            wide = fitted.widening[_class_of(module.distance(batch[0])).cpu().numpy()]
            spreads.append(found.spread[0].cpu().numpy() * wide)
    assert seen is not None
    return np.concatenate(means), np.concatenate(spreads), Stream(seen, states)


def _run(
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


def _calibrate(
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
    for found, (target, removed), _, distance in _run(net, windows):
        step = removed.any(dim=-1)
        error = torch.where(removed, target - found.mean, torch.nan)[step]
        missed.append(error.abs().cpu().numpy())
        relative.append((error / found.spread[step]).cpu().numpy())
        classes.append(_class_of(distance[step]).cpu().numpy())
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
    widening = np.ones(len(_DISTANCES) + 1)
    usual = np.quantile(size, _WIDENED)
    for number in range(len(widening)):
        inside = size[classes == number]
        if number:  # too few to tell: as in the class before
            widening[number] = widening[number - 1]
        if len(inside) >= _FEWEST_RESIDUALS and usual > 0:
            widening[number] = np.quantile(inside, _WIDENED) / usual
    return np.maximum(widening, _LEAST_WIDENING)


def _class_of(distance: Tensor) -> Tensor:
    borders = torch.tensor(_DISTANCES, device=distance.device)
    return torch.bucketize(distance.contiguous(), borders)
