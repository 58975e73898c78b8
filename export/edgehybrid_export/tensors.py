"""Reading safetensors files, mapped: header checked, one tensor at a time, bfloat16 too.

Format: 8 bytes of header length, a JSON header of name -> dtype, shape, data_offsets, the data.
"""

from __future__ import annotations

import json
import math
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
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        self.names = tuple(name for name in self._header if name != "__metadata__")
        for name in self.names:
            self._check(name)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """One tensor as a new float32 array."""
        entry = self._header[name]
        if entry["dtype"] not in _DTYPES:
            raise CheckpointError(
                f"{self.path}: tensor {name!r} has dtype {entry['dtype']}, expected one of "
                f"{', '.join(_DTYPES)}"
            )
        begin, end = entry["data_offsets"]
        raw = self._data[self._begin + begin : self._begin + end]
        array = raw.view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(np.float32)

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
        held = len(self._data) - self._begin
        if not 0 <= begin <= end <= held:
            raise _not_whole(self.path, f"tensor {name!r} ends at byte {end} of {held}")
        if entry["dtype"] in _DTYPES and items * width != end - begin:
            raise _not_whole(
                self.path, f"tensor {name!r} has {end - begin} bytes, expected {items * width}"
            )


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
