"""Checks shared by every kernel's validator.

The compiled kernels read raw memory, so whatever these functions let through must be safe to
read: right type, right shape, last axis contiguous. They run on every call, also when one token is
decoded, so they do nothing but compare attributes.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgehybrid_kernels.errors import KernelError

Floats: TypeAlias = npt.NDArray[np.float32]

_FLOAT32 = np.dtype(np.float32)


def check_array(
    name: str,
    array: Floats,
    shape: tuple[int, ...],
    *,
    written: bool = False,
    strided: bool = False,
) -> None:
    """Requires a float32 array of this shape.

    Args:
        name: what the caller calls the argument, for the message.
        array: the argument.
        shape: the only shape accepted.
        written: the kernel writes to it, so a read-only array is refused.
        strided: rows may lie apart (column slices of a wider matrix); else C-contiguous.

    Raises:
        KernelError: names the argument, what it is, and what was expected.
    """
    if not isinstance(array, np.ndarray):
        raise KernelError(f"{name} is a {type(array).__name__}, expected a NumPy array")
    if array.dtype != _FLOAT32:
        raise KernelError(f"{name} has dtype {array.dtype}, expected float32")
    if array.shape != shape:
        raise KernelError(f"{name} has shape {array.shape}, expected {shape}")
    flags = array.flags
    if not flags.c_contiguous and not (strided and _rows_are_contiguous(array)):
        layout = "with a contiguous last axis" if strided else "C-contiguous"
        raise KernelError(f"{name} has strides {array.strides} bytes, expected an array {layout}")
    if written and not flags.writeable:
        raise KernelError(f"{name} is read-only, expected an array the kernel can write to")


def check_rank(name: str, array: Floats, rank: int) -> None:
    """Requires ``rank`` axes, so that a validator may read sizes from the shape.

    Raises:
        KernelError: names the argument, its shape and the expected number of axes.
    """
    shape = getattr(array, "shape", None)
    if shape is None or len(shape) != rank:
        found = type(array).__name__ if shape is None else f"shape {shape}"
        raise KernelError(f"{name} has {found}, expected an array of {rank} axes")


def _rows_are_contiguous(array: Floats) -> bool:
    return array.shape[-1] <= 1 or array.strides[-1] == _FLOAT32.itemsize
