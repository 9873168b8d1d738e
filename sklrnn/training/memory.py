"""Freed memory kept for the next training step, where the C library is glibc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sklrnn.config import get_config

# The numbers of mallopt's parameters, from glibc's <malloc.h>.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4

_REUSE = {
    _MMAP_MAX: 0,  # a high _MMAP_THRESHOLD would do, but glibc < 2.35 takes 32 MiB
    _TRIM_THRESHOLD: -1,
    _TOP_PAD: 64 << 20,  # for other threads, whose heaps come and go in such pieces
}
_GIVE_BACK = {_TRIM_THRESHOLD: 0, _TOP_PAD: 0}
# The first call to mallopt ends glibc's own adjustment of the thresholds. These are the
# ends to which it raises them in a program that frees large blocks; with the 128 KiB
# from which it starts, arrays of that size would from then on take three times as long.
_RESTORE = {
    _MMAP_MAX: 65536,
    _MMAP_THRESHOLD: 32 << 20,
    _TRIM_THRESHOLD: 64 << 20,
    _TOP_PAD: 128 << 10,
}
_KEPT = 64 << 20
"""Bytes of freed memory that may stay, about as much as glibc keeps by itself."""


@cache
def _glibc() -> Any:
    """Return glibc if the process runs on it and it can be called, else None."""
    try:
        import ctypes

        version = os.confstr("CS_GNU_LIBC_VERSION")
        if version is None or not version.startswith("glibc"):
            return None
        library = ctypes.CDLL(None)
        library.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
        library.malloc_trim.argtypes = [ctypes.c_size_t]
        library.malloc.argtypes = [ctypes.c_size_t]
        library.malloc.restype = ctypes.c_void_p
        library.free.argtypes = [ctypes.c_void_p]
    except (AttributeError, ImportError, OSError, ValueError):
        return None
    return library


def _set_by_environment() -> bool:
    """Whether the user has set any of the parameters for the whole process."""
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return any(
        f"MALLOC_{name}_" in os.environ or f"glibc.malloc.{name.lower()}=" in tunables
        for name in ("MMAP_MAX", "MMAP_THRESHOLD", "TOP_PAD", "TRIM_THRESHOLD")
    )


def _resident_bytes() -> int:
    """Return the memory that the process occupies, or 0 where it cannot be known."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


class _Reuse:
    """Reuse while any network trains; counted, for it concerns the whole process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before = 0

    def enter(self, library: Any) -> None:
        with self.lock:
            if self.users == 0:
                self.before = _resident_bytes()
                _set(library, _REUSE)
            self.users += 1

    def leave(self, library: Any) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self._give_back(library)

    def _give_back(self, library: Any) -> None:
        # What is free at the end of a heap goes when 64 KiB or more are freed in it;
        # malloc_trim does so in the heap of the main thread alone.
        _set(library, _GIVE_BACK)
        library.free(library.malloc(128 << 10))
        _set(library, _RESTORE)
        # It goes through every free block of the process, which takes up to tenths of a
        # second after work with many small objects: too long for each of many fits.
        if _resident_bytes() - self.before > _KEPT:
            library.malloc_trim(0)


def _set(library: Any, parameters: dict[int, int]) -> None:
    for parameter, value in parameters.items():
        library.mallopt(parameter, value)


_reuse = _Reuse()


@contextmanager
def reused_memory() -> Iterator[None]:
    """Keep freed memory for reuse in the ``with`` block, then give it back.

    A training step frees what the one before it freed. glibc gives large blocks back to
    the system at once, which then clears every page of them again on first use.

    Does nothing without glibc, with ``set_config(reuse_memory=False)``, or where the
    environment sets malloc's parameters; see `sklrnn.set_config`. Blocks may be nested
    and run in several threads: the last one to end gives the memory back.
    """
    library = None
    if get_config()["reuse_memory"] and not _set_by_environment():
        library = _glibc()
    if library is None:
        yield
        return
    _reuse.enter(library)
    try:
        yield
    finally:
        _reuse.leave(library)


def trim() -> None:
    """Give what is free back to the system, so that what comes can be measured."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
