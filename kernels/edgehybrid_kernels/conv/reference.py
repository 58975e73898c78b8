"""Causal convolution in NumPy, for machines without Numba."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.conv import check
from edgehybrid_kernels.elementwise import honest, silu_inplace

_ROWS = 64  # a block and its products stay in the second-level cache


@honest
def causal_conv(
    x: Floats, weight: Floats, bias: Floats, state: Floats, out: Floats, *, silu: bool
) -> None:
    """See :class:`edgehybrid_kernels.conv.CausalConv`.

    Bit-identical however the sequence is cut: each output is the same sum over taps.
    """
    tokens, channels, taps = check(x, weight, bias, state, out)
    inputs = np.concatenate([state, x])  # (K - 1 + T, C)
    by_tap = np.ascontiguousarray(weight.T)  # (K, C)
    product = np.empty((min(tokens, _ROWS), channels), np.float32)
    for first in range(0, tokens, _ROWS):
        y = out[first : first + _ROWS]
        y[...] = bias
        part = product[: len(y)]
        for tap in range(taps):
            np.multiply(inputs[first + tap : first + tap + len(y)], by_tap[tap], out=part)
            y += part
        if silu:
            silu_inplace(y)
    state[...] = inputs[tokens:]
