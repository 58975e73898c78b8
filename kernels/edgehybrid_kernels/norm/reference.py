"""Gated RMS normalisation in NumPy, for machines without Numba."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, silu_inplace
from edgehybrid_kernels.norm import check


@honest
def gated_rms_norm(
    y: Floats,
    z: Floats,
    weight: Floats,
    out: Floats,
    *,
    eps: float,
    groups: int,
    norm_before_gate: bool = False,
) -> None:
    """See :class:`edgehybrid_kernels.norm.GatedRmsNorm`; rows do not depend on each other."""
    tokens, channels = check(y, z, weight, out, groups)
    gate = z.copy()
    silu_inplace(gate)
    values = y if norm_before_gate else y * gate
    grouped = values.reshape(tokens, groups, channels // groups)
    mean_square = np.mean(grouped * grouped, axis=2, keepdims=True)
    normed = (grouped / np.sqrt(mean_square + np.float32(eps))).reshape(tokens, channels)
    np.multiply(normed, weight, out=out)
    if norm_before_gate:
        out *= gate
