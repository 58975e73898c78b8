"""Between two segments: the kernels of one layer on one chunk, with the layer's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.state import Cache, SsdState
from edgehybrid_kernels import Kernels, RoutedCache

Array = NDArray[np.float32]
Buffers = dict[str, NDArray[Any]]


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
class Ssd:
    """Mamba-2: convolution over x, B, C; scan; norm of y gated by z.

    Weights as the kernels take them: conv_weight (conv_dim, K), conv_bias (conv_dim,), a, d,
    dt_bias (heads,), norm (width,).
    """

    heads: int
    head_dim: int
    d_state: int
    n_groups: int
    norm_eps: float
    weights: dict[str, Array]

    def __post_init__(self) -> None:
        shapes = {
            "conv_weight": (self.conv_dim, -1),
            "conv_bias": (self.conv_dim,),
            "norm": (self.width,),
            **dict.fromkeys(("a", "d", "dt_bias"), (self.heads,)),
        }
        for name, shape in shapes.items():
            found = self.weights[name].shape if name in self.weights else None
            if found is None or len(found) != len(shape) or found[0] != shape[0]:
                raise BundleDamaged(f"mixer weight {name} has shape {found}, expected {shape}")

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    @property
    def conv_dim(self) -> int:
        return self.width + 2 * self.n_groups * self.d_state

    def buffers(self, chunk: int) -> Buffers:
        return {
            "zxbcdt": np.zeros((chunk, self.width + self.conv_dim + self.heads), np.float32),
            "xbc": np.zeros((chunk, self.conv_dim), np.float32),
            "scan": np.zeros((chunk, self.width), np.float32),
        }

    def alloc(self, budget: int | None) -> SsdState:
        taps = self.weights["conv_weight"].shape[1]
        return SsdState.alloc(taps, self.conv_dim, self.heads, self.d_state, self.head_dim)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: SsdState, y: Array
    ) -> None:
        w = self.weights
        projected = buffers["zxbcdt"][:length]
        z = projected[:, : self.width]
        dt = projected[:, self.width + self.conv_dim :]
        mixed, scan = buffers["xbc"][:length], buffers["scan"][:length]
        kernels.causal_conv(
            projected[:, self.width : self.width + self.conv_dim],
            w["conv_weight"], w["conv_bias"], state.conv, mixed, silu=True,
        )  # fmt: skip
        groups = self.n_groups * self.d_state
        x, b, c = (
            mixed[:, : self.width],
            mixed[:, self.width : self.width + groups],
            mixed[:, self.width + groups :],
        )
        kernels.ssd_scan(x, dt, w["a"], b, c, w["d"], w["dt_bias"], state.recurrent, scan)
        kernels.gated_rms_norm(scan, z, w["norm"], y, eps=self.norm_eps, groups=1)


@dataclass(frozen=True)
class Attention:
    """Grouped queries over sinks, window and routed tokens, without positions."""

    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    sinks: int
    window: int
    budget: int

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    def buffers(self, chunk: int) -> Buffers:
        return {
            "qkv": np.zeros((chunk, self.width + 2 * self.kv_heads * self.head_dim), np.float32),
            "score": np.zeros((chunk, self.kv_heads), np.float32),
        }

    def alloc(self, budget: int | None) -> RoutedCache:
        return RoutedCache.alloc(
            self.kv_heads,
            self.head_dim,
            sinks=self.sinks,
            window=self.window,
            budget=self.budget if budget is None else budget,
        )

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: RoutedCache, y: Array
    ) -> None:
        qkv, keys = buffers["qkv"][:length], self.kv_heads * self.head_dim
        q, k, v = (
            qkv[:, : self.width],
            qkv[:, self.width : self.width + keys],
            qkv[:, self.width + keys :],
        )
        kernels.attention(q, k, v, buffers["score"][:length], state, y, scale=self.scale)


def make_mixer(layer: dict[str, Any], weights: dict[str, Array]) -> Mixer:
    """The mixer that one entry of the manifest's `layers` describes."""
    fields = dict(layer)
    kind = fields.pop("mixer", None)
    if kind == "ssd":
        return Ssd(**fields, weights=weights)
    if kind == "attention":
        return Attention(**fields)
    raise BundleDamaged(f"the manifest has a mixer {kind!r}; known are 'attention', 'ssd'")
