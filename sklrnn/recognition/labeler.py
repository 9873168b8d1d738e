"""RNNLabeler: a label or value for every step of every sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.metrics import accuracy_score, r2_score
from sktime.base import BaseEstimator

from sklrnn.data.labels import (
    is_missing,
    match_steps,
    read_labels,
    read_values,
    restore_steps,
)
from sklrnn.data.names import arranged, column_names
from sklrnn.data.scaling import Moments, next_to_none
from sklrnn.data.sequences import is_flat
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.interfaces.parameters import check_choice
from sklrnn.recognition.estimator import SequenceEstimator, weigh_classes
from sklrnn.recognition.learning import Lesson

TASKS = ("classification", "regression")


class RNNLabeler(SequenceEstimator, BaseEstimator):
    """Label every step of sequences, or estimate values at every step.

    Sequences may have several channels, unequal lengths and missing values; steps may
    have no label, in which case they are read but not learned from.

    Parameters
    ----------
    task : {"classification", "regression"}, default="classification"
        Whether y holds labels or numbers.
    cell : str or class, default="gru"
        "elman", "jordan", "lstm", "gru", "grud" (decay over gaps), "mingru" and
        "minlstm" (parallel over time), "mlp" (the feed-forward window, a baseline),
        "transformer" (causal self-attention, another), the name of a plug-in, or a
        class that follows `sklrnn.network.cells.base.Cell`.
    cell_params : dict or None, default=None
        Further arguments of the cell.
    hidden_size : int, default=64
        Number of features of the hidden state, per direction.
    num_layers : int, default=1
        Number of recurrent layers.
    direction : {"forward", "coupled", "decoupled"}, default="coupled"
        In which direction the network reads. "forward" reads a sequence from its
        beginning; "coupled" from both ends at once. "decoupled" trains a backward
        network to predict each step from those that follow, freezes it, and trains the
        forward network to match its states, too (Serdyuk et al. 2018); answers are the
        forward network's.
    fusion : str or class, default="concat"
        How the two directions are joined: "concat", "gated", "recurrent", the name of a
        plug-in or a class.
    fusion_params : dict or None, default=None
        Further arguments of the fusion.
    normalize : {"standard", "sequence"} or None, default="standard"
        How values are scaled. "standard" scales every channel with its mean and
        standard deviation in `fit`; "sequence" then gives every channel of every
        sequence a mean of 0 and a deviation of 1. None takes the values as they are.
    dropout : float, default=0.0
        Probability of variational dropout (one mask per sequence) on the input of every
        layer (Gal and Ghahramani 2016).
    recurrent_dropout : float, default=0.0
        The same on h_{t-1}, for cells with recurrent weights.
    layer_norm : bool, default=False
        Whether to normalise inside the gates (Ba et al. 2016), for cells with gates.
    bptt_steps : int or None, default=None
        Number of steps after which gradients are cut while the state is carried on
        (truncated backpropagation through time).
    matching_weight : float, default=0.01
        With "decoupled", the weight lambda of the squared distance between the states
        of both networks.
    matching_schedule : {"constant", "rise", "fall"}, default="constant"
        Course of that weight over the training: constant, up from 0, down to 0.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes: a dict from label to weight, 1 for those not in it;
        "balanced" for weights inverse to how often the labels occur; None for 1. For
        labels alone.
    optimizer : str or class, default="adamw"
        "adamw" (decoupled weight decay), "adam", "sgd", "rmsprop", or a torch class.
    lr : float, default=5e-3
        Peak learning rate.
    weight_decay : float, default=1e-2
        Weight decay, on everything but biases, gains and learned initial states.
    warmup : float, default=0.1
        Share of the training over which the learning rate rises linearly.
    schedule : {"cosine", "plateau"} or None, default="cosine"
        Course of the learning rate after the warm-up: down to a hundredth along a
        cosine; halved after every 5 epochs without a better validation loss; constant.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient (Pascanu et al. 2013).
    max_epochs : int or None, default=None
        Largest number of passes over the training data. None: as many as make 2000
        optimiser steps or 64,000 sequences, whichever is less, from 4 to 300; where
        there are more than 8192 sequences, an epoch is that many drawn at random.
    batch_size : int or None, default=None
        Size of a batch. None: a hundredth of the sequences, from 16 to 128.
    validation_fraction : float or None, default=0.2
        Share of the data that is kept to choose the best epoch. Sequences are drawn at
        random. With None or 0 nothing is kept: the epoch of the lowest training loss is
        used.
    patience : int, "auto" or None, default=50
        Training stops after this many epochs without improvement and goes back to the
        best weights. "auto": 20, or, where an epoch is short, as many as make 100
        optimiser steps. None: all epochs are run and the last weights kept.
    refit : bool, default=True
        Whether a second network then learns from all data for as many epochs as were
        best. False keeps the first, which takes half the time.
    device : str, default="cpu"
        Torch device.
    callbacks : list of skorch callbacks or None, default=None
        Called in every training, in the refit too; see docs, "Callbacks".
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the previous `fit`.
    random_state : int, numpy generator or None, default=None
        Makes results repeatable. Global generators are left alone.
    verbose : int, default=0
        1 prints skorch's table of epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, of a classification.
    net_ : SequenceNet
        The fitted skorch net; ``net_.module_`` is the torch module.
    history_ : skorch.history.History
        Losses and durations of the training with the validation part kept.
    teacher_history_ : skorch.history.History or None
        The same of the backward network with ``direction="decoupled"``.
    batch_size_, max_epochs_ : int
        The values in use where the parameter was None.
    seed_ : int
        The seed in use.
    n_features_in_ : int
        Number of steps of a table, or of channels of a panel.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter or the data is unusable, and later if the data does
        not fit what was learned; the message says which and what would be right.
    sklrnn.training.DivergenceError
        In `fit`, if the loss is no longer finite. ``net_`` then holds the best weights
        so far.

    See Also
    --------
    RNNClassifier : One label for a whole sequence.
    RNNRegressor : One value for a whole sequence.

    Notes
    -----
    With "coupled", an answer rests on the whole sequence; with "forward" and
    "decoupled", on the steps up to its own. The loss is the cross-entropy, or the mean
    squared error of values scaled with their mean and standard deviation, over all
    steps that have an answer. Padding has no part in it. Names of channels and the
    order of steps are dealt with as by `RNNClassifier`; answers with the index of X
    are put into its order.

    References
    ----------
    A. Graves and J. Schmidhuber, "Framewise phoneme classification with bidirectional
    LSTM and other neural network architectures", Neural Networks 18, 2005.

    Examples
    --------
    Has the running sum of what was seen so far been above 0?

    >>> import numpy as np
    >>> from sklrnn import RNNLabeler
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=length) for length in (20, 35, 12, 28) * 10]
    >>> y = [np.where(np.cumsum(x) > 0, "above", "below") for x in X]
    >>> labeler = RNNLabeler(direction="forward", max_epochs=5, random_state=0)
    >>> labels = labeler.fit(X, y).predict(X)
    >>> [len(one) for one in labels[:4]]
    [20, 35, 12, 28]
    >>> labeler.predict_proba(X)[0].shape
    (20, 2)
    """

    _tags = {
        "object_type": "estimator",
        "authors": "The sklrnn developers",
        "maintainers": "The sklrnn developers",
        "python_dependencies": ["torch", "skorch"],
    }

    def __init__(
        self,
        task="classification",
        cell="gru",
        cell_params=None,
        hidden_size=64,
        num_layers=1,
        direction="coupled",
        fusion="concat",
        fusion_params=None,
        normalize="standard",
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
        bptt_steps=None,
        matching_weight=0.01,
        matching_schedule="constant",
        class_weight=None,
        optimizer="adamw",
        lr=5e-3,
        weight_decay=1e-2,
        warmup=0.1,
        schedule="cosine",
        gradient_clip=1.0,
        max_epochs=None,
        batch_size=None,
        validation_fraction=0.2,
        patience=50,
        refit=True,
        device="cpu",
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.task = task
        self.cell = cell
        self.cell_params = cell_params
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.direction = direction
        self.fusion = fusion
        self.fusion_params = fusion_params
        self.normalize = normalize
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_norm = layer_norm
        self.bptt_steps = bptt_steps
        self.matching_weight = matching_weight
        self.matching_schedule = matching_schedule
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.schedule = schedule
        self.gradient_clip = gradient_clip
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.refit = refit
        self.device = device
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    @whole_or_not_at_all
    def fit(self, X, y):
        """Learn to label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps), or panel
            A table of sequences of one channel; an array of shape (n_samples,
            n_channels, n_steps); a list of arrays of shape (n_channels, n_steps) or
            (n_steps,), or of DataFrames whose rows are steps; or another panel of
            sktime's. NaN where not observed.
        y : array-like of shape (n_samples, n_steps), or list
            An answer for every step; of a list, one array-like of shape (n_steps,) per
            sequence. NaN or None where there is none. Several values per step have the
            shape (n_samples, n_outputs, n_steps), in a list (n_outputs, n_steps).

        Returns
        -------
        self
        """
        self.reset()
        self._check_params()
        check_choice("task", self.task, TASKS)
        sequences = self._read(X, reset=True)
        y = match_steps(y, X)
        if self.task == "classification":
            labels = read_labels(y, sequences.lengths)
            known = ~is_missing(labels)
            _check_any(known)
            self.classes_, classes = np.unique(labels[known], return_inverse=True)
            answers = np.zeros(len(labels), dtype=np.int64)
            answers[known] = classes
            n_outputs = len(self.classes_)
            even = np.ones(len(classes))
            weights = weigh_classes(self.class_weight, self.classes_, classes, even)
        else:
            if self.class_weight is not None:
                raise ValueError(
                    "class_weight must be None with task='regression', where there "
                    f"are no classes; got {self.class_weight!r}"
                )
            self._outputs = None if is_flat(y) else column_names(y, "y")
            y = arranged(y, self._outputs, "y", strict=not is_flat(y))
            values, self._flat = read_values(y, sequences.lengths)
            known = ~np.isnan(values).any(axis=1)
            _check_any(known)
            self._center, self._scale = _scaling(values[known])
            scaled = (values - self._center) / self._scale
            answers = np.where(known[:, None], scaled, 0.0).astype(np.float32)
            n_outputs = values.shape[1]
            weights = np.ones(known.sum())
        of_steps = np.zeros(len(known))
        of_steps[known] = weights / weights.mean()
        self._learn(Lesson(sequences, answers, of_steps, n_outputs), None)
        self._is_fitted = True
        return self

    def predict(self, X):
        """Label every step, or estimate its value.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_steps), or list
            For a table or a three-dimensional array an array, for a frame with a
            MultiIndex a Series or DataFrame on it, else a list of arrays. Several
            values per step have the shape (n_samples, n_outputs, n_steps), in a list
            (n_outputs, n_steps).
        """
        self._check_fitted()
        sequences = self._read(X, reset=False)
        found = self._answer(sequences)
        if self.task == "classification":
            return restore_steps(self.classes_[found.argmax(axis=1)], sequences, X)
        values = found.astype(np.float64) * self._scale + self._center
        values = values[:, 0] if self._flat else values
        return restore_steps(values, sequences, X, self._outputs)

    def predict_proba(self, X):
        """Return the probability of every class at every step.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        list of ndarray of shape (n_steps, n_classes)
            One per sequence, in the order of `classes_`; one array of shape (n_samples,
            n_steps, n_classes) for a table or a three-dimensional array.
        """
        self._check_fitted()
        if self.task != "classification":
            raise ValueError(
                "predict_proba is for task='classification'; this RNNLabeler has "
                f"task={self.task!r}"
            )
        sequences = self._read(X, reset=False)
        parts = sequences.split(softmax(self._answer(sequences).astype(float), axis=1))
        return np.stack(parts) if is_flat(X) or isinstance(X, np.ndarray) else parts

    def score(self, X, y):
        """Return the accuracy, or R^2, over all steps that have an answer.

        Parameters
        ----------
        X : as for `fit`
        y : as for `fit`

        Returns
        -------
        float
        """
        self._check_fitted()
        sequences = self._read(X, reset=False)
        y = match_steps(y, X)
        found = self._answer(sequences)
        if self.task == "classification":
            labels = read_labels(y, sequences.lengths)
            known = ~is_missing(labels)
            _check_any(known)
            guess = self.classes_[found.argmax(axis=1)]
            return float(accuracy_score(labels[known], guess[known]))
        y = arranged(y, self._outputs, "y", strict=not is_flat(y))
        values, _ = read_values(y, sequences.lengths)
        known = ~np.isnan(values).any(axis=1)
        _check_any(known)
        guess = found * self._scale + self._center
        return float(r2_score(values[known], guess[known]))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=True, multi_output=True),
            input_tags=InputTags(allow_nan=True, three_d_array=True),
        )

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Return settings for checks.

        Parameters
        ----------
        parameter_set : str, default="default"
            Ignored.

        Returns
        -------
        list of dict
        """
        quick = {"max_epochs": 1, "hidden_size": 4, "random_state": 0}
        return [quick, {**quick, "task": "regression", "direction": "forward"}]


def _scaling(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation; what is always the same is answered as it is."""
    moments = Moments.of(values)
    center, scale = moments.standardisation()
    constant = list(moments.constant())
    scale[constant] = next_to_none(center[constant])
    return center, scale


def _check_any(known: np.ndarray) -> None:
    if not known.any():
        raise ValueError("y has no answer at any step: nothing can be learned")
