"""Mixers with dense products between convolution and scan: each has a small graph of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.graph import Segment
from edgehybrid.runtime.recurrent import Array, Buffers, check_weights
from edgehybrid.runtime.state import RgLruState, SelectiveState
from edgehybrid_kernels import Kernels


@dataclass(frozen=True)
class Selective:
    """Mamba-1: convolution over x; steps and maps made of it; scan; gate.

    Weights: conv_weight (width, K), conv_bias, d, dt_bias (width,), a (d_state, width).
    """

    width: int
    d_state: int
    weights: dict[str, Array]
    inner: Segment  # mixed -> dt, b, c

    def __post_init__(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            "conv_weight": (self.width, -1),
            **dict.fromkeys(("conv_bias", "d", "dt_bias"), (self.width,)),
            "a": (self.d_state, self.width),
        }
        check_weights(self.weights, shapes)
        _check_inner(self.inner, {"dt", "b", "c"})

    def buffers(self, chunk: int) -> Buffers:
        sizes = {"xz": 2 * self.width, **dict.fromkeys(("mixed", "dt"), self.width)}
        sizes |= dict.fromkeys(("b", "c"), self.d_state)
        return {name: np.zeros((chunk, size), np.float32) for name, size in sizes.items()}

    def alloc(self, budget: int | None) -> SelectiveState:
        taps = self.weights["conv_weight"].shape[1]
        return SelectiveState.alloc(taps, self.width, self.d_state)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: SelectiveState, y: Array
    ) -> None:
        w, b = self.weights, {name: buffer[:length] for name, buffer in buffers.items()}
        x, z = b["xz"][:, : self.width], b["xz"][:, self.width :]
        kernels.causal_conv(
            x, w["conv_weight"], w["conv_bias"], state.conv, b["mixed"], silu=True
        )  # fmt: skip
        self.inner.run_bound(self.inner.bind(buffers, length))
        kernels.selective_scan(
            b["mixed"], b["dt"], w["a"], b["b"], b["c"], w["d"], w["dt_bias"], state.recurrent, y
        )
        kernels.apply_gate(y, z, y, activation="silu")


@dataclass(frozen=True)
class RgLru:
    """RG-LRU: convolution over x; two gates made of it; recurrence; gate by gelu(z).

    Weights: conv_weight (width, K), conv_bias, log_a (width,).
    """

    width: int
    weights: dict[str, Array]
    inner: Segment  # mixed -> gate_a, gate_x

    def __post_init__(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            "conv_weight": (self.width, -1),
            **dict.fromkeys(("conv_bias", "log_a"), (self.width,)),
        }
        check_weights(self.weights, shapes)
        _check_inner(self.inner, {"gate_a", "gate_x"})

    def buffers(self, chunk: int) -> Buffers:
        sizes = {"xz": 2 * self.width}
        sizes |= dict.fromkeys(("mixed", "gate_a", "gate_x"), self.width)
        return {name: np.zeros((chunk, size), np.float32) for name, size in sizes.items()}

    def alloc(self, budget: int | None) -> RgLruState:
        return RgLruState.alloc(self.weights["conv_weight"].shape[1], self.width)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: RgLruState, y: Array
    ) -> None:
        w, b = self.weights, {name: buffer[:length] for name, buffer in buffers.items()}
        x, z = b["xz"][:, : self.width], b["xz"][:, self.width :]
        kernels.causal_conv(
            x, w["conv_weight"], w["conv_bias"], state.conv, b["mixed"], silu=False
        )  # fmt: skip
        self.inner.run_bound(self.inner.bind(buffers, length))
        kernels.rg_lru(
            b["mixed"], b["gate_a"], b["gate_x"], w["log_a"], state.recurrent, y,
            starts=not state.begun[0],
        )  # fmt: skip
        state.begun |= length > 0
        kernels.apply_gate(y, z, y, activation="gelu_tanh")


def _check_inner(inner: Segment, outputs: set[str]) -> None:
    if inner.inputs != ("mixed",) or set(inner.outputs) != outputs:
        found = f"{list(inner.inputs)} -> {sorted(inner.outputs)}"
        raise BundleDamaged(f"a mixer's graph is {found}, expected ['mixed'] -> {sorted(outputs)}")
