"""RNNForecaster: continue a series with a recurrent network."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from sklrnn.data.parts import open_parts
from sklrnn.data.rows import iterate_series
from sklrnn.data.sources import open_source
from sklrnn.forecasting.checks import check_exogenous, check_start, in_reach
from sklrnn.forecasting.forecasts import Forecast, forecast, new_reader
from sklrnn.forecasting.horizons import (
    find_cutoff,
    newest_time,
    next_times,
    plan,
    steps_ahead,
    to_frame,
)
from sklrnn.forecasting.learning import learn, learn_on
from sklrnn.forecasting.parameters import check_forecast_params
from sklrnn.forecasting.proba import to_skpro
from sklrnn.forecasting.quantiles import quantiles, variances
from sklrnn.forecasting.rolling import forecast_rolling
from sklrnn.forecasting.updating import take_in
from sklrnn.interfaces import conventions
from sklrnn.interfaces.containers import check_container, check_targets_are_numbers
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.interfaces.parameters import draw_seed
from sklrnn.training import DivergenceError
from sklrnn.training.course import show
from sklrnn.training.parameters import check_params
from sklrnn.training.processes import Processes

_NOTED = (
    "_converter_store_y",
    "_cutoff",
    "_fh",
    "_is_vectorized",
    "_y_metadata",
    "_y_mtype_last_seen",
)
"""What sktime's base class notes of data."""


