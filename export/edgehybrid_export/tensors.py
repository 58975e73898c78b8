"""Reading safetensors files, mapped: header checked, one tensor at a time, bfloat16 too.

Format: 8 bytes of header length, a JSON header of name -> dtype, shape, data_offsets, the data.
"""

from __future__ import annotations

import json
import math
import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class TensorFile:
    """The tensors of one safetensors file; `names` in the order of the header.

    Raises:
        CheckpointError: the file is not whole, or its header is not what its data is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header, self._begin = _read_header(path)
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.names = tuple(name for name in self._header if name != "__metadata__")
        for name in self.names:
            self._check(name)

    def rows(self, name: str, begin: int, end: int) -> NDArray[np.float32]:
        """Rows begin..end-1 of one tensor, seen as a matrix of its last axis, as new float32."""
        entry = self._header[name]
        dtype = entry["dtype"]
        if dtype not in _DTYPES:
            raise CheckpointError(
                f"{self.path}: tensor {name!r} has dtype {dtype}, expected one of "
                f"{', '.join(_DTYPES)}"
            )
        columns = entry["shape"][-1] if entry["shape"] else 1
        width = columns * np.dtype(_DTYPES[dtype]).itemsize
        at = self._begin + entry["data_offsets"][0]
        raw = np.frombuffer(self._map, np.uint8, (end - begin) * width, at + begin * width)
        array = _widened(raw.view(_DTYPES[dtype])).reshape(end - begin, columns)
        self._give_back()
        return array

    def tensor(self, name: str) -> NDArray[np.float32]:
        """One whole tensor as a new float32 array."""
        shape = self.shape(name)
        return self.rows(name, 0, math.prod(shape[:-1])).reshape(shape)

    def _give_back(self) -> None:
        """Let go of the pages that were read: they would count as this process's memory."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one tensor."""
        return tuple(self._header[name]["shape"])

    def _check(self, name: str) -> None:
        try:
            entry = self._header[name]
            begin, end = entry["data_offsets"]
            items = math.prod(entry["shape"])
            width = np.dtype(_DTYPES.get(entry["dtype"], "u1")).itemsize
        except (KeyError, TypeError, ValueError) as error:
            raise _not_whole(self.path, f"no place for tensor {name!r}") from error
        held = len(self._map) - self._begin
        if not 0 <= begin <= end <= held:
            raise _not_whole(self.path, f"tensor {name!r} ends at byte {end} of {held}")
        if entry["dtype"] in _DTYPES and items * width != end - begin:
            raise _not_whole(
                self.path, f"tensor {name!r} has {end - begin} bytes, expected {items * width}"
            )


def _widened(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype != np.uint16:
        return array.astype(np.float32)
    wide = array.astype(np.uint32)  # bfloat16: the upper half of a float32
    wide <<= 16
    return wide.view(np.float32)


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise _not_whole(path, f"a header of {length} bytes in a file of {size}")
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_whole(path, f"its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise _not_whole(path, f"its header is {type(header).__name__}, expected an object")
    return header, 8 + length


def _not_whole(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path} is not a whole safetensors file: {why}")
