"""Decoding: the sequence that a network of association finds most probable."""

from __future__ import annotations

import torch
from torch import Tensor

from sklrnn.network.associate import AssociationNetwork


def search(
    network: AssociationNetwork,
    inputs: Tensor,
    lengths: Tensor,
    limits: Tensor,
    width: int = 1,
) -> list[list[int]]:
    """Decode sequences: greedily with a width of 1, else with a beam.

    A beam holds so many beginnings of an output. Each is continued by every token, and
    the most probable continuations are kept; one that ends leaves the beam, which
    becomes narrower (Sutskever et al. 2014, section 3.2). Of those that have ended the
    one with the largest mean logarithm of probability per token is returned, its end
    counted: by the sum, short ones would win. An output has at least one token.

    Parameters
    ----------
    network : AssociationNetwork
        In evaluation mode.
    inputs : Tensor of shape (batch, n_in), int
    lengths : Tensor of shape (batch,), int
    limits : Tensor of shape (batch,), int
        Largest number of tokens of every output; one that reaches it ends there.
    width : int, default=1

    Returns
    -------
    list of list of int
        Tokens without marks.
    """
    beam = _Beam(network, inputs, lengths, width)
    for step in range(int(limits.max())):
        beam.advance(step, limits)
        if not beam.alive.isfinite().any():
            break
    return beam.best


class _Beam:
    """The beginnings that are held, `width` for each item, and the best that ended."""

    def __init__(
        self, network: AssociationNetwork, inputs: Tensor, lengths: Tensor, width: int
    ) -> None:
        n_items = len(inputs)
        self.network = network
        self.width = width
        copies = torch.arange(n_items, device=inputs.device).repeat_interleave(width)
        self.first = torch.arange(n_items, device=inputs.device)[:, None] * width
        self.source = network.encode(inputs, lengths).choose(copies)
        self.progress = network.start(self.source)
        self.tokens = copies.new_full((n_items, width, 1), network.begin_mark)
        # Of the same beginnings one is enough; minus infinity marks an empty place.
        self.alive = self.source.summary.new_full((n_items, width), -torch.inf)
        self.alive[:, 0] = 0.0
        self.n_places = copies.new_full((n_items, 1), width)
        self.best: list[list[int]] = [[] for _ in range(n_items)]
        self.best_score = [-torch.inf] * n_items

    def advance(self, step: int, limits: Tensor) -> None:
        """Continue all beginnings by a token."""
        network, n_items = self.network, len(self.alive)
        scores, progress = network.advance(
            self.tokens[..., -1].flatten(), self.source, self.progress
        )
        scores = scores.log_softmax(dim=-1).view(n_items, self.width, -1)
        if step == 0:
            scores[..., network.end] = -torch.inf
        n_symbols = scores.shape[-1]
        total = (self.alive[..., None] + scores).flatten(1)
        self.alive, chosen = total.topk(self.width, dim=1)
        parents, last = chosen // n_symbols, chosen % n_symbols
        places = torch.arange(self.width, device=last.device)
        self.alive = self.alive.masked_fill(places >= self.n_places, -torch.inf)
        parents_tokens = parents[..., None].expand(-1, -1, step + 1)
        self.tokens = torch.cat(
            [self.tokens.gather(1, parents_tokens), last[..., None]], dim=-1
        )
        self.progress = progress.choose((self.first + parents).flatten())
        self._finish(step + 1, last, limits)

    def _finish(self, n_tokens: int, last: Tensor, limits: Tensor) -> None:
        """Take out what has ended, or may not go on."""
        ended = last == self.network.end
        done = (ended | (n_tokens >= limits[:, None])) & self.alive.isfinite()
        for item, place in done.nonzero().tolist():
            score = self.alive[item, place].item() / n_tokens
            if score > self.best_score[item]:
                self.best_score[item] = score
                found = self.tokens[item, place, 1:].tolist()
                self.best[item] = found[:-1] if ended[item, place] else found
        self.n_places = self.n_places - done.sum(dim=1, keepdim=True)
        self.alive = self.alive.masked_fill(done, -torch.inf)