class RNNForecaster(conventions.TableConvention, BaseForecaster):
    """Forecast series with a recurrent network.

    A drop-in forecaster for sktime (``fit(y=..., X=..., fh=...)``) and, called by
    position, a regressor for scikit-learn (``fit(X, y)``, ``predict(X_next)``), where
    rows are time steps in order and ``X_next`` are the rows that follow. It takes
    univariate and multivariate series, panels and hierarchies (one network learns from
    all series), exogenous columns, and missing values and times as they are.

    Parameters
    ----------
    cell : str or class, default="lstm"
        "elman", "jordan", "lstm", "gru", "grud" (decay over gaps), "mingru" and
        "minlstm" (parallel over time), "mlp" (the feed-forward window, a baseline),
        "transformer" (causal self-attention, another), the name of a plug-in, or a
        class that follows `sklrnn.network.cells.base.Cell`.
    cell_params : dict or None, default=None
        Further arguments of the cell. Such as ``{"nonlinearity": "relu"}`` for elman,
        ``{"alpha": 0.5}`` for jordan, ``{"reset": "before"}`` for gru or ``{"peephole":
        True}`` for lstm; see `sklrnn.network.cells`.
    hidden_size : int, default=64
        Number of features of the hidden state, per direction.
    num_layers : int, default=1
        Number of recurrent layers.
    direction : {"forward", "coupled", "decoupled"}, default="forward"
        In which direction the network reads. "forward" reads the window from its
        beginning; "coupled" from both ends at once (Schuster and Paliwal 1997).
        "decoupled" trains a backward network first, which reads window and horizon from
        their end, and freezes it; the forward network then learns to forecast and to
        match its states (Serdyuk et al. 2018), and forecasts alone.
    fusion : str or class, default="concat"
        How the two directions are joined: "concat", "gated", "recurrent", the name of a
        plug-in or a class. With "decoupled" it serves reconstruction alone; with
        "forward" there is nothing to join.
    fusion_params : dict or None, default=None
        Further arguments of the fusion.
    window_length : int or None, default=None
        Number of steps in a window. A forecast reads that many past steps. None: two
        seasons where the index tells the season (24 for months, 48 for hours), or the
        horizon if it is longer; else twice the horizon and at least 24; in any case at
        most a third of the series.
    horizon : int or None, default=None
        Number of steps that the network forecasts at once, and the number of steps
        ahead that intervals are calibrated for. None: as far as the `fh` given in
        `fit` reaches, else one season, else 12; at most half of the series.
    past_only : list of str or None, default=None
        Columns of X that are not known ahead: they are read in the window, and need
        not be given for the steps to forecast. Where forecasts are fed back, their
        last values are.
    strategy : {"direct", "recursive"}, default="direct"
        "direct" forecasts all steps of the horizon at once from the last state;
        beyond the horizon it goes on from its own forecasts, a horizon at a time.
        "recursive" learns one step and feeds it back with the state carried on (with
        ``direction="coupled"`` the window is read again for every step).
    normalize : {"standard", "window", "last"} or None, default="window"
        How values are scaled. "standard" subtracts each column's mean and divides by
        its standard deviation; "window" goes on to do so with each window's own (Kim et
        al. 2022), "last" to subtract the window's last value; both undo it on the
        forecast. None takes the values as they are.
    segment_length : int or None, default=None
        Number of steps that the recurrence reads at once (Lin et al. 2023): a linear
        layer makes one vector of them. Long windows become short sequences: 720 hours
        are 15 segments of 48. None: 1 for windows of up to 192 steps; for longer ones
        a season, where the index tells one of 4 to 48 steps, else 24. It stays 1 with
        cells and directions that need every step, and with `bptt_steps`.
    channels : {"joint", "independent"}, default="joint"
        "joint" reads all columns of y together. "independent" reads every column as a
        series of its own with the same weights (and the exogenous columns with each).
    channel_embedding : bool, default=False
        With "independent", whether each column has a learned vector of its own, added
        to the last state.
    decoder : {"linear", "parallel", "recurrent"}, default="linear"
        How the horizon comes from the last state: each step as a linear function of
        it; all segments at once, each from the state and a learned query for its
        position (Lin et al. 2023); or segment after segment, each from the one before.
    shortcut : bool, default=True
        Whether the last value seen is added to the forecast, each step's with a weight
        that is learned and 1 at first (beside the recurrent layers, as in Lai et al.
        2018): training begins from the forecast "as it is now". With
        ``normalize="last"`` it is added anyway; ``"negative_binomial"`` has none.
    n_members : int, default=1
        Number of networks that are trained with other initial weights and averaged.
    dropout : float, default=0.0
        Probability of variational dropout (one mask per sequence) on the input of every
        layer (Gal and Ghahramani 2016). Also on the states that the decoders "parallel"
        and "recurrent" read segments from.
    recurrent_dropout : float, default=0.0
        The same on h_{t-1}, for cells with recurrent weights.
    layer_norm : bool, default=False
        Whether to normalise inside the gates (Ba et al. 2016), for cells with gates.
    matching_weight : float, default=0.01
        With "decoupled", the weight lambda of the squared distance between the states
        of both networks.
    matching_schedule : {"constant", "rise", "fall"}, default="constant"
        Course of that weight over the training: constant, up from 0, down to 0.
    distribution : str, default="point"
        What is forecast of each value: "point", the value itself; or a distribution, of
        which `predict` then gives the mean: "gaussian", "student_t" (heavy tails),
        "negative_binomial" (of counts: 0, 1, 2, ...; Salinas et al. 2020), each learned
        by its likelihood; "quantiles", 23 of them from 0.01 to 0.99, which never cross
        (of which `predict` gives the median), by the pinball loss.
    calibrate : bool, default=True
        Whether intervals and distributions are corrected by what was seen on the
        validation part, and since in `update`, per step ahead. With "point" they are
        the residuals' own, or normal distributions with their variance if False. Of the
        others it corrects the levels of the quantiles (Chernozhukov et al. 2021), then
        the quantiles (Romano et al. 2019); if False they are as predicted.
    loss : {"mse", "mae", "huber"} or None, default=None
        What is minimised. Over the observed entries, in standardised units: the mean
        squared error, whose best forecast is the mean; the mean absolute error, whose
        best is the median; or Huber's loss, between both, which counts errors above one
        standard deviation as absolute ones. None: "huber", or "mae" where a value is
        the same more than half of the time (rare sales, which are mostly 0). For
        ``distribution="point"``; the others have likelihoods for losses.
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
        (truncated backpropagation through time). For windows too long to unroll: what
        training remembers then grows with `bptt_steps`, not with the window.
    max_epochs : int or None, default=None
        Largest number of passes over the training data. None: as many as make 2000
        optimiser steps or 64,000 windows, whichever is less, from 4 to 300; where there
        are more than 8192 windows, an epoch is that many drawn at random.
    batch_size : int or None, default=None
        Size of a batch. None: a hundredth of the windows, from 16 to 128.
    validation_fraction : float or None, default=0.2
        Share of the data that is kept to choose the best epoch. It is the newest part
        of every series, counted in steps with an observed target, and calibrates
        intervals, too; at least 3 steps, or a third of a series of less than 9. With
        None or 0 nothing is kept: the epoch of the lowest training loss is used and
        intervals rest on training residuals, which are too small.
    patience : int, "auto" or None, default="auto"
        Training stops after this many epochs without improvement and goes back to the
        best weights. "auto": 20, or, where an epoch is short, as many as make 100
        optimiser steps. None: all epochs are run and the last weights kept.
    refit : bool, default=True
        Whether a second network then learns from all data for as many epochs as were
        best. With `max_epochs` None each of them has as many windows as those of the
        first, drawn anew. It makes the forecast; intervals stay those of the first,
        which has not seen the validation part. False keeps the first.
    fine_tune_epochs : int, default=0
        Epochs that `fit` trains after `pretrain`; 0 forecasts the new series with the
        pretrained weights (zero-shot).
    update_epochs : int, default=5
        Epochs that ``update(update_params=True)`` trains on all rows, old and new,
        from the current weights.
    device : str, default="cpu"
        Torch device.
    accelerator : accelerate.Accelerator or None, default=None
        Several processes, each of which runs the same script on the same data, then
        train one network: each on its share of every batch, with the gradients
        averaged, on the device that the accelerator gives it (`device` is not looked
        at). `batch_size` is that of all together, so that the result is, but for
        rounding and `dropout`, that of one process; all end with the same weights.
        ``torchrun`` or ``accelerate launch`` start them.
    callbacks : list of skorch callbacks or None, default=None
        Called in every training, in the refit too; see docs, "Callbacks".
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the previous `fit`. The optimiser
        starts from its state, too (anew with ``direction="decoupled"``, which trains
        two networks); window, horizon and network must then stay as they were.
    random_state : int, numpy generator or None, default=None
        Makes results repeatable. Global generators are left alone.
    verbose : int, default=0
        1 prints skorch's table of epochs.

    Attributes
    ----------
    net_ : SequenceNet
        The fitted skorch net; ``net_.module_`` is the torch module.
    history_ : skorch.history.History
        Losses and durations of the training with the validation part kept, epoch by
        epoch; losses are in standardised units. The history of the
        refit is ``net_.history``.
    teacher_history_ : skorch.history.History or None
        The same of the backward network with ``direction="decoupled"``.
    window_length_, horizon_, segment_length_, batch_size_, max_epochs_ : int
        The values in use where the parameter was None.
    loss_ : str or None
        The loss in use; None with a predicted distribution.
    seed_ : int
        The seed in use.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter or the data is unusable; the message says which and
        what would be right.
    sklrnn.training.DivergenceError
        In `fit`, if the loss is no longer finite. ``net_`` then holds the best weights
        so far.

    Notes
    -----
    Every step of a direct forecast is computed from the state at the newest
    observation. Missing values enter as the last value seen, a mask and the time since
    it was seen; they are never scored. Timestamps may leave steps out; those of
    months, quarters and years are known as such by their first or last days (for
    others, such as the 15th of every month, use a PeriodIndex). In-sample forecasts are
    one-step forecasts from all that came before.

    Intervals, quantiles, variances and distributions of point forecasts come from the
    residuals on the validation part, per step ahead (split-conformal; see
    `sklrnn.training.calibration.ResidualQuantiles`). In-sample steps take those of one
    step ahead. Residuals of panels are pooled over the series in standardised units.
    Those of rows that `update` brings take the place of the oldest (Xu and Xie 2021),
    and levels move against the share of new values that quantiles missed (Gibbs and
    Candes 2021).

    Predicted distributions are those of the network up to its horizon. Beyond it (and,
    with ``strategy="recursive"``, from the second step on) 200 paths are drawn and fed
    back, always the same ones, and the forecast is what they say.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation
    9 (8), 1997. M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural
    networks", IEEE Transactions on Signal Processing 45 (11), 1997. R. Pascanu et al.,
    "On the difficulty of training recurrent neural networks", ICML 2013. Y. Gal and
    Z. Ghahramani, "A theoretically grounded application of dropout in recurrent
    neural networks", NeurIPS 2016. D. Serdyuk et al., "Twin networks: matching the
    future for sequence generation", ICLR 2018. J. L. Ba, J. R. Kiros and G. E. Hinton,
    "Layer normalization", 2016. T. Kim et al., "Reversible instance normalization
    for accurate time-series forecasting against distribution shift", ICLR 2022. S. Lin
    et al., "SegRNN: segment recurrent neural network for long-term time series
    forecasting", 2023. G. Lai, W.-C. Chang, Y. Yang and H. Liu, "Modeling long- and
    short-term temporal patterns with deep neural networks", SIGIR 2018. D. Salinas,
    V. Flunkert, J. Gasthaus and T. Januschowski,
    "DeepAR: probabilistic forecasting with autoregressive recurrent networks",
    International Journal of Forecasting 36 (3), 2020. V. Chernozhukov, K. Wuthrich and
    Y. Zhu, "Distributional conformal prediction", PNAS 118 (48), 2021. Y. Romano,
    E. Patterson and E. J. Candes, "Conformalized quantile regression", NeurIPS 2019. C.
    Xu and Y. Xie, "Conformal prediction interval for dynamic time-series", ICML 2021.
    I. Gibbs and E. Candes, "Adaptive conformal inference under distribution shift",
    NeurIPS 2021.

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> forecaster = RNNForecaster(max_epochs=2, random_state=0)
    >>> forecaster.fit(y, fh=[1, 2, 3])
    RNNForecaster(max_epochs=2, random_state=0)
    >>> forecaster.predict().index
    PeriodIndex(['1961-01', '1961-02', '1961-03'], dtype='period[M]')

    By position, scikit-learn's convention:

    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60.0)
    >>> forecaster.fit(X[:50], y[:50]).predict(X[50:]).shape
    (10,)
    """

    _tags = {
        "authors": "The sklrnn developers",
        "maintainers": "The sklrnn developers",
        "python_dependencies": ["torch", "skorch"],
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": True,
        "capability:insample": True,
        "capability:missing_values": True,
        "capability:non_contiguous_X": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:pretrain": True,
        "capability:random_state": True,
        "capability:unequal_length": True,
        "capability:update": True,
        "pretrain:fitted_params": ["pretrained_"],
        "property:randomness": "derandomized",
        "requires-fh-in-fit": False,
        "X-y-must-have-same-index": False,
    }
    # The forecaster keeps what it needs itself, standardised and in single precision.
    _config = {"remember_data": False}

    # What sktime's base class keeps.
    _fh: Any
    _cutoff: Any
    _y_metadata: Any
    _converter_store_y: Any

    def __init__(
        self,
        cell="lstm",
        cell_params=None,
        hidden_size=64,
        num_layers=1,
        direction="forward",
        fusion="concat",
        fusion_params=None,
        window_length=None,
        horizon=None,
        past_only=None,
        strategy="direct",
        normalize="window",
        segment_length=None,
        channels="joint",
        channel_embedding=False,
        decoder="linear",
        shortcut=True,
        n_members=1,
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
        matching_weight=0.01,
        matching_schedule="constant",
        distribution="point",
        calibrate=True,
        loss=None,
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
        patience="auto",
        refit=True,
        fine_tune_epochs=0,
        update_epochs=5,
        device="cpu",
        accelerator=None,
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
        self.horizon = horizon
        self.past_only = past_only
        self.strategy = strategy
        self.normalize = normalize
        self.segment_length = segment_length
        self.channels = channels
        self.channel_embedding = channel_embedding
        self.decoder = decoder
        self.shortcut = shortcut
        self.n_members = n_members
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_norm = layer_norm
        self.matching_weight = matching_weight
        self.matching_schedule = matching_schedule
        self.distribution = distribution
        self.calibrate = calibrate
        self.loss = loss
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
        self.fine_tune_epochs = fine_tune_epochs
        self.update_epochs = update_epochs
        self.device = device
        self.accelerator = accelerator
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()
        # sktime fills these where a user turns `remember_data` on.
        self._y = None
        self._X = None

    # ---- the two calling conventions ------------------------------------------------

    @whole_or_not_at_all
    @conventions.accepts_sklearn_fit
    def fit(self, y=None, X=None, fh=None):
        """Fit to a series (sktime), or by position to a table and a column (sklearn).

        Parameters
        ----------
        y : sktime-compatible series, panel or hierarchy
            What to forecast, in time order. Rows are time steps.
        X : sktime-compatible data, optional
            Exogenous columns: numbers, or categories (strings, pandas' categories),
            for which vectors are learned. Rows may be missing, or go on after `y`.
        fh : int, list or ForecastingHorizon, optional
            Steps to forecast. Where `horizon` is None it sets the horizon.

        Returns
        -------
        self : RNNForecaster

        Raises
        ------
        TypeError
            If two two-dimensional tables come by position without `fh`.
        ValueError
            If a parameter or the data is unusable.
        """
        return super().fit(y=y, X=X, fh=fh)

    @conventions.accepts_sklearn_predict
    def predict(self, fh=None, X=None):
        """Forecast at `fh` (sktime), or by position the rows that follow (sklearn).

        Parameters
        ----------
        fh : int, list, index or ForecastingHorizon, optional
            Steps to forecast; those of `fit` if not given. A two-dimensional table
            by position is scikit-learn's ``X`` instead: the n rows after the training
            data (or at its own times, if its index tells them).
        X : sktime-compatible data, optional
            Exogenous values at the steps to forecast; needed if `fit` had them.

        Returns
        -------
        y_pred : the type of `y`, or ndarray of shape (n,)
            In the units of y.
        """
        return super().predict(fh=fh, X=X)

    @conventions.accepts_sklearn_score
    def score(self, y, X=None, fh=None):
        """Score: sktime's error with a horizon, else R² as for scikit-learn.

        With an `fh`, here or in `fit`, the mean absolute percentage error of the
        forecast (lower is better). Without, the coefficient of determination of the
        forecast of the rows given, which follow the training data (greater is
        better); by position ``score(X, y)``.

        Returns
        -------
        score : float
        """
        return super().score(y=y, X=X, fh=fh)

    def update(self, y, X=None, update_params=True):
        """Take in new rows; train on, or just move the state to the new cutoff.

        Parameters
        ----------
        y : sktime-compatible data
            One or many new rows. Those that come late fill in what is missing, and
            leave the cutoff where it is; a value given again takes the place of the
            one known, NaN of none. Rows of an array follow those known.
        X : sktime-compatible data, optional
            Exogenous rows of the new steps, of earlier ones that were missing, or of
            steps ahead. Rows of y without them are told in a warning.
        update_params : bool, default=True
            Whether to train `update_epochs` epochs from the current weights. If False
            the next forecast uses the new rows with the weights as they are.

        Returns
        -------
        self : RNNForecaster

        Notes
        -----
        With ``calibrate=True`` the new rows are first forecast from what was known
        before each, and intervals are corrected by what these forecasts missed.
        """
        self.check_is_fitted()
        before = self._y_metadata, dict(self._converter_store_y)
        arrays = isinstance(y, np.ndarray) and y.ndim < 3 and len(y) > 0
        if arrays:
            y, X = self._as_new_rows(y), self._as_rows_that_follow(X)
        with self._as_before_if_refused():
            super().update(y=y, X=X, update_params=update_params)
        if arrays:  # and so forecasts stay arrays
            self._y_metadata, self._converter_store_y = before
        return self

    def _as_new_rows(self, y):
        """Give the rows of an array the times that follow."""
        names = self._y_metadata["feature_names"]
        n_columns = 1 if y.ndim == 1 else y.shape[1]
        if n_columns != len(names):
            raise ValueError(
                f"y has {n_columns} columns, but `fit` had {len(names)}; give the "
                "same ones in the same order"
            )
        return pd.DataFrame(y, index=self._next_times(len(y)), columns=names)

    def update_predict_single(self, y=None, fh=None, X=None, update_params=True):
        """Take in new rows as `update` does, then forecast.

        Parameters
        ----------
        y, X, update_params
            As for `update`; X holds the rows to forecast, too.
        fh : int, list or ForecastingHorizon, optional
            Steps to forecast; those of `fit` if not given.

        Returns
        -------
        y_pred : the type of `y`
        """
        self.check_is_fitted()
        if isinstance(y, np.ndarray) and y.ndim < 3:
            # What X holds of the steps ahead is kept by `update`.
            self.update(y, X, update_params)
            return self.predict(fh, None if isinstance(X, np.ndarray) else X)
        with self._as_before_if_refused():
            return super().update_predict_single(y, fh, X, update_params)

    @contextmanager
    def _as_before_if_refused(self):
        """Take back what sktime notes of data before they are checked, if they fail.

        Whatever ends the call, an interrupt included, until the data have been taken
        in: what comes after that, such as a training that diverges, leaves them there.
        """
        before = {n: copy(self.__dict__[n]) for n in _NOTED if n in self.__dict__}
        self._refused = True
        try:
            yield
            self._refused = False
        finally:
            if self.__dict__.pop("_refused", True):
                for name in _NOTED:
                    self.__dict__.pop(name, None)
                self.__dict__.update(before)

    def _next_times(self, n_steps) -> pd.Index:
        return next_times(n_steps, self._cutoff, self._series)

    def _as_rows_that_follow(self, X):
        """Return an array X as a table of the rows after the cutoff, others as is."""
        if not isinstance(X, np.ndarray) or X.ndim > 2:
            return X
        table = pd.DataFrame(X, index=self._next_times(len(X)))
        names = self._fitted.exogenous
        return table.set_axis(names, axis=1) if len(names) == table.shape[1] else table

    def _check_X_y(self, X=None, y=None, **options):
        check_container(y, "y")
        check_targets_are_numbers(y)
        check_container(X, "X")
        _check_lengths(y, X)
        return super()._check_X_y(X=X, y=y, **options)

    def _check_X(self, X=None):
        return super()._check_X(self._as_rows_that_follow(X))

    def set_params(self, **params):
        """Set parameters; what was pretrained stays.

        Returns
        -------
        self : RNNForecaster
        """
        # sktime's own starts anew, and with it a search over `fine_tune_epochs`.
        return self._set_params_at("pretrained", params)

    def count_parameters(self) -> dict[str, int]:
        """Count the weights of the fitted network.

        Returns
        -------
        dict
            "layers", the recurrent layers with what joins them; "teacher", what
            forecasts do without: the backward network of ``direction="decoupled"`` and
            all that goes with it; "head", from the last state to the forecast; "total".
        """
        self.check_is_fitted()
        return self.net_.module_.count_parameters()

    def reset(self):
        """Forget everything but the parameters, as sktime's `fit` does first.

        What scikit-learn's Pipeline has put here for its callbacks stays, and so does
        what a warm start goes on from.
        """
        names = (
            "_parent_callback_ctx",
            *(["_previous"] if self.warm_start is True else []),
        )
        kept = {n: self.__dict__[n] for n in names if n in self.__dict__}
        if self.warm_start is True and "_fitted" in self.__dict__:
            kept["_previous"] = self._fitted
        super().reset()
        self.__dict__.update(kept)
        return self

    # ---- fitting --------------------------------------------------------------------

    def _set_cutoff_from_y(self, y):
        before = self._cutoff
        if isinstance(y.index, pd.MultiIndex) and len(y):
            # sktime's own lays the whole index out as a table.
            self._cutoff = newest_time(y.index)
        else:
            super()._set_cutoff_from_y(y)
        known = self._series if self.state == "fitted" else None
        self._cutoff = find_cutoff(self._cutoff, y.index, known)
        if known is None:
            return
        # sktime's `update_predict` sets the cutoff back first: then older rows move it.
        self._back = before[0] < max(one.cutoff for one in known)
        if not self._back and before[0] > self._cutoff[0]:
            self._cutoff = before

    def _fit(self, y, X, fh):
        start, epochs = self.__dict__.get("_previous"), None
        if "pretrained_" in self.__dict__:
            start, epochs = self.pretrained_, self.fine_tune_epochs
        self.seed_ = self._draw_seed()
        series, fitted = self._learn(y, X, fh, self.seed_, start, epochs)
        self._series, self._index_names = series, y.index.names
        self._fitted = fitted
        self.__dict__.pop("_previous", None)
        show(self, fitted)
        self.window_length_, self.horizon_ = fitted.window_length, fitted.horizon
        self.segment_length_ = fitted.segment_length
        self.loss_ = fitted.loss
        return self

    @whole_or_not_at_all
    def pretrain(self, y, X=None, fh=None):
        """Train on many series, before `fit` takes the one to forecast.

        Parameters
        ----------
        y : sktime-compatible panel or hierarchy, or parts of one
            Parts are read one at a time and need not fit in memory together: the path
            of a folder of Parquet files (``*.parquet``, in the order of their names); a
            list whose items are panels (DataFrames with a row MultiIndex) or paths of
            Parquet files; any other object that can be iterated over such items again
            and again; or a callable that returns an iterator over them. All parts have
            the same columns, and a series lies wholly in one. In a file the index that
            pandas wrote tells series and time; without one the first column of dates
            is the time and the columns before it tell the series (with no dates, the
            first column tells the series and the second, of integers, is the time).
        X : sktime-compatible data, optional
            Exogenous columns. Where y comes in parts, a list of the names of those
            columns of the parts that are exogenous; all others are targets.
        fh : int, list or ForecastingHorizon, optional
            Steps to forecast. Where `horizon` is None it sets the horizon.

        Returns
        -------
        self : RNNForecaster

        Raises
        ------
        TypeError
            If y is a single series, or an iterator, which can be gone through once.
        ValueError
            If a parameter or the data is unusable.
        ImportError
            If there are Parquet files to read, but no pyarrow.

        Notes
        -----
        Every epoch goes through all parts, in random order where y is a folder or a
        list (else in its own), and shuffles the windows within each. A batch goes on
        from one part to the next. Of an epoch that does not take all windows (see
        `max_epochs`) every part has its share. One part alone gives what its panel
        would without parts. Before the first epoch the parts are read three times: for
        what they have in common (gaps, categories, scaling of `X`), for the number of
        windows, and for at most 2000 windows of the validation part, which stay in
        memory; after the last epoch, up to 4000 are read for the calibration.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklrnn import RNNForecaster
        >>> from sktime.datasets import load_airline
        >>> y = load_airline().to_frame("y")
        >>> parts = [pd.concat({"a": y, "b": y / 2}), pd.concat({"c": y + 9})]
        >>> forecaster = RNNForecaster(max_epochs=1, random_state=0)
        >>> forecaster.pretrain(parts, fh=[1, 2]).state
        'pretrained'
        """
        if y is None:
            raise TypeError("y must be a panel, or parts of one, got None")
        parts = open_parts(y, X)
        if parts is None:
            with self._as_before_if_refused():
                return super().pretrain(y=y, X=X, fh=fh)
        if fh is not None and not isinstance(fh, ForecastingHorizon):
            fh = ForecastingHorizon(fh)
        self._pretrain(parts, fh=fh)
        # What sktime's own keeps, which takes data in memory alone.
        self._pretrained_attrs = ["pretrained_"]
        self._state = "pretrained"
        return self

    def _pretrain(self, y, X=None, fh=None):
        start = self.__dict__.get("pretrained_")
        seed = self._draw_seed()
        _, self.pretrained_ = self._learn(y, X, fh, seed, start)
        return self

    def _learn(self, y, X, fh, seed, start=None, epochs=None):
        check_params(self)
        check_forecast_params(self)
        reader = new_reader(self) if start is None else start.reader()
        source = open_source(reader, y, X)
        longest = max(one.end for one in source.known)
        if longest < 2 and epochs != 0:
            raise ValueError(
                f"y needs at least 2 time steps to learn from, got {longest}"
            )
        if start is not None:
            check_start(start, self, source.targets, source.exogenous.names)
        try:
            fitted = learn(
                self,
                source,
                steps_ahead=steps_ahead(fh, source.known, self._cutoff),
                seed=seed,
                start=start,
                epochs=epochs,
            )
        except DivergenceError as error:
            self.net_ = error.net
            raise
        return source.known, fitted

    def _draw_seed(self):
        seed, processes = draw_seed(self.random_state), Processes.of(self)
        return seed if processes is None else int(processes.same(seed))

    def _update(self, y, X=None, update_params=True):
        known = self._fitted, self._series
        fitted, series = take_in(
            *known, y, X, calibrate=self.calibrate, back=self._back
        )
        try:
            if update_params:
                learn_on(self, fitted, series, self.update_epochs)
        except DivergenceError:
            self._keep(fitted, series)
            raise
        self._keep(fitted, series)
        return self

    def _keep(self, fitted, series):
        self._fitted, self._series, self._refused = fitted, series, False

    def _update_predict_single(self, y, fh, X=None, update_params=True):
        # Not by `update` and `predict`, which would take y for what the user gave.
        self._update(y, X, update_params)
        return self._predict(fh, X)

    def _series_from(self, X):
        """Read a table of the columns of `fit`, y first; what was fitted if None."""
        if X is None:
            return self._series
        table = pd.DataFrame(X)
        names = (*self._fitted.targets, *self._fitted.exogenous)
        if table.shape[1] != len(names):
            raise ValueError(
                f"X must have the columns {list(names)}, those of y and X in `fit`, "
                f"got {list(table.columns)}"
            )
        n_targets = len(self._fitted.targets)
        y, x = table.iloc[:, :n_targets], table.iloc[:, n_targets:]
        return self._fitted.reader().read(y, x if self._fitted.exogenous else None)

    # ---- forecasting ----------------------------------------------------------------

    def predict_rolling(self, y, X=None, cutoffs=None):
        """Forecast a series from many cutoffs, all in one batched pass.

        What a backtest with a forecast from every row needs: nothing is trained, and
        nothing that `update` or `predict` rest on changes.

        Parameters
        ----------
        y : DataFrame or Series of shape (n_rows, n_targets)
            One series with the columns of `fit`, such as the one fitted with the rows
            that came since. Each forecast reads the `window_length_` rows up to its
            cutoff. It is standardised as the series of `fit` was, or, after a `fit` on
            a panel, by itself.
        X : DataFrame, optional
            Exogenous columns, needed if `fit` had them. What they hold after a cutoff
            is known to its forecast; beyond their end the last values are kept.
        cutoffs : Index, optional
            Times of y to forecast from; all that have `window_length_` rows behind
            them if not given.

        Returns
        -------
        ndarray of shape (n_cutoffs, horizon_, n_targets)
            Forecasts of the `horizon_` steps after each cutoff, in the units of y.

        Raises
        ------
        ValueError
            If columns are not those of `fit`, or a cutoff is not a time of y.

        Examples
        --------
        >>> from sklrnn import RNNForecaster
        >>> from sktime.datasets import load_airline
        >>> y = load_airline()
        >>> forecaster = RNNForecaster(max_epochs=1, random_state=0, horizon=3)
        >>> forecaster.fit(y[:120]).predict_rolling(y, cutoffs=y.index[119:141]).shape
        (22, 3, 1)
        """
        self.check_is_fitted()
        return forecast_rolling(self._fitted, self._series, y, X, cutoffs)

    def _predict(self, fh, X):
        times, offsets = self._plan(fh)
        means = [one.mean() for one in self._forecast(offsets, X)]
        return self._to_frame(times, means, self._get_varnames())

    def _predict_quantiles(self, fh, X, alpha):
        times, offsets = self._plan(fh)
        forecasts = self._forecast(offsets, X)
        rows = self._quantiles(forecasts, offsets, np.asarray(alpha, dtype=float))
        columns = pd.MultiIndex.from_product([self._get_varnames(), list(alpha)])
        return self._to_frame(times, [r.reshape(len(r), -1) for r in rows], columns)

    def _quantiles(self, forecasts, offsets, alpha):
        normal = not self.calibrate
        of_all = self._fitted, self._series, forecasts, offsets
        return quantiles(*of_all, alpha, normal=normal)

    def _predict_var(self, fh, X, cov=False):
        if cov:
            raise ValueError(
                "cov=True asks for the covariances of steps, which are not predicted; "
                "leave cov out for the variance of each step"
            )
        times, offsets = self._plan(fh)
        forecasts = None if self.distribution == "point" else self._forecast(offsets, X)
        of_all = self._fitted, self._series, forecasts, offsets
        rows = variances(*of_all, normal=not self.calibrate)
        return self._to_frame(times, rows, self._get_varnames())

    def _predict_proba(self, fh, X, marginal=True):
        if not marginal:
            raise ValueError(
                "marginal=False asks for the joint distribution of all steps, which is "
                "not predicted; leave marginal out for the distribution of each step"
            )
        names = pd.Index(self._get_varnames())
        times, offsets = self._plan(fh)
        forecasts = self._forecast(offsets, X)
        return to_skpro(
            self.distribution,
            forecasts,
            lambda alpha: self._quantiles(forecasts, offsets, alpha),
            lambda rows: self._to_frame(times, rows, names),
            as_predicted=self._fitted.calibration is None,
        )

    def _plan(self, fh):
        """Return each series' times to forecast and their distance from its cutoff."""
        with in_reach(fh):
            return plan(fh, self._series, self._cutoff)

    def _to_frame(self, times, rows, columns) -> pd.DataFrame:
        return to_frame(self._series, times, rows, columns, self._index_names)

    def _forecast(self, offsets, X) -> list[Forecast]:
        given = {}
        if X is not None:
            check_exogenous(self._fitted, X, ahead=True)
            given = dict(iterate_series(self._fitted.categories.encode(X)))
        return forecast(self._fitted, self._series, offsets, given)

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Return settings for sktime's checks: cells, directions, strategies, levels.

        Parameters
        ----------
        parameter_set : str, default="default"
            Ignored.

        Returns
        -------
        list of dict
        """
        quick = {
            "max_epochs": 2,
            "update_epochs": 1,
            "hidden_size": 4,
            "random_state": 0,
        }
        return [
            {**quick},
            {
                **quick,
                "cell": "gru",
                "cell_params": {"reset": "before"},
                "direction": "coupled",
                "fusion": "gated",
                "recurrent_dropout": 0.2,
                "layer_norm": True,
                "normalize": "last",
            },
            {
                **quick,
                "cell": "jordan",
                "strategy": "recursive",
                "normalize": "standard",
                "decoder": "recurrent",
                "distribution": "quantiles",
                "calibrate": False,
                "validation_fraction": None,
                "window_length": 5,
            },
            {
                **quick,
                "cell": "grud",
                "direction": "decoupled",
                "fusion": "recurrent",
                "matching_schedule": "rise",
                "distribution": "student_t",
                "num_layers": 2,
                "dropout": 0.2,
                "horizon": 2,
                "schedule": "plateau",
                "fine_tune_epochs": 1,
                "batch_size": 8,
                "bptt_steps": 3,
            },
            {
                **quick,
                "cell": "gru",
                "window_length": 10,
                "segment_length": 4,
                "channels": "independent",
                "channel_embedding": True,
                "decoder": "parallel",
                "n_members": 2,
                "loss": "huber",
            },
        ]


def _check_lengths(y, X):
    """Check that arrays, whose rows go together by their numbers, reach as far."""
    arrays = isinstance(y, np.ndarray) and isinstance(X, np.ndarray)
    if arrays and y.ndim < 3 and X.ndim < 3 and len(X) < len(y):
        raise ValueError(
            f"X has {len(X)} rows and y has {len(y)}: rows of arrays go together by "
            "their numbers; give X a row for each of y (NaN where unknown), or both an "
            "index"
        )
