"""RNNClassifier: one label for every sequence, from a recurrent network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d
from sktime.classification.base import BaseClassifier
from sktime.utils.warnings import warn

from sklrnn.data.labels import check_samples, is_missing
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.recognition.estimator import SequenceEstimator, weigh, weigh_classes
from sklrnn.recognition.learning import Lesson


class RNNClassifier(SequenceEstimator, BaseClassifier):
    """Classify sequences with a recurrent network.

    A classifier for scikit-learn and for sktime. Sequences may have several channels,
    unequal lengths and missing values.

    Parameters
    ----------
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
    pooling : {"last", "mean", "max", "attention"}, default="attention"
        How one vector is made of the outputs of all steps; "last" takes what is known
        after the whole sequence. See `sklrnn.network.pooling.Pooling`.
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
        "balanced" for weights inverse to how often the labels occur; None for 1.
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
        random, of every class alike. With None or 0 nothing is kept: the epoch of the
        lowest training loss is used.
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
        The labels, sorted.
    n_classes_ : int
        Their number.
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
    RNNRegressor : Values in place of labels.
    RNNLabeler : A label for every step.

    Notes
    -----
    The loss is the cross-entropy. A sample of weight 2 is the same as the sample given
    twice: repeated samples are counted before the training, and the order in which
    samples are given makes no difference.

    Missing values are carried forward from what was last seen; where `fit` has seen
    any, the network reads what was observed, and the time since, as well. Times of the
    steps, if the data has any, are not read, but steps must be in their order.

    Channels with names are matched with those of `fit` by name, whatever their order.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (8), 1997, sections 5.4 and 5.6, for sequence recognition. M. Schuster and K. K.
    Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal
    Processing 45 (11), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 20))
    >>> y = np.where(X[:, :10].mean(axis=1) > X[:, 10:].mean(axis=1), "falls", "rises")
    >>> classifier = RNNClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3]).tolist() == y[:3].tolist()
    True
    >>> classifier.predict_proba(X[:3]).shape
    (3, 2)
    """

    _tags = {
        "authors": "The sklrnn developers",
        "maintainers": "The sklrnn developers",
        "python_dependencies": ["torch", "skorch"],
        "X_inner_mtype": ["numpy3D", "pd-multiindex", "df-list"],
        "capability:multioutput": False,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:predict_proba": True,
        "capability:class_weight": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        cell="gru",
        cell_params=None,
        hidden_size=64,
        num_layers=1,
        direction="coupled",
        fusion="concat",
        fusion_params=None,
        pooling="attention",
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
        self.cell = cell
        self.cell_params = cell_params
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.direction = direction
        self.fusion = fusion
        self.fusion_params = fusion_params
        self.pooling = pooling
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
        # sktime sets them before anything was fitted.
        for name in ("classes_", "n_classes_", "fit_time_"):
            del self.__dict__[name]

    @whole_or_not_at_all
    def fit(self, X, y, sample_weight=None):
        """Learn to classify.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps), or panel
            A table of sequences of one channel; an array of shape (n_samples,
            n_channels, n_steps); a list of arrays of shape (n_channels, n_steps) or
            (n_steps,), or of DataFrames whose rows are steps; or another panel of
            sktime's. NaN where not observed.
        y : array-like of shape (n_samples,)
            Labels, numbers or strings. With several columns, a classifier is fitted
            to each.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples; 1 if not given.

        Returns
        -------
        self
        """
        check_samples(y, X)
        if getattr(y, "ndim", 1) == 2 and y.shape[1] > 1 and sample_weight is None:
            self._check_params()
            self._read(X, reset=True)
            names = self._names
            super().fit(self._arrange(X, reset=False), y)
            self._names = names
            return self
        self.reset()
        self._check_params()
        sequences = self._read(X, reset=True)
        labels = self._check_labels(y)
        answers = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        index, weights = weigh(sequences, answers, sample_weight)
        self.classes_, answers = np.unique(labels[index], return_inverse=True)
        self.n_classes_ = len(self.classes_)
        self._class_dictionary = {label: i for i, label in enumerate(self.classes_)}
        if self.n_classes_ == 1:
            warn(
                f"only single label seen in y passed to fit of {type(self).__name__}",
                obj=self,
            )
        weights = weigh_classes(self.class_weight, self.classes_, answers, weights)
        lesson = Lesson(
            sequences.take(index),
            answers.astype(np.int64),
            weights / weights.mean(),
            self.n_classes_,
        )
        self._learn(lesson, self.pooling)
        self._is_fitted = True
        return self

    def predict(self, X):
        """Return the most probable label of every sequence.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        self._check_fitted()
        if self._is_vectorized:
            return super().predict(self._arrange(X, reset=False))
        return self.classes_[self._scores(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of every class.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        self._check_fitted()
        if self._is_vectorized:
            return super().predict_proba(self._arrange(X, reset=False))
        return softmax(self._scores(X).astype(np.float64), axis=1)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy.

        Parameters
        ----------
        X : as for `fit`
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        check_samples(y, X)
        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))

    def _scores(self, X: Any) -> np.ndarray:
        return self._answer(self._read(X, reset=False))

    def _check_labels(self, y: Any) -> np.ndarray:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None"
            )
        if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
            y = y.iloc[:, 0]  # as sktime gives one label of several
        labels = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f":
            assert_all_finite(labels, input_name="y")
        elif is_missing(labels).any():
            raise ValueError("y has missing labels; leave those samples out")
        check_classification_targets(labels)
        return labels

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Return settings for the checks of sktime and scikit-learn.

        Parameters
        ----------
        parameter_set : str, default="default"
            Ignored.

        Returns
        -------
        list of dict
        """
        quick = {"max_epochs": 1, "hidden_size": 4, "random_state": 0}
        return [
            {**quick},
            {
                **quick,
                "cell": "lstm",
                "direction": "forward",
                "pooling": "last",
                "normalize": None,
                "layer_norm": True,
                "refit": False,
            },
            {
                **quick,
                "cell": "elman",
                "direction": "decoupled",
                "fusion": "gated",
                "pooling": "max",
                "matching_schedule": "rise",
                "validation_fraction": None,
            },
            {
                **quick,
                "cell": "jordan",
                "fusion": "recurrent",
                "pooling": "mean",
                "num_layers": 2,
                "dropout": 0.1,
                "bptt_steps": 5,
            },
        ]

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(allow_nan=True, three_d_array=True),
        )
