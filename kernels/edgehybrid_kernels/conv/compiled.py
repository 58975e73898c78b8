"""Causal convolution with Numba: channels in vectors, tokens in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.conv import check
from edgehybrid_kernels.jit import BOOL, INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.program.views import matrix, vector, word
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    fma,
    load_first,
    load_scalar,
    store_first,
    store_scalar,
)
from edgehybrid_kernels.vmath import silu as silu_of

# x, weight, bias, state, out, taps (scratch: weight transposed), silu, first, last
_SIGNATURE = (
    read_only(2),
    read_only(2),
    read_only(1),
    writable(2),
    writable(2),
    writable(2),
    BOOL,
    INT,
    INT,
)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_INPUT = 0.0008


def causal_conv(
    x: Floats, weight: Floats, bias: Floats, state: Floats, out: Floats, *, silu: bool
) -> None:
    """See :class:`edgehybrid_kernels.conv.CausalConv`; bit-identical however x is cut."""
    tokens, channels, taps = check(x, weight, bias, state, out)
    scratch = np.empty((taps, channels), np.float32)
    threads.run(
        conv_kernel,
        (x, weight, bias, state, out, scratch, silu),
        units=-(-channels // LANES),
        work=tokens * channels * _MICROSECONDS_PER_INPUT,
    )


@helper
def _transpose(weight: int, taps: int, n_taps: int, channels: int, first: int, last: int) -> None:
    """weight (C, K) -> taps (K, C), so that one tap of neighbouring channels is one vector."""
    for channel in range(first, last):
        for tap in range(n_taps):
            value = load_scalar(weight + (channel * n_taps + tap) * FLOAT_BYTES)
            store_scalar(taps + (tap * channels + channel) * FLOAT_BYTES, value)


@helper
def _move_state(
    x: int, row: int, tokens: int, state: int, width: int, kept: int, span: Any
) -> None:
    """Shifts in the last inputs, oldest first, so that no row is read after it was replaced."""
    first, last = span
    for index in range(kept):
        source = x + (tokens - kept + index) * row
        if tokens + index < kept:
            source = state + (tokens + index) * width
        for channel in range(first, last, LANES):
            at = channel * FLOAT_BYTES
            store_first(
                state + index * width + at, load_first(source + at, last - channel), last - channel
            )


@helper
def _convolve(
    x: Any, taps: Any, bias: Any, state: Any, out: Any, silu: bool, span: Any, keep: bool
) -> None:
    """Channels of a span, every token, with taps (K, C)."""
    tokens, channels = x.shape
    n_taps = taps.shape[0]
    width = channels * FLOAT_BYTES
    x_at, x_row = x.ctypes.data, x.strides[0]
    state_at, taps_at, bias_at = state.ctypes.data, taps.ctypes.data, bias.ctypes.data
    first, last = span
    for token in range(tokens):
        out_at = out.ctypes.data + token * out.strides[0]
        for channel in range(first, last, LANES):
            at = channel * FLOAT_BYTES
            lanes = last - channel
            total = load_first(bias_at + at, lanes)
            for tap in range(n_taps):
                source = x_at + (token + tap - n_taps + 1) * x_row
                if token + tap < n_taps - 1:
                    source = state_at + (token + tap) * width
                of_tap = load_first(taps_at + tap * width + at, lanes)
                total = fma(of_tap, load_first(source + at, lanes), total)
            if silu:
                total = silu_of(total)
            store_first(out_at + at, total, lanes)
    if keep:
        _move_state(x_at, x_row, tokens, state_at, width, n_taps - 1, (first, last))


@kernel(*_SIGNATURE)
def conv_kernel(
    x: Any, weight: Any, bias: Any, state: Any, out: Any, taps: Any, silu: bool,
    first: int, last: int,
) -> None:  # fmt: skip
    """Vectors first..last-1 of channels, every token."""
    channels, n_taps = weight.shape
    first, last = first * LANES, min(last * LANES, channels)
    _transpose(weight.ctypes.data, taps.ctypes.data, n_taps, channels, first, last)
    _convolve(x, taps, bias, state, out, silu, (first, last), True)


@Task
def conv_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps, but with taps (K, C).

    The last word says whether the state is kept.
    """
    x, taps, bias, state = matrix(at), matrix(at + 40), vector(at + 80), matrix(at + 104)
    out, silu, keep = matrix(at + 144), word(at, 23) != 0, word(at, 24) != 0
    span = (first * LANES, min(last * LANES, x.shape[1]))
    _convolve(x, taps, bias, state, out, silu, span, keep)
