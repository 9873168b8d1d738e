"""Learning to forecast: the network's shape, its training, calibration and refit."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from sklrnn import registry
from sklrnn.base import (
    LAYER_PARAMS,
    TRAINING_ONLY,
    best_epoch,
    build_net,
    default_batch_size,
    default_epochs,
    train_phases,
)
from sklrnn.batches import WindowDataset, Windows
from sklrnn.data.categories import Categories
from sklrnn.data.parted import PartedSeries, PartedWindows
from sklrnn.data.tables import GridSeries, repeats_one_value
from sklrnn.data.timegrid import season_length
from sklrnn.data.windows import WindowSet, has_gaps, split_windows
from sklrnn.forecasting import FittedNetwork, calibrate
from sklrnn.memory import reused_memory
from sklrnn.network.cells.base import takes
from sklrnn.network.decoders import DECODERS
from sklrnn.network.ensemble import ForecastEnsemble
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.network.likelihoods import LIKELIHOODS
from sklrnn.network.losses import MaskedHuber, MaskedMAE, MaskedMSE
from sklrnn.parameters import check_choice, check_integer
from sklrnn.processes import Processes
from sklrnn.streams import PartedDataset
from sklrnn.training import History, SequenceNet, take_over

STRATEGIES = ("direct", "recursive")
NORMALIZATIONS = ("standard", "window", "last", None)
CHANNELS = ("joint", "independent")
DISTRIBUTIONS = ("point", *LIKELIHOODS)
LOSSES = {"mse": MaskedMSE, "mae": MaskedMAE, "huber": MaskedHuber}
CHOSEN = ("window_length", "horizon", "segment_length")
"""Parameters of the shape that are chosen where they are None; so is the loss."""

SHAPE_PARAMS = (
    "normalize",
    "channels",
    "channel_embedding",
    "decoder",
    "shortcut",
    "distribution",
)
"""Parameters of the forecaster that its network takes as they are."""

_LONGEST_BY_STEPS = 192
_SEGMENT = 24
_VALIDATION_WINDOWS = 2000


@reused_memory()
def learn(
    params: Any,
    series: list[GridSeries] | PartedSeries,
    targets: tuple[Hashable, ...],
    exogenous: tuple[Hashable, ...],
    categories: Categories,
    *,
    steps_ahead: int,
    seed: int,
    start: FittedNetwork | None = None,
    epochs: int | None = None,
) -> FittedNetwork:
    """Train a network on series and calibrate it.

    The newest part of every series is kept to choose the number of epochs and to
    calibrate; then, with ``params.refit``, a second network learns that long from
    everything.

    Parameters
    ----------
    params : RNNForecaster
        Read for its parameters alone.
    series : list of GridSeries, or PartedSeries
    targets, exogenous : tuple of Hashable
        Names of the columns.
    categories : Categories
        Of the exogenous columns.
    steps_ahead : int
        How far forecasts are to reach; 0 if that is not known.
    seed : int
    start : FittedNetwork, optional
        What to go on from; it is left as it is.
    epochs : int, optional
        Number of epochs; by default that of the parameters.

    Raises
    ------
    DivergenceError
        With the network, at its best weights so far, as ``error.net``.
    """
    past_only = read_past_only(params, exogenous)
    split: Callable[..., tuple]
    if isinstance(series, PartedSeries):
        known, split, gaps = series.known, series.split_windows, series.has_gaps
    else:
        known, split, gaps = series, partial(split_windows, series), has_gaps(series)
    if start is None:
        chosen, masked = _choose_shape(params, known, steps_ahead), gaps
    else:
        chosen = tuple(getattr(start, name) for name in CHOSEN)
        masked = start.net.module_.masked
    window_length, horizon, segment_length = chosen
    loss = params.loss or (start.loss if start else _choose_loss(params, known))
    sizes = categories.sizes(exogenous)
    if sizes and masked and takes(registry.find_cell(params.cell), "masked"):
        raise ValueError(
            f"the cell {params.cell!r} reads masks of its own, and so no categories; "
            f"drop {[exogenous[place] for place in sizes]} from X, or use another cell"
        )
    n_out = horizon if params.strategy == "direct" else 1

    def windows(horizon: int, fraction: float | None, **options: Any) -> tuple:
        return split(
            window_length=window_length,
            horizon=horizon,
            validation_fraction=fraction,
            masked=masked,
            **options,
        )

    train_set, valid_set = windows(n_out, params.validation_fraction)
    batch_size = params.batch_size or default_batch_size(len(train_set))
    max_epochs, epoch_size = params.max_epochs, None
    if max_epochs is None:
        max_epochs, epoch_size = default_epochs(len(train_set), batch_size)
    epochs = max_epochs if epochs is None else epochs

    build = partial(
        _build,
        params,
        {
            "n_targets": known[0].n_targets,
            "n_exogenous": len(exogenous),
            "past_only": tuple(map(exogenous.index, past_only)),
            "categories": sizes,
            "masked": masked,
            "window_length": window_length,
            "horizon": n_out,
            "segment_length": segment_length,
        },
        start=start,
        batch_size=batch_size,
        max_epochs=max_epochs,
        seed=seed,
        criterion=_criterion(params.distribution, loss),
    )
    net = build()
    phases = dict.fromkeys(net.module_.phases, epochs)
    training: dict[str, Any] = {
        "window_length": window_length,
        "epoch_size": epoch_size,
        "processes": Processes.of(params),
    }
    histories = _train(
        net, train_set, valid_set, phases, patience=params.patience, **training
    )
    calibration = None
    if params.distribution == "point" or params.calibrate:
        sets = train_set, valid_set
        if horizon != n_out:
            sets = windows(horizon, params.validation_fraction)
        # Without a validation part, on what was learned from.
        calibration = calibrate(
            net, sets[1] or sets[0], window_length=window_length, horizon=horizon
        )
        del sets
    if params.refit and valid_set is not None and epochs:
        if params.patience is not None:
            phases = {name: best_epoch(rows) for name, rows in histories.items()}
        net = build()
        again = {}
        if isinstance(train_set, WindowSet):
            again["like"] = train_set.emptied()
        train_set = valid_set = None
        train_set, _ = windows(n_out, None, **again)
        _train(net, train_set, None, phases, **training)
    return FittedNetwork(
        net=net,
        histories=histories,
        window_length=window_length,
        horizon=horizon,
        segment_length=segment_length,
        loss=loss,
        batch_size=batch_size,
        max_epochs=max_epochs,
        epoch_size=epoch_size,
        targets=targets,
        exogenous=exogenous,
        past_only=past_only,
        categories=categories,
        exogenous_scaling=_exogenous_scaling(known[0]),
        architecture=_architecture(params),
        calibration=calibration,
    )


@reused_memory()
def learn_on(
    params: Any, fitted: FittedNetwork, series: list[GridSeries], epochs: int
) -> None:
    """Train a fitted network in place, on everything there is.

    Its calibration stays: the network has seen the validation part since.
    """
    everything, _ = split_windows(
        series,
        window_length=fitted.window_length,
        horizon=fitted.net.module_.horizon,
        validation_fraction=None,
        masked=fitted.net.module_.masked,
    )
    _train(
        fitted.net,
        everything,
        None,
        dict.fromkeys(fitted.net.module_.phases, epochs),
        window_length=fitted.window_length,
        epoch_size=fitted.epoch_size,
        processes=Processes.of(params),
    )


def check_forecast_params(params: Any) -> None:
    """Check the parameters that a forecaster has of its own.

    Raises
    ------
    ValueError, TypeError
        Naming the parameter, its value and what would be right.
    """
    check_choice("strategy", params.strategy, STRATEGIES)
    check_choice("normalize", params.normalize, NORMALIZATIONS)
    check_choice("channels", params.channels, CHANNELS)
    check_choice("decoder", params.decoder, DECODERS)
    check_choice("loss", params.loss, (*LOSSES, None))
    check_choice("distribution", params.distribution, DISTRIBUTIONS)
    if params.distribution != "point" and params.loss is not None:
        raise ValueError(
            f"loss is {params.loss!r}, but distribution={params.distribution!r} has a "
            "loss of its own; leave loss out"
        )
    if params.distribution == "negative_binomial" and params.normalize == "standard":
        raise ValueError(
            "normalize must be 'window', 'last' or None with distribution="
            "'negative_binomial', which is one of counts; got 'standard'"
        )
    check_integer("n_members", params.n_members, low=1)
    for name in ("channel_embedding", "calibrate", "shortcut"):
        value = getattr(params, name)
        if value not in (True, False):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    if params.channel_embedding and params.channels == "joint":
        raise ValueError(
            "channel_embedding tells channels='independent' which column it reads; "
            "leave it out with channels='joint'"
        )
    if params.segment_length is not None:
        check_integer("segment_length", params.segment_length, low=1)
        obstacle = _obstacle_to_segments(params)
        if params.segment_length > 1 and obstacle:
            raise ValueError(
                f"segment_length must be 1 with {obstacle}; got {params.segment_length}"
            )


def _obstacle_to_segments(params: Any) -> str:
    """Return what needs single steps, and why; "" if nothing does."""
    cell = registry.find_cell(params.cell)
    reads = {
        "masked": "reads how long ago every value was seen",
        "n_targets": "is fed back its own output at every step",
    }
    for name, why in reads.items():
        if takes(cell, name):
            return f"the cell {cell.__name__}, which {why}"
    if params.direction == "decoupled":
        return "direction='decoupled', whose two networks are matched step by step"
    return ""


def read_past_only(
    params: Any, exogenous: tuple[Hashable, ...]
) -> tuple[Hashable, ...]:
    """Return the columns that `past_only` names.

    Raises
    ------
    ValueError
        If X has no such column.
    """
    names = params.past_only
    if names is None:
        return ()
    if isinstance(names, str) or not isinstance(names, Iterable):
        names = [names]
    strange = [name for name in names if name not in exogenous]
    if strange:
        raise ValueError(
            f"past_only has {strange[0]!r}, but X has the columns {list(exogenous)}"
        )
    return tuple(name for name in exogenous if name in names)


def check_start(
    start: FittedNetwork,
    params: Any,
    targets: tuple[Hashable, ...],
    exogenous: tuple[Hashable, ...],
) -> None:
    """Check that a network trained before fits the data and parameters of now.

    Raises
    ------
    ValueError
        Naming what does not fit.
    """
    for name in CHOSEN:
        value, before = getattr(params, name), getattr(start, name)
        if value is not None and value != before:
            raise ValueError(
                f"{name} is {value}, but the network to go on from was trained with "
                f"{before}; keep it, or fit a new RNNForecaster"
            )
    for name, value in _architecture(params).items():
        if value != start.architecture[name]:
            raise ValueError(
                f"{name} is {value!r}, but the network to go on from was built with "
                f"{start.architecture[name]!r}; keep it, or fit a new RNNForecaster"
            )
    check_targets(start, targets)
    if exogenous != start.exogenous:
        raise ValueError(
            f"X has the columns {list(exogenous)}, but the network to go on from was "
            f"trained with {list(start.exogenous)}, in this order"
        )


def check_targets(start: FittedNetwork, targets: tuple[Hashable, ...]) -> None:
    """Check the columns of y; names that the network does not know go by position.

    Raises
    ------
    ValueError
        If there are more or fewer, or if one has the name of another.
    """
    known = start.targets
    moved = [n for n, k in zip(targets, known, strict=False) if n != k and n in known]
    if len(targets) != len(known) or moved:
        raise ValueError(
            f"y has the columns {list(targets)}, but the network was trained on "
            f"{list(known)}; give the same ones in the same order"
        )


def _exogenous_scaling(one: GridSeries) -> tuple[np.ndarray, np.ndarray] | None:
    columns = slice(one.n_targets, None)
    if len(one.center) == one.n_targets:
        return None
    return one.center[columns], one.scale[columns]


def _choose_loss(params: Any, series: list[GridSeries]) -> str | None:
    """Return the loss of a new network; None if its distribution has one."""
    if params.distribution != "point":
        return None
    return "mae" if repeats_one_value(series) else "huber"


def _criterion(distribution: str, loss: str | None) -> type[nn.Module]:
    return LIKELIHOODS[distribution] if loss is None else LOSSES[loss]


def _architecture(params: Any) -> dict[str, Any]:
    names = [name for name in LAYER_PARAMS if name not in TRAINING_ONLY]
    names += ["strategy", "n_members", "past_only", *SHAPE_PARAMS]
    return {name: getattr(params, name) for name in names}


def _choose_shape(
    params: Any, series: list[GridSeries], steps_ahead: int
) -> tuple[int, ...]:
    """Return what a new network has of `CHOSEN`."""
    longest = max(one.end for one in series)
    season = season_length(series[0].step)
    horizon = params.horizon
    if horizon is None:
        horizon = min(steps_ahead or season or 12, max(longest // 2, 1))
    window_length = params.window_length
    if window_length is None:
        wanted = max(2 * season, horizon) if season else max(2 * horizon, 24)
        window_length = min(wanted, max(longest // 3, 1))
    segment_length = params.segment_length
    if segment_length is None:
        by_steps = window_length <= _LONGEST_BY_STEPS or params.bptt_steps is not None
        fits = season is not None and 4 <= season <= 2 * _SEGMENT
        segment_length = season if fits else _SEGMENT
        if by_steps or _obstacle_to_segments(params):
            segment_length = 1
    return window_length, horizon, int(segment_length)


def _build(
    params: Any, shape: dict[str, Any], *, start: FittedNetwork | None, **training: Any
) -> SequenceNet:
    """Return an untrained net, or one with the weights of what it starts from."""
    shape = shape | {name: getattr(params, name) for name in SHAPE_PARAMS}
    module: type[nn.Module] = ForecastNetwork
    if params.n_members > 1:
        module, shape["n_members"] = ForecastEnsemble, params.n_members
    net = build_net(params, module, shape, **training)
    if start is not None:
        take_over(net, start.net)
    return net


def _train(
    net: SequenceNet,
    train_set: WindowSet | PartedWindows,
    valid_set: WindowSet | PartedWindows | None,
    phases: dict[str | None, int],
    *,
    window_length: int,
    epoch_size: int | None,
    processes: Processes | None,
    patience: int | str | None = None,
) -> dict[str | None, History]:
    """Train a net in place, for as many epochs as each part of the training has."""
    shape = {
        "window_length": window_length,
        "horizon": net.module_.horizon,
        "n_targets": net.module_.n_targets,
        "n_exogenous": net.module_.n_exogenous,
        "masked": net.module_.masked,
        "reads_ahead": len(net.module_.phases) > 1,
        "device": net.device,
    }
    training: Windows
    flat = validation = None
    if isinstance(train_set, PartedWindows):
        training = PartedDataset(train_set, **shape)
    else:
        training = WindowDataset(train_set, **shape)
        flat = training.flat
    if valid_set is not None:
        thinned = valid_set.thinned(_VALIDATION_WINDOWS)
        validation = WindowDataset(thinned, flat=flat, **shape)
    return train_phases(
        net,
        (training, validation),
        phases,
        epoch_size=epoch_size,
        patience=patience,
        processes=processes,
    )
