"""Batches from windows in parts, one part in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklrnn.data.sources import PartedWindows
from sklrnn.data.windows import WindowSet
from sklrnn.training.batches import Share, WindowDataset, Windows, unscored

Batch = tuple[dict[str, Tensor], tuple]


class PartedDataset(Windows):
    """Windows that are read part by part; batches go on from one part to the next.

    An epoch takes the parts in random order, and the windows of each in random order.
    Of an epoch that does not go through all windows every part gives its share. Where
    the source has an order of its own, the parts come in that.

    Parameters
    ----------
    windows : PartedWindows
    device : str or torch.device
    **shape
        The other parameters of `WindowDataset`.
    """

    def __init__(
        self,
        windows: PartedWindows,
        *,
        device: str | torch.device = "cpu",
        **shape: Any,
    ) -> None:
        self.windows = windows
        self.shape = {**shape, "device": device}
        self.window_length = shape["window_length"]
        self.starts = torch.empty(0, device=device)

    def __len__(self) -> int:
        return len(self.windows)

    def batches(
        self,
        batch_size: int,
        generator: torch.Generator | None,
        n_windows: int,
        share: Share | None = None,
    ) -> Iterator[Batch]:
        """Go through `n_windows` in whole batches, as `Windows.batches` does."""
        pieces: list[Batch] = []
        n_filled = 0
        for dataset, index in self._read(generator, n_windows):
            start = 0
            while start < len(index):
                piece = index[start : start + batch_size - n_filled]
                own = piece if share is None else share.of(piece, n_filled)
                start, n_filled = start + len(piece), n_filled + len(piece)
                if len(own):
                    pieces.append(dataset.gather(own))
                elif not pieces:
                    pieces.append(unscored(dataset.gather(piece[:1])))
                if n_filled == batch_size:
                    yield _joined(pieces)
                    pieces, n_filled = [], 0
            del dataset, index  # before the next part comes
        if n_filled:
            yield _joined(pieces)

    def _read(
        self, generator: torch.Generator | None, n_windows: int
    ) -> Iterator[tuple[WindowDataset, Tensor]]:
        """Yield the parts, each with the numbers of its windows to take."""
        counts = self.windows.counts
        order = np.arange(len(counts))
        if generator is not None and len(order) > 1 and self.windows.any_order:
            order = torch.randperm(len(order), generator=generator).numpy()
        upto = np.cumsum(counts[order]) * n_windows // max(len(self), 1)
        quotas = dict(
            zip(order.tolist(), np.diff(upto, prepend=0).tolist(), strict=True)
        )
        for number, windows in self.windows.load([n for n in quotas if quotas[n]]):
            dataset = self._open(windows)
            if generator is None:
                index = torch.arange(len(dataset))
            else:
                index = torch.randperm(len(dataset), generator=generator)
            yield dataset, index[: quotas[number]].to(dataset.starts.device)
            del dataset, index, windows

    def _open(self, windows: WindowSet) -> WindowDataset:
        return WindowDataset(windows, **self.shape)


def _joined(pieces: list[Batch]) -> Batch:
    """Return batches as one; a mask that only some have is put to the others."""
    if len(pieces) == 1:
        return pieces[0]
    inputs, scored = zip(*pieces, strict=True)
    targets, masks = zip(*scored, strict=True)
    mask = None
    if any(each is not None for each in masks):
        full = [
            torch.ones_like(target, dtype=torch.bool) if each is None else each
            for target, each in zip(targets, masks, strict=True)
        ]
        mask = torch.cat(full)
    names = inputs[0]
    return (
        {name: torch.cat([each[name] for each in inputs]) for name in names},
        (torch.cat(targets), mask),
    )
