"""RNNImputer: fill the gaps of a table with a recurrent network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sktime.transformations.base import BaseTransformer

from sklrnn.data.absence import PATTERNS
from sklrnn.data.frames import tells_times
from sklrnn.data.rows import iterate_series
from sklrnn.data.timegrid import index_kind
from sklrnn.imputation.filling import estimate, go_on
from sklrnn.imputation.learning import learn
from sklrnn.imputation.scoring import mean_error
from sklrnn.imputation.tables import Columns
from sklrnn.interfaces.parameters import check_choice, draw_seed
from sklrnn.interfaces.transformers import TransformerConvention
from sklrnn.network.reconstruct import LOSSES
from sklrnn.training import DivergenceError
from sklrnn.training.course import show
from sklrnn.training.parameters import LAYER_PARAMS, TRAINING_ONLY, check_params

_ARCHITECTURE = tuple(n for n in LAYER_PARAMS if n not in TRAINING_ONLY)
_BOUNDS = ("lower", "upper")
_ONE = np.array([1])
"""Fills have one distribution of errors: that of the first step, as it were."""


class Imputation(NamedTuple):
    """Filled data, and how far its fills may be off.

    Attributes
    ----------
    mean : the type of X
        As `RNNImputer.transform` returns it.
    std : the type of X
        Standard deviation of every fill in the units of its column; 0 where a value
        was observed.
    """

    mean: Any
    std: Any


class RNNImputer(TransformerConvention, BaseTransformer):
    """Fill missing values of series with a recurrent network.

    A transformer for scikit-learn and for sktime. Rows are time steps in order, columns
    are variables; panels and hierarchies of series, of any lengths, share one network.
    Observed values come back bit for bit, and every missing one is filled, with an
    interval if wanted: leading and trailing gaps, rows without any value, columns that
    are missing for years.

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
        Number of features of the hidden state, per direction. The hidden layer of the
        head has as many.
    num_layers : int, default=1
        Number of recurrent layers.
    direction : {"coupled", "forward", "decoupled"}, default="coupled"
        In which direction the network reads. "coupled" reads the table from both ends
        at once. "forward" reads it from the beginning: every fill rests on its own row
        and those before it, and `partial_transform` takes new rows as they come.
        "decoupled" trains a backward network first and freezes it; then a forward
        network, which learns to match its states, too (Serdyuk et al. 2018), and beside
        it the fusion of both. `transform` uses the fusion, `partial_transform` the
        forward network alone.
    fusion : str or class, default="concat"
        How the two directions are joined: "concat", "gated", "recurrent", the name of a
        plug-in or a class.
    fusion_params : dict or None, default=None
        Further arguments of the fusion.
    window_length : int or None, default=None
        Number of steps in a window. Training reads that many at a time; what
        `transform` takes may be shorter or longer. None: 48, or as many as the longest
        series has.
    absence_pattern : str, default="mixed"
        How entries are removed in training, to learn from their absence: "point",
        "block", "channel" (blocks that spread over columns), "observed" (gaps like
        those of the data), or "mixed"; see `sklrnn.data.absence.AbsenceDiffusion`.
    absence_rate : float, default=0.4
        Share of the entries that is removed at the highest level of absence.
    absence_spread : int or None, default=None
        Longest run removed at that level, in steps. None: `window_length`.
    absence_growth : float, default=0.0
        Share of the training over which the highest level rises from 0.
    loss : {"blend", "laplace_nll", "gaussian_nll", "mse"}, default="blend"
        What is minimised. Over entries that were removed and are known: "mse" is the
        mean squared error; "laplace_nll" the Laplace likelihood with a spread learned
        for every entry, each entry weighted by the square root of its spread (Seitzer
        et al. 2022), which lies between absolute and relative errors; "blend" the sum
        of both; "gaussian_nll" the Gaussian likelihood with a precision learned for
        every step, which counts errors of steps that can be reconstructed well for
        more.
    score_steps : {"all", "last"}, default="all"
        Which steps of a window are scored in training and validation.
    dropout : float, default=0.0
        Probability of variational dropout (one mask per sequence) on the input of every
        layer (Gal and Ghahramani 2016).
    recurrent_dropout : float, default=0.0
        The same on h_{t-1}, for cells with recurrent weights.
    layer_norm : bool, default=False
        Whether to normalise inside the gates (Ba et al. 2016), for cells with gates.
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
    bptt_steps : int or None, default=None
        Number of steps after which gradients are cut while the state is carried on
        (truncated backpropagation through time).
    max_epochs : int or None, default=None
        Largest number of passes over the training data. None: as many as make 4000
        optimiser steps or 256,000 windows, whichever is less, from 4 to 300; where
        there are more than 8192 windows, an epoch is that many drawn at random.
    batch_size : int or None, default=None
        Size of a batch. None: a hundredth of the windows, from 16 to 64.
    validation_fraction : float or None, default=0.2
        Share of the data that is kept to choose the best epoch. It is the newest part
        of every series, counted in rows with a value, from which entries are removed,
        and calibrates intervals, too; at least 3 rows, or a third of a series of less
        than 9. With None or 0 nothing is kept: the epoch of the lowest training loss is
        used, and intervals rest on entries that the network has learned from.
    patience : int, "auto" or None, default=50
        Training stops after this many epochs without improvement and goes back to the
        best weights. "auto": 20, or, where an epoch is short, as many as make 100
        optimiser steps. None: all epochs are run and the last weights kept.
    refit : bool, default=True
        Whether a second network then learns from all data for as many epochs as were
        best. False keeps the first, which takes half the time.
    keep_empty_features : bool, default=False
        Whether a column without any value in `fit` is filled with 0 (as scikit-learn's
        SimpleImputer does); if not, it is an error.
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
    validation_error_ : pd.Series
        Mean absolute error of every column on the entries removed from the validation
        part, in the units of the column; NaN where none could be scored.
    window_length_, batch_size_, max_epochs_ : int
        The values in use where the parameter was None.
    seed_ : int
        The seed in use.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if `fit` had a DataFrame with names that are strings.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter or the data is unusable, and in `transform`, if the
        columns are not those of `fit`; the message says which and what would be right.
    sklrnn.training.DivergenceError
        In `fit`, if the loss is no longer finite. ``net_`` then holds the best weights
        so far.

    See Also
    --------
    RNNForecaster : Forecasts series, with gaps as they are.

    Notes
    -----
    Every fill is a mixture of an interpolation, which is linear in time (with
    "forward", the last value seen), of the same moved along with the other columns, by
    a ridge regression on them, and of the network's own estimate; the weights are
    learned, per value (see `sklrnn.network.heads.ImputationHead`). The network reads
    values, mask, and the time since last and until next seen. Time is that of the
    index, if it holds timestamps: rows need not be equally spaced.

    What `fit` learns is not the series but how to fill: `transform` fills the table it
    is given from that table alone.

    References
    ----------
    W. Cao et al., "BRITS: bidirectional recurrent imputation for time series", NeurIPS
    2018, for mask and time gaps as input. Z. Che et al., "Recurrent neural networks for
    multivariate time series with missing values", Scientific Reports 8, 2018, for the
    cell "grud". D. Serdyuk et al., "Twin networks: matching the future for sequence
    generation", ICLR 2018. M. Seitzer et al., "On the pitfalls of heteroscedastic
    uncertainty estimation with probabilistic neural networks", ICLR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn import RNNImputer
    >>> steps = np.arange(200)
    >>> X = np.stack([np.sin(steps / 5), np.cos(steps / 5)], axis=1)
    >>> X[50:60, 0] = np.nan
    >>> imputer = RNNImputer(max_epochs=2, random_state=0)
    >>> filled = imputer.fit_transform(X)
    >>> filled.shape, bool(np.isnan(filled).any())
    ((200, 2), False)

    With the standard deviation of every fill:

    >>> mean, std = imputer.impute_proba(X)
    >>> bool((std[50:60, 0] > 0).all()), float(std[49, 0])
    (True, 0.0)
    """

    _tags = {
        "authors": "The sklrnn developers",
        "maintainers": "The sklrnn developers",
        "python_dependencies": ["torch", "skorch"],
        "scitype:transform-input": "Series",
        "scitype:transform-output": "Series",
        "scitype:instancewise": True,
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "y_inner_mtype": "None",
        "fit_is_empty": False,
        "transform-returns-same-time-index": True,
        # A fill is not undone: behind a forecaster, its forecasts pass through.
        "skip-inverse-transform": True,
        "capability:inverse_transform": True,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:missing_values:removes": True,
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
        window_length=None,
        absence_pattern="mixed",
        absence_rate=0.4,
        absence_spread=None,
        absence_growth=0.0,
        loss="blend",
        score_steps="all",
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
        matching_weight=0.01,
        matching_schedule="constant",
        optimizer="adamw",
        lr=5e-3,
        weight_decay=1e-2,
        warmup=0.1,
        schedule="cosine",
        gradient_clip=1.0,
        bptt_steps=None,
        max_epochs=None,
        batch_size=None,
        validation_fraction=0.2,
        patience=50,
        refit=True,
        keep_empty_features=False,
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
        self.window_length = window_length
        self.absence_pattern = absence_pattern
        self.absence_rate = absence_rate
        self.absence_spread = absence_spread
        self.absence_growth = absence_growth
        self.loss = loss
        self.score_steps = score_steps
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_norm = layer_norm
        self.matching_weight = matching_weight
        self.matching_schedule = matching_schedule
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.schedule = schedule
        self.gradient_clip = gradient_clip
        self.bptt_steps = bptt_steps
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.refit = refit
        self.keep_empty_features = keep_empty_features
        self.device = device
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    # ---- fitting --------------------------------------------------------------------

    def _fit(self, X, y=None):
        self._check_params()
        architecture = {n: getattr(self, n) for n in _ARCHITECTURE}
        architecture["n_features_in_"] = X.shape[1]
        self.seed_ = draw_seed(self.random_state)
        frames = [frame for _, frame in iterate_series(X)]
        columns = Columns.of(frames)
        self._check_columns(X.columns[columns.empty], X.shape[1])
        # The network has no place for the others.
        architecture["columns with values"] = np.flatnonzero(~columns.empty).tolist()
        start = self._begin(architecture)
        self._columns, self._stream = columns, None
        series = columns.standardise(frames)
        try:
            fitted = learn(self, series, seed=self.seed_, start=start)
        except DivergenceError as error:
            self.net_ = error.net
            raise
        self._finish(fitted, architecture)
        show(self, fitted)
        self.window_length_ = fitted.window_length
        errors = columns.with_empty(fitted.errors, np.nan) * columns.scale
        self.validation_error_ = pd.Series(errors, index=X.columns)
        return self

    def _check_params(self):
        check_params(self)
        check_choice("loss", self.loss, tuple(LOSSES))
        check_choice("score_steps", self.score_steps, ("all", "last"))
        check_choice("absence_pattern", self.absence_pattern, PATTERNS)

    def _check_columns(self, empty, n_columns):
        names = [str(name) for name in empty]
        if len(names) == n_columns:
            raise ValueError("X has no observed value at all: nothing can be learned")
        if names and not self.keep_empty_features:
            raise ValueError(
                f"X has no observed value in the column(s) {', '.join(names)}; drop "
                "what was never measured, or set keep_empty_features=True to have it "
                "filled with 0"
            )

    # ---- filling --------------------------------------------------------------------

    def _transform(self, X, y=None):
        mean, _ = self._estimate(X)
        return self._merge(X, mean)

    def _estimate(self, X):
        """Estimate all entries of X and the spread of their errors, in its units."""
        found = estimate(self._fitted, self._standardise(X))
        return self._columns.in_units(X, found)

    def _standardise(self, X):
        return self._columns.standardise([frame for _, frame in iterate_series(X)])

    def _merge(self, X, mean):
        """Put estimates where X has no value."""
        values = X.to_numpy(dtype=np.float64)
        filled = np.where(np.isnan(values), mean, values)
        return pd.DataFrame(filled, index=X.index, columns=X.columns)

    # ---- intervals ------------------------------------------------------------------

    def impute_proba(self, X):
        """Fill what is missing, and tell how far the fills may be off.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        Imputation
            A named tuple (mean, std), each of the type of X: what `transform` returns,
            and the standard deviation of every fill, 0 at what was observed. It is the
            spread that the network expects of the entry, times the deviation that the
            errors have in this unit on the validation part.
        """
        self._check_fitted()
        data, restore = self._admit(X, reset=False)
        frame, _, metadata = self._check_X_y(X=data, return_metadata=True)
        mean, spread = self._estimate(frame)
        deviation = np.sqrt(self._fitted.residuals.variance(_ONE)[0])
        deviation = self._columns.with_empty(deviation, 1.0)
        std = np.where(frame.isna(), spread * deviation, 0.0)
        mean, std = (
            self._convert_output(part, metadata=metadata)
            for part in (
                self._merge(frame, mean),
                pd.DataFrame(std, frame.index, frame.columns),
            )
        )
        return Imputation(restore(mean), restore(std, fill=False))

    def impute_interval(self, X, coverage=0.9):
        """Return intervals that hold the missing values with some probability.

        Parameters
        ----------
        X : as for `fit`
        coverage : float or list of float, default=0.9
            Above 0 and below 1.

        Returns
        -------
        pd.DataFrame of shape (n_steps, 2 * n_features * n_coverages)
            Indexed like X; columns are (column, coverage, "lower" or "upper"), as of
            sktime's ``predict_interval``. Where a value was observed both bounds are
            it. The interval lies between quantiles of the errors on the validation
            part (split-conformal), in units of the spread that the network expects,
            which is widened with the distance from what was observed as errors are.

        Raises
        ------
        ValueError
            If a coverage is not between 0 and 1.
        """
        self._check_fitted()
        levels = [float(level) for level in np.atleast_1d(coverage)]
        if not levels or not all(0 < level < 1 for level in levels):
            raise ValueError(f"coverage must be between 0 and 1, got {coverage!r}")
        data, restore = self._admit(X, reset=False)
        frame, _ = self._check_X_y(X=data)
        mean, spread = self._estimate(frame)
        values = frame.to_numpy(dtype=np.float64)
        alpha = np.array([[(1 - c) / 2, (1 + c) / 2] for c in levels]).ravel()
        errors = self._fitted.residuals.quantiles(_ONE, alpha)[0]
        errors = self._columns.with_empty(errors, 0.0)
        bounds = mean[..., None] + spread[..., None] * errors
        bounds = np.where(np.isnan(values)[..., None], bounds, values[..., None])
        columns = pd.MultiIndex.from_product([frame.columns, levels, _BOUNDS])
        table = pd.DataFrame(bounds.reshape(len(frame), -1), frame.index, columns)
        if isinstance(X, pd.DataFrame) and len(X) == len(table):
            table.index = X.index
        return table

    def score(self, X, y=None):
        """Score the filling of entries that are removed from X; greater is better.

        Parameters
        ----------
        X : as for `fit`
        y : ignored

        Returns
        -------
        score : float
            Minus the mean absolute error, in units of each column's deviation in
            `fit`. What is removed, points and runs of up to 24 steps, depends on X
            alone, so that imputers can be compared.
        """
        self._check_fitted()
        data, _ = self._admit(X, reset=False)
        frame, _ = self._check_X_y(X=data)
        return -mean_error(self._fitted, self._standardise(frame))

    # ---- streams --------------------------------------------------------------------

    def partial_transform(self, X):
        """Fill rows as they arrive, from themselves and what came before them.

        The first call begins a stream; each further one takes the rows that follow,
        one or many, and remembers all it needs. The rows of a table, given in any
        pieces, are filled as at once, and with ``direction="forward"`` as `transform`
        fills them.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_steps, n_features)
            New rows. Those of an array, or of an index that holds neither times nor
            integers, follow each other by one step.

        Returns
        -------
        filled : the type of X

        Raises
        ------
        ValueError
            If the direction is "coupled", which reads what comes after, if the rows
            are not later than those before, or if their index is of another kind than
            that of `fit`.
        """
        self._check_fitted()
        if self._fitted.net.module_.direction == "coupled":
            raise ValueError(
                "partial_transform needs a causal network, and direction='coupled' "
                "reads what comes after a row; fit with 'forward' or 'decoupled'"
            )
        data, restore = self._admit(X, reset=False)
        frame, _, metadata = self._check_X_y(X=data, return_metadata=True)
        if isinstance(frame.index, pd.MultiIndex):
            raise ValueError(
                "partial_transform takes the rows of one series, not panels"
            )
        one = self._follow(frame, tells_times(X))
        stream = self._stream
        if stream is not None and one.times[0] <= stream.seen.time:
            raise ValueError(
                f"the rows of X begin at {frame.index[0]}, which is not later than "
                "the last row of the stream; give the rows that follow, or call "
                "reset_stream to begin anew"
            )
        mean, spread, self._stream = go_on(self._fitted, one, stream)
        mean, _ = self._columns.in_units(frame, [(mean, spread)])
        merged = self._merge(frame, mean)
        return restore(self._convert_output(merged, metadata=metadata))

    def _follow(self, frame, timed):
        """Standardise the next rows of a stream, at their times if they have any."""
        kind, before = index_kind(frame.index), self._columns.unit.kind
        if timed and kind is not before:
            raise ValueError(
                f"the index of X is of the kind {kind.__name__}, that of `fit` was of "
                f"the kind {before.__name__}; give the same, or an array, "
                "whose rows follow each other by one step"
            )
        (one,) = self._columns.standardise([frame])
        if timed:
            return one
        start = 0.0 if self._stream is None else self._stream.seen.time + 1
        return one._replace(times=start + np.arange(len(frame)))

    def reset_stream(self):
        """Forget the rows that `partial_transform` has taken.

        Returns
        -------
        self : RNNImputer
        """
        self._stream = None
        return self

    def count_parameters(self) -> dict[str, int]:
        """Count the weights of the fitted network.

        Returns
        -------
        dict
            "layers", the recurrent layers with what joins them; "head"; "teacher", what
            a decoupled network has beside its forward branch; "total".
        """
        self._check_fitted()
        return self._fitted.net.module_.count_parameters()

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
                "loss": "gaussian_nll",
                "score_steps": "last",
                "absence_pattern": "block",
                "window_length": 6,
                "layer_norm": True,
                "refit": False,
            },
            {
                **quick,
                "cell": "grud",
                "direction": "decoupled",
                "fusion": "gated",
                "loss": "mse",
                "absence_pattern": "channel",
                "absence_growth": 0.5,
                "matching_schedule": "rise",
                "validation_fraction": None,
            },
            {
                **quick,
                "cell": "jordan",
                "fusion": "recurrent",
                "num_layers": 2,
                "dropout": 0.2,
                "absence_pattern": "point",
                "absence_spread": 3,
                "bptt_steps": 5,
            },
        ]
