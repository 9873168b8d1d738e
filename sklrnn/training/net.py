"""Training: the skorch net, its schedule and early stopping, seeds."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, PrintLog
from skorch.history import History
from torch import Tensor

from sklrnn.network.dropout import Drawing
from sklrnn.network.losses import MaskedMSE
from sklrnn.training.batches import Batches, Windows, evaluation_batch
from sklrnn.training.processes import Processes

OPTIMIZERS = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}
SCHEDULES = ("cosine", "plateau", None)
_SPARED_FROM_DECAY = ("*bias*", "*norm*", "*gain*", "*input_decay*", "*initial*")
_LOWEST_LR = 0.01
"""Where the schedules end, as a share of the peak learning rate."""


class DivergenceError(ArithmeticError):
    """Training diverged: the loss is no longer a finite number.

    Attributes
    ----------
    net : SequenceNet or None
        The net, at its best weights so far.
    """

    net: SequenceNet | None = None


class _StopTraining(Exception):
    """A callback has ended the training."""


class SequenceNet(NeuralNet):
    """A skorch net that trains on pairs of `Windows`.

    It takes ``(train, valid)`` where skorch takes ``X``, gathers whole batches by
    index, and follows the schedule of the source of this project: warm-up, then cosine
    or plateau, with the gradient's norm clipped. Everything else is skorch's.

    Parameters
    ----------
    warmup : float
        Share of all steps over which the learning rate rises to `lr`.
    schedule : {"cosine", "plateau"} or None
    gradient_clip : float or None
        Largest norm of the gradient (Pascanu et al. 2013).
    seed : int
        Seeds the order of the batches and the dropout masks.
    epoch_size : int or None
        Number of windows that an epoch goes through, drawn anew; None for all.
    **skorch_params
        See `skorch.NeuralNet`.
    """

    processes: Processes | None = None
    """Those that train with this one, while they do."""

    def __init__(
        self,
        *args: Any,
        warmup: float = 0.0,
        schedule: str | None = "cosine",
        gradient_clip: float | None = None,
        seed: int = 0,
        epoch_size: int | None = None,
        **skorch_params: Any,
    ) -> None:
        self.warmup = warmup
        self.schedule = schedule
        self.gradient_clip = gradient_clip
        self.seed = seed
        self.epoch_size = epoch_size
        super().__init__(*args, **skorch_params)

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        printing = [("print_log", PrintLog())] if self.verbose else []
        return [("epoch_timer", EpochTimer()), *printing]

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; one that wants to stop raises KeyboardInterrupt."""
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as stop:
            raise _StopTraining from stop

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> SequenceNet:
        """Train on; a callback may end it, and Ctrl-C is for the caller."""
        if not self.initialized_:
            self.initialize()
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y, **fit_params)
        except _StopTraining:
            pass
        self.notify("on_train_end", X=X, y=y)
        return self

    def fit_loop(
        self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any
    ) -> SequenceNet:
        """Train for `epochs`, or `max_epochs`, on ``X = (train, valid)``."""
        epochs = self.max_epochs if epochs is None else epochs
        device = torch.device(self.device)
        self._batch_order = torch.Generator().manual_seed(self.seed)
        self._learning_rate = _LearningRate(
            self.lr,
            n_steps=epochs * len(self.get_iterator(X[0], training=True)),
            warmup=self.warmup,
            schedule=self.schedule,
        )
        self._scored = "train" if X[1] is None else "valid"
        place = 0 if self.processes is None else self.processes.share.place
        draws = torch.Generator(device).manual_seed(self.seed + place)
        drawing = [m for m in self.module_.modules() if isinstance(m, Drawing)]
        for each in drawing:
            each.generator = draws
        try:
            return super().fit_loop(X, y, epochs, **fit_params)
        finally:
            # Generators do not pickle; a fitted net must.
            for each in drawing:
                each.generator = None
            del self._batch_order, self._learning_rate, self._scored
            self.module_.eval()

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Return the pair of datasets as it came."""
        return X

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return the dataset as it came."""
        return X

    def get_iterator(self, dataset: Any, training: bool = False) -> Batches:
        """Return batches of the dataset, in random order when training."""
        if training:
            size = self.epoch_size
            share = None if self.processes is None else self.processes.share
            return Batches(dataset, self.batch_size, self._batch_order, size, share)
        size = evaluation_batch(dataset.window_length)
        return Batches(dataset, max(self.batch_size, size))

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **params: Any
    ) -> None:
        """Run over the batches once and record their mean loss.

        That of a validation is the mean over all that is scored, however it lies in
        batches.
        """
        if iterator is None:
            return
        self._set_training(training)
        total, weight = 0.0, 0
        if training:
            iterator.dataset.renew(self._learning_rate.progress)
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **params)
            own = len(batch[1][0]) if training else _weight(batch)
            total += step["loss"].item() * own
            weight += own
            self.notify("on_batch_end", batch=batch, training=training, **step)
        mean = total / max(weight, 1)
        if self.processes is not None:
            mean = self.processes.same(mean)  # or some might stop before others
        if not math.isfinite(mean):
            raise DivergenceError(
                f"training diverged in epoch {len(self.history)}: the {prefix} loss is "
                f"{mean}. Lower lr (now {self.lr}), or set gradient_clip (now "
                f"{self.gradient_clip})"
            )
        self.history.record(f"{prefix}_loss", mean)
        best = min(row.get(f"{prefix}_loss", math.inf) for row in self.history)
        self.history.record(f"{prefix}_loss_best", mean <= best)
        if prefix == self._scored:
            self._learning_rate.observe(mean)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Take one step of the optimiser."""
        self._learning_rate.apply(self.optimizer_)
        result: dict[str, Tensor] = {}

        def closure() -> Tensor:
            self.optimizer_.zero_grad(set_to_none=True)
            loss, result["y_pred"] = self._loss(batch)
            result["loss"] = loss.detach()
            loss.backward()
            if self.processes is not None:
                result["loss"] = self.processes.average(
                    self.module_.parameters(), result["loss"], _count_scored(batch)
                )
            if self.gradient_clip is not None:
                for weights in self.module_.gradient_groups():
                    torch.nn.utils.clip_grad_norm_(weights, self.gradient_clip)
            self.notify(
                "on_grad_computed",
                named_parameters=self.module_.named_parameters(),
                batch=batch,
                training=True,
            )
            return loss

        self.optimizer_.step(closure)
        return result

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Score one batch."""
        with torch.no_grad():
            loss, prediction = self._loss(batch)
        return {"loss": loss, "y_pred": prediction}

    def _loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        inputs, scored = batch
        progress = self._learning_rate.progress
        return self.module_.loss(self.criterion_, inputs, scored, progress)

    def evaluation_step(self, batch: Any, training: bool = False) -> Tensor:
        """Predict one batch."""
        self._set_training(training)
        with torch.set_grad_enabled(training):
            return self.module_(**batch[0])


