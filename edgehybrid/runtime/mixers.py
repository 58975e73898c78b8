"""Between two segments: the kernels of one layer on one chunk, with the layer's state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from edgehybrid.bundle import MIXERS, Bundle
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.inner import RgLru, Selective
from edgehybrid.runtime.recurrent import Array, Buffers, GatedDelta, ShortConv, Ssd
from edgehybrid.runtime.routers import Asked, get, regions
from edgehybrid.runtime.state import Cache, CacheGroup, FullCache
from edgehybrid.runtime.tensors import load_tensors
from edgehybrid_kernels import Kernels, RoutedCache


class Mixer(Protocol):
    """What moves information between positions in one layer."""

    @property
    def width(self) -> int:
        """Columns of `y`."""

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the kernels that `run` may call."""

    def buffers(self, chunk: int) -> Buffers:
        """Work space for chunks of up to `chunk` tokens; the names are those of the segments."""

    def alloc(self, asked: Asked) -> Cache: ...
    def run(self, kernels: Kernels, buffers: Buffers, length: int, state: Any, y: Array) -> None:
        """Mix the first `length` rows of the buffers into `y` (length, width)."""


@dataclass(frozen=True)
class Attention:
    """Grouped queries over what is kept: queries and keys come rotated where they have positions.

    With a budget in the manifest: sinks, window and the tokens that its own router scores highest.
    With a window alone: the last `window` tokens, as the model was trained. With neither: every
    token; where a stream asks for a budget, sinks, window and routed tokens, `budget` in all.
    """

    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    sinks: int = 0
    window: int | None = None
    budget: int | None = None
    gated: bool = False
    value_dim: int = 0  # 0: as head_dim
    kernels: ClassVar[tuple[str, ...]] = ("attention",)

    @property
    def can_route(self) -> bool:
        """Whether it may keep far tokens: not where it was trained with a window and no router."""
        return self.window is None or self.routes

    @property
    def routes(self) -> bool:
        """Whether it was trained with a router."""
        return self.window is not None and self.budget is not None

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the steps in a program."""
        return ("attention_task", *(("gate_task",) if self.gated else ()))

    @property
    def width(self) -> int:
        return self.heads * (self.value_dim or self.head_dim)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Columns of queries, keys and values."""
        values = self.kv_heads * (self.value_dim or self.head_dim)
        return self.heads * self.head_dim, self.kv_heads * self.head_dim, values

    def buffers(self, chunk: int) -> Buffers:
        made: Buffers = {
            "qkv": np.zeros((chunk, sum(self.sizes)), np.float32),
            "score": np.zeros((chunk, self.kv_heads), np.float32),
        }
        return made | ({"gate": np.zeros((chunk, self.width), np.float32)} if self.gated else {})

    def alloc(self, asked: Asked) -> RoutedCache | FullCache:
        heads, value_dim = (self.kv_heads, self.head_dim), self.value_dim or None
        if self.window is None and asked.budget is None:
            return FullCache.alloc(*heads, value_dim=value_dim)
        if self.window is None:
            sinks, window, budget = regions.divide(asked.budget or 0)
        elif self.budget is None:
            return RoutedCache.alloc(*heads, self.sinks, self.window, 0, value_dim=value_dim)
        else:
            sinks, window = self.sinks, self.window
            budget = self.budget if asked.budget is None else asked.budget
        router = asked.router or get("learned" if self.routes else "window")
        return router.alloc(
            *heads, sinks, window, budget, value_dim=value_dim, weights=asked.weights
        )

    def run(
        self,
        kernels: Kernels,
        buffers: Buffers,
        length: int,
        state: RoutedCache | FullCache,
        y: Array,
    ) -> None:
        queries, keys, _ = self.sizes
        qkv = buffers["qkv"][:length]
        q, k, v = qkv[:, :queries], qkv[:, queries : queries + keys], qkv[:, queries + keys :]
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

    @property
    def kernels(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.kernels)

    def buffers(self, chunk: int) -> Buffers:
        merged: Buffers = {}
        for part in self.parts:
            merged |= part.buffers(chunk)
        return merged

    def alloc(self, asked: Asked) -> CacheGroup:
        return CacheGroup([part.alloc(asked) for part in self.parts])

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: CacheGroup, y: Array
    ) -> None:
        begin = 0
        for part, own in zip(self.parts, state.parts, strict=True):
            part.run(kernels, buffers, length, own, y[:, begin : begin + part.width])
            begin += part.width


def attention_of(mixer: Mixer) -> Attention | None:
    """The attention of a layer, alone or beside others."""
    parts = mixer.parts if isinstance(mixer, Parallel) else (mixer,)
    return next((part for part in parts if isinstance(part, Attention)), None)


def make_mixer(
    layer: dict[str, Any], weights: dict[str, Array], graph: Callable[[], Path]
) -> Mixer:
    """The mixer that one entry of the manifest's `layers` describes; `graph` is its inner one."""
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
    if kind == "selective":
        return Selective(**fields, weights=weights, graph=graph())
    if kind == "rg_lru":
        return RgLru(**fields, weights=weights, graph=graph())
    if kind == "parallel":
        return Parallel(
            tuple(
                make_mixer(part, _under(f"{i}.", weights), graph)
                for i, part in enumerate(fields["parts"])
            )
        )
    known = "'attention', 'gated_delta', 'parallel', 'rg_lru', 'selective', 'short_conv', 'ssd'"
    raise BundleDamaged(f"the manifest has a mixer {kind!r}; known are {known}")


def load_mixers(bundle: Bundle) -> list[Mixer]:
    """The mixers of all layers, with their weights."""
    layers: list[dict[str, Any]] = bundle.manifest["layers"]
    tensors = load_tensors(bundle, MIXERS)
    return [
        make_mixer(layer, _under(f"layers.{i}.", tensors), partial(bundle.file, f"inner.{i}.onnx"))
        for i, layer in enumerate(layers)
    ]


def _under(prefix: str, tensors: dict[str, Array]) -> dict[str, Array]:
    """The tensors whose names begin with `prefix`, without it."""
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}
