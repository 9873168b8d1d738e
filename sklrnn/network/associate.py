"""The network that associates: a sequence of tokens in, another one out."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from sklrnn.network.assemble import LayerParams, Rows, build_layers
from sklrnn.network.attention import ATTENTIONS
from sklrnn.network.cells.base import State, chosen
from sklrnn.network.dropout import Coins, held_masks
from sklrnn.network.padding import last_steps, valid_steps

PADDING = -100
"""What stands for no token among targets; torch's cross-entropy passes it over."""


class Source(NamedTuple):
    """Encoded sequences.

    Attributes
    ----------
    summary : Tensor of shape (batch, hidden_size)
        What the bridge makes of the whole sequence.
    annotations, keys : Tensor of shape (batch, n_in, size) or None
        What attention looks at, and what it knows it by.
    valid : Tensor of shape (batch, n_in), bool, or None
        Which steps belong to the sequences.
    """

    summary: Tensor
    annotations: Tensor | None
    keys: Tensor | None
    valid: Tensor | None

    def choose(self, items: Tensor) -> Source:
        """Return the sources of some items of the batch."""
        return chosen(self, items)


class Progress(NamedTuple):
    """Where a decoder has come to.

    Attributes
    ----------
    states : list of State or None
        Of its layers; None before the first step.
    output : Tensor of shape (batch, hidden_size)
        Of its last layer.
    weights : Tensor of shape (batch, n_in) or None
        Of the attention.
    """

    states: list[State] | None
    output: Tensor
    weights: Tensor | None

    def choose(self, items: Tensor) -> Progress:
        """Return the progress of some items of the batch."""
        return chosen(self, items)


class Tokens(nn.Module):
    """Numbers for tokens: one-hot, or an embedding.

    Parameters
    ----------
    n_symbols : int
        Number of tokens and marks.
    embedding_size : int or None
        None for one-hot.
    """

    def __init__(self, n_symbols: int, embedding_size: int | None) -> None:
        super().__init__()
        self.output_size = n_symbols if embedding_size is None else embedding_size
        self.table: nn.Embedding | None = None
        if embedding_size is not None:
            self.table = nn.Embedding(n_symbols, embedding_size)

    def forward(self, index: Tensor, like: Tensor) -> Tensor:
        """Return numbers of the type of `like`, of shape (..., output_size)."""
        if self.table is not None:
            return self.table(index)
        return nn.functional.one_hot(index, self.output_size).to(like.dtype)


