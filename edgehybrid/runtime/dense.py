"""The dense parts of a bundle for kernels: weights where they lie in the file, mapped."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.bundle import (
    DENSE,
    MIXERS,
    WEIGHTS,
    WRITING,
    WRITING_WEIGHTS,
    Bundle,
    read_json,
)
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.tensors import load_tensors

Array = NDArray[np.float32]
MAX_BYTES = 1 << 24
BLOCKS = (0, 32, 64, 128)
#: No axis of a matrix is longer; vocabularies are the longest.
MAX_SIZE = 1 << 22


@dataclass(frozen=True)
class Matrix:
    """Quantised weights: rows of outputs, padded to whole blocks of PADDING inputs.

    weight (N, bytes of K) int8 or uint8; scale (N,) or (B, N); zero (B, N) int32, None for 8.
    """

    block: int  # 0: int8
    outputs: int
    inputs: int
    padded: int
    weight: NDArray[Any]
    scale: Array
    zero: NDArray[np.int32] | None = None
    bias: Array | None = None

    @property
    def blocks(self) -> int:
        """Scales of a row of activations."""
        return self.padded // self.block if self.block else 1


class Dense:
    """What `dense.json` or `writing.json` says, with its arrays."""

    def __init__(self, bundle: Bundle, *, writing: bool = False) -> None:
        from edgehybrid_kernels.dense.linear import PADDING
        from edgehybrid_kernels.simd import LANES

        path = bundle.file(WRITING if writing else DENSE)
        self.described: dict[str, Any] = read_json(path, MAX_BYTES)
        self._mapped = np.memmap(
            bundle.file(WRITING_WEIGHTS if writing else WEIGHTS), np.uint8, "r"
        )
        self._small = load_tensors(bundle, MIXERS)
        self._padding, self._lanes = PADDING, LANES

    def array(self, name: str, ndim: int = 1) -> Array:
        """A small array by its name."""
        found = self._small[name]
        expect(f"{name} has type and axes", (found.dtype, found.ndim), (np.float32, ndim))
        return np.ascontiguousarray(found)

    def norm(self, fields: Mapping[str, Any]) -> tuple[Array, float]:
        """Weight and epsilon."""
        return self.array(fields["weight"]), float(fields["eps"])

    def table(self, fields: Mapping[str, Any]) -> tuple[NDArray[Any], Array, NDArray[Any] | None]:
        """Rows, scales and zero points of an embedding, as they lie."""
        _sizes(fields)
        blocks = self._blocks(fields)
        zero = partial(self._place, fields.get("zero"), np.uint8)
        return (
            self._rows(fields),
            self._place(fields["scale"], np.float32, fields["outputs"] * blocks),
            None if fields.get("zero") is None else zero(fields["outputs"] * -(-blocks // 2)),
        )

    def matrix(self, fields: Mapping[str, Any]) -> Matrix:
        """The weights of a product."""
        outputs, inputs, block = _sizes(fields)
        blocks, padded = self._blocks(fields), -(-inputs // self._padding) * self._padding
        scale = self._place(fields["scale"], np.float32, outputs * blocks)
        zero = None
        if block:
            of_padded = padded // block
            scale = _padded(scale.reshape(outputs, blocks), (outputs, of_padded)).T.copy()
            if fields.get("zero") is not None:
                packed = self._place(fields["zero"], np.uint8, outputs * -(-blocks // 2))
                halves = np.stack([packed & 15, packed >> 4], -1).reshape(outputs, -1)
                zero = _padded(halves[:, :blocks].astype(np.int32), (outputs, of_padded)).T.copy()
        width = padded // 2 if block else padded
        weight = _padded(self._rows(fields), (max(outputs, self._lanes), width))
        bias = None if fields.get("bias") is None else self.array(fields["bias"])
        if bias is not None:
            expect(f"{fields['bias']} has shape", bias.shape, (outputs,))
        return Matrix(block, outputs, inputs, padded, weight, scale, zero, bias)

    def release(self) -> None:
        """Give back all pages of the file; they are read again when they are needed."""
        with suppress(AttributeError, ValueError, OSError):  # not on every system
            mapping: Any = self._mapped
            mapping._mmap.madvise(mmap.MADV_DONTNEED)

    def _blocks(self, fields: Mapping[str, Any]) -> int:
        return -(-fields["inputs"] // fields["block"]) if fields["block"] else 1

    def _rows(self, fields: Mapping[str, Any]) -> NDArray[Any]:
        width = fields["inputs"]
        if fields["block"]:
            width = self._blocks(fields) * fields["block"] // 2
        flat = self._place(fields["weight"], np.uint8, fields["outputs"] * width)
        rows: NDArray[Any] = flat.reshape(fields["outputs"], width)
        return rows

    def _place(self, place: int | str | None, dtype: Any, count: int) -> NDArray[Any]:
        if isinstance(place, str):
            found: NDArray[Any] = self._small[place].reshape(-1).view(dtype)
        elif type(place) is int and place >= 0:
            found = self._mapped[place : place + count * np.dtype(dtype).itemsize].view(dtype)
        else:
            raise BundleDamaged(f"dense.json has a place {place!r}; export the bundle again")
        if len(found) != count:
            raise BundleDamaged(f"dense.json: {place!r} holds {len(found)}, expected {count}")
        return found


def expect(what: str, found: object, wanted: object) -> None:
    """Compiled code reads bare memory: whatever does not fit is refused here.

    Raises:
        BundleDamaged: it does not.
    """
    if found != wanted:
        raise BundleDamaged(f"dense.json: {what} {found}, expected {wanted}; export it again")


def _sizes(fields: Mapping[str, Any]) -> tuple[int, int, int]:
    """Outputs, inputs and block of a matrix."""
    outputs, inputs, block = (fields[name] for name in ("outputs", "inputs", "block"))
    sizes = type(outputs) is type(inputs) is type(block) is int
    if not (sizes and 0 < outputs <= MAX_SIZE and 0 < inputs <= MAX_SIZE and block in BLOCKS):
        raise BundleDamaged(
            f"dense.json: a matrix has {outputs} outputs, {inputs} inputs, blocks of {block}"
        )
    return outputs, inputs, int(block)


def _padded(array: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """With zeros after the last row and column; the array itself where nothing is missing."""
    if array.shape == shape:
        return array
    wider = np.zeros(shape, array.dtype)
    wider[: array.shape[0], : array.shape[1]] = array
    return wider
