"""Between two segments: the kernels of one layer on one chunk, with the layer's state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from safetensors.numpy import load_file

from edgehybrid.bundle import MIXERS, Bundle
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.graph import Segment
from edgehybrid.runtime.recurrent import Array, Buffers, GatedDelta, ShortConv, Ssd
from edgehybrid.runtime.selective import RgLru, Selective
from edgehybrid.runtime.state import Cache, CacheGroup, FullCache
from edgehybrid_kernels import Kernels, RoutedCache

#: First tokens that are kept for ever when a model without a router is given a budget.
SINKS = 4


class Mixer(Protocol):
    """What moves information between positions in one layer."""

    @property
    def width(self) -> int:
        """Columns of `y`."""

    def buffers(self, chunk: int) -> Buffers:
        """Work space for chunks of up to `chunk` tokens; the names are those of the segments."""

    def alloc(self, budget: int | None) -> Cache: ...
    def run(self, kernels: Kernels, buffers: Buffers, length: int, state: Any, y: Array) -> None:
        """Mix the first `length` rows of the buffers into `y` (length, width)."""


@dataclass(frozen=True)
class Attention:
    """Grouped queries over what is kept: queries and keys come rotated where they have positions.

    With a budget in the manifest: sinks, window and routed tokens. With a window alone: the last
    `window` tokens, as the model was trained. With neither: every token; where a stream asks for
    a budget, its first SINKS tokens and the last ones, `budget` in all.
    """

    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    sinks: int = 0
    window: int | None = None
    budget: int | None = None
    gated: bool = False

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    def buffers(self, chunk: int) -> Buffers:
        made: Buffers = {
            "qkv": np.zeros((chunk, self.width + 2 * self.kv_heads * self.head_dim), np.float32),
            "score": np.zeros((chunk, self.kv_heads), np.float32),
        }
        return made | ({"gate": np.zeros((chunk, self.width), np.float32)} if self.gated else {})

    def alloc(self, budget: int | None) -> RoutedCache | FullCache:
        if self.window is None and budget is None:
            return FullCache.alloc(self.kv_heads, self.head_dim)
        sinks, window, routed = self.sinks, self.window, self.budget or 0
        if window is None:
            sinks = min(SINKS, max((budget or 0) - 1, 0))
            window = max((budget or 0) - sinks, 1)
        elif self.budget is not None and budget is not None:
            routed = budget
        return RoutedCache.alloc(self.kv_heads, self.head_dim, sinks, window, routed)

    def run(
        self,
        kernels: Kernels,
        buffers: Buffers,
        length: int,
        state: RoutedCache | FullCache,
        y: Array,
    ) -> None:
        qkv, keys = buffers["qkv"][:length], self.kv_heads * self.head_dim
        q, k, v = (
            qkv[:, : self.width],
            qkv[:, self.width : self.width + keys],
            qkv[:, self.width + keys :],
        )
        kernels.attention(q, k, v, buffers["score"][:length], state, y, scale=self.scale)
        if self.gated:
            y *= buffers["gate"][:length]


@dataclass(frozen=True)
class Parallel:
    """Mixers of one layer that read the same input; what they give lies side by side in `y`."""

    parts: tuple[Mixer, ...]

    @property
    def width(self) -> int:
        return sum(part.width for part in self.parts)

    def buffers(self, chunk: int) -> Buffers:
        merged: Buffers = {}
        for part in self.parts:
            merged |= part.buffers(chunk)
        return merged

    def alloc(self, budget: int | None) -> CacheGroup:
        return CacheGroup([part.alloc(budget) for part in self.parts])

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: CacheGroup, y: Array
    ) -> None:
        begin = 0
        for part, own in zip(self.parts, state.parts, strict=True):
            part.run(kernels, buffers, length, own, y[:, begin : begin + part.width])
            begin += part.width


def make_mixer(
    layer: dict[str, Any], weights: dict[str, Array], bundle: Bundle, place: str
) -> Mixer:
    """The mixer that one entry of the manifest's `layers` describes.

    Its own graph, where it has one, is named after its place: `2`, or `2.0` for a parallel part.
    """
    fields = dict(layer)
    kind = fields.pop("mixer", None)
    if kind == "ssd":
        return Ssd(**fields, weights=weights)
    if kind == "short_conv":
        return ShortConv(**fields, weights=weights)
    if kind == "gated_delta":
        return GatedDelta(**fields, weights=weights)
    if kind == "attention":
        return Attention(**fields)
    if kind == "parallel":
        parts = enumerate(fields["parts"])
        return Parallel(
            tuple(
                make_mixer(part, _under(f"{i}.", weights), bundle, f"{place}.{i}")
                for i, part in parts
            )
        )
    if kind == "selective":
        return Selective(**fields, weights=weights, inner=_inner(bundle, place))
    if kind == "rg_lru":
        return RgLru(**fields, weights=weights, inner=_inner(bundle, place))
    known = "'attention', 'gated_delta', 'parallel', 'rg_lru', 'selective', 'short_conv', 'ssd'"
    raise BundleDamaged(f"the manifest has a mixer {kind!r}; known are {known}")


def load_mixers(bundle: Bundle) -> Iterator[Mixer]:
    """The mixers of all layers with their weights, one after the other."""
    layers: list[dict[str, Any]] = bundle.manifest["layers"]
    tensors = load_file(bundle.file(MIXERS))
    for i, layer in enumerate(layers):
        yield make_mixer(layer, _under(f"layers.{i}.", tensors), bundle, str(i))


def _inner(bundle: Bundle, place: str) -> Segment:
    return Segment(bundle.file(f"inner.{place}.onnx"))


def _under(prefix: str, tensors: dict[str, Array]) -> dict[str, Array]:
    """The tensors whose names begin with `prefix`, without it."""
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}
