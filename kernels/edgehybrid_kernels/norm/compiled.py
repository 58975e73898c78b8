"""Gated RMS normalisation with Numba: two passes over each group of each row.

Squares are summed in LANES partial sums which are then folded as a tree, an order that depends on
the width of the group only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import FLOAT, INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.norm import Gate, check
from edgehybrid_kernels.program.views import matrix, number, vector, word
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    fma,
    load_first,
    splat,
    store_first,
    total,
)
from edgehybrid_kernels.vmath import sigmoid, silu

# y, z, weight, out, eps, groups, weight_step (columns from group to group), mode, first, last
_SIGNATURE = (read_only(2), read_only(2), read_only(1), writable(2), FLOAT, *[INT] * 5)
# Bits of mode.
_GATED, _SIGMOID, _GATE_LAST, _WEIGHTED = 1, 2, 4, 8
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_INPUT = 0.0005


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
    """See :class:`edgehybrid_kernels.norm.GatedRmsNorm`."""
    tokens, channels, shared = check(y, z, weight, out, groups, gate)
    mode = _SIGMOID if gate == "sigmoid" else 0
    mode |= _GATE_LAST if norm_before_gate else 0
    mode |= (0 if z is None else _GATED) | (0 if weight is None else _WEIGHTED)
    threads.run(
        norm_kernel,
        (
            *(y, y if z is None else z, y[:0].ravel() if weight is None else weight, out),
            *(eps, groups, 0 if shared else channels // groups, mode),
        ),
        units=tokens,
        work=tokens * channels * _MICROSECONDS_PER_INPUT,
    )


@helper
def _gated(value: Vector, z: int, lanes: int, mode: int) -> Vector:
    gate = load_first(z, lanes)
    return value * (sigmoid(gate) if mode & _SIGMOID else silu(gate))


@helper
def _weighted(value: Vector, weight: int, lanes: int, mode: int) -> Vector:
    return value * load_first(weight, lanes) if mode & _WEIGHTED else value


@helper
def _gate_then_norm(at: Any, width: int, eps: float, mode: int) -> None:
    """One group: out holds y * act(z) between the passes."""
    y, z, weight, out = at
    squares = splat(0.0)
    for channel in range(0, width, LANES):
        here, lanes = channel * FLOAT_BYTES, width - channel
        gated = _gated(load_first(y + here, lanes), z + here, lanes, mode)
        squares = fma(gated, gated, squares)
        store_first(out + here, gated, lanes)
    scale = splat(_inverse_rms(total(squares), width, eps))
    for channel in range(0, width, LANES):
        here, lanes = channel * FLOAT_BYTES, width - channel
        normed = load_first(out + here, lanes) * scale
        store_first(out + here, _weighted(normed, weight + here, lanes, mode), lanes)


@helper
def _norm_then_gate(at: Any, width: int, eps: float, mode: int) -> None:
    """One group, normalised before it is gated, if it is."""
    y, z, weight, out = at
    squares = splat(0.0)
    for channel in range(0, width, LANES):
        value = load_first(y + channel * FLOAT_BYTES, width - channel)
        squares = fma(value, value, squares)
    scale = splat(_inverse_rms(total(squares), width, eps))
    for channel in range(0, width, LANES):
        here, lanes = channel * FLOAT_BYTES, width - channel
        normed = load_first(y + here, lanes) * scale
        normed = _weighted(normed, weight + here, lanes, mode)
        if mode & _GATED:
            normed = _gated(normed, z + here, lanes, mode)
        store_first(out + here, normed, lanes)


@helper
def _inverse_rms(sum_of_squares: float, width: int, eps: float) -> Any:
    mean_square = np.float32(sum_of_squares) / np.float32(width)
    return np.float32(1.0) / np.sqrt(mean_square + np.float32(eps))


@kernel(*_SIGNATURE)
def norm_kernel(
    y: Any, z: Any, weight: Any, out: Any, eps: float, groups: int, weight_step: int, mode: int,
    first: int, last: int,
) -> None:  # fmt: skip
    """Rows first..last-1."""
    width = y.shape[1] // groups
    for token in range(first, last):
        for group in range(groups):
            here = group * width * FLOAT_BYTES
            at = (
                y.ctypes.data + token * y.strides[0] + here,
                z.ctypes.data + token * z.strides[0] + here,
                weight.ctypes.data + group * weight_step * FLOAT_BYTES,
                out.ctypes.data + token * out.strides[0] + here,
            )
            if mode & _GATED and not mode & _GATE_LAST:
                _gate_then_norm(at, width, eps, mode)
            else:
                _norm_then_gate(at, width, eps, mode)


_normalise = norm_kernel.function


@Task
def norm_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps."""
    y, z, weight, out = matrix(at), matrix(at + 40), vector(at + 80), matrix(at + 104)
    groups, weight_step, mode = word(at, 19), word(at, 20), word(at, 21)
    _normalise(y, z, weight, out, number(at, 18), groups, weight_step, mode, first, last)
