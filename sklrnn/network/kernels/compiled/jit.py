"""How functions are compiled, and the arrays they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload
from torch import Tensor

# Sums may be reordered and products fused, but nothing may assume that there is no NaN:
# a NaN in the input must come out as one.
_OPTIONS: Any = {
    "fastmath": {"arcp", "contract", "nsz", "reassoc"},
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,  # never called from C
}


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, and keep the result on disk.

    The compiled code lies in ``__pycache__`` beside the source, or where that cannot
    be written, in numba's directory of the user. It is renewed when the file that
    holds the function changes, not when another one does: after a change to what it
    calls, remove ``__pycache__``.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # there is nowhere to write to
        return njit(**_OPTIONS)(function)


def inline(function: Callable[..., Any]) -> Any:
    """Compile a function into those that call it.

    What is called for every row has to be: passing views of arrays to a function costs
    more than the arithmetic of a row.
    """
    compile_into: Any = njit  # whose types do not list all its options
    options = {"forceinline": True, "no_cpython_wrapper": True, **_OPTIONS}
    return compile_into(**options)(function)


def array(tensor: Tensor | None, like: Tensor, ndim: int = 2) -> np.ndarray:
    """Return a tensor's memory as an array, an empty one for None.

    That has `ndim` axes and the dtype of `like`: the compiled code is the same then.
    """
    if tensor is None:
        return like.detach().new_empty((0,) * ndim).numpy()
    return tensor.detach().contiguous().numpy()


def tanh(x):
    """Return the hyperbolic tangent; only for compiled code."""
    raise TypeError("only compiled code can call this")


def sigmoid(x):
    """Return the logistic function; only for compiled code."""
    raise TypeError("only compiled code can call this")


_LARGEST = 7.90531110763549805
_ODD = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)
_EVEN = (
    1.19825839466702e-06,
    1.18534705686654e-04,
    2.26843463243900e-03,
    4.89352518554385e-03,
)


@overload(tanh, jit_options=_OPTIONS)
def _tanh(x):
    """Choose by dtype: a float32 one that is vectorised, |error| < 4e-7, or exact."""
    if x.bitwidth != 32:
        return lambda x: np.tanh(x)
    largest = np.float32(_LARGEST)
    a6, a5, a4, a3, a2, a1, a0 = (np.float32(a) for a in _ODD)
    b3, b2, b1, b0 = (np.float32(b) for b in _EVEN)

    def rational(x):
        # Comparisons, since min and max may drop a NaN.
        x = largest if x > largest else x
        x = -largest if x < -largest else x
        y = x * x
        odd = (((((a6 * y + a5) * y + a4) * y + a3) * y + a2) * y + a1) * y + a0
        even = ((b3 * y + b2) * y + b1) * y + b0
        return x * odd / even

    return rational


@overload(sigmoid, jit_options=_OPTIONS)
def _sigmoid(x):
    if x.bitwidth != 32:
        return lambda x: 1.0 / (1.0 + np.exp(-x))
    half = np.float32(0.5)
    return lambda x: half * tanh(half * x) + half
