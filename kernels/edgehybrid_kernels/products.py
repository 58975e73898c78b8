"""Matrix products for the NumPy twins, in tiles that BLAS does not hand to threads of its own.

Two thread pools on two cores fight: while the stages of a model use both, OpenBLAS's threads wait
for each other, and products took up to 70 times as long on a busy machine. It computes products of
at most ``TILE`` multiplications on the thread that asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np

from edgehybrid_kernels.checks import Floats

#: SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD of OpenBLAS's interface/gemm.c.
TILE = 1 << 18


def multiply(left: Floats, right: Floats, out: Floats) -> None:
    """out = left @ right: (H, M, K), (H, K, N) and (H, M, N); the last may be a slice."""
    for rows, columns in _tiles(left.shape[1], right.shape[2], left.shape[2]):
        np.matmul(left[:, rows], right[:, :, columns], out=out[:, rows, columns])


def add_product(left: Floats, right: Floats, out: Floats) -> None:
    """out += left @ right, where K is the long side and N the short one."""
    for rows, inner in _tiles(left.shape[1], left.shape[2], right.shape[2]):
        out[:, rows] += left[:, rows, inner] @ right[:, inner]


def _tiles(rows: int, columns: int, depth: int) -> Iterator[tuple[slice, slice]]:
    """Parts of the first two axes, nearly square."""
    area = max(TILE // depth, 1)
    high = max(min(rows, isqrt(area)), 1)
    wide = max(area // high, 1)
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            yield slice(top, top + high), slice(left, left + wide)
