"""How the processor is set while a network runs: threads, tiny numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SMALL_NETWORK = 256


class _Threads:
    """One torch thread while any small network runs; counted, for it is global."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before = 1

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.before = torch.get_num_threads()
                torch.set_num_threads(1)
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                torch.set_num_threads(self.before)


_threads = _Threads()


@contextmanager
def suitable_threads(hidden_size: int) -> Iterator[None]:
    """Use one thread for networks too small to share, and restore the number after."""
    if hidden_size >= _SMALL_NETWORK:
        yield
        return
    _threads.enter()
    try:
        yield
    finally:
        _threads.leave()


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0 in this thread, as far as the processor can.

    A gradient that fades on its way back through the steps ends in such numbers, with
    which arithmetic is some ten times slower.
    """
    smallest = torch.tensor([1e-40])
    if (smallest * 1.0).item() == 0.0 or not torch.set_flush_denormal(True):
        yield  # set before, and left so; or beyond the processor
        return
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
