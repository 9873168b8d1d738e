"""Tests of `sklrnn.training.net`: what skorch's callbacks see in which training."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from skorch import callbacks as skorch_callbacks
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
    Unfreezer,
)
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sklrnn import (
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNImputer,
    RNNLabeler,
    RNNRegressor,
    RNNSeq2Seq,
)
from sklrnn.training.net import scored_entries

RNG = np.random.default_rng(0)
SERIES = pd.Series(np.sin(np.arange(60) / 4))
GAPS = pd.DataFrame({"a": SERIES, "b": -SERIES}).mask(RNG.random((60, 2)) < 0.1)
X, CLASSES = RNG.normal(size=(20, 9)), np.arange(20) % 2
WORDS = ["ab", "cde", "ba", "aa"] * 5

FITS = {
    RNNForecaster: (SERIES,),
    RNNImputer: (GAPS,),
    RNNClassifier: (X, CLASSES),
    RNNRegressor: (X, CLASSES * 1.0),
    RNNLabeler: (list(X), [CLASSES[:9]] * 20),
    RNNGenerator: ("abcabcabdabcabcabcba" * 3,),
    RNNSeq2Seq: (WORDS, WORDS[::-1]),
}


def fit(cls, **params):
    quick = {"hidden_size": 2, "max_epochs": 2, "refit": True, "random_state": 0}
    return cls(**quick | params).fit(*FITS[cls])


# In the order of the table in docs/callbacks.md.
WORKING = {
    BatchScoring: lambda folder: BatchScoring("neg_mean_squared_error"),
    Checkpoint: lambda folder: Checkpoint(dirname=folder),
    EarlyStopping: lambda folder: EarlyStopping(),
    EpochScoring: lambda folder: EpochScoring("neg_mean_squared_error"),
    EpochTimer: lambda folder: EpochTimer(),
    Freezer: lambda folder: Freezer("head*"),
    GradientNormClipping: lambda folder: GradientNormClipping(1.0),
    Initializer: lambda folder: Initializer("head*"),
    LRScheduler: lambda folder: LRScheduler(
        policy=ReduceLROnPlateau, monitor="valid_loss"
    ),
    LoadInitState: lambda folder: LoadInitState(Checkpoint(dirname=folder)),
    ParamMapper: lambda folder: ParamMapper("*"),
    PassthroughScoring: lambda folder: PassthroughScoring("valid_loss"),
    PrintLog: lambda folder: PrintLog(sink=lambda text: None),
    ProgressBar: lambda folder: ProgressBar(),
    TrainEndCheckpoint: lambda folder: TrainEndCheckpoint(dirname=folder),
    Unfreezer: lambda folder: Unfreezer("*"),
}


@pytest.mark.parametrize("cls", FITS)
@pytest.mark.parametrize("callback", WORKING)
@pytest.mark.parametrize("fraction", [0.3, None])
def test_callbacks_of_skorch_work(cls, callback, fraction, tmp_path, capsys):
    made = [("mine", WORKING[callback](str(tmp_path)))]
    if callback is LoadInitState:
        made.insert(0, ("checkpoint", made[0][1].checkpoint))
    fitted = fit(cls, callbacks=made, validation_fraction=fraction)
    assert len(fitted.history_) > 0


def test_the_table_in_the_docs_is_complete():
    text = Path("docs/callbacks.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| (\w+)", text, re.M)
    worded = {name for name, how in listed if how == "works"}
    assert worded == {callback.__name__ for callback in WORKING}
    apart = re.search(r"`MlflowLogger`.* are not tested", text, re.S)[0]
    named = {name for name, _ in listed} | set(re.findall(r"`(\w+)`", apart))
    assert named == set(skorch_callbacks.__all__) - {"Callback"}


@pytest.mark.parametrize("cls", FITS)
def test_a_callback_that_cannot_work_is_refused(cls):
    with pytest.raises(ValueError, match="callbacks has InputShapeSetter at place 0"):
        fit(cls, callbacks=[InputShapeSetter()])


class Seen(Callback):
    """Notes the losses of every epoch, by the training."""

    def __init__(self):
        self.trainings = []

    def on_train_begin(self, net, **kwargs):
        self.trainings.append([])

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        self.trainings[-1].append((row["train_loss"], row["valid_loss"]))


@pytest.mark.parametrize("cls", FITS)
def test_a_refit_shows_the_validation_losses_of_before(cls):
    seen = Seen()
    fitted = fit(cls, callbacks=[seen], max_epochs=3)
    first, again = seen.trainings
    assert [loss for _, loss in first] == fitted.history_[:, "valid_loss"]
    assert [v for _, v in again] == [v for _, v in first][: len(again)]
    assert "valid_loss" not in fitted.net_.history[-1]
    assert "valid_loss_best" not in fitted.net_.history[-1]


@pytest.mark.parametrize("cls", FITS)
def test_without_validation_part_the_training_loss_stands_in(cls):
    seen = Seen()
    fitted = fit(cls, callbacks=[seen], validation_fraction=None)
    (only,) = seen.trainings
    assert all(train == valid for train, valid in only)
    assert "valid_loss" not in fitted.history_[-1]


def test_callbacks_see_validation_losses_in_updates_too():
    seen = Seen()
    forecaster = fit(RNNForecaster, callbacks=[seen], update_epochs=2)
    forecaster.update(pd.Series([0.0, 0.1], index=[60, 61]))
    assert len(seen.trainings) == 3
    assert all(train == valid for train, valid in seen.trainings[-1])


def test_early_stopping_stops_a_refit_where_it_stopped_before():
    seen = Seen()
    fit(
        RNNForecaster,
        callbacks=[("stop", EarlyStopping(patience=1, threshold=1e9)), ("seen", seen)],
        patience=None,
        max_epochs=9,
    )
    first, again = seen.trainings
    assert len(first) == len(again) < 9


def test_a_scheduler_monitors_a_score_in_the_refit():
    score = ("score", EpochScoring("neg_mean_absolute_error", lower_is_better=False))
    stop = ("stop", EarlyStopping(monitor="neg_mean_absolute_error"))
    fitted = fit(RNNForecaster, callbacks=[score, stop])
    assert "neg_mean_absolute_error" in fitted.history_[-1]
    assert "neg_mean_absolute_error" not in fitted.net_.history[-1]


def test_what_a_refit_prints_was_measured(capsys):
    fit(RNNForecaster, verbose=1, max_epochs=1)
    headers = [li for li in capsys.readouterr().out.splitlines() if "train_loss" in li]
    assert ["valid_loss" in line for line in headers] == [True, False]


class Rates(Callback):
    """Notes the learning rate of every epoch."""

    def __init__(self):
        self.rates = []

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])


def test_a_scheduler_of_skorch_sets_the_rate():
    rates = Rates()
    halving = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    forecaster = fit(
        RNNForecaster,
        callbacks=[("rates", rates), ("halving", halving)],
        lr=0.01,
        batch_size=1000,
        refit=False,
        max_epochs=3,
        update_epochs=2,
    )
    assert rates.rates == pytest.approx([0.01, 0.005, 0.0025])
    forecaster.update(pd.Series([0.0, 0.1], index=[60, 61]))
    assert max(rates.rates[3:]) < 0.0025  # and goes on from there


def test_scorers_compare_what_is_scored():
    scores = [
        ("mse", EpochScoring("neg_mean_squared_error", name="mse")),
        ("batch", BatchScoring("neg_mean_squared_error", name="batch")),
    ]
    fitted = fit(RNNForecaster, loss="mse", callbacks=scores, normalize="standard")
    for row in fitted.history_:
        assert row["mse"] == pytest.approx(-row["valid_loss"], rel=1e-5)
        assert row["batch"] == pytest.approx(-row["valid_loss"], rel=1e-5)


def test_scorers_of_a_classifier_compare_classes():
    def share(net, X, y):
        return float((net.predict(X) == y).mean())

    scores = [EpochScoring("accuracy"), EpochScoring(share, name="share")]
    fitted = fit(RNNClassifier, callbacks=scores)
    assert fitted.history_[:, "accuracy"] == fitted.history_[:, "share"]


def test_a_scorer_that_cannot_score_says_so_by_its_name():
    with pytest.raises(ValueError, match="scorer 'accuracy', which cannot score"):
        fit(RNNForecaster, callbacks=[EpochScoring("accuracy")])
    with pytest.raises(ValueError, match="scorer 'r2'.*not values to compare"):
        fit(
            RNNForecaster,
            callbacks=[EpochScoring("r2")],
            distribution="gaussian",
        )


def test_scored_entries():
    target, mask = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([True, False])
    found, true = scored_entries(target + 1, target, mask)
    assert found.tolist() == [2.0, 3.0] and true.tolist() == [1.0, 2.0]
    classes, logits = torch.tensor([[0, 1, -100]]), torch.eye(3)[None]
    found, true = scored_entries(logits, classes, None)
    assert found.tolist() == [[1, 0, 0], [0, 1, 0]] and true.tolist() == [0, 1]
    chosen = torch.tensor([[True, False], [True, True]])
    found, true = scored_entries(torch.eye(3), torch.arange(3), chosen)
    assert found.tolist() == torch.eye(3).tolist()  # a mask of what was chosen before


def test_freezing_all_is_refused():
    with pytest.raises(ValueError, match="no weight is left to learn"):
        fit(RNNForecaster, callbacks=[Freezer("*")])


class Interrupting(Callback):
    """Is interrupted by a signal while it works; or wants to stop the training."""

    def __init__(self, work):
        self.work = work

    def on_epoch_end(self, net, **kwargs):
        self.work()


def test_ctrl_c_in_a_callback_is_not_its_wish_to_stop():
    import signal

    def stop():
        raise KeyboardInterrupt

    fit(RNNForecaster, callbacks=[Interrupting(stop)])
    interrupt = Interrupting(lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fit(RNNForecaster, callbacks=[interrupt])
