"""Causal convolution in NumPy, for machines without Numba."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.conv import check
from edgehybrid_kernels.elementwise import honest, silu_inplace


@honest
def causal_conv(
    x: Floats, weight: Floats, bias: Floats, state: Floats, out: Floats, *, silu: bool
) -> None:
    """See :class:`edgehybrid_kernels.conv.CausalConv`.

    Bit-identical however the sequence is cut: each output is the same sum over taps.
    """
    tokens, _, taps = check(x, weight, bias, state, out)
    inputs = np.concatenate([state, x])  # (K - 1 + T, C)
    out[...] = bias
    for tap in range(taps):
        out += inputs[tap : tap + tokens] * weight[:, tap]
    if silu:
        silu_inplace(out)
    state[...] = inputs[tokens:]
