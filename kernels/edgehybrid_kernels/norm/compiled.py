"""Gated RMS normalisation with Numba: two passes over each group of each row.

Squares are summed in LANES partial sums which are then folded as a tree, an order that depends on
the width of the group only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import BOOL, FLOAT, INT, helper, kernel, read_only, writable
from edgehybrid_kernels.norm import check
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    fma,
    load_first,
    splat,
    store_first,
    total,
)
from edgehybrid_kernels.vmath import silu

# y, z, weight, out, eps, groups, norm_before_gate, first, last
_SIGNATURE = (read_only(2), read_only(2), read_only(1), writable(2), FLOAT, INT, BOOL, INT, INT)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_INPUT = 0.0005


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
    """See :class:`edgehybrid_kernels.norm.GatedRmsNorm`."""
    tokens, channels = check(y, z, weight, out, groups)
    threads.run(
        norm_kernel,
        (y, z, weight, out, eps, groups, norm_before_gate),
        units=tokens,
        work=tokens * channels * _MICROSECONDS_PER_INPUT,
    )


@helper
def _gate_then_norm(y: int, z: int, weight: int, out: int, width: int, eps: float) -> None:
    """One group: out holds y * silu(z) between the passes."""
    squares = splat(0.0)
    for channel in range(0, width, LANES):
        at, lanes = channel * FLOAT_BYTES, width - channel
        gated = load_first(y + at, lanes) * silu(load_first(z + at, lanes))
        squares = fma(gated, gated, squares)
        store_first(out + at, gated, lanes)
    scale = splat(_inverse_rms(total(squares), width, eps))
    for channel in range(0, width, LANES):
        at, lanes = channel * FLOAT_BYTES, width - channel
        normed = load_first(out + at, lanes) * scale
        store_first(out + at, normed * load_first(weight + at, lanes), lanes)


@helper
def _norm_then_gate(y: int, z: int, weight: int, out: int, width: int, eps: float) -> None:
    """One group, normalised before it is gated."""
    squares = splat(0.0)
    for channel in range(0, width, LANES):
        value = load_first(y + channel * FLOAT_BYTES, width - channel)
        squares = fma(value, value, squares)
    scale = splat(_inverse_rms(total(squares), width, eps))
    for channel in range(0, width, LANES):
        at, lanes = channel * FLOAT_BYTES, width - channel
        normed = load_first(y + at, lanes) * scale * load_first(weight + at, lanes)
        store_first(out + at, normed * silu(load_first(z + at, lanes)), lanes)


@helper
def _inverse_rms(sum_of_squares: float, width: int, eps: float) -> Any:
    mean_square = np.float32(sum_of_squares) / np.float32(width)
    return np.float32(1.0) / np.sqrt(mean_square + np.float32(eps))


@kernel(*_SIGNATURE)
def norm_kernel(
    y: Any, z: Any, weight: Any, out: Any, eps: float, groups: int, norm_before_gate: bool,
    first: int, last: int,
) -> None:  # fmt: skip
    """Rows first..last-1."""
    width = y.shape[1] // groups
    for token in range(first, last):
        for group in range(groups):
            at = group * width * FLOAT_BYTES
            y_at = y.ctypes.data + token * y.strides[0] + at
            z_at = z.ctypes.data + token * z.strides[0] + at
            out_at = out.ctypes.data + token * out.strides[0] + at
            weight_at = weight.ctypes.data + at
            if norm_before_gate:
                _norm_then_gate(y_at, z_at, weight_at, out_at, width, eps)
            else:
                _gate_then_norm(y_at, z_at, weight_at, out_at, width, eps)
