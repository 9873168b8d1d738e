"""Settings of the library as a whole, after scikit-learn's functions of these names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict


class _Settings(TypedDict):
    reuse_memory: bool


_DEFAULTS: _Settings = {"reuse_memory": True}


class _Config(threading.local):
    """The settings of one thread; each thread starts with the defaults."""

    def __init__(self) -> None:
        self.settings = _DEFAULTS.copy()


_config = _Config()


def get_config() -> _Settings:
    """Return the settings of this thread.

    Returns
    -------
    config : dict
        A copy, with the parameters of `set_config` as keys.

    See Also
    --------
    set_config : Change settings.
    config_context : Change settings for the length of a block.

    Examples
    --------
    >>> import sklrnn
    >>> sklrnn.get_config()
    {'reuse_memory': True}
    """
    return _config.settings.copy()


def set_config(*, reuse_memory: bool | None = None) -> None:
    """Change settings of this thread.

    Other threads keep theirs, and a new thread starts with the defaults, as in
    scikit-learn. So does a new process, such as the workers of joblib (``n_jobs`` in a
    search).

    Parameters
    ----------
    reuse_memory : bool or None, default=None
        Whether the process keeps the memory that it frees while an estimator is fitted,
        instead of handing it back to the system after each training step and asking
        for it again. Where a step needs tens of MB, this takes up to a third off the
        time, while training may take up to half as much memory again. It changes
        nothing for smaller networks, and never a result. After ``fit`` the memory goes
        back to the system, some tens of MB at most excepted. Initially True; None
        leaves it as it is.

        It concerns the C library glibc, that is, most Linux systems; elsewhere nothing
        happens. Nothing happens either where the environment sets what it would
        change: one of the variables ``MALLOC_MMAP_MAX_``, ``MALLOC_MMAP_THRESHOLD_``,
        ``MALLOC_TOP_PAD_`` and ``MALLOC_TRIM_THRESHOLD_``, or their likes in
        ``GLIBC_TUNABLES``. Unlike this setting, the environment reaches the workers
        of joblib.

    Raises
    ------
    TypeError
        If `reuse_memory` is not True, False or None.

    See Also
    --------
    get_config : The present settings.
    config_context : Change settings for the length of a block.

    Notes
    -----
    While an estimator is fitted, malloc serves large blocks from the heap
    (``M_MMAP_MAX`` 0), never shortens it (``M_TRIM_THRESHOLD`` -1) and lets it grow by
    64 MiB at a time (``M_TOP_PAD``), in all threads of the process. Afterwards the
    free ends of the heaps go back, and all free memory (``malloc_trim``) where the
    process has still grown by more than 64 MiB. glibc normally gives back at once what
    is larger than a size that starts at 128 KiB and rises as a program frees larger
    blocks, to 32 MiB for a block and 64 MiB for the end of the heap. Once a program
    has set such a size, glibc adjusts it no more, and none can be read; so they stay at
    these upper ends.

    Examples
    --------
    >>> import sklrnn
    >>> sklrnn.set_config(reuse_memory=False)
    >>> sklrnn.get_config()
    {'reuse_memory': False}
    >>> sklrnn.set_config(reuse_memory=True)
    """
    if reuse_memory is not None:
        if not isinstance(reuse_memory, bool):
            raise TypeError(
                "reuse_memory must be True, False or None (leave it as it is), got "
                f"{reuse_memory!r}"
            )
        _config.settings["reuse_memory"] = reuse_memory


@contextmanager
def config_context(*, reuse_memory: bool | None = None) -> Iterator[None]:
    """Change settings of this thread for the length of a ``with`` block.

    Afterwards all settings are what they were before it, also those that the block
    changed with `set_config`.

    Parameters
    ----------
    reuse_memory : bool or None, default=None
        See `set_config`.

    Raises
    ------
    TypeError
        If `reuse_memory` is not True, False or None.

    See Also
    --------
    set_config : Change settings for good.
    get_config : The present settings.

    Examples
    --------
    >>> import sklrnn
    >>> with sklrnn.config_context(reuse_memory=False):
    ...     sklrnn.get_config()
    {'reuse_memory': False}
    >>> sklrnn.get_config()
    {'reuse_memory': True}
    """
    before = get_config()
    set_config(reuse_memory=reuse_memory)
    try:
        yield
    finally:
        set_config(**before)
