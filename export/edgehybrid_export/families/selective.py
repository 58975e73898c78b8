"""Mamba-1 mixers, as transformers names their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import convolution, linear
from edgehybrid_export.spec import Norm, SelectiveMixer


@dataclass(frozen=True)
class SelectiveShape:
    """Sizes of a Mamba-1 mixer; `rank` is how narrow the steps are before dt_proj."""

    hidden: int
    inner: int
    d_state: int
    rank: int
    taps: int
    bias: bool = False
    conv_bias: bool = True


def dt_rank(ckpt: Checkpoint, name: str) -> int:
    """The field, where "auto" is a sixteenth of the hidden size."""
    value = ckpt.field(name, "auto")
    return math.ceil(ckpt.field("hidden_size") / 16) if value == "auto" else int(value)


def selective(
    ckpt: Checkpoint,
    prefix: str,
    shape: SelectiveShape,
    norms: tuple[Norm, Norm, Norm] | None = None,
) -> SelectiveMixer:
    """in_proj, conv1d, x_proj, dt_proj, A_log, D, out_proj; `norms` are of dt, B, C."""
    inner, d_state, rank, bias = shape.inner, shape.d_state, shape.rank, shape.bias
    weight, offset = convolution(ckpt, f"{prefix}.conv1d", inner, shape.taps, bias=shape.conv_bias)
    a_log = ckpt.tensor(f"{prefix}.A_log", (inner, d_state))
    return SelectiveMixer(
        in_proj=linear(ckpt, f"{prefix}.in_proj", shape.hidden, 2 * inner, bias=bias),
        conv_weight=weight,
        conv_bias=offset,
        x_proj=linear(ckpt, f"{prefix}.x_proj", inner, rank + 2 * d_state),
        dt_proj=linear(ckpt, f"{prefix}.dt_proj", rank, inner),
        a=np.ascontiguousarray(-np.exp(a_log).T),
        d=ckpt.tensor(f"{prefix}.D", (inner,)),
        dt_bias=ckpt.tensor(f"{prefix}.dt_proj.bias", (inner,)),
        out_proj=linear(ckpt, f"{prefix}.out_proj", inner, shape.hidden, bias=bias),
        norms=norms,
    )
