"""The skorch net that trains a network. What others need of skorch comes from here."""

from __future__ import annotations

import dis
import math
from types import TracebackType
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    InputShapeSetter,
    LRScheduler,
    PrintLog,
)
from skorch.history import History
from torch import Tensor

from sklrnn.network.dropout import Drawing
from sklrnn.network.losses import WeightedCrossEntropy
from sklrnn.network.plugged import blamed
from sklrnn.training.batches import Batches, evaluation_batch
from sklrnn.training.divergence import DivergenceError
from sklrnn.training.processes import Processes
from sklrnn.training.schedule import LearningRate

__all__ = [
    "Callback",
    "EarlyStopping",
    "History",
    "InputShapeSetter",
    "NeuralNet",
    "SequenceNet",
]


class _StopTraining(Exception):
    """A callback has ended the training."""


class _PrintLog(PrintLog):
    """Prints what was measured: not what an epoch has lent from elsewhere."""

    keys_ignored_: set[str]

    def on_epoch_end(self, net: SequenceNet, **kwargs: Any) -> None:
        """Print the line of an epoch."""
        own = self.keys_ignored_
        self.keys_ignored_ = own | set(net.lent)
        super().on_epoch_end(net, **kwargs)
        self.keys_ignored_ = own


class SequenceNet(NeuralNet):
    """A skorch net that trains on pairs of `Windows`.

    It takes ``(train, valid)`` where skorch takes ``X``, gathers whole batches by
    index, and follows the schedule of the source of this project: warm-up, then cosine
    or plateau, with the gradient's norm clipped; where `callbacks` have a scheduler, it
    sets the rate instead. Everything else is skorch's.

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

    phase: str | None = None
    """The part of a network that is being trained, of one that has several."""

    earlier: History | None = None
    """While a refit runs: the history of the training that chose its length."""

    lent: dict[str, Any] = {}
    """What the row of an epoch without validation holds while callbacks read it."""

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
        printing = [("print_log", _PrintLog())] if self.verbose else []
        return [("epoch_timer", EpochTimer()), *printing]

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; one that wants to stop raises KeyboardInterrupt.

        A Ctrl-C that happens to come while a callback runs is not one of its own.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                if isinstance(callback, (BatchScoring, EpochScoring)):
                    self._let_score(callback, method_name, cb_kwargs)
                else:
                    getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as stop:
                if method_name in _ONCE or not _is_raised(stop.__traceback__):
                    raise
                raise _StopTraining from stop

    def _let_score(
        self, callback: BatchScoring | EpochScoring, method_name: str, given: dict
    ) -> None:
        """Call a scorer with what is scored, as scikit-learn's metrics take it.

        The teacher of a decoupled network predicts something else than is scored.
        """
        if method_name not in _ONCE and self.phase == "backward":
            return
        try:
            if method_name == "on_batch_end" and given["training"] == callback.on_train:
                inputs, scored = given["batch"]
                found, true = scored_entries(given["y_pred"], *scored)
                given = {**given, "batch": (inputs, true), "y_pred": found}
            if method_name == "on_train_begin":
                given = {"X": None, "y": None}  # or it tries to index the windows
            getattr(callback, method_name)(self, **given)
        except ValueError as error:
            raise ValueError(_no_score(callback, error)) from error
        except _UNSCORED as error:
            raise TypeError(_no_score(callback, error)) from error

    def predict(self, X: Any) -> Any:
        """Predict values, or classes where it is classes that are learned."""
        found = self.predict_proba(X)
        learned = (torch.nn.CrossEntropyLoss, WeightedCrossEntropy)
        return found.argmax(-1) if isinstance(self.criterion_, learned) else found

    def on_epoch_end(self, net: Any, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Before the callbacks read the row of an epoch without validation, fill it."""
        row = self.history[-1]
        self.lent = {} if dataset_valid is not None else self._lend(row)
        row.update(self.lent)

    def _lend(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what a callback may look for in an epoch without validation.

        A refit goes through the epochs that were best: its scores are those that each
        had in the training before, so that callbacks do as they did. Where nothing was
        held out at all, the training loss stands for that of validation.
        """
        if not self.earlier:
            best = row["train_loss_best"]
            return {"valid_loss": row["train_loss"], "valid_loss_best": best}
        before = self.earlier[min(len(self.history), len(self.earlier)) - 1]
        return {
            name: value
            for name, value in before.items()
            if name not in row
            and name not in ("batches", "dur")
            and not name.startswith("event_")
        }

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
        finally:
            self._take_back()
        self.notify("on_train_end", X=X, y=y)
        return self

    @property
    def _rate_is_theirs(self) -> bool:
        """Whether a callback sets the learning rate, so that the schedule does not."""
        return any(isinstance(each, LRScheduler) for _, each in self.callbacks_)

    def _take_back(self) -> None:
        """Leave in the newest row what was measured."""
        for name, value in self.lent.items():
            if self.history[-1].get(name) is value:
                del self.history[-1][name]
        self.lent = {}

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

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin the row of an epoch."""
        self._take_back()
        super().on_epoch_begin(net, **kwargs)

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
            if self.callbacks:
                self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                self.history.record_batch(f"{prefix}_batch_size", len(batch[1][0]))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        mean = total / max(weight, 1)
        if self.processes is not None:
            mean = self.processes.same(mean)  # or some might stop before others
        if not math.isfinite(mean):
            others = blamed(self.module_)
            advice = f"; or it is due to {others}: check with {_CHECKS}"
            raise DivergenceError(
                f"training diverged in epoch {len(self.history)}: the {prefix} loss is "
                f"{mean}. Lower lr (now {self.lr}), or set gradient_clip (now "
                f"{self.gradient_clip})" + (advice if others else "")
            )
        self.history.record(f"{prefix}_loss", mean)
        best = min(row.get(f"{prefix}_loss", math.inf) for row in self.history)
        self.history.record(f"{prefix}_loss_best", mean <= best)
        if prefix == self._scored:
            self._learning_rate.observe(mean)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Take one step of the optimiser."""
        self._learning_rate.apply(None if self._rate_is_theirs else self.optimizer_)
        result: dict[str, Tensor] = {}

        def closure() -> Tensor:
            self.optimizer_.zero_grad(set_to_none=True)
            loss, result["y_pred"] = self._loss(batch)
            result["loss"] = loss.detach()
            if not loss.requires_grad:
                raise ValueError(
                    "no weight is left to learn: callbacks have frozen all that "
                    f"{'this phase trains' if self.phase else 'there are'}"
                )
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


def scored_entries(
    prediction: Tensor, target: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what a metric compares: of every scored entry prediction and truth.

    Parameters
    ----------
    prediction : Tensor
        Of the shape of `target`, or with a further dimension, that of classes.
    target : Tensor
        Classes (int; below 0 where there is none), or values.
    mask : Tensor or None
        True, or a weight above 0, where an entry is scored.

    Returns
    -------
    prediction : Tensor of shape (n_scored,) or (n_scored, n_classes)
    target : Tensor of shape (n_scored,)
    """
    of_classes = not target.is_floating_point()
    shape = prediction.shape[:-1] if of_classes else prediction.shape
    if shape != target.shape:
        raise ValueError(
            f"what the network puts out, of shape {tuple(prediction.shape)}, are not "
            f"{'classes' if of_classes else 'values'} to compare one by one"
        )
    scored = target >= 0 if of_classes else torch.ones_like(target, dtype=torch.bool)
    if mask is not None and mask.shape == target.shape[: mask.ndim]:
        further = (1,) * (target.ndim - mask.ndim)
        scored = scored & (mask > 0).reshape(*mask.shape, *further)
    return prediction[scored], target[scored]


_CHECKS = "sklrnn.testing.check_cell and check_fusion"

_UNSCORED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError)
"""What metrics raise, beside ValueError, for what they cannot compare."""

_ONCE = ("on_train_begin", "on_train_end")


def _is_raised(place: TracebackType | None) -> bool:
    """Tell whether a statement raised an exception, and no signal."""
    if place is None:
        return False
    while place.tb_next is not None:
        place = place.tb_next
    code = place.tb_frame.f_code.co_code
    return dis.opname[code[place.tb_lasti]] == "RAISE_VARARGS"


def _no_score(callback: BatchScoring | EpochScoring, error: Exception) -> str:
    return (
        f"callbacks has the scorer {callback.name_!r}, which cannot score this "
        f"training ({error}); take one that compares predicted with true "
        "values (of a classifier, classes), or score with the fitted estimator"
    )
