"""Mixers with a dense part of their own between the convolution and the scan, as a small graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgehybrid.runtime.recurrent import Array, Buffers, check_weights
from edgehybrid.runtime.routers import Asked
from edgehybrid.runtime.state import RgLruState, SelectiveState
from edgehybrid_kernels import Kernels

if TYPE_CHECKING:
    from edgehybrid.runtime.graph import Segment


@dataclass(frozen=True)
class Selective:
    """Mamba-1: convolution; steps, B and C from what it gives; scan; gate.

    Weights: conv_weight (width, K), conv_bias (width,), a (d_state, width), d, dt_bias (width,).
    The graph: convolved (T, width) -> dt (T, width), b and c (T, d_state).
    """

    width: int
    d_state: int
    weights: dict[str, Array]
    graph: Path
    kernels: ClassVar[tuple[str, ...]] = ("causal_conv", "selective_scan", "apply_gate")

    def __post_init__(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            "conv_weight": (self.width, -1),
            "a": (self.d_state, self.width),
            **dict.fromkeys(("conv_bias", "d", "dt_bias"), (self.width,)),
        }
        check_weights(self.weights, shapes)

    @cached_property
    def inner(self) -> Segment:
        """The graph, loaded when it is first needed."""
        from edgehybrid.runtime.graph import Segment

        return Segment(self.graph)

    def buffers(self, chunk: int) -> Buffers:
        sizes = {"xz": 2 * self.width, "convolved": self.width, "dt": self.width}
        sizes |= {"b": self.d_state, "c": self.d_state}
        return {name: np.zeros((chunk, size), np.float32) for name, size in sizes.items()}

    def alloc(self, asked: Asked) -> SelectiveState:
        taps = self.weights["conv_weight"].shape[1]
        return SelectiveState.alloc(taps, self.d_state, self.width)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: SelectiveState, y: Array
    ) -> None:
        w, b = self.weights, {name: buffer[:length] for name, buffer in buffers.items()}
        x, z, mixed = b["xz"][:, : self.width], b["xz"][:, self.width :], b["convolved"]
        kernels.causal_conv(x, w["conv_weight"], w["conv_bias"], state.conv, mixed, silu=True)
        self.inner.run_bound(self.inner.bind(buffers, length))
        kernels.selective_scan(
            mixed, b["dt"], w["a"], b["b"], b["c"], w["d"], w["dt_bias"], state.recurrent, mixed
        )
        kernels.apply_gate(mixed, z, y)


@dataclass(frozen=True)
class RgLru:
    """Griffin's recurrent block: convolution; two gates from what it gives; RG-LRU; gate.

    Weights: conv_weight (width, K), conv_bias, log_a (width,).
    The graph: convolved (T, width) -> gate_a, gate_x (T, width), before their sigmoids.
    """

    width: int
    weights: dict[str, Array]
    graph: Path
    kernels: ClassVar[tuple[str, ...]] = ("causal_conv", "rg_lru", "apply_gate")

    def __post_init__(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            "conv_weight": (self.width, -1),
            "conv_bias": (self.width,),
            "log_a": (self.width,),
        }
        check_weights(self.weights, shapes)

    @cached_property
    def inner(self) -> Segment:
        """The graph, loaded when it is first needed."""
        from edgehybrid.runtime.graph import Segment

        return Segment(self.graph)

    def buffers(self, chunk: int) -> Buffers:
        sizes = dict.fromkeys(("convolved", "gate_a", "gate_x"), self.width)
        sizes["branches"] = 2 * self.width
        return {name: np.zeros((chunk, size), np.float32) for name, size in sizes.items()}

    def alloc(self, asked: Asked) -> RgLruState:
        return RgLruState.alloc(self.weights["conv_weight"].shape[1], self.width)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: RgLruState, y: Array
    ) -> None:
        w, b = self.weights, {name: buffer[:length] for name, buffer in buffers.items()}
        gate, x = b["branches"][:, : self.width], b["branches"][:, self.width :]
        mixed = b["convolved"]
        kernels.causal_conv(x, w["conv_weight"], w["conv_bias"], state.conv, mixed, silu=False)
        self.inner.run_bound(self.inner.bind(buffers, length))
        starts = bool(length) and not state.seen[0]
        kernels.rg_lru(
            mixed, b["gate_a"], b["gate_x"], w["log_a"], state.recurrent, mixed, starts=starts
        )
        state.seen += length
        kernels.apply_gate(mixed, gate, y, activation="gelu_tanh")
