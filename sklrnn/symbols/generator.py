"""RNNGenerator: learn sequences of symbols, score them and continue them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklrnn.data.symbols import (
    END,
    Symbols,
    Vocabulary,
    read_prefix,
    read_sequences,
)
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.interfaces.parameters import check_architecture, check_integer, draw_seed
from sklrnn.symbols.continuation import go_on, predict_symbols, score_symbols
from sklrnn.symbols.generator_learning import learn
from sklrnn.training import DivergenceError
from sklrnn.training.course import show
from sklrnn.training.parameters import LAYER_PARAMS, TRAINING_ONLY, check_params

_ARCHITECTURE = (
    "embedding_size",
    *(n for n in LAYER_PARAMS if n not in TRAINING_ONLY and not n.startswith("fusion")),
)
_SHORTEST_TEXT = 4


class RNNGenerator(BaseEstimator):
    """Learn sequences of symbols with a recurrent network, and continue them.

    The network predicts every symbol from all that came before it. It is trained on
    one long text, or on many sequences, of characters or of any other tokens; then it
    tells how probable a sequence is, symbol by symbol, and writes on where one ends.

    Parameters
    ----------
    cell : str or class, default="lstm"
        "elman", "jordan", "lstm", "gru", "grud" (decay over gaps), "mingru" and
        "minlstm" (parallel over time), "mlp" (the feed-forward window, a baseline),
        "transformer" (causal self-attention, another), the name of a plug-in, or a
        class that follows `sklrnn.network.cells.base.Cell`.
    cell_params : dict or None, default=None
        Further arguments of the cell.
    embedding_size : int or None, default=None
        Number of features learned for every symbol or token. The first layer reads
        them. None: it reads one-hot rows, as many features as there are symbols, scaled
        to a mean square of 1.
    hidden_size : int, default=128
        Number of features of the hidden state, per direction.
    num_layers : int, default=1
        Number of recurrent layers.
    direction : {"forward", "decoupled"}, default="forward"
        In which direction the network reads. "forward" reads from the beginning.
        "decoupled" trains a backward network first, which predicts every symbol from
        what follows it, and freezes it; then the forward one learns to match its
        states, too (Serdyuk et al. 2018). Generation uses the forward network alone.
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
    lr : float, default=1e-2
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
    bptt_steps : int or None, default=64
        Number of steps after which gradients are cut while the state is carried on
        (truncated backpropagation through time). The weights change after every piece
        of that many symbols, and the state is carried on to the next piece of the same
        sequence. None takes sequences whole.
    max_epochs : int or None, default=None
        Largest number of passes over the training data. None: as many as make 2000
        optimiser steps, from 4 to 300.
    batch_size : int or None, default=None
        Size of a batch. That many sequences are read at once; a text is cut into that
        many parallel streams of the same length. None: for sequences a hundredth of
        their number, from 16 to 64; for a text as many streams as have 32 pieces each,
        from 1 to 64.
    validation_fraction : float or None, default=0.1
        Share of the data that is kept to choose the best epoch. It is the end of a
        text, or sequences drawn at random. With None or 0 nothing is kept: the epoch of
        the lowest training loss is used.
    patience : int, "auto" or None, default=50
        Training stops after this many epochs without improvement and goes back to the
        best weights. "auto": 20, or, where an epoch is short, as many as make 100
        optimiser steps. None: all epochs are run and the last weights kept.
    refit : bool, default=False
        Whether a second network then learns from all data for as many epochs as were
        best. It doubles the time.
    device : str, default="cpu"
        Torch device.
    callbacks : list of skorch callbacks or None, default=None
        Called in every training, in the refit too; see docs, "Callbacks".
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the previous `fit`. Symbols are then
        those of that `fit`, and no others.
    random_state : int, numpy generator or None, default=None
        Makes results repeatable. Global generators are left alone. `generate` has one
        of its own.
    verbose : int, default=0
        1 prints skorch's table of epochs.

    Attributes
    ----------
    symbols_ : list
        The symbols, sorted where they can be; if the network knows where sequences
        end, `sklrnn.data.symbols.END` is the last of them. Columns of `predict_proba`.
    net_ : SequenceNet
        The fitted skorch net; ``net_.module_`` is the torch module.
    history_ : skorch.history.History
        Losses, in nats per symbol, and durations of the training with the validation
        part kept.
    teacher_history_ : skorch.history.History or None
        The same of the backward network with ``direction="decoupled"``.
    batch_size_, max_epochs_ : int
        The values in use where the parameter was None.
    seed_ : int
        The seed in use.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter or the data is unusable, and afterwards if there are
        symbols that `fit` has not seen; the message says which and what would be right.
    sklrnn.training.DivergenceError
        In `fit`, if the loss is no longer finite. ``net_`` then holds the best weights
        so far.

    See Also
    --------
    RNNForecaster : Continues series of numbers.

    Notes
    -----
    A single sequence, a string or a list with one sequence, is a text: it has no end,
    and its end in `fit` is only where the data ended. Many sequences are separate
    ones, each from the network's initial state, padded to the longest of their batch;
    padding never counts. Their ends are learned as a symbol of its own, so that
    `generate` can stop.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (2), 1990.
    I. Sutskever, J. Martens and G. Hinton, "Generating text with recurrent neural
    networks", ICML 2011. D. Serdyuk et al., "Twin networks: matching the future for
    sequence generation", ICLR 2018.

    Examples
    --------
    >>> from sklrnn import RNNGenerator
    >>> text = "the cat sat on the mat. " * 20
    >>> generator = RNNGenerator(hidden_size=32, max_epochs=60, random_state=0)
    >>> generator = generator.fit(text)
    >>> generator.generate("the cat", length=17, temperature=0)
    ' sat on the mat. '
    >>> generator.perplexity("the cat sat.") > generator.perplexity("the cat sat")
    True

    Sequences of tokens, whose ends are learned:

    >>> sequences = [["up", "down"], ["up", "up", "down", "down"]] * 20
    >>> generator = RNNGenerator(hidden_size=16, max_epochs=40, random_state=0)
    >>> generator.fit(sequences).generate(["up", "up"], temperature=0)
    ['down', 'down']
    >>> generator.symbols_
    ['down', 'up', END]
    """

    _architecture: dict[str, Any]
    _vocabulary: Vocabulary

    def __init__(
        self,
        cell="lstm",
        cell_params=None,
        embedding_size=None,
        hidden_size=128,
        num_layers=1,
        direction="forward",
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
        matching_weight=0.01,
        matching_schedule="constant",
        optimizer="adamw",
        lr=1e-2,
        weight_decay=1e-2,
        warmup=0.1,
        schedule="cosine",
        gradient_clip=1.0,
        bptt_steps=64,
        max_epochs=None,
        batch_size=None,
        validation_fraction=0.1,
        patience=50,
        refit=False,
        device="cpu",
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.cell = cell
        self.cell_params = cell_params
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.direction = direction
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
        self.device = device
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # ---- fitting --------------------------------------------------------------------

    @whole_or_not_at_all
    def fit(self, X, y=None):
        """Learn what comes next.

        Parameters
        ----------
        X : str, list of str, or list of sequences of hashable tokens
            A text, texts, or sequences. A list of single characters is the text that
            they make, as scikit-learn's splitters cut it.
        y : ignored

        Returns
        -------
        self : RNNGenerator

        Raises
        ------
        ValueError
            If a sequence is empty, or a text has fewer than 4 symbols.
        TypeError
            If X is none of the above, or a token is not hashable.
        """
        self._check_params()
        symbols = read_sequences(X)
        start = self.__dict__.get("_fitted") if self.warm_start else None
        ends = len(symbols.sequences) > 1
        if not ends and len(symbols.sequences[0]) < _SHORTEST_TEXT:
            raise ValueError(
                f"X is a text of {len(symbols.sequences[0])} symbols, and at least "
                f"{_SHORTEST_TEXT} are needed; give more, or a list of sequences"
            )
        architecture = {n: getattr(self, n) for n in _ARCHITECTURE}
        architecture["strings"], architecture["ends"] = symbols.strings, ends
        vocabulary = Vocabulary(symbols.sequences)
        if start is not None:
            check_architecture(self._architecture, architecture, "RNNGenerator")
            vocabulary = self._vocabulary
        codes = [vocabulary.encode(tokens, "X") for tokens in symbols.sequences]
        self.seed_ = draw_seed(self.random_state)
        try:
            fitted = learn(
                self,
                codes,
                n_symbols=len(vocabulary),
                ends=ends,
                seed=self.seed_,
                start=start,
            )
        except DivergenceError as error:
            self.net_ = error.net
            raise
        self._fitted, self._vocabulary = fitted, vocabulary
        self._architecture = architecture
        self.symbols_ = [*vocabulary.tokens, *([END] if ends else [])]
        show(self, fitted)
        return self

    def _check_params(self):
        if self.direction == "coupled":
            raise ValueError(
                "direction must be 'forward' or 'decoupled', got 'coupled', which "
                "reads the symbols that are to be predicted"
            )
        check_params(self)

    # ---- generating -----------------------------------------------------------------

    def generate(
        self, prefix="", length=100, temperature=1.0, top_k=None, random_state=None
    ):
        """Write on where a sequence ends.

        The network carries its state, so that n symbols take n steps.

        Parameters
        ----------
        prefix : str or sequence of tokens, default=""
            What comes before, from the beginning of the sequence. Empty: a new
            sequence begins, or a text somewhere.
        length : int, default=100
            Number of symbols to write; fewer, if the network was fitted on many
            sequences and ends this one.
        temperature : float, default=1.0
            Probabilities are raised to the power of 1 / `temperature` and scaled to
            add up to 1: below 1 what is probable becomes more so. 0 always takes the
            most probable symbol.
        top_k : int or None, default=None
            Draw from this many most probable symbols only. None: from all.
        random_state : int, numpy generator or None, default=None
            Makes the text repeatable. None draws a new one at every call.

        Returns
        -------
        str, or list of tokens
            What follows the prefix, without it; a string if `fit` had strings.

        Raises
        ------
        ValueError
            If the prefix has symbols that `fit` has not seen, or `length` or
            `temperature` is below 0, or `top_k` below 1.
        TypeError
            If an argument has the wrong type.
        """
        check_is_fitted(self, "_fitted")
        _check_draw(length, temperature, top_k)
        tokens = read_prefix(prefix)
        codes = go_on(
            self._fitted.net,
            self._vocabulary.encode(tokens, "prefix"),
            length,
            temperature=float(temperature),
            top_k=top_k,
            rng=np.random.default_rng(draw_seed(random_state)),
        )
        written = [self.symbols_[code] for code in codes]
        return "".join(written) if self._architecture["strings"] else written

    # ---- scoring --------------------------------------------------------------------

    def predict_proba(self, X):
        """Return the probabilities of what comes next, at every step.

        Parameters
        ----------
        X : str, list of str, or list of sequences of hashable tokens

        Returns
        -------
        ndarray of shape (n_steps, n_symbols), or list of them
            Row t is of symbol t of the sequence, given those before it; columns are
            those of `symbols_`. Of a network that knows ends, the last row is of what
            comes after the last symbol, where the end may be. A list if X is one.

        Raises
        ------
        ValueError
            If X has symbols that `fit` has not seen, or an empty sequence.
        """
        symbols, codes = self._read(X)
        return _like(symbols, predict_symbols(self._fitted.net, codes))

    def surprisal(self, X):
        """Return how little every symbol was expected: minus its log-probability.

        Parameters
        ----------
        X : str, list of str, or list of sequences of hashable tokens

        Returns
        -------
        ndarray of shape (n_steps,), or list of them
            In nats. Of a network that knows ends, the last is that of the end. A list
            if X is one.

        Raises
        ------
        ValueError
            If X has symbols that `fit` has not seen, or an empty sequence.
        """
        symbols, codes = self._read(X)
        return _like(
            symbols, [-part for part in score_symbols(self._fitted.net, codes)]
        )

    def score(self, X, y=None):
        """Return the mean log-likelihood of a symbol; greater is better.

        Parameters
        ----------
        X : str, list of str, or list of sequences of hashable tokens
        y : ignored

        Returns
        -------
        float
            In nats per symbol, over all symbols of all sequences and, if the network
            knows ends, these, too.

        Raises
        ------
        ValueError
            If X has symbols that `fit` has not seen, or an empty sequence.
        """
        _, codes = self._read(X)
        return float(np.concatenate(score_symbols(self._fitted.net, codes)).mean())

    def perplexity(self, X):
        """Return the perplexity of X; smaller is better.

        Parameters
        ----------
        X : str, list of str, or list of sequences of hashable tokens

        Returns
        -------
        float
            The exponential of minus `score`: among how many equally probable symbols
            the network is in doubt, on average.

        Raises
        ------
        ValueError
            If X has symbols that `fit` has not seen, or an empty sequence.
        """
        return math.exp(-self.score(X))

    def count_parameters(self) -> dict[str, int]:
        """Count the weights of the fitted network.

        Returns
        -------
        dict
            "layers", the embedding and the recurrent layers; "head"; "teacher", what a
            decoupled network has beside its forward part; "total".
        """
        check_is_fitted(self, "_fitted")
        return self._fitted.net.module_.count_parameters()

    def _read(self, X: Any) -> tuple[Symbols, list[np.ndarray]]:
        check_is_fitted(self, "_fitted")
        symbols = read_sequences(X, join=not self._architecture["ends"])
        if symbols.strings and not self._architecture["strings"]:
            raise ValueError(
                "X holds strings, but fit had sequences of tokens; give a single "
                "sequence of tokens as [X]"
            )
        codes = [self._vocabulary.encode(tokens, "X") for tokens in symbols.sequences]
        return symbols, codes

    def __sklearn_tags__(self):
        """Tell scikit-learn what X is."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _like(symbols: Symbols, found: list[np.ndarray]) -> Any:
    return found[0] if symbols.one else found


def _check_draw(length: Any, temperature: Any, top_k: Any) -> None:
    check_integer("length", length, low=0)
    if top_k is not None:
        check_integer("top_k", top_k, low=1)
    try:
        usable = 0.0 <= temperature < math.inf
    except TypeError:
        raise TypeError(f"temperature must be a number, got {temperature!r}") from None
    if not usable:
        raise ValueError(
            f"temperature must be at least 0 and finite, got {temperature}"
        )
