"""Learning to forecast: a network's training, calibration and refit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from sklrnn import registry
from sklrnn.data.series import GridSeries
from sklrnn.data.sources import PartedWindows, Source
from sklrnn.data.windows import WindowSet, split_windows
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
from sklrnn.training.building import build_net
from sklrnn.training.calibration import Correction, ResidualQuantiles
from sklrnn.training.course import Taught, teach
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet
from sklrnn.training.parted import PartedDataset
from sklrnn.training.phases import (
    as_before_if_cut_short,
    forget_moments,
    train_phases,
)
from sklrnn.training.processes import Processes
from sklrnn.training.stopping import EPOCH_WINDOWS, choose_length

_VALIDATION_WINDOWS = 2000


@reused_memory()
def learn(
    params: Any,
    source: Source,
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
    source : WholeSeries or PartedSeries
        What to learn from.
    steps_ahead : int
        How far forecasts are to reach; 0 if that is not known.
    seed : int
    start : FittedNetwork, optional
        What to go on from; it is left as it is.
    epochs : int, optional
        Number of epochs; by default that of the parameters.
    """
    course = _Course(params, source, steps_ahead, seed, start)
    calibrated = params.distribution == "point" or params.calibrate
    taught = teach(
        params,
        course.length,
        build=course.build,
        hold_out=course.hold_out,
        everything=course.everything,
        calibrate=course.calibrate if calibrated else None,
        epochs=epochs,
    )
    return course.fitted(taught)


@reused_memory()
def learn_on(
    params: Any, fitted: FittedNetwork, series: list[GridSeries], epochs: int
) -> None:
    """Train a fitted network in place, on everything there is.

    Its calibration stays: the network has seen the validation part since. A training
    that is cut short, by an interrupt or an error, leaves the network as it was.
    """
    everything, _ = split_windows(
        series,
        window_length=fitted.window_length,
        horizon=fitted.net.module_.horizon,
        validation_fraction=None,
        masked=fitted.net.module_.masked,
    )
    with as_before_if_cut_short(fitted.net):
        train_phases(
            fitted.net,
            (_dataset(fitted.net, everything, fitted.window_length), None),
            dict.fromkeys(fitted.net.module_.phases, epochs),
            epoch_size=EPOCH_WINDOWS if params.max_epochs is None else None,
            patience=None,
            processes=Processes.of(params),
        )
        forget_moments(fitted.net, params)


class _Course:
    """A training of networks on series: what is chosen for it, and what it is made of.

    Parameters are those of `learn`.
    """

    def __init__(
        self,
        params: Any,
        source: Source,
        steps_ahead: int,
        seed: int,
        start: FittedNetwork | None,
    ) -> None:
        self.params, self.seed, self.start = params, seed, start
        self.source, self.known = source, source.known
        self.exogenous, self.masked = source.exogenous.names, source.has_gaps
        self.past_only = read_past_only(params, self.exogenous)
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
        self.sizes = source.exogenous.sizes
        reads_masks = takes(registry.find_cell(params.cell), "masked")
        if self.sizes and self.masked and reads_masks:
            columns = [self.exogenous[place] for place in self.sizes]
            raise ValueError(
                f"the cell {params.cell!r} reads masks of its own, and so no "
                f"categories; drop {columns} from X, or use another cell"
            )
        self.windows = self._cut(params.validation_fraction)
        self.length = choose_length(params, len(self.windows[0]))

    def _cut(
        self, fraction: float | None, horizon: int | None = None, **options: Any
    ) -> tuple:
        """Return windows to train on and to validate on, `n_out` steps ahead."""
        return self.source.split_windows(
            window_length=self.window_length,
            horizon=horizon or self.n_out,
            validation_fraction=fraction,
            masked=self.masked,
            **options,
        )

    def hold_out(self, net: SequenceNet) -> tuple[Windows, Windows | None]:
        """Return what to learn from, and what of the newest part of every series."""
        train_set, valid_set = self.windows
        training = _dataset(net, train_set, self.window_length)
        if valid_set is None:
            return training, None
        thinned = valid_set.thinned(_VALIDATION_WINDOWS)
        flat = getattr(training, "flat", None)
        return training, _dataset(net, thinned, self.window_length, flat)

    def everything(self, net: SequenceNet) -> Windows:
        """Return windows of all rows; those that were cut before are let go."""
        again: dict[str, Any] = {}
        if isinstance(self.windows[0], WindowSet):
            again["like"] = self.windows[0].emptied()
        self.windows = None, None
        train_set, _ = self._cut(None, **again)
        return _dataset(net, train_set, self.window_length)

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
        return build_net(
            params,
            module,
            shape,
            self.length,
            seed=self.seed,
            criterion=criterion(params.distribution, self.loss),
            start=None if self.start is None else self.start.net,
        )

    def calibrate(self, net: SequenceNet) -> ResidualQuantiles | Correction | None:
        """Calibrate a net for the whole horizon, whatever it forecasts at once.

        Targets of which the validation part has nothing, on what was learned from.
        """
        windows = self.windows
        if len(windows[0]) == 0 and self.start is not None:
            return self.start.calibration  # of a series with nothing to forecast yet
        if self.horizon != self.n_out:
            windows = self._cut(self.params.validation_fraction, self.horizon)
        return calibrate(
            net, *windows, window_length=self.window_length, horizon=self.horizon
        )

    def fitted(self, taught: Taught) -> FittedNetwork:
        """Return a trained net with all that using it takes."""
        return FittedNetwork(
            net=taught.net,
            histories=taught.histories,
            window_length=self.window_length,
            horizon=self.horizon,
            segment_length=self.segment_length,
            step=self.known[0].step,
            loss=self.loss,
            length=self.length,
            targets=self.source.targets,
            exogenous=self.exogenous,
            past_only=self.past_only,
            categories=self.source.exogenous.categories,
            exogenous_scaling=self.source.exogenous.scaling,
            architecture=architecture(self.params),
            calibration=taught.calibration,
        )


def _dataset(
    net: SequenceNet,
    windows: WindowSet | PartedWindows,
    window_length: int,
    flat: Tensor | None = None,
) -> Windows:
    """Return windows as a net reads them, on its device.

    `flat` holds the rows there already, of another dataset of the same series.
    """
    shape = {
        "window_length": window_length,
        "horizon": net.module_.horizon,
        "n_targets": net.module_.n_targets,
        "n_exogenous": net.module_.n_exogenous,
        "masked": net.module_.masked,
        "reads_ahead": len(net.module_.phases) > 1,
        "device": net.device,
    }
    if isinstance(windows, PartedWindows):
        return PartedDataset(windows, **shape)
    return WindowDataset(windows, flat=flat, **shape)
