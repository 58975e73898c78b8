"""Mamba-2 mixers, as transformers names their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.families.parts import convolution, linear, norm, scaled
from edgehybrid_export.mixer_spec import NO_LIMIT, SsdMixer
from edgehybrid_export.weights import Array


@dataclass(frozen=True)
class SsdShape:
    """Sizes of a Mamba-2 mixer; `parts_times` multiply z, x, B, C, dt, `out_times` the result."""

    hidden: int
    heads: int
    head_dim: int
    d_state: int
    groups: int
    taps: int
    eps: float
    bias: bool = False
    out_bias: bool = False
    conv_bias: bool = True
    normed: bool = True
    norm_before_gate: bool = False
    dt_limit: tuple[float, float] = NO_LIMIT
    parts_times: tuple[float, float, float, float, float] = (1, 1, 1, 1, 1)
    out_times: float = 1

    @classmethod
    def of(cls, ckpt: Checkpoint, **changes: Any) -> SsdShape:
        """As the fields mamba_n_heads, mamba_d_head and so on say."""
        hidden, heads = ckpt.field("hidden_size"), ckpt.field("mamba_n_heads")
        head_dim = ckpt.field("mamba_d_head", "auto")
        if head_dim == "auto":
            head_dim = ckpt.field("mamba_expand") * hidden // heads
        bias = bool(ckpt.field("mamba_proj_bias", False))
        usual: dict[str, Any] = {
            "hidden": hidden,
            "heads": heads,
            "head_dim": head_dim,
            "d_state": ckpt.field("mamba_d_state"),
            "groups": ckpt.field("mamba_n_groups"),
            "taps": ckpt.field("mamba_d_conv"),
            "eps": ckpt.field("rms_norm_eps"),
            "bias": bias,
            "out_bias": bias,
            "conv_bias": bool(ckpt.field("mamba_conv_bias", True)),
            "dt_limit": limits(ckpt),
        }
        return cls(**usual | changes)

    @property
    def inner(self) -> int:
        """Columns of x."""
        return self.heads * self.head_dim

    def columns(self) -> Array:
        """One multiplier for each output of in_proj."""
        state = self.groups * self.d_state
        sizes = (self.inner, self.inner, state, state, self.heads)
        return np.repeat(np.array(self.parts_times, np.float32), sizes)


def ssd(ckpt: Checkpoint, prefix: str, shape: SsdShape) -> SsdMixer:
    """in_proj, conv1d, dt_bias, A_log, D, norm, out_proj as transformers names them."""
    inner, heads = shape.inner, shape.heads
    conv = inner + 2 * shape.groups * shape.d_state
    in_proj = linear(ckpt, f"{prefix}.in_proj", shape.hidden, inner + conv + heads, bias=shape.bias)
    weight, bias = convolution(ckpt, f"{prefix}.conv1d", conv, shape.taps, bias=shape.conv_bias)
    return SsdMixer(
        in_proj=scaled(in_proj, shape.columns()),
        conv_weight=weight,
        conv_bias=bias,
        a=-np.exp(ckpt.tensor(f"{prefix}.A_log", (heads,))),
        d=ckpt.tensor(f"{prefix}.D", (heads,)),
        dt_bias=ckpt.tensor(f"{prefix}.dt_bias", (heads,)),
        norm=norm(ckpt, f"{prefix}.norm", inner, shape.eps) if shape.normed else None,
        out_proj=linear(
            ckpt, f"{prefix}.out_proj", inner, shape.hidden,
            bias=shape.out_bias, times=shape.out_times,
        ),
        head_dim=shape.head_dim,
        d_state=shape.d_state,
        n_groups=shape.groups,
        norm_groups=shape.groups,
        norm_before_gate=shape.norm_before_gate,
        dt_limit=shape.dt_limit,
    )  # fmt: skip


def limits(ckpt: Checkpoint, name: str = "time_step_limit") -> tuple[float, float]:
    """Lowest and highest step; the field may be absent, and write infinity as an object."""
    value = ckpt.field(name, None)
    if value is None:
        return NO_LIMIT
    try:
        low, high = (float(v["__float__"] if isinstance(v, dict) else v) for v in value)
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{name} is {value!r}, expected two numbers") from error
    return low, high
