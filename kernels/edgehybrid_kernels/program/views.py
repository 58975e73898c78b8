"""Arguments of tasks: arrays, whole numbers and floats, packed into 64-bit words.

An array is its address, its shape and its strides in bytes; a float is the bits of a float32 in
the lower half of a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba.np.arrayobj
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from edgehybrid_kernels.jit import FLOAT, INT, helper
from edgehybrid_kernels.simd import load_scalar, load_word

WORD: Final = 8
_LONG = ir.IntType(64)
_arrays: Any = numba.np.arrayobj
_intrinsic: Any = intrinsic


def _view(ndim: int, dtype: Any = FLOAT) -> Callable[[int], Any]:
    """A function from the address of a packed array to the array."""
    kind = types.Array(dtype, ndim, "A")

    def typing(context: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            words = builder.inttoptr(values[0], _LONG.as_pointer())
            read = [builder.load(builder.gep(words, [_LONG(i)])) for i in range(1 + 2 * ndim)]
            array = _arrays.make_array(kind)(context, builder)
            item = context.get_abi_sizeof(context.get_data_type(dtype))
            _arrays.populate_array(
                array,
                data=builder.inttoptr(read[0], array.data.type),
                shape=read[1 : 1 + ndim],
                strides=read[1 + ndim :],
                itemsize=item,
                meminfo=None,
            )
            return array._getvalue()

        return kind(INT), generate

    typing.__name__ = f"view_{ndim}_{dtype}"
    function: Callable[[int], Any] = _intrinsic(typing)
    return function


vector, matrix, cube, block = (_view(ndim) for ndim in (1, 2, 3, 4))
longs, long_matrix = _view(1, types.int64), _view(2, types.int64)
int_matrix = _view(2, types.int32)
double_cube = _view(3, types.float64)
# Numba computes with no float16 here: only the address and the strides are used.
half_cube = _view(3, types.int16)


@helper
def word(at: int, index: int) -> int:
    """A whole number."""
    return load_word(at + index * WORD)


@helper
def number(at: int, index: int) -> float:
    """A float."""
    return load_scalar(at + index * WORD)


def words_of(value: Any) -> list[int]:
    """What a view reads: a NumPy array, an int, or a float.

    The array must outlive the words.
    """
    if isinstance(value, np.ndarray):
        return [value.ctypes.data, *value.shape, *value.strides]
    if isinstance(value, float):
        return [int(np.float32(value).view(np.uint32))]
    return [int(value)]