class AssociationNetwork(nn.Module):
    r"""Encoder and decoder, with or without attention.

    .. math::
        h_1, \ldots, h_n &= \mathrm{encoder}(x_1, \ldots, x_n) \\
        b &= \tanh(W [h_1; h_n]) \\
        s_i &= \mathrm{decoder}([y_{i-1}; c_i], \ldots), \quad s_0 = b \\
        p(y_i) &= \mathrm{softmax}(V [s_i; c_i])

    Without attention the context c is the bridge b at every step (Cho et al. 2014); so
    it reaches a cell of any kind, whatever its state is. With attention it is the mean
    of the encoder's outputs with weights that s_{i-1} chooses (Bahdanau et al. 2015).

    Parameters
    ----------
    n_inputs, n_outputs : int
        Number of tokens on both sides. After the tokens come two marks: in the input
        begin and end; in the output end, which can be predicted, and begin.
    input_length, output_length : int
        Steps of the longest sequences, for cells that want to know.
    attention : {"additive", "location", "dot"} or None
    embedding_size : int or None
        None for one-hot.
    teacher_forcing : float
        Share of the tokens that the decoder is told in training; for the others it goes
        on from its own best guess (Bengio et al. 2015).
    teacher_forcing_schedule : {"constant", "fall"}
        Whether that share stays, or falls to 0.
    **layers
        As `sklrnn.network.assemble.LayerParams` lists them.

    References
    ----------
    I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural
    networks", NeurIPS 2014. K. Cho et al., "Learning phrase representations using RNN
    encoder-decoder for statistical machine translation", EMNLP 2014. D. Bahdanau,
    K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and
    translate", ICLR 2015. S. Bengio et al., "Scheduled sampling for sequence prediction
    with recurrent neural networks", NeurIPS 2015.
    """

    phases = (None,)

    def __init__(
        self,
        *,
        n_inputs: int,
        n_outputs: int,
        input_length: int,
        output_length: int,
        attention: str | None,
        embedding_size: int | None,
        teacher_forcing: float,
        teacher_forcing_schedule: str,
        **layers: Any,
    ) -> None:
        super().__init__()
        params = cast(LayerParams, {"bptt_steps": None, **layers})
        size = self.hidden_size = params["hidden_size"]
        self.end, self.begin_mark = n_outputs, n_outputs + 1
        self.teacher_forcing = teacher_forcing
        self.teacher_forcing_schedule = teacher_forcing_schedule
        self.coins = Coins()
        self.input_tokens = Tokens(n_inputs + 2, embedding_size)
        rows = Rows(self.input_tokens.output_size, size, False, input_length)
        self.encoder = build_layers(params, rows, params["direction"])
        n_annotations = self.encoder.output_size
        n_ends = 1 if self.encoder.causal else 2
        self.bridge = nn.Linear(n_ends * n_annotations, size)
        self.attention: Any = None
        context_size = size
        if attention is not None:
            self.attention = ATTENTIONS[attention](size, n_annotations, size)
            context_size = n_annotations
        self.output_tokens = Tokens(n_outputs + 2, embedding_size)
        n_channels = self.output_tokens.output_size + context_size
        rows = Rows(n_channels, size, False, output_length)
        self.decoder = build_layers(params, rows, "forward")
        self.head = nn.Linear(size + context_size, n_outputs + 1)

    def begin(self, phase: str | None) -> None:
        """Begin the training; everything learns at once."""

    def gradient_groups(self) -> list[list[nn.Parameter]]:
        """Return the weights whose gradients are clipped together."""
        return [list(self.parameters())]

    def count_parameters(self) -> dict[str, int]:
        """Count the weights, by what they are for."""
        parts = {
            "encoder": [self.input_tokens, self.encoder, self.bridge],
            "attention": [] if self.attention is None else [self.attention],
            "decoder": [self.output_tokens, self.decoder],
            "head": [self.head],
        }
        counts = {
            name: sum(w.numel() for module in modules for w in module.parameters())
            for name, modules in parts.items()
        }
        return {**counts, "total": sum(counts.values())}

    def encode(self, inputs: Tensor, lengths: Tensor) -> Source:
        """Encode sequences of tokens.

        Parameters
        ----------
        inputs : Tensor of shape (batch, n_in), int
        lengths : Tensor of shape (batch,), int
            What comes after is padding.
        """
        x = self.input_tokens(inputs, self.bridge.weight)
        outputs, _ = self.encoder.sequence(x, lengths=lengths)
        ends = [last_steps(outputs, lengths)]
        if not self.encoder.causal:
            ends.append(outputs[:, 0])
        summary = torch.tanh(self.bridge(torch.cat(ends, dim=-1)))
        if self.attention is None:
            return Source(summary, None, None, None)
        valid = valid_steps(inputs, lengths)
        return Source(summary, outputs, self.attention.keys(outputs), valid)

    def start(self, source: Source) -> Progress:
        """Return where a decoder begins."""
        weights = None
        if source.valid is not None:
            weights = torch.zeros_like(source.valid, dtype=source.summary.dtype)
        return Progress(None, source.summary, weights)

    def advance(
        self, tokens: Tensor, source: Source, progress: Progress
    ) -> tuple[Tensor, Progress]:
        """Advance by one token, and score the one that follows.

        Parameters
        ----------
        tokens : Tensor of shape (batch,), int
            The last tokens; `begin_mark` at first.
        source : Source
        progress : Progress

        Returns
        -------
        scores : Tensor of shape (batch, n_outputs + 1)
            Unnormalised logarithms of probabilities.
        progress : Progress
        """
        embedded = self.output_tokens(tokens, source.summary)
        read, progress = self._step(embedded, source, progress)
        return self.head(read), progress

    def _step(
        self, embedded: Tensor, source: Source, progress: Progress
    ) -> tuple[Tensor, Progress]:
        """Return what the head reads, and where the decoder has come to."""
        context, weights = self._look(source, progress)
        x = torch.cat([embedded, context], dim=-1).unsqueeze(1)
        outputs, states = self.decoder.sequence(x, progress.states)
        output = outputs[:, 0]
        read = torch.cat([output, context], dim=-1)
        return read, Progress(states, output, weights)

    def _look(self, source: Source, progress: Progress) -> tuple[Tensor, Tensor | None]:
        if source.annotations is None or source.valid is None:
            return source.summary, None
        scores = self.attention(progress.output, source.keys, progress.weights)
        weights = scores.masked_fill(~source.valid, -torch.inf).softmax(dim=-1)
        return (weights.unsqueeze(1) @ source.annotations).squeeze(1), weights

    def forward(
        self, inputs: Tensor, lengths: Tensor, previous: Tensor, told: float = 1.0
    ) -> Tensor:
        """Score every token of the output, told those before it.

        Parameters
        ----------
        inputs : Tensor of shape (batch, n_in), int
        lengths : Tensor of shape (batch,), int
        previous : Tensor of shape (batch, n_out), int
            The output, one step late: `begin_mark` first.
        told : float, default=1.0
            Share of them that the decoder is told.

        Returns
        -------
        Tensor of shape (batch, n_out, n_outputs + 1)
        """
        source = self.encode(inputs, lengths)
        with held_masks(self.decoder):
            if told < 1.0:
                return self._guess(source, previous, told)
            embedded = self.output_tokens(previous, source.summary)
            if self.attention is None:
                context = source.summary.unsqueeze(1).expand(-1, previous.shape[1], -1)
                x = torch.cat([embedded, context], dim=-1)
                outputs, _ = self.decoder.sequence(x)
                return self.head(torch.cat([outputs, context], dim=-1))
            return self.head(torch.stack(self._follow(source, embedded)[0], dim=1))

    def attend(self, inputs: Tensor, lengths: Tensor, previous: Tensor) -> Tensor:
        """Return the weights of the attention, (batch, n_out, n_in)."""
        source = self.encode(inputs, lengths)
        embedded = self.output_tokens(previous, source.summary)
        return torch.stack(self._follow(source, embedded)[1], dim=1)

    def _follow(
        self, source: Source, embedded: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Run the decoder step by step; what the head reads, and where it looked."""
        progress = self.start(source)
        reads, weights = [], []
        for step in embedded.unbind(1):
            read, progress = self._step(step, source, progress)
            reads.append(read)
            weights.append(cast(Tensor, progress.weights))
        return reads, weights

    def _guess(self, source: Source, previous: Tensor, told: float) -> Tensor:
        """Run the decoder on what it is told, and on its own guesses."""
        progress = self.start(source)
        token = previous[:, 0]
        scores: list[Tensor] = []
        for step in range(previous.shape[1]):
            if step:
                heard = self.coins(token, told)
                token = torch.where(heard, previous[:, step], scores[-1].argmax(-1))
            found, progress = self.advance(token, source, progress)
            scores.append(found)
        return torch.stack(scores, dim=1)

    def loss(
        self,
        criterion: nn.Module,
        inputs: dict[str, Tensor],
        scored: tuple[Tensor, None],
        progress: float,
    ) -> tuple[Tensor, Tensor]:
        """Score a batch.

        Parameters
        ----------
        criterion : nn.CrossEntropyLoss
        inputs : dict of Tensor
            As `forward` takes them.
        scored : (Tensor of shape (batch, n_out), None)
            What was to follow, `PADDING` where nothing was.
        progress : float
            Share of the training that is done, from 0 to 1.

        Returns
        -------
        loss : Tensor, scalar
            The mean over the tokens, those that end the sequences among them.
        scores : Tensor of shape (batch, n_out, n_outputs + 1)
        """
        told = 1.0
        if self.training:
            told = self.teacher_forcing
            if self.teacher_forcing_schedule == "fall":
                told = told * (1.0 - progress)
        scores = self(**inputs, told=told)
        return criterion(scores.flatten(0, 1), scored[0].flatten()), scores
