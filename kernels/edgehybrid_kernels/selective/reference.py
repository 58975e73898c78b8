"""The selective scan in NumPy, for machines without Numba: token by token."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, softplus
from edgehybrid_kernels.selective import check


@honest
def selective_scan(
    x: Floats,
    dt: Floats,
    a: Floats,
    b: Floats,
    c: Floats,
    d: Floats,
    dt_bias: Floats,
    state: Floats,
    out: Floats,
) -> None:
    """See :class:`edgehybrid_kernels.selective.SelectiveScan`; bit-identical however cut."""
    tokens, _, _ = check(x, dt, a, b, c, d, dt_bias, state, out)
    step = softplus(dt + dt_bias)  # (T, C)
    inputs, skip = step * x, d * x  # before out is written: it may be x
    for token in range(tokens):
        state *= np.exp(step[token] * a)
        state += b[token][:, None] * inputs[token]
        # Not a matrix product: how BLAS sums may depend on how far rows lie apart.
        out[token] = np.sum(c[token][:, None] * state, axis=0) + skip[token]
