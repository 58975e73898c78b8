"""The RG-LRU with Numba: a vector of channels stays in a register for the whole call."""

from __future__ import annotations

from typing import Any

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import BOOL, INT, helper, kernel, read_only, writable
from edgehybrid_kernels.rglru import check
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    at_least,
    fma,
    load_first,
    splat,
    square_root,
    store_first,
)
from edgehybrid_kernels.vmath import exp, sigmoid

# x, gate_a, gate_x, log_a, state, out, starts, first, last
_SIGNATURE = (
    *(read_only(2), read_only(2), read_only(2), read_only(1), writable(1), writable(2)),
    *(BOOL, INT, INT),
)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_INPUT = 0.002


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
    """See :class:`edgehybrid_kernels.rglru.RgLru`; bit-identical however the tokens are cut."""
    _, channels = check(x, gate_a, gate_x, log_a, state, out)
    threads.run(
        rg_lru_kernel,
        (x, gate_a, gate_x, log_a, state, out, starts),
        units=-(-channels // LANES),
        work=x.size * _MICROSECONDS_PER_INPUT,
    )


@helper
def _moved(state: Vector, gate_a: Vector, log_a: Vector, inputs: Vector) -> Vector:
    """The state after a token; the larger of 0 keeps rounding from the root."""
    rate = sigmoid(gate_a) * log_a
    rest = at_least(splat(1.0) - exp(rate + rate), splat(0.0))
    return fma(state, exp(rate), inputs * square_root(rest))


@kernel(*_SIGNATURE)
def rg_lru_kernel(
    x: Any, gate_a: Any, gate_x: Any, log_a: Any, state: Any, out: Any, starts: bool,
    first: int, last: int,
) -> None:  # fmt: skip
    """Vectors first..last-1 of channels, every token."""
    tokens, channels = x.shape
    for channel in range(first * LANES, min(last * LANES, channels), LANES):
        at, lanes = channel * FLOAT_BYTES, channels - channel
        rates = load_first(log_a.ctypes.data + at, lanes)
        moved = load_first(state.ctypes.data + at, lanes)
        for token in range(tokens):
            gate = load_first(gate_x.ctypes.data + token * gate_x.strides[0] + at, lanes)
            inputs = load_first(x.ctypes.data + token * x.strides[0] + at, lanes) * sigmoid(gate)
            gate = load_first(gate_a.ctypes.data + token * gate_a.strides[0] + at, lanes)
            moved = inputs if starts and token == 0 else _moved(moved, gate, rates, inputs)
            store_first(out.ctypes.data + token * out.strides[0] + at, moved, lanes)
        store_first(state.ctypes.data + at, moved, lanes)
