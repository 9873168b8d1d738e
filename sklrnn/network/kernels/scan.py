"""Linear recurrences over whole sequences."""

from __future__ import annotations

from torch import Tensor

from sklrnn.network.kernels import choose, compute


def linear_scan(a: Tensor, b: Tensor, start: Tensor, kernel: str = "auto") -> Tensor:
    r"""Compute all steps of a linear recurrence.

    .. math:: h_t = a_t \odot h_{t-1} + b_t

    Parameters
    ----------
    a, b : Tensor of shape (batch, steps, n)
    start : Tensor of shape (batch, n)
        The state before the first step, h_0.
    kernel : {"auto", "numba", "torch"}, default="auto"
        "numba" computes one step after the other, forward and backward in one pass
        each; "torch" runs on every device, in a number of operations that grows with
        the logarithm of the number of steps.

    Returns
    -------
    Tensor of shape (batch, steps, n)

    References
    ----------
    G. E. Blelloch, "Prefix sums and their applications", report CMU-CS-90-190, Carnegie
    Mellon University, 1990, section 1.4 (recurrences as scans).
    """
    return compute(choose(kernel, b, native=False), "scan", a, b, start)[0]
