"""`weights.bin`: the large constants of all graphs, end to end, aligned, each content once.

`writing.bin` is another such file, of the weights that only write.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx import external_data_helper as external

from edgehybrid.bundle import WEIGHTS

#: Weights this large start on a page of their own, so that they can be mapped.
PAGE, LARGE, SMALL_ALIGN = 4096, 65536, 64
#: Constants below this stay inside the graph.
INLINE_BYTES = 1024


class WeightStore:
    """Writes arrays as soon as they are made, so that none has to stay in memory."""

    def __init__(self, folder: Path, name: str = WEIGHTS) -> None:
        self._path, self._size = folder / name, 0
        self._known: dict[Hashable, list[TensorProto]] = {}
        self.parts = {"embedding": 0, "body": 0, "head": 0}
        self._path.write_bytes(b"")

    def put(
        self, key: Hashable, part: str, make: Callable[[], Sequence[NDArray[Any]]]
    ) -> list[TensorProto]:
        """The tensors of `key`, nameless: made and written unless they were before."""
        if key not in self._known:
            self._known[key] = [self.add(array, part) for array in make()]
        return self._known[key]

    def add(self, array: NDArray[Any], part: str) -> TensorProto:
        """A tensor that is used in one place, nameless."""
        if array.nbytes < INLINE_BYTES:
            return numpy_helper.from_array(array)
        self.parts[part] += array.nbytes
        align = PAGE if array.nbytes >= LARGE else SMALL_ALIGN
        gap = -self._size % align
        with self._path.open("ab") as file:
            file.write(bytes(gap))
            file.write(np.ascontiguousarray(array).data)
        tensor = TensorProto(
            dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), raw_data=b""
        )
        external.set_external_data(
            tensor, self._path.name, offset=self._size + gap, length=array.nbytes
        )
        tensor.ClearField("raw_data")
        self._size += gap + array.nbytes
        return tensor
