"""Rotary position embedding in NumPy, for machines without Numba."""

from __future__ import annotations

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest
from edgehybrid_kernels.rope import check


@honest
def rotate(x: Floats, cos: Floats, sin: Floats, out: Floats, *, head_dim: int) -> None:
    """See :class:`edgehybrid_kernels.rope.Rotate`; rows do not depend on each other."""
    tokens, heads, _, pairs = check(x, cos, sin, out, head_dim)
    turned = x.reshape(tokens, heads, head_dim).copy()  # (T, H, Dh)
    low, high = turned[:, :, :pairs].copy(), turned[:, :, pairs : 2 * pairs].copy()
    turned[:, :, :pairs] = low * cos[:, None] - high * sin[:, None]
    turned[:, :, pairs : 2 * pairs] = high * cos[:, None] + low * sin[:, None]
    out[...] = turned.reshape(x.shape)
