"""Whole sequences of recurrent layers, and the rule that chooses who computes them.

- "native": torch's own layer, where the cell is what that layer computes;
- "numba": machine code of ours, on the CPU, if numba is installed;
- "torch": one operation of autograd in torch's operations, on every device;
- "loop": the cell step by step, differentiated by autograd.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from sklrnn.network.kernels.recurrence import run

KERNELS = ("auto", "native", "numba", "torch", "loop")


def choose(asked: str, x: Tensor, *, native: bool, native_wins: bool = False) -> str:
    """Choose who computes a sequence.

    Parameters
    ----------
    asked : str
        One of `KERNELS`.
    x : Tensor of shape (batch, steps, ...)
    native : bool
        Whether torch's own layer can compute it.
    native_wins : bool, default=False
        Whether it is then the fastest even on the CPU. On other devices it is.

    Returns
    -------
    {"native", "numba", "torch", "loop"}

    Raises
    ------
    ValueError
        If `asked` is not "auto" and cannot compute it.
    """
    if asked == "auto":
        return _fastest(x, native, native_wins)
    possible = {"native": native, "numba": asked == "numba" and _can_compile(x)}
    if not possible.get(asked, True):
        able = [name for name in KERNELS if possible.get(name, True)]
        raise ValueError(f"kernel must be one of {able} {_because(asked, x)}")
    return asked


def compute(kernel: str, recurrence: str, *inputs: Any) -> Any:
    """Run a recurrence, "lstm" for one, in its "numba" or "torch" implementation."""
    folder = "compiled" if kernel == "numba" else "eager"
    module = import_module(f"sklrnn.network.kernels.{folder}.{recurrence}")
    return run(module, *inputs)


def _fastest(x: Tensor, native: bool, native_wins: bool) -> str:
    if torch.jit.is_tracing() or torch.compiler.is_compiling():
        # torch writes down what is computed, and must see it all.
        return "native" if native else "loop"
    if x.device.type != "cpu":
        return "native" if native else "torch"
    if x.shape[1] == 1:
        return "loop"  # all else takes longer to begin than a step takes
    if native and native_wins:
        return "native"
    if x.dtype == torch.float32 and _can_compile(x):
        return "numba"
    return "native" if native else "torch"


def check_kernel(kernel: str, native: bool) -> None:
    """Raise a ValueError if a cell cannot be constructed with `kernel`."""
    able = [name for name in KERNELS if native or name != "native"]
    if kernel not in able:
        raise ValueError(f"kernel must be one of {able}, got {kernel!r}")


def _can_compile(x: Tensor) -> bool:
    known = x.dtype in (torch.float32, torch.float64)
    return known and x.device.type == "cpu" and _has_numba()


@cache
def _has_numba() -> bool:
    try:
        import_module("sklrnn.network.kernels.compiled.jit")
    except ImportError:  # numba is missing, or not for this version of numpy
        return False
    return True


def _because(asked: str, x: Tensor) -> str:
    if asked == "native":
        return "with a hidden_mask, which torch's own layer has not, got 'native'"
    if not _has_numba():
        return "without numba, got 'numba'"
    return f"for {x.dtype} on {x.device.type}, got 'numba'"