def _weight(batch: Any) -> int:
    """Return by how much the loss of a batch counts among others."""
    mask = batch[1][1]
    if mask is not None and mask.dtype == torch.bool:
        return int(_count_scored(batch))
    return len(batch[1][0])  # weights have been seen to by the loss


def _count_scored(batch: Any) -> Tensor:
    """Return the number of entries that the loss of a batch is the mean of."""
    target, mask = batch[1]
    return (
        torch.tensor(target.numel(), device=target.device)
        if mask is None
        else (mask.sum())
    )


class _LearningRate:
    """The learning rate of every step: linear warm-up, then a schedule."""

    def __init__(
        self, peak: float, *, n_steps: int, warmup: float, schedule: str | None
    ) -> None:
        self.peak = peak
        self.n_steps = max(n_steps, 1)
        self.n_warmup = int(warmup * self.n_steps)
        self.schedule = schedule
        self.step = 0
        self.factor = 1.0
        self.best = math.inf
        self.misses = 0

    @property
    def progress(self) -> float:
        """Share of the steps that are done."""
        return min(self.step / self.n_steps, 1.0)

    def apply(self, optimizer: torch.optim.Optimizer) -> None:
        self.step += 1
        lr = self.peak * self._share()
        for group in optimizer.param_groups:
            group["lr"] = lr

    def _share(self) -> float:
        if self.step <= self.n_warmup:
            return self.step / (self.n_warmup + 1)
        if self.schedule != "cosine":
            return self.factor
        done = (self.step - self.n_warmup) / (self.n_steps - self.n_warmup)
        return _LOWEST_LR + (1 - _LOWEST_LR) * 0.5 * (1 + math.cos(math.pi * done))

    def observe(self, loss: float) -> None:
        """Halve the rate of schedule "plateau" after 5 epochs without a better loss."""
        if loss < self.best:
            self.best, self.misses = loss, 0
            return
        self.misses += 1
        if self.schedule == "plateau" and self.misses % 5 == 0:
            self.factor = max(self.factor * 0.5, _LOWEST_LR)


