"""Work memory for one chunk on its way through the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.limits import HEAD_ROWS
from edgehybrid_kernels.program.table import aligned

Array = NDArray[np.float32]


class Desk:
    """Work memory for a chunk, shared by all streams of a model: one works on it at a time."""

    def __init__(self, chunk: int, hidden: int, scratch: NDArray[np.uint8]) -> None:
        from edgehybrid_kernels.dense.dots import ROWS

        self.hidden, self.scratch = hidden, scratch
        self._rows = -(-chunk // ROWS) * ROWS
        self._arrays: dict[tuple[str, int, str], NDArray[Any]] = {}
        self.ids = np.zeros(chunk, np.int32)
        self.residuals = [self.floats(f"h{i}", hidden) for i in range(3)]

    def floats(self, name: str, width: int) -> Array:
        """(chunk, width), the same for the same name."""
        return self._array(name, width, np.float32)

    def bytes(self, width: int) -> NDArray[np.int8]:
        """(rows of whole tiles, width) for rounded inputs of a product."""
        return self._array("bytes", width, np.int8)

    def grids(self, blocks: int) -> tuple[Array, NDArray[np.int64]]:
        """Scales and sums (rows, blocks) of rounded inputs."""
        return self._array("scales", blocks, np.float32), self._array("sums", blocks, np.int64)

    def logits(self, vocab: int) -> Array:
        """(HEAD_ROWS, vocab)."""
        return self.spare(HEAD_ROWS, vocab)

    def spare(self, *shape: int) -> Array:
        """Scratch memory of kernels, of any shape, the same for the same shape."""
        key = ("spare", 0, str(shape))
        if key not in self._arrays:
            self._arrays[key] = aligned(shape, np.float32)
        return self._arrays[key]

    def _array(self, name: str, width: int, dtype: Any) -> NDArray[Any]:
        key = (name, width, np.dtype(dtype).str)
        if key not in self._arrays:
            self._arrays[key] = aligned((self._rows, width), dtype)
        return self._arrays[key]
