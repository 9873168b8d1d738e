"""Batches: windows gathered by index from one flat tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklrnn.data.windows import WindowSet

_EVALUATION_STEPS = 100_000  # more take memory and gain no time


def evaluation_batch(window_length: int) -> int:
    """Return how many windows to run at once where no gradient is wanted."""
    return min(max(_EVALUATION_STEPS // window_length, 16), 256)


class Windows(Dataset):
    """What `Batches` goes through.

    It has a length, `starts` on the device of its batches, and `gather`, which takes
    the numbers of windows, a tensor, and returns inputs and what is to be scored. Where
    a network carries its state from one batch to the next, `carries` is True: every
    item is then a batch of its own, and all come in their order.
    """

    starts: Tensor
    window_length: int
    carries: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    def gather(self, index: Tensor) -> tuple[dict[str, Tensor], tuple]:
        """Return the inputs and the targets, with their mask, of a batch of windows."""
        raise TypeError(f"{type(self).__name__} does not define gather")

    def renew(self, progress: float) -> None:
        """Draw anew what is random about the windows, before an epoch of training."""

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None,
        n_windows: int,
        share: Share | None = None,
    ) -> Iterator[tuple[dict[str, Tensor], tuple]]:
        """Go through `n_windows` in whole batches, or in one's share of each.

        In random order with a generator, else in their own.
        """
        if generator is None:
            order = torch.arange(len(self))
        else:
            # Half the memory, for there can be millions.
            small = torch.int32 if len(self) < 2**31 else torch.int64
            order = torch.randperm(len(self), generator=generator, dtype=small)
        order = order[:n_windows].to(self.starts.device, torch.int64)
        for index in order.split(batch_size):
            if share is None:
                yield self.gather(index)
            else:
                yield share.gather(self, index)


class Share(NamedTuple):
    """The part of every batch that one of several processes trains on.

    Attributes
    ----------
    place, n_processes : int
        Every n-th window from this one on.
    """

    place: int
    n_processes: int

    def of(self, index: Tensor, n_before: int = 0) -> Tensor:
        """Return the share of windows that come after `n_before` of the same batch."""
        return index[(self.place - n_before) % self.n_processes :: self.n_processes]

    def gather(
        self, dataset: Windows, index: Tensor
    ) -> tuple[dict[str, Tensor], tuple]:
        """Return the share of a batch; if it has none, a window that counts nothing."""
        own = self.of(index)
        return dataset.gather(own) if len(own) else unscored(dataset.gather(index[:1]))


def unscored(
    batch: tuple[dict[str, Tensor], tuple],
) -> tuple[dict[str, Tensor], tuple]:
    """Return a batch of which nothing is scored."""
    inputs, (target, _) = batch
    return inputs, (target, torch.zeros_like(target, dtype=torch.bool))


class Carried:
    """Where a network has come to in one batch, for the batch that goes on there.

    Attributes
    ----------
    before : object or None
        The state to start from, None at the beginning of sequences. The dataset sets
        it; a batch may then be run as often as an optimiser wants.
    after : object or None
        The state at the end of the last batch. The network sets it, without gradient.
    """

    def __init__(self) -> None:
        self.before: Any = None
        self.after: Any = None

    def turn(self, *, anew: bool) -> None:
        """Go on to the next batch, which starts `anew` or from where the last ended."""
        self.before = None if anew else self.after


class WindowDataset(Windows):
    """Windows gathered by index from one flat tensor; nothing is copied per window.

    Parameters
    ----------
    windows : WindowSet
    window_length, horizon, n_targets, n_exogenous : int
    masked : bool
        Whether the rows hold masks.
    reads_ahead : bool
        Whether the rows of the future are wanted, too.
    device : str or torch.device
    flat : Tensor, optional
        The rows on `device`, shared with another dataset.
    """

    def __init__(
        self,
        windows: WindowSet,
        *,
        window_length: int,
        horizon: int,
        n_targets: int,
        n_exogenous: int,
        masked: bool,
        reads_ahead: bool = False,
        device: str | torch.device = "cpu",
        flat: Tensor | None = None,
    ) -> None:
        self.flat = torch.from_numpy(windows.flat) if flat is None else flat
        self.flat = self.flat.to(device)
        self.starts = torch.from_numpy(windows.starts).to(device)
        self.n_valid = torch.from_numpy(windows.n_valid).to(device)
        self.observed = None
        if windows.observed is not None:
            self.observed = torch.from_numpy(windows.observed).to(device)
        self.all_valid = bool((self.n_valid >= horizon).all())
        self.window_length = window_length
        self.n_targets = n_targets
        self.n_exogenous = n_exogenous
        self.masked = masked
        self.reads_ahead = reads_ahead
        self.steps = torch.arange(horizon, device=device)
        n_rows, n_channels = self.flat.shape
        length = window_length + horizon
        self.rows = self.flat.as_strided(
            (n_rows - length + 1, length * n_channels), (n_channels, 1)
        )

    def __getitem__(self, index: int) -> Any:
        inputs, (target, mask) = self.gather(torch.tensor([index]))
        inputs = {name: value[0] for name, value in inputs.items()}
        return inputs, (target[0], mask if mask is None else mask[0])

    def gather(self, index: Tensor) -> tuple[dict[str, Tensor], tuple]:
        """Return the inputs, and the targets with their mask, of a batch of windows."""
        n_rows = self.window_length + len(self.steps)
        batch = self.rows.index_select(0, self.starts[index])
        batch = batch.view(len(index), n_rows, self.flat.shape[1])
        past, ahead = batch[:, : self.window_length], batch[:, self.window_length :]
        inputs = {"past": past}
        if self.reads_ahead:
            inputs["ahead"] = ahead
            inputs["lengths"] = self.window_length + self.n_valid[index].long()
        n_columns = self.n_targets + self.n_exogenous
        if self.n_exogenous:
            inputs["future"] = ahead[..., self.n_targets : n_columns]
        target = ahead[..., : self.n_targets]
        mask = None
        if self.masked:
            mask = ahead[..., n_columns : n_columns + self.n_targets] > 0
        elif self.observed is not None:
            first = self.starts[index, None] + self.window_length
            mask = self.observed[first + self.steps]
        if not self.all_valid:
            valid = (self.steps < self.n_valid[index, None])[..., None]
            mask = valid.expand_as(target) if mask is None else valid & mask
        return inputs, (target, mask)


class Batches:
    """Iterate over a dataset in whole batches.

    Parameters
    ----------
    dataset : Windows
    batch_size : int
    generator : torch.Generator, optional
        Shuffles the windows anew each time; without it they come in order.
    epoch_size : int, optional
        Number of windows to go through, all if not given.
    share : Share, optional
        What to take of every batch, all if not given.

    Notes
    -----
    Of a dataset that carries states on, only `dataset` counts.
    """

    def __init__(
        self,
        dataset: Windows,
        batch_size: int,
        generator: torch.Generator | None = None,
        epoch_size: int | None = None,
        share: Share | None = None,
    ) -> None:
        if dataset.carries:
            batch_size, generator, epoch_size = 1, None, None
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.share = share
        self.n_windows = min(epoch_size or len(dataset), len(dataset))

    def __len__(self) -> int:
        return -(-self.n_windows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], tuple]]:
        return self.dataset.batches(
            self.batch_size, self.generator, self.n_windows, self.share
        )


class SequenceDataset(Windows):
    """Sequences of unequal lengths, each with an answer or with one at every step.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_read), float32
        What a network reads, sequence by sequence.
    lengths : ndarray of shape (n_sequences,)
    answers : ndarray of shape (n_sequences, ...) or (n_rows, ...), optional
    weights : ndarray of shape (n_sequences,) or (n_rows,), optional
    device : str or torch.device
    """

    def __init__(
        self,
        rows: np.ndarray,
        lengths: np.ndarray,
        answers: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        self.flat = torch.from_numpy(rows).to(device)
        self.lengths = torch.from_numpy(lengths).to(device)
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths
        self.window_length = int(lengths.max())
        self.equal = bool((lengths == lengths[0]).all())
        self.steps = torch.arange(self.window_length, device=device)
        self.answers = self.weights = None
        self.per_step = False
        if answers is not None and weights is not None:
            self.answers = torch.from_numpy(answers).to(device)
            self.weights = torch.from_numpy(weights.astype(np.float32)).to(device)
            self.per_step = len(answers) != len(lengths)

    def gather(self, index: Tensor) -> tuple[dict[str, Tensor], tuple]:
        """Return the inputs, and the answers with their weights, of some sequences."""
        if self.equal:
            return self._gather_equal(index)
        lengths = self.lengths[index]
        steps = self.steps[: int(lengths.max())]
        # What stands in the padding repeats the last step; nobody reads it.
        at = self.starts[index, None] + torch.minimum(steps, lengths[:, None] - 1)
        inputs = {"x": self.flat[at], "lengths": lengths}
        if self.answers is None or self.weights is None:
            return inputs, ()
        if not self.per_step:
            return inputs, (self.answers[index], self.weights[index])
        weights = torch.where(steps < lengths[:, None], self.weights[at], 0.0)
        return inputs, (self.answers[at], weights)

    def _gather_equal(self, index: Tensor) -> tuple[dict[str, Tensor], tuple]:
        def cut(rows: Tensor) -> Tensor:
            whole = rows.view(len(self), self.window_length, *rows.shape[1:])
            return whole.index_select(0, index)

        inputs = {"x": cut(self.flat)}
        if self.answers is None or self.weights is None:
            return inputs, ()
        if self.per_step:
            return inputs, (cut(self.answers), cut(self.weights))
        return inputs, (self.answers[index], self.weights[index])
