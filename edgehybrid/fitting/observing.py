"""What attention layers see of a segment: queries, keys and values as they come to the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgehybrid.bundle import open_bundle
from edgehybrid.fitting.received import Segment
from edgehybrid.runtime.mixers import Attention, Mixer, Parallel, attention_of
from edgehybrid.runtime.model import Model
from edgehybrid.runtime.recurrent import Array, Buffers
from edgehybrid.runtime.routers.fitted import shapes
from edgehybrid.runtime.state import FullCache, RoutedCache
from edgehybrid_kernels import Kernels

Look = Callable[[Array], None]


@dataclass(frozen=True)
class Watched(Attention):
    """Attention that shows `look` the (T, Hq * Dh + Hk * (Dh + Dv)) rows that it has read."""

    look: Look = lambda rows: None

    def run(
        self,
        kernels: Kernels,
        buffers: Buffers,
        length: int,
        state: RoutedCache | FullCache,
        y: Array,
    ) -> None:
        super().run(kernels, buffers, length, state, y)
        self.look(buffers["qkv"][:length])


def _watched(mixer: Mixer, rows: list[Array]) -> Mixer:
    """The same mixer, which appends what its attention reads to `rows`."""
    if isinstance(mixer, Parallel):
        return replace(mixer, parts=tuple(_watched(part, rows) for part in mixer.parts))
    if not isinstance(mixer, Attention):
        return mixer
    values = {field.name: getattr(mixer, field.name) for field in fields(mixer)}
    return Watched(**values, look=lambda read: rows.append(read.copy()))


class Observer:
    """A model of which every attention layer that can route is watched, and keeps every token.

    It runs as graphs and kernels, since a table of steps holds no layer's rows to its end. What
    all layers see of one segment is in memory: 4 T (Hq Dh + Hk (Dh + Dv)) bytes of each.
    """

    def __init__(self, bundle: Path) -> None:
        """Load the bundle in this folder.

        Raises:
            BundleError: it cannot be loaded.
        """
        self.model = Model(open_bundle(bundle), graphs=True)
        self.shapes = shapes(self.model.mixers)
        self._rows: dict[int, list[Array]] = {i: [] for i in self.shapes}
        self._attention: dict[int, Attention] = {}
        for i in self.shapes:
            mixer = self.model.mixers[i]
            if (found := attention_of(mixer)) is not None:
                self._attention[i] = found
            self.model.mixers[i] = _watched(mixer, self._rows[i])

    def segments(self, ids: NDArray[np.int32]) -> Iterator[tuple[int, Segment]]:
        """Read tokens (T,) from a new beginning; the index of each layer, and what it saw.

        Raises:
            NonFiniteError: NaN or infinity came out of the model.
        """
        for before in self._rows.values():
            before.clear()
        self.model.stream().feed(ids)
        for i, attention in self._attention.items():
            rows = np.concatenate(self._rows[i])
            self._rows[i].clear()
            queries, keys, values = np.split(rows, np.cumsum(attention.sizes[:2]), axis=1)
            yield (
                i,
                Segment(
                    queries.reshape(len(rows), attention.heads, -1),
                    keys.reshape(len(rows), attention.kv_heads, -1),
                    values.reshape(len(rows), attention.kv_heads, -1),
                    attention.scale,
                ),
            )
