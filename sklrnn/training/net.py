"""The skorch net that trains a network. What others need of skorch comes from here."""

from __future__ import annotations

import math
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, PrintLog
from skorch.history import History
from torch import Tensor

from sklrnn.network.dropout import Drawing
from sklrnn.training.batches import Batches, evaluation_batch
from sklrnn.training.divergence import DivergenceError
from sklrnn.training.processes import Processes
from sklrnn.training.schedule import LearningRate

__all__ = ["Callback", "EarlyStopping", "History", "NeuralNet", "SequenceNet"]


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
        self._learning_rate = LearningRate(
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
