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


class _Reuse:
    """Reuse while any network trains; counted, for it concerns the whole process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0

    def enter(self, library: Any) -> None:
        with self.lock:
            if self.users == 0:
                _set(library, _REUSE)
            self.users += 1

    def leave(self, library: Any) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                # The heap of a thread gets shorter when it frees 64 KiB or more, and
                # only then; malloc_trim leaves the end of it as it is.
                _set(library, _GIVE_BACK)
                library.free(library.malloc(128 << 10))
                _set(library, _RESTORE)
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
