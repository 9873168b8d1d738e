"""Products of a few rows with a matrix that stays the same for many steps.

A step of a recurrent layer multiplies a thin matrix, (batch, hidden_size), by weights
that do not change over the sequence. A BLAS rearranges the weights anew in every call,
and starts threads for far too little work. Here they are rearranged once, into panels
that vector registers read in order, and the innermost loop is written in LLVM's vector
instructions, since compilers do not find it in loops over scalars.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor
from torch.nn.functional import pad

from sklrnn.network.kernels.compiled.jit import inline

_WIDE = llvm.get_host_cpu_features().get("avx512f", False)
_LANES = 16 if _WIDE else 8  # of a vector
_VECTORS = 4 if _WIDE else 2  # of a panel: with 4 rows, the sums fill the registers
PANEL = _LANES * _VECTORS
BLOCK = 32
"""Sequences that are computed together: their rows of one step stay in the cache."""


def panels(matrix: Tensor) -> np.ndarray:
    """Rearrange a matrix for `multiply`.

    Parameters
    ----------
    matrix : Tensor of shape (n, k)

    Returns
    -------
    ndarray of shape (n_panels, k, PANEL)
        The transposed matrix in panels of columns, the last one filled with zeros.
    """
    n, k = matrix.shape
    filled = pad(matrix.detach(), (0, 0, 0, -n % PANEL))
    return filled.view(-1, PANEL, k).transpose(1, 2).contiguous().numpy()


def _tile(n_rows: int) -> Any:
    """Make the function that multiplies `n_rows` rows of a by one panel."""

    @intrinsic
    def tile(context: Any, a: Any, row: Any, panels: Any, panel: Any, out: Any) -> Any:
        return types.void(a, row, panels, panel, out), generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        scalar = context.get_data_type(kinds[0].dtype)
        n_bytes = context.get_abi_sizeof(scalar)
        vector = ir.VectorType(scalar, _LANES)
        a, panels, out = (
            context.make_array(kinds[i])(context, builder, args[i]) for i in (0, 2, 4)
        )
        index = args[1].type

        def at(array: Any, kind: Any, *where: Any) -> Any:
            return cgutils.get_item_pointer(context, builder, kind, array, where)

        def vectors(pointer: Any) -> list[Any]:
            first = builder.bitcast(pointer, vector.as_pointer())
            return [builder.gep(first, [index(v)]) for v in range(_VECTORS)]

        fma = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.fma.v{_LANES}f{8 * n_bytes}",
        )
        zeros = vector(None)
        sums = [
            [cgutils.alloca_once_value(builder, zeros) for _ in range(_VECTORS)]
            for _ in range(n_rows)
        ]
        rows = [builder.add(args[1], index(r)) for r in range(n_rows)]
        with cgutils.for_range(builder, builder.extract_value(panels.shape, 1)) as loop:
            k = loop.index
            weights = [
                builder.load(pointer, align=n_bytes)
                for pointer in vectors(at(panels, kinds[2], args[3], k, index(0)))
            ]
            for row, row_sums in zip(rows, sums, strict=True):
                value = builder.load(at(a, kinds[0], row, k))
                spread = _spread(builder, value, vector)
                for weight, total in zip(weights, row_sums, strict=True):
                    product = builder.call(fma, [spread, weight, builder.load(total)])
                    builder.store(product, total)
        column = builder.mul(args[3], index(PANEL))
        for row, row_sums in zip(rows, sums, strict=True):
            for pointer, total in zip(
                vectors(at(out, kinds[4], row, column)), row_sums, strict=True
            ):
                builder.store(builder.load(total), pointer, align=n_bytes)
        return context.get_dummy_value()

    return tile


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """Fill a vector with one value."""
    undefined = ir.Constant(vector, ir.Undefined)
    lane = ir.IntType(32)
    first = builder.insert_element(undefined, value, lane(0))
    zeros = ir.Constant(ir.VectorType(lane, _LANES), [0] * _LANES)
    return builder.shuffle_vector(first, undefined, zeros)


_four_rows = _tile(4)
_one_row = _tile(1)


@inline
def multiply(a: np.ndarray, panels: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ matrix.T`` to the first columns of `out`.

    Parameters
    ----------
    a : ndarray of shape (n_rows, k)
        There may be further columns, which are not read.
    panels : ndarray of shape (n_panels, k, PANEL)
        Of the matrix, as `panels` gives them.
    out : ndarray of shape (n_rows, n_panels * PANEL)
    """
    n_rows = len(a)
    for panel in range(len(panels)):
        for row in range(0, n_rows - 3, 4):
            _four_rows(a, row, panels, panel, out)
        for row in range(n_rows - n_rows % 4, n_rows):
            _one_row(a, row, panels, panel, out)
