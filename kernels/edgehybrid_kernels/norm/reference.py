"""Gated RMS normalisation in NumPy, for machines without Numba."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, sigmoid, silu
from edgehybrid_kernels.norm import Gate, check


@honest
def gated_rms_norm(
    y: Floats,
    z: Floats | None,
    weight: Floats | None,
    out: Floats,
    *,
    eps: float,
    groups: int,
    norm_before_gate: bool = False,
    gate: Gate = "silu",
) -> None:
    """See :class:`edgehybrid_kernels.norm.GatedRmsNorm`; rows do not depend on each other."""
    tokens, channels, _ = check(y, z, weight, out, groups, gate)
    gates = None if z is None else (silu if gate == "silu" else sigmoid)(z)
    values = y if norm_before_gate or gates is None else y * gates
    grouped = values.reshape(tokens, groups, channels // groups)
    mean_square = np.mean(grouped * grouped, axis=2, keepdims=True)
    normed = grouped / np.sqrt(mean_square + np.float32(eps))
    if weight is not None:
        normed *= weight.reshape(-1, channels // groups)  # of every group, or of all
    out[...] = normed.reshape(tokens, channels)
    if norm_before_gate and gates is not None:
        out *= gates
