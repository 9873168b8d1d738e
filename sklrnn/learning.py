"""Learning to forecast: the network's shape, its training, calibration and refit."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from sklrnn.base import (
    LAYER_PARAMS,
    TRAINING_ONLY,
    best_epoch,
    build_net,
    default_batch_size,
    default_epochs,
    train_phases,
)
from sklrnn.batches import WindowDataset
from sklrnn.calibration import ResidualQuantiles
from sklrnn.data.tables import GridSeries
from sklrnn.data.timegrid import season_length
from sklrnn.data.windows import WindowSet, has_gaps, split_windows
from sklrnn.forecasting import FittedNetwork, collect_residuals
from sklrnn.memory import reused_memory
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.training import History, SequenceNet, take_over

_CALIBRATION_WINDOWS = 4000
_CALIBRATION_VALUES = 4_000_000
_VALIDATION_WINDOWS = 2000


@reused_memory()
def learn(
    params: Any,
    series: list[GridSeries],
    targets: tuple[Hashable, ...],
    exogenous: tuple[Hashable, ...],
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
    series : list of GridSeries
    targets, exogenous : tuple of Hashable
        Names of the columns.
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
    if start is None:
        window_length, horizon = _choose_shape(params, series, steps_ahead)
        masked = has_gaps(series)
    else:
        window_length, horizon = start.window_length, start.horizon
        masked = start.net.module_.masked
    n_out = horizon if params.strategy == "direct" else 1

    def windows(horizon: int, fraction: float | None) -> tuple:
        return split_windows(
            series,
            window_length=window_length,
            horizon=horizon,
            validation_fraction=fraction,
            masked=masked,
        )

    train_set, valid_set = windows(n_out, params.validation_fraction)
    batch_size = params.batch_size or default_batch_size(len(train_set))
    max_epochs, epoch_size = params.max_epochs, None
    if max_epochs is None:
        max_epochs, epoch_size = default_epochs(len(train_set), batch_size)
    epochs = max_epochs if epochs is None else epochs

    def new_net() -> SequenceNet:
        shape = {
            "n_targets": series[0].n_targets,
            "n_exogenous": len(exogenous),
            "masked": masked,
            "window_length": window_length,
            "horizon": n_out,
            "normalize": params.normalize,
        }
        sizes = {"batch_size": batch_size, "max_epochs": max_epochs}
        net = build_net(params, ForecastNetwork, shape, **sizes, seed=seed)
        if start is not None:
            take_over(net, start.net)
        return net

    net = new_net()
    phases = dict.fromkeys(net.module_.phases, epochs)
    histories = _train(
        net, train_set, valid_set, window_length, phases, epoch_size, params.patience
    )
    sets = windows(horizon, params.validation_fraction)
    residuals = _calibrate(net, sets, window_length, horizon)
    if params.refit and valid_set is not None and epochs:
        if params.patience is not None:
            phases = {name: best_epoch(rows) for name, rows in histories.items()}
        net = new_net()
        everything, _ = windows(n_out, None)
        _train(net, everything, None, window_length, phases, epoch_size, None)
    return FittedNetwork(
        net=net,
        histories=histories,
        window_length=window_length,
        horizon=horizon,
        batch_size=batch_size,
        max_epochs=max_epochs,
        epoch_size=epoch_size,
        targets=targets,
        exogenous=exogenous,
        architecture=_architecture(params),
        residuals=residuals,
    )


@reused_memory()
def learn_on(fitted: FittedNetwork, series: list[GridSeries], epochs: int) -> None:
    """Train a fitted network in place, on everything there is.

    Its residuals stay: the network has seen the validation part since.
    """
    everything, _ = split_windows(
        series,
        window_length=fitted.window_length,
        horizon=fitted.net.module_.horizon,
        validation_fraction=None,
        masked=fitted.net.module_.masked,
    )
    length, size = fitted.window_length, fitted.epoch_size
    phases = dict.fromkeys(fitted.net.module_.phases, epochs)
    _train(fitted.net, everything, None, length, phases, size, None)


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
    for name, before in (
        ("window_length", start.window_length),
        ("horizon", start.horizon),
    ):
        value = getattr(params, name)
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


def _architecture(params: Any) -> dict[str, Any]:
    names = [name for name in LAYER_PARAMS if name not in TRAINING_ONLY]
    return {n: getattr(params, n) for n in (*names, "strategy", "normalize")}


def _choose_shape(
    params: Any, series: list[GridSeries], steps_ahead: int
) -> tuple[int, int]:
    """Return the window length and the horizon of a new network."""
    longest = max(one.end for one in series)
    season = season_length(series[0].step)
    horizon = params.horizon
    if horizon is None:
        horizon = min(steps_ahead or season or 12, max(longest // 2, 1))
    window_length = params.window_length
    if window_length is None:
        wanted = 2 * season if season else max(2 * horizon, 24)
        window_length = min(wanted, max(longest // 3, 1))
    return window_length, horizon


def _train(
    net: SequenceNet,
    train_set: WindowSet,
    valid_set: WindowSet | None,
    window_length: int,
    phases: dict[str | None, int],
    epoch_size: int | None,
    patience: int | None,
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
    training = WindowDataset(train_set, **shape)
    validation = None
    if valid_set is not None:
        thinned = valid_set.thinned(_VALIDATION_WINDOWS)
        validation = WindowDataset(thinned, flat=training.flat, **shape)
    return train_phases(
        net,
        (training, validation),
        phases,
        epoch_size=epoch_size,
        patience=patience,
    )


def _calibrate(
    net: SequenceNet,
    sets: tuple[WindowSet, WindowSet | None],
    window_length: int,
    horizon: int,
) -> ResidualQuantiles:
    """Collect the residuals on the validation part or, without one, on the rest."""
    held_out = sets[1] or sets[0]
    most = _CALIBRATION_VALUES // (horizon * net.module_.n_targets)
    return collect_residuals(
        net,
        held_out.thinned(min(_CALIBRATION_WINDOWS, max(most, 100))),
        window_length=window_length,
        horizon=horizon,
    )
