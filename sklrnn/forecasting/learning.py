"""Learning to forecast: a network's training, calibration and refit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from sklrnn import registry
from sklrnn.data.categories import Categories
from sklrnn.data.parted import PartedSeries, PartedWindows
from sklrnn.data.tables import GridSeries
from sklrnn.data.windows import WindowSet, has_gaps, split_windows
from sklrnn.forecasting.forecasts import FittedNetwork
from sklrnn.forecasting.parameters import (
    CHOSEN,
    SHAPE_PARAMS,
    architecture,
    choose_loss,
    choose_shape,
    criterion,
    read_past_only,
)
from sklrnn.forecasting.residuals import calibrate
from sklrnn.network.cells.base import takes
from sklrnn.network.ensemble import ForecastEnsemble
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.training.batches import WindowDataset, Windows
from sklrnn.training.calibration import Correction, ResidualQuantiles
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import History, SequenceNet, take_over
from sklrnn.training.parted import PartedDataset
from sklrnn.training.phases import (
    EPOCH_WINDOWS,
    best_epoch,
    build_net,
    default_batch_size,
    default_epochs,
    train_phases,
)
from sklrnn.training.processes import Processes

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
    names = targets, exogenous
    course = _Course(params, series, names, categories, steps_ahead, seed, start)
    train_set, valid_set = course.windows(params.validation_fraction)
    course.choose_length(len(train_set))
    epochs = course.max_epochs if epochs is None else epochs
    net = course.build()
    phases = dict.fromkeys(net.module_.phases, epochs)
    histories = course.train(net, train_set, valid_set, phases, params.patience)
    calibration = None
    if params.distribution == "point" or params.calibrate:
        calibration = course.calibrate(net, train_set, valid_set)
    if params.refit and valid_set is not None and epochs:
        if params.patience is not None:
            phases = {name: best_epoch(rows) for name, rows in histories.items()}
        net = course.build()
        again: dict[str, Any] = {}
        if isinstance(train_set, WindowSet):
            again["like"] = train_set.emptied()
        train_set = valid_set = None
        train_set, _ = course.windows(None, **again)
        course.train(net, train_set, None, phases)
    return course.fitted(net, histories, calibration)


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
        epoch_size=EPOCH_WINDOWS if params.max_epochs is None else None,
        processes=Processes.of(params),
    )


class _Course:
    """A training of networks on series: what is chosen for it, and what it is made of.

    Parameters are those of `learn`.
    """

    def __init__(
        self,
        params: Any,
        series: list[GridSeries] | PartedSeries,
        names: tuple[tuple[Hashable, ...], tuple[Hashable, ...]],
        categories: Categories,
        steps_ahead: int,
        seed: int,
        start: FittedNetwork | None,
    ) -> None:
        self.params, self.seed, self.start = params, seed, start
        self.targets, self.exogenous = names
        self.categories = categories
        self.past_only = read_past_only(params, self.exogenous)
        self._split: Callable[..., tuple]
        if isinstance(series, PartedSeries):
            self.known, self.masked = series.known, series.has_gaps
            self._split = series.split_windows
        else:
            self.known, self.masked = series, has_gaps(series)
            self._split = partial(split_windows, series)
        if start is None:
            chosen = choose_shape(params, self.known, steps_ahead)
        else:
            chosen = tuple(getattr(start, name) for name in CHOSEN)
            self.masked = start.net.module_.masked
        self.window_length, self.horizon, self.segment_length = chosen
        self.n_out = self.horizon if params.strategy == "direct" else 1
        self.loss = params.loss or (
            start.loss if start else choose_loss(params, self.known)
        )
        self.sizes = categories.sizes(self.exogenous)
        reads_masks = takes(registry.find_cell(params.cell), "masked")
        if self.sizes and self.masked and reads_masks:
            columns = [self.exogenous[place] for place in self.sizes]
            raise ValueError(
                f"the cell {params.cell!r} reads masks of its own, and so no "
                f"categories; drop {columns} from X, or use another cell"
            )

    def windows(
        self, fraction: float | None, horizon: int | None = None, **options: Any
    ) -> tuple:
        """Return windows to train on and to validate on, `n_out` steps ahead."""
        return self._split(
            window_length=self.window_length,
            horizon=horizon or self.n_out,
            validation_fraction=fraction,
            masked=self.masked,
            **options,
        )

    def choose_length(self, n_windows: int) -> None:
        """Set `batch_size`, `max_epochs` and `epoch_size`."""
        params = self.params
        self.batch_size = params.batch_size or default_batch_size(n_windows)
        self.max_epochs, self.epoch_size = params.max_epochs, None
        if self.max_epochs is None:
            length = default_epochs(n_windows, self.batch_size)
            self.max_epochs, self.epoch_size = length

    def build(self) -> SequenceNet:
        """Return an untrained net, or one with the weights of what it starts from."""
        params = self.params
        shape = {
            "n_targets": self.known[0].n_targets,
            "n_exogenous": len(self.exogenous),
            "past_only": tuple(map(self.exogenous.index, self.past_only)),
            "categories": self.sizes,
            "masked": self.masked,
            "window_length": self.window_length,
            "horizon": self.n_out,
            "segment_length": self.segment_length,
            **{name: getattr(params, name) for name in SHAPE_PARAMS},
        }
        module: type[nn.Module] = ForecastNetwork
        if params.n_members > 1:
            module, shape["n_members"] = ForecastEnsemble, params.n_members
        net = build_net(
            params,
            module,
            shape,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            seed=self.seed,
            criterion=criterion(params.distribution, self.loss),
        )
        if self.start is not None:
            take_over(net, self.start.net)
        return net

    def train(
        self,
        net: SequenceNet,
        train_set: WindowSet | PartedWindows,
        valid_set: WindowSet | PartedWindows | None,
        phases: dict[str | None, int],
        patience: int | str | None = None,
    ) -> dict[str | None, History]:
        """Train a net in place, for as many epochs as each part of it has."""
        return _train(
            net,
            train_set,
            valid_set,
            phases,
            window_length=self.window_length,
            epoch_size=self.epoch_size,
            processes=Processes.of(self.params),
            patience=patience,
        )

    def calibrate(
        self,
        net: SequenceNet,
        train_set: WindowSet | PartedWindows,
        valid_set: WindowSet | PartedWindows | None,
    ) -> ResidualQuantiles | Correction | None:
        """Calibrate a net for the whole horizon, whatever it forecasts at once.

        Targets of which the validation part has nothing, on what was learned from.
        """
        if len(train_set) == 0 and self.start is not None:
            return self.start.calibration  # of a series with nothing to forecast yet
        sets = train_set, valid_set
        if self.horizon != self.n_out:
            sets = self.windows(self.params.validation_fraction, self.horizon)
        return calibrate(
            net, *sets, window_length=self.window_length, horizon=self.horizon
        )

    def fitted(
        self,
        net: SequenceNet,
        histories: dict[str | None, History],
        calibration: ResidualQuantiles | Correction | None,
    ) -> FittedNetwork:
        """Return a trained net with all that using it takes."""
        return FittedNetwork(
            net=net,
            histories=histories,
            window_length=self.window_length,
            horizon=self.horizon,
            segment_length=self.segment_length,
            step=self.known[0].step,
            loss=self.loss,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            targets=self.targets,
            exogenous=self.exogenous,
            past_only=self.past_only,
            categories=self.categories,
            exogenous_scaling=_exogenous_scaling(self.known[0]),
            architecture=architecture(self.params),
            calibration=calibration,
        )


def _exogenous_scaling(one: GridSeries) -> tuple[np.ndarray, np.ndarray] | None:
    columns = slice(one.n_targets, None)
    if len(one.center) == one.n_targets:
        return None
    return one.center[columns], one.scale[columns]


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
