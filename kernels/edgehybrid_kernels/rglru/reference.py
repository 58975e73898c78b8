"""The RG-LRU in NumPy, for machines without Numba: gates at once, then token by token."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, sigmoid
from edgehybrid_kernels.rglru import check


@honest
def rg_lru(
    x: Floats,
    gate_a: Floats,
    gate_x: Floats,
    log_a: Floats,
    state: Floats,
    out: Floats,
    *,
    starts: bool,
) -> None:
    """See :class:`edgehybrid_kernels.rglru.RgLru`; bit-identical however cut."""
    tokens, _ = check(x, gate_a, gate_x, log_a, state, out)
    rate = sigmoid(gate_a) * log_a  # (T, C)
    decay = np.exp(rate)
    inputs = x * sigmoid(gate_x)
    scale = np.sqrt(np.maximum(1.0 - np.exp(2.0 * rate), 0.0))
    for token in range(tokens):
        if starts and token == 0:
            state[...] = inputs[0]
        else:
            state *= decay[token]
            state += inputs[token] * scale[token]
        out[token] = state
