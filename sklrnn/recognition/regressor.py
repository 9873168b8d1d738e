"""RNNRegressor: one value, or several, for every sequence, from a recurrent network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_array
from sktime.regression.base import BaseRegressor

from sklrnn.data.labels import check_samples
from sklrnn.data.names import arranged, column_names
from sklrnn.data.scaling import next_to_none, standardisation
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.recognition.estimator import SequenceEstimator, weigh
from sklrnn.recognition.learning import Lesson


class RNNRegressor(SequenceEstimator, BaseRegressor):
    """Estimate one value, or several, for every sequence with a recurrent network.

    A regressor for scikit-learn and for sktime. Sequences may have several channels,
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
    RNNClassifier : Labels in place of values.
    RNNForecaster : Forecasts of the series themselves.
    RNNLabeler : A value for every step.

    Notes
    -----
    The loss is the mean squared error, of values scaled with their mean and standard
    deviation. A sample of weight 2 is the same as the sample given twice: repeated
    samples are counted before the training, and the order in which samples are given
    makes no difference. Missing values, names of channels and the order of steps are
    dealt with as by `RNNClassifier`.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (8), 1997, sections 5.4 and 5.5, for values at the end of a sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn import RNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 20))
    >>> y = X.max(axis=1)
    >>> regressor = RNNRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> regressor.predict(X).shape
    (60,)
    """

    _tags = {
        "authors": "The sklrnn developers",
        "maintainers": "The sklrnn developers",
        "python_dependencies": ["torch", "skorch"],
        "X_inner_mtype": ["numpy3D", "pd-multiindex", "df-list"],
        "capability:multioutput": True,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
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
        del self.fit_time_  # which sktime sets before anything was fitted

    @whole_or_not_at_all
    def fit(self, X, y, sample_weight=None):
        """Learn to estimate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps), or panel
            A table of sequences of one channel; an array of shape (n_samples,
            n_channels, n_steps); a list of arrays of shape (n_channels, n_steps) or
            (n_steps,), or of DataFrames whose rows are steps; or another panel of
            sktime's. NaN where not observed.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples; 1 if not given.

        Returns
        -------
        self
        """
        check_samples(y, X)
        self.reset()
        self._check_params()
        sequences = self._read(X, reset=True)
        values = self._check_values(y)
        index, weights = weigh(sequences, values, sample_weight)
        values = values[index]
        self._center, self._scale = _scaling(values, weights)
        lesson = Lesson(
            sequences.take(index),
            ((values - self._center) / self._scale).astype(np.float32),
            weights / weights.mean(),
            values.shape[1],
        )
        self._learn(lesson, self.pooling)
        self._is_fitted = True
        return self

    def predict(self, X):
        """Estimate the value of every sequence.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As y was in `fit`, in its units; a DataFrame if it was one of several
            columns.
        """
        self._check_fitted()
        found = self._answer(self._read(X, reset=False)).astype(np.float64)
        values = found * self._scale + self._center
        if self._columns is not None:
            return pd.DataFrame(values, columns=self._columns)
        return values if self._n_dimensions == 2 else values[:, 0]

    def score(self, X, y, sample_weight=None, multioutput="uniform_average"):
        """Return the coefficient of determination, R^2.

        Parameters
        ----------
        X : as for `fit`
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        multioutput : str, default="uniform_average"
            How the outputs are averaged, as `sklearn.metrics.r2_score` does it.

        Returns
        -------
        float
        """
        check_samples(y, X)
        found = self.predict(X)
        y = arranged(y, self._columns, "y")
        return r2_score(y, found, sample_weight=sample_weight, multioutput=multioutput)

    def _check_values(self, y: Any) -> np.ndarray:
        """Return the values, (n_samples, n_outputs), and remember how they came."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None"
            )
        several = isinstance(y, pd.DataFrame) and y.shape[1] > 1
        self._columns = column_names(y, "y") if several else None
        if isinstance(y, pd.DataFrame) and not several:
            y = y.iloc[:, 0]
        values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        self._n_dimensions = values.ndim
        return values.reshape(len(values), -1)

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
                "pooling": "last",
                "num_layers": 2,
                "dropout": 0.1,
                "bptt_steps": 5,
            },
        ]

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(
                required=True, multi_output=True, single_output=True
            ),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(allow_nan=True, three_d_array=True),
        )


def _scaling(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and deviation of every output."""
    mean = np.average(values, axis=0, weights=weights)
    rest = (values - mean) * np.sqrt(weights / weights.mean())[:, None]
    _, scale = standardisation([np.concatenate([rest, -rest])], True)
    # What is always the same is answered as it is.
    return mean, np.where((rest == 0).all(axis=0), next_to_none(mean), scale)
