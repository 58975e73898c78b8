"""Mamba-1 mixers, as transformers names their parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import convolution, linear
from edgehybrid_export.spec import Norm, SelectiveMixer


@dataclass(frozen=True)
class SelectiveShape:
    """Sizes of a Mamba-1 mixer; `inner` channels, `rank` numbers for dt before it is widened."""

    hidden: int
    inner: int
    d_state: int
    rank: int
    taps: int
    bias: bool = False
    conv_bias: bool = True


def selective(
    ckpt: Checkpoint,
    prefix: str,
    shape: SelectiveShape,
    norms: tuple[Norm, Norm, Norm] | None = None,
) -> SelectiveMixer:
    """in_proj, conv1d, x_proj, dt_proj, A_log, D, out_proj; `norms` are of dt, B and C."""
    inner, states = shape.inner, shape.d_state
    weight, bias = convolution(ckpt, f"{prefix}.conv1d", inner, shape.taps, bias=shape.conv_bias)
    rates = -np.exp(ckpt.tensor(f"{prefix}.A_log", (inner, states)))
    return SelectiveMixer(
        in_proj=linear(ckpt, f"{prefix}.in_proj", shape.hidden, 2 * inner, bias=shape.bias),
        conv_weight=weight,
        conv_bias=bias,
        x_proj=linear(ckpt, f"{prefix}.x_proj", inner, shape.rank + 2 * states),
        dt_proj=linear(ckpt, f"{prefix}.dt_proj", shape.rank, inner),
        a=np.ascontiguousarray(rates.T),
        d=ckpt.tensor(f"{prefix}.D", (inner,)),
        dt_bias=ckpt.tensor(f"{prefix}.dt_proj.bias", (inner,)),
        out_proj=linear(ckpt, f"{prefix}.out_proj", inner, shape.hidden, bias=shape.bias),
        norms=norms,
    )


def rank_of(ckpt: Checkpoint, field: str) -> int:
    """The rank of dt: a number, or "auto": a sixteenth of the hidden size, rounded up."""
    rank = ckpt.field(field, "auto")
    return -(-ckpt.field("hidden_size") // 16) if rank == "auto" else int(rank)
