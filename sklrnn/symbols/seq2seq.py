"""RNNSeq2Seq: translate token sequences with an encoder and a decoder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklrnn.data.pairs import read_pairs, read_side
from sklrnn.data.symbols import Vocabulary
from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.interfaces.parameters import (
    check_architecture,
    check_choice,
    check_integer,
    draw_seed,
)
from sklrnn.network.attention import ATTENTIONS
from sklrnn.symbols.seq2seq_learning import Pairs, learn
from sklrnn.symbols.translation import FittedAssociation, attend, decode
from sklrnn.training import DivergenceError
from sklrnn.training.parameters import LAYER_PARAMS, TRAINING_ONLY, check_params

_ARCHITECTURE = (
    "attention",
    "embedding_size",
    *(name for name in LAYER_PARAMS if name not in TRAINING_ONLY),
)
_WIDEST_BEAM = 1000
_SPARE_TOKENS = 10


class RNNSeq2Seq(BaseEstimator):
    """Learn which sequence belongs to which: an encoder and a decoder.

    The encoder reads a sequence of tokens; the decoder writes another one, token by
    token, until it writes the end. Both sides are strings, whose characters are the
    tokens, or sequences of anything hashable; their lengths may differ from pair to
    pair and between the two sides.

    Parameters
    ----------
    cell : str or class, default="gru"
        "elman", "jordan", "lstm", "gru", "grud" (decay over gaps), "mingru" and
        "minlstm" (parallel over time), "mlp" (the feed-forward window, a baseline),
        "transformer" (causal self-attention, another), the name of a plug-in, or a
        class that follows `sklrnn.network.cells.base.Cell`. Encoder and decoder have
        the same.
    cell_params : dict or None, default=None
        Further arguments of the cell.
    attention : {"additive", "location", "dot"} or None, default="additive"
        Where the decoder looks in the sequence that was read, before every token that
        it writes. "additive" finds the place by what stands there (Bahdanau et al.
        2015); "location" also by where it has looked before (Chorowski et al. 2015),
        which goes on beyond the lengths of the training where the order of both
        sequences is alike or reversed; "dot" is a cheaper score by content (Luong et
        al. 2015). None: it has a summary of the whole sequence only (Sutskever et al.
        2014).
    embedding_size : int or None, default=None
        Number of features learned for every symbol or token. On both sides. None:
        one-hot rows, as many features as there are tokens.
    hidden_size : int, default=64
        Number of features of the hidden state, per direction. The hidden layer of the
        attention has as many.
    num_layers : int, default=1
        Number of recurrent layers. Encoder and decoder each have that many.
    direction : {"coupled", "forward"}, default="coupled"
        In which direction the network reads. "coupled": the encoder reads from both
        ends; "forward": from the beginning alone.
    fusion : str or class, default="concat"
        How the two directions are joined: "concat", "gated", "recurrent", the name of a
        plug-in or a class.
    fusion_params : dict or None, default=None
        Further arguments of the fusion.
    teacher_forcing : float, default=1.0
        Probability that the decoder is told the right last token in training. If not,
        it goes on from its own best guess, as it must in `predict` (scheduled sampling,
        Bengio et al. 2015).
    teacher_forcing_schedule : {"constant", "fall"}, default="constant"
        Whether that probability stays, or falls to 0 in the course of the training.
    beam_width : int, default=1
        Number of beginnings that `predict` holds on to. 1 writes the most probable
        token at every step. With more, the output is the one with the largest mean
        logarithm of probability per token, its end counted. At most 1000; more than
        there are outputs of the largest length finds no more than all of them.
    max_length : int or None, default=None
        Largest number of tokens that `predict` writes. None: 10 more than the length
        of the input times the largest ratio of lengths in `fit`.
    dropout : float, default=0.0
        Probability of variational dropout (one mask per sequence) on the input of every
        layer (Gal and Ghahramani 2016).
    recurrent_dropout : float, default=0.0
        The same on h_{t-1}, for cells with recurrent weights.
    layer_norm : bool, default=False
        Whether to normalise inside the gates (Ba et al. 2016), for cells with gates.
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
        optimiser steps or 64,000 pairs, whichever is less, from 4 to 300; where there
        are more than 8192 pairs, an epoch is that many drawn at random.
    batch_size : int or None, default=None
        Size of a batch. None: a hundredth of the pairs, from 16 to 128.
    validation_fraction : float or None, default=0.1
        Share of the data that is kept to choose the best epoch. Pairs are drawn at
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
        Whether `fit` starts from the weights of the previous `fit`. Tokens are then
        those of that `fit`, and no others.
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
    input_tokens_, output_tokens_ : list
        The tokens of both sides.
    batch_size_, max_epochs_ : int
        The values in use where the parameter was None.
    seed_ : int
        The seed in use.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter or the data is unusable, and wherever a sequence is
        empty or a token of X was never seen in `fit`; the message says which and what
        would be right.
    sklrnn.training.DivergenceError
        In `fit`, if the loss is no longer finite. ``net_`` then holds the best weights
        so far.

    See Also
    --------
    sklrnn.plotting.plot_attention : Draws what `attention_weights` returns.

    Notes
    -----
    A decoder begins with what a learned bridge makes of the encoder's outputs at both
    ends of the sequence. It is the first place from which attention looks and, without
    attention, read at every step (Cho et al. 2014), so that it reaches a cell of any
    kind, whatever its state. The loss is the cross-entropy of every token and of the
    end. The validation part is scored with the right last tokens told.

    A decoder cannot be bidirectional. Nor is there a "decoupled" direction, whose
    teacher lends a causal network what it knows of the future: an encoder may read the
    whole input itself.

    References
    ----------
    I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural
    networks", NeurIPS 2014. K. Cho et al., "Learning phrase representations using RNN
    encoder-decoder for statistical machine translation", EMNLP 2014. D. Bahdanau,
    K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and
    translate", ICLR 2015. M.-T. Luong, H. Pham and C. D. Manning, "Effective approaches
    to attention-based neural machine translation", EMNLP 2015. J. Chorowski et al.,
    "Attention-based models for speech recognition", NeurIPS 2015. S. Bengio et al.,
    "Scheduled sampling for sequence prediction with recurrent neural networks",
    NeurIPS 2015.

    Examples
    --------
    >>> from itertools import product
    >>> from sklrnn import RNNSeq2Seq
    >>> X = ["".join(word) for n in (1, 2, 3, 4) for word in product("abc", repeat=n)]
    >>> y = [word.upper() for word in X]
    >>> model = RNNSeq2Seq(hidden_size=16, lr=0.02, max_epochs=15, random_state=0)
    >>> model.fit(X, y).predict(["cba", "ab"])
    ['CBA', 'AB']
    >>> [weights.shape for weights in model.attention_weights(["cba", "ab"])]
    [(3, 3), (2, 2)]
    """

    _fitted: FittedAssociation
    _architecture: dict[str, Any]
    _vocabularies: tuple[Vocabulary, Vocabulary]

    def __init__(
        self,
        cell="gru",
        cell_params=None,
        attention="additive",
        embedding_size=None,
        hidden_size=64,
        num_layers=1,
        direction="coupled",
        fusion="concat",
        fusion_params=None,
        teacher_forcing=1.0,
        teacher_forcing_schedule="constant",
        beam_width=1,
        max_length=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
        optimizer="adamw",
        lr=5e-3,
        weight_decay=1e-2,
        warmup=0.1,
        schedule="cosine",
        gradient_clip=1.0,
        max_epochs=None,
        batch_size=None,
        validation_fraction=0.1,
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
        self.attention = attention
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.direction = direction
        self.fusion = fusion
        self.fusion_params = fusion_params
        self.teacher_forcing = teacher_forcing
        self.teacher_forcing_schedule = teacher_forcing_schedule
        self.beam_width = beam_width
        self.max_length = max_length
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_norm = layer_norm
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

    # ---- fitting --------------------------------------------------------------------

    @whole_or_not_at_all
    def fit(self, X, y):
        """Learn from pairs of sequences.

        Parameters
        ----------
        X : list of str, or of sequences of hashable tokens
            What the encoder reads, n_pairs of any lengths above 0.
        y : list of str, or of sequences of hashable tokens
            What the decoder is to write, ``y[i]`` for ``X[i]``.

        Returns
        -------
        self : RNNSeq2Seq
        """
        self._check_params()
        inputs, outputs = read_pairs(X, y)
        start = getattr(self, "_fitted", None) if self.warm_start else None
        architecture = {name: getattr(self, name) for name in _ARCHITECTURE}
        if start is None:
            known = Vocabulary(inputs.sequences), Vocabulary(outputs.sequences)
        else:
            check_architecture(self._architecture, architecture, "RNNSeq2Seq")
            known = self._vocabularies
        pairs = Pairs(
            _encode(known[0], inputs.sequences, "X"),
            _encode(known[1], outputs.sequences, "y"),
        )
        self.seed_ = draw_seed(self.random_state)
        try:
            self._fitted = learn(
                self,
                pairs,
                n_inputs=len(known[0]),
                n_outputs=len(known[1]),
                seed=self.seed_,
                start=start,
            )
        except DivergenceError as error:
            self.net_ = error.net
            raise
        self._architecture, self._vocabularies = architecture, known
        self._strings = outputs.strings
        self._ratio = max(
            len(b) / len(a) for a, b in zip(pairs.inputs, pairs.outputs, strict=True)
        )
        self.net_, self.history_ = self._fitted.net, self._fitted.history
        self.input_tokens_, self.output_tokens_ = (one.tokens for one in known)
        self.batch_size_, self.max_epochs_, _ = self._fitted.length
        return self

    def _check_params(self) -> None:
        if self.direction == "decoupled":
            raise ValueError(
                "direction must be 'forward' or 'coupled', got 'decoupled': it teaches "
                "a causal network what follows, and an encoder may read all of its "
                "input; set direction='coupled'"
            )
        check_params(self)
        check_choice("attention", self.attention, (*ATTENTIONS, None))
        schedules = ("constant", "fall")
        check_choice(
            "teacher_forcing_schedule", self.teacher_forcing_schedule, schedules
        )
        check_probability("teacher_forcing", self.teacher_forcing)
        check_beam(self.beam_width)
        if self.max_length is not None:
            check_integer("max_length", self.max_length, low=1, auto=True)

    # ---- writing --------------------------------------------------------------------

    def predict(self, X, beam_width=None):
        """Write the sequences that belong to those of X.

        Parameters
        ----------
        X : list of str, or of sequences of hashable tokens
            Of tokens that `fit` has seen, of any lengths above 0.
        beam_width : int or None, default=None
            In place of the parameter of that name.

        Returns
        -------
        list of str, or of lists of tokens
            Strings if y held strings.
        """
        return [self._as_given(codes) for codes in self._decode(X, beam_width)[1]]

    def _decode(
        self, X: Any, beam_width: int | None
    ) -> tuple[list[np.ndarray], list[list[int]]]:
        """Return the numbers of the tokens of X, and of what is written for it."""
        check_is_fitted(self)
        width = self.beam_width if beam_width is None else beam_width
        check_beam(width)
        codes = _encode(self._vocabularies[0], read_side(X, "X").sequences, "X")
        limits = [self._limit(len(each)) for each in codes]
        width = narrowed(width, len(self.output_tokens_), max(limits))
        return codes, decode(self._fitted, codes, np.array(limits), width)

    def _limit(self, n_tokens: int) -> int:
        if self.max_length is not None:
            return self.max_length
        return math.ceil(self._ratio * n_tokens) + _SPARE_TOKENS

    def _as_given(self, codes: list[int]) -> Any:
        tokens = [self.output_tokens_[code] for code in codes]
        return "".join(tokens) if self._strings else tokens

    def attention_weights(self, X, beam_width=None):
        """Return where the decoder looks while it writes what `predict` returns.

        Parameters
        ----------
        X : as for `predict`
        beam_width : int or None, default=None
            As for `predict`.

        Returns
        -------
        list of ndarray of shape (n_out, n_in)
            For every token written, weights of the tokens read. What they lack to a
            sum of 1 lies on the marks of begin and end that the encoder reads around
            a sequence.

        Raises
        ------
        ValueError
            If the network has no attention.
        """
        check_is_fitted(self)
        if self._fitted.net.module_.attention is None:
            raise ValueError(
                "attention_weights needs a network with attention, and attention is "
                "None; fit with attention='additive'"
            )
        return attend(self._fitted, *self._decode(X, beam_width))

    # ---- scores ---------------------------------------------------------------------

    def score(self, X, y):
        """Return the share of sequences that are written exactly as in y.

        Parameters
        ----------
        X, y : as for `fit`
            y may have tokens that `fit` has not seen, which are never written.

        Returns
        -------
        float
        """
        found, wanted = self._compare(X, y)
        return float(np.mean([a == b for a, b in zip(found, wanted, strict=True)]))

    def token_accuracy(self, X, y):
        """Return the share of tokens that are right, place by place.

        Parameters
        ----------
        X, y : as for `score`

        Returns
        -------
        float
            A token too many or too few counts as a wrong one.
        """
        found, wanted = self._compare(X, y)
        pairs = list(zip(found, wanted, strict=True))
        n_right = sum(a == b for one in pairs for a, b in zip(*one, strict=False))
        return n_right / sum(max(map(len, one)) for one in pairs)

    def _compare(self, X: Any, y: Any) -> tuple[list[list], list[list]]:
        check_is_fitted(self)
        inputs, wanted = read_pairs(X, y)
        found = [list(written) for written in self.predict(inputs.sequences)]
        return found, wanted.sequences

    def count_parameters(self) -> dict[str, int]:
        """Count the weights of the fitted network.

        Returns
        -------
        dict
            "encoder", with the bridge; "attention"; "decoder"; "head"; "total".
        """
        check_is_fitted(self)
        return self._fitted.net.module_.count_parameters()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_fitted")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        return tags


def check_beam(width: Any) -> None:
    """Raise an error unless `width` is an integer that a beam can have."""
    check_integer("beam_width", width, low=1)
    if width > _WIDEST_BEAM:
        raise ValueError(
            f"beam_width must be at most {_WIDEST_BEAM}, got {width}: each beginning "
            "takes as much time and memory as a sequence of its own; 4 to 50 find "
            "nearly all that wider beams find"
        )


def narrowed(width: int, n_tokens: int, limit: int) -> int:
    """Return the width that a beam can use: there may be fewer outputs in all."""
    n_outputs = 0
    for _ in range(limit):
        n_outputs = (n_outputs + 1) * n_tokens
        if n_outputs >= width:
            return width
    return max(n_outputs, 1)


def check_probability(name: str, value: Any) -> None:
    """Raise an error unless `value` is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number from 0 to 1, got {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value}")


def _encode(known: Vocabulary, sequences: list[list], name: str) -> list[np.ndarray]:
    return [
        known.encode(tokens, f"{name}[{number}]")
        for number, tokens in enumerate(sequences)
    ]