class KeepBest(EarlyStopping):
    """Early stopping that gives the best weights back, however training ends."""

    best_model_weights_: dict[str, Tensor] | None

    def __init__(self, patience: int, monitor: str) -> None:
        super().__init__(
            monitor=monitor, patience=patience, threshold=0.0, load_best=True
        )

    def restore(self, net: NeuralNet) -> None:
        """Load the best weights seen so far, if any."""
        if self.best_model_weights_ is not None:
            net.module_.load_state_dict(self.best_model_weights_)
            self.best_model_weights_ = None

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Load the best weights and let go of the copy."""
        self.restore(net)


def new_net(
    module: type[torch.nn.Module],
    module_params: dict[str, Any],
    *,
    optimizer: str | type[torch.optim.Optimizer],
    weight_decay: float,
    callbacks: Any,
    seed: int,
    device: str,
    criterion: type[torch.nn.Module] = MaskedMSE,
    **net_params: Any,
) -> SequenceNet:
    """Make and initialise a net; the weights depend on `seed` alone.

    Weight decay spares biases, gains of normalisation and learned initial states.
    """
    optimizer_class = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    extra: dict[str, Any] = {"optimizer__weight_decay": weight_decay}
    if optimizer in ("adamw", "adam"):
        extra["optimizer__fused"] = True
    net = SequenceNet(
        module,
        criterion=criterion,
        optimizer=optimizer_class,
        optimizer__param_groups=[
            (pattern, {"weight_decay": 0.0}) for pattern in _SPARED_FROM_DECAY
        ],
        train_split=None,
        callbacks=list(callbacks or []),
        device=device,
        seed=seed,
        **{f"module__{name}": value for name, value in module_params.items()},
        **extra,
        **net_params,
    )
    with _seeded(seed):
        net.initialize()
    return net


def begin_phase(net: SequenceNet, phase: str | None) -> None:
    """Begin a part of a training, with a fresh optimiser and an empty history."""
    net.module_.begin(phase)
    net.initialize_optimizer()
    net.history_ = History()  # skorch would empty the one that was handed out


def train(
    net: SequenceNet,
    datasets: tuple[Windows, Windows | None],
    *,
    epochs: int,
    epoch_size: int | None,
    patience: int | None,
    processes: Processes | None = None,
) -> None:
    """Train a net in place and leave it with its best weights.

    With validation data the best epoch is the one of the lowest validation loss, else
    of the lowest training loss; without patience, the last one. Processes that train
    together each call this with the same data, and end with the same weights.

    Raises
    ------
    DivergenceError
        If the loss is no longer finite; the net then holds its best weights so far.
    ValueError
        If processes were not given the same data.
    """
    if epochs == 0:
        return
    if processes is not None:
        processes.check_same("windows", len(datasets[0]))
    net.epoch_size = epoch_size
    net.processes = processes
    keep_best = None
    if patience is not None:
        monitor = "train_loss" if datasets[1] is None else "valid_loss"
        keep_best = KeepBest(patience, monitor)
        net.callbacks_.append(("keep_best", keep_best))
    try:
        net.partial_fit(datasets, epochs=epochs)
    except (DivergenceError, KeyboardInterrupt):
        if keep_best is not None:
            keep_best.restore(net)
        raise
    finally:
        net.processes = None
        if keep_best is not None:
            net.callbacks_.remove(("keep_best", keep_best))


_init_lock = threading.Lock()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the generator that initialisation draws from, the CPU's, and put it back."""
    with _init_lock, torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the generators of GPUs as well.
        torch.default_generator.manual_seed(seed)
        yield


def take_over(net: SequenceNet, start: SequenceNet) -> None:
    """Give a net the weights of another and, of the same optimiser, its moments."""
    net.module_.load_state_dict(start.module_.state_dict())
    if type(net.optimizer_) is not type(start.optimizer_):
        return
    own = [dict(group, params=None) for group in net.optimizer_.param_groups]
    net.optimizer_.load_state_dict(deepcopy(start.optimizer_.state_dict()))
    # The learning rate and the weight decay are those asked for now.
    for group, settings in zip(net.optimizer_.param_groups, own, strict=True):
        group.update({k: v for k, v in settings.items() if k != "params"})
