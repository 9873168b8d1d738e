"""Learning pairs of sequences of symbols: what they are, and a network's training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sklrnn.data.pairs import pad
from sklrnn.network.associate import PADDING, AssociationNetwork
from sklrnn.symbols.translation import FittedAssociation, mark_inputs
from sklrnn.training.batches import Windows
from sklrnn.training.building import build_net
from sklrnn.training.course import teach
from sklrnn.training.memory import reused_memory
from sklrnn.training.net import SequenceNet
from sklrnn.training.stopping import choose_length


class Pairs(NamedTuple):
    """Sequences of numbers of tokens, and those that belong to them."""

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]

    def choose(self, numbers: np.ndarray) -> Pairs:
        """Return some of the pairs."""
        return Pairs(*([side[i] for i in numbers] for side in self))


class PairWindows(Windows):
    """Pairs as padded tables, gathered by index.

    Parameters
    ----------
    pairs : Pairs
    shape : dict
        With the numbers of tokens, ``n_inputs`` and ``n_outputs``.
    device : str or torch.device
    """

    def __init__(
        self, pairs: Pairs, shape: dict[str, int], device: str | torch.device
    ) -> None:
        end = shape["n_outputs"]
        inputs, lengths = mark_inputs(pairs.inputs, shape["n_inputs"])
        previous, steps = pad(pairs.outputs, first=[end + 1])
        targets, _ = pad(pairs.outputs, last=[end], padding=PADDING)
        self.inputs, self.lengths, self.previous, self.n_steps, self.targets = (
            torch.from_numpy(table).to(device)
            for table in (inputs, lengths, previous, steps, targets)
        )
        self.starts = torch.arange(len(inputs), device=device)
        self.window_length = inputs.shape[1] + previous.shape[1]

    def gather(self, index: Tensor) -> tuple[dict[str, Tensor], tuple]:
        """Return what the network reads and what it is to predict, of some pairs."""
        lengths = self.lengths[index]
        n_in, n_out = int(lengths.max()), int(self.n_steps[index].max())
        inputs = {
            "inputs": self.inputs[index, :n_in],
            "lengths": lengths,
            "previous": self.previous[index, :n_out],
        }
        return inputs, (self.targets[index, :n_out], None)


@reused_memory()
def learn(
    params: Any,
    pairs: Pairs,
    *,
    n_inputs: int,
    n_outputs: int,
    seed: int,
    start: FittedAssociation | None = None,
) -> FittedAssociation:
    """Train a network.

    A random share of the pairs is kept to choose the number of epochs; then, with
    ``params.refit``, a second network learns that long from all of them.

    Parameters
    ----------
    params : RNNSeq2Seq
        Read for its parameters alone.
    pairs : Pairs
    n_inputs, n_outputs : int
        Number of tokens on both sides.
    seed : int
    start : FittedAssociation, optional
        What to go on from; it is left as it is.
    """
    train_part, valid_part = _split(pairs, params.validation_fraction, seed)
    shape = {
        "n_inputs": n_inputs,
        "n_outputs": n_outputs,
        "input_length": max(map(len, pairs.inputs)) + 2,
        "output_length": max(map(len, pairs.outputs)) + 1,
    }
    if start is not None:
        shape = start.shape
    length = choose_length(params, len(train_part.inputs))
    choices = {
        "attention": params.attention,
        "embedding_size": params.embedding_size,
        "teacher_forcing": params.teacher_forcing,
        "teacher_forcing_schedule": params.teacher_forcing_schedule,
    }

    def build() -> SequenceNet:
        return build_net(
            params,
            AssociationNetwork,
            {**shape, **choices},
            length,
            seed=seed,
            criterion=nn.CrossEntropyLoss,
            start=None if start is None else start.net,
        )

    def windows(part: Pairs) -> PairWindows:
        return PairWindows(part, shape, params.device)

    def hold_out(net: SequenceNet) -> tuple[PairWindows, PairWindows | None]:
        return windows(train_part), None if valid_part is None else windows(valid_part)

    taught = teach(
        params,
        length,
        build=build,
        hold_out=hold_out,
        everything=lambda net: windows(pairs),
    )
    history = taught.histories[None]
    return FittedAssociation(taught.net, history, shape, length)


def _split(
    pairs: Pairs, fraction: float | None, seed: int
) -> tuple[Pairs, Pairs | None]:
    """Keep a random share of the pairs for validation, if there are two."""
    n_pairs = len(pairs.inputs)
    if not fraction or n_pairs < 2:
        return pairs, None
    order = np.random.default_rng(seed).permutation(n_pairs)
    n_kept = min(max(round(fraction * n_pairs), 1), n_pairs - 1)
    return pairs.choose(order[n_kept:]), pairs.choose(order[:n_kept])
