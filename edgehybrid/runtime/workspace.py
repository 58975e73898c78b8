"""Buffers for one chunk on its way through the layers, and their ties to the graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.mixers import Mixer
from edgehybrid.runtime.recurrent import Buffers

if TYPE_CHECKING:
    import onnxruntime as ort

    from edgehybrid.runtime.graph import Segment


class Workspace:
    """All work memory for chunks of up to `chunk` tokens.

    Buffers of the same name and shape are shared between layers, because a chunk is in one layer
    at a time. The residual stream alternates between two.
    """

    def __init__(
        self, segments: Sequence[Segment], mixers: Sequence[Mixer], hidden: int, chunk: int
    ):
        self.chunk, self.length, self.position = chunk, 0, 0
        self.ids = np.zeros(chunk, dtype=np.int32)
        self.positions = np.zeros(chunk, dtype=np.float32)
        self._segments = segments
        self._full: dict[int, ort.IOBinding] = {}
        shared: dict[tuple[str, tuple[int, ...]], NDArray[Any]] = {}

        def share(name: str, array: NDArray[Any]) -> NDArray[Any]:
            return shared.setdefault((name, array.shape), array)

        residual = [np.zeros((chunk, hidden), dtype=np.float32) for _ in range(2)]
        kept: Buffers = {}
        if "embedded" in segments[0].outputs:
            kept["embedded"] = np.zeros((chunk, hidden), dtype=np.float32)
        self.mixing = [
            {name: share(name, array) for name, array in mixer.buffers(chunk).items()}
            for mixer in mixers
        ]
        self.mixed = [share("y", np.zeros((chunk, m.width), dtype=np.float32)) for m in mixers]
        self._ties: list[Buffers] = []
        for i in range(len(segments)):
            ties: Buffers = {
                "ids": self.ids,
                "positions": self.positions,
                "h": residual[i % 2],
                "present_h": residual[1 - i % 2],
                **kept,
            }
            ties.update(self.mixing[i] if i < len(mixers) else {})
            ties.update({"y": self.mixed[i - 1]} if i else {})
            self._ties.append(ties)
        self.last_h = residual[1 - (len(segments) - 1) % 2]

    def fill(self, ids: NDArray[np.integer[Any]], position: int = 0) -> None:
        """Take the next chunk of token ids, the first of which is at `position` of the stream."""
        self.length, self.position = len(ids), position
        self.ids[: self.length] = ids
        self.positions[: self.length] = np.arange(position, position + self.length)

    def run_segment(self, i: int) -> None:
        """Run segment `i` on this chunk."""
        self._segments[i].run_bound(self._binding(i))

    def _binding(self, i: int) -> ort.IOBinding:
        if self.length < self.chunk:
            return self._segments[i].bind(self._ties[i], self.length)
        if i not in self._full:
            self._full[i] = self._segments[i].bind(self._ties[i], self.chunk)
        return self._full[i]
