"""Mixers with a recurrent state or a convolution: memory that never grows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.routers import Asked
from edgehybrid.runtime.state import ConvState, DeltaState, SsdState
from edgehybrid_kernels import Kernels

Array = NDArray[np.float32]
Buffers = dict[str, NDArray[Any]]
#: The longest convolution.
MAX_TAPS = 64


@dataclass(frozen=True)
class Ssd:
    """Mamba-2: convolution over x, B, C; scan; norm of y gated by z, or the gate alone.

    Weights as the kernels take them: conv_weight (conv_dim, K), conv_bias (conv_dim,), a, d,
    dt_bias (heads,), norm (width,) unless norm_eps is None. Steps are clamped to dt_low..dt_high.
    """

    heads: int
    head_dim: int
    d_state: int
    n_groups: int
    norm_eps: float | None
    weights: dict[str, Array]
    norm_groups: int = 1
    norm_before_gate: bool = False
    dt_low: float = 0.0
    dt_high: float = math.inf

    def __post_init__(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            "conv_weight": (self.conv_dim, -1),
            "conv_bias": (self.conv_dim,),
            **dict.fromkeys(("a", "d", "dt_bias"), (self.heads,)),
        }
        if self.norm_eps is not None:
            shapes["norm"] = (self.width,)
        check_weights(self.weights, shapes)

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    @property
    def kernels(self) -> tuple[str, ...]:
        gate = "apply_gate" if self.norm_eps is None else "gated_rms_norm"
        return ("causal_conv", "ssd_scan", gate)

    @property
    def tasks(self) -> tuple[str, ...]:
        return ("conv_task", "ssd_task", "gate_task" if self.norm_eps is None else "norm_task")

    @property
    def conv_dim(self) -> int:
        return self.width + 2 * self.n_groups * self.d_state

    def buffers(self, chunk: int) -> Buffers:
        return {
            "zxbcdt": np.zeros((chunk, self.width + self.conv_dim + self.heads), np.float32),
            "xbc": np.zeros((chunk, self.conv_dim), np.float32),
            "scan": np.zeros((chunk, self.width), np.float32),
        }

    def alloc(self, asked: Asked) -> SsdState:
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
        kernels.ssd_scan(
            x, dt, w["a"], b, c, w["d"], w["dt_bias"], state.recurrent, state.scale, scan,
            dt_limit=(self.dt_low, self.dt_high),
        )  # fmt: skip
        self._gate(kernels, scan, z, y)

    def _gate(self, kernels: Kernels, scan: Array, z: Array, y: Array) -> None:
        if self.norm_eps is None:  # y = scan * silu(z)
            kernels.apply_gate(scan, z, y)
            return
        kernels.gated_rms_norm(
            scan, z, self.weights["norm"], y,
            eps=self.norm_eps, groups=self.norm_groups, norm_before_gate=self.norm_before_gate,
        )  # fmt: skip


@dataclass(frozen=True)
class ShortConv:
    """Gated short convolution (LFM2): y = c * conv(bx).

    Weights: conv_weight (width, K), conv_bias (width,).
    """

    width: int
    weights: dict[str, Array]
    kernels: ClassVar[tuple[str, ...]] = ("causal_conv",)
    tasks: ClassVar[tuple[str, ...]] = ("conv_task", "gate_task")

    def __post_init__(self) -> None:
        shapes = {"conv_weight": (self.width, -1), "conv_bias": (self.width,)}
        check_weights(self.weights, shapes)

    def buffers(self, chunk: int) -> Buffers:
        return {name: np.zeros((chunk, self.width), np.float32) for name in ("bx", "c")}

    def alloc(self, asked: Asked) -> ConvState:
        return ConvState.alloc(self.weights["conv_weight"].shape[1], self.width)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: ConvState, y: Array
    ) -> None:
        w = self.weights
        kernels.causal_conv(
            buffers["bx"][:length], w["conv_weight"], w["conv_bias"], state.conv, y, silu=False
        )
        y *= buffers["c"][:length]


@dataclass(frozen=True)
class GatedDelta:
    """Gated delta rule: convolution over q, k, v; scan; norm of each head of y, gated by z.

    Weights: conv_weight (conv_dim, K), conv_bias (conv_dim,), norm (width,). Decay and correction
    come ready from the segment.
    """

    k_heads: int
    v_heads: int
    k_dim: int
    v_dim: int
    norm_eps: float
    weights: dict[str, Array]
    gate: Literal["silu", "sigmoid"] = "silu"
    by_channel: bool = False  # one decay for each channel of the keys, not for each head
    kernels: ClassVar[tuple[str, ...]] = ("causal_conv", "gated_delta", "gated_rms_norm")
    tasks: ClassVar[tuple[str, ...]] = ("conv_task", "delta_gates_task", "delta_task", "norm_task")

    def __post_init__(self) -> None:
        conv = {"conv_weight": (self.conv_dim, -1), "conv_bias": (self.conv_dim,)}
        check_weights(self.weights, {**conv, "norm": (self.width,)})

    @property
    def width(self) -> int:
        return self.v_heads * self.v_dim

    @property
    def conv_dim(self) -> int:
        return 2 * self.k_heads * self.k_dim + self.width

    def buffers(self, chunk: int) -> Buffers:
        sizes = {
            "delta_qkv": self.conv_dim,
            "delta_mixed": self.conv_dim,
            "z": self.width,
            "scan": self.width,
            "g": self.v_heads * (self.k_dim if self.by_channel else 1),
            "beta": self.v_heads,
        }
        return {name: np.zeros((chunk, size), np.float32) for name, size in sizes.items()}

    def alloc(self, asked: Asked) -> DeltaState:
        taps = self.weights["conv_weight"].shape[1]
        return DeltaState.alloc(taps, self.conv_dim, self.v_heads, self.k_dim, self.v_dim)

    def run(
        self, kernels: Kernels, buffers: Buffers, length: int, state: DeltaState, y: Array
    ) -> None:
        w, keys = self.weights, self.k_heads * self.k_dim
        b = {name: buffer[:length] for name, buffer in buffers.items()}
        mixed = b["delta_mixed"]
        kernels.causal_conv(
            b["delta_qkv"], w["conv_weight"], w["conv_bias"], state.conv, mixed, silu=True
        )
        q, k, v = mixed[:, :keys], mixed[:, keys : 2 * keys], mixed[:, 2 * keys :]
        kernels.gated_delta(q, k, v, b["g"], b["beta"], state.recurrent, b["scan"])
        kernels.gated_rms_norm(
            b["scan"], b["z"], w["norm"], y,
            eps=self.norm_eps, groups=self.v_heads, norm_before_gate=True, gate=self.gate,
        )  # fmt: skip


def check_weights(weights: dict[str, Array], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise BundleDamaged unless each weight has its shape; -1 is 1..MAX_TAPS."""
    for name, shape in shapes.items():
        found = weights[name].shape if name in weights else ()
        if len(found) != len(shape) or not all(map(_fits, found, shape)):
            raise BundleDamaged(f"mixer weight {name} has shape {found}, expected {shape}")
        if weights[name].dtype != np.float32 or not weights[name].flags.c_contiguous:
            raise BundleDamaged(f"mixer weight {name} is {weights[name].dtype}, expected float32")


def _fits(found: int, expected: int) -> bool:
    return 1 <= found <= MAX_TAPS if expected == -1 else found == expected
