"""Rotary position embedding with Numba: pairs of channels in vectors."""

from __future__ import annotations

from typing import Any

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.program.views import matrix, word
from edgehybrid_kernels.rope import check
from edgehybrid_kernels.simd import FLOAT_BYTES, LANES, fma, load_first, splat, store_first

# x, cos, sin, out, head_dim, first, last
_SIGNATURE = (read_only(2), read_only(2), read_only(2), writable(2), INT, INT, INT)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_INPUT = 0.0002


def rotate(x: Floats, cos: Floats, sin: Floats, out: Floats, *, head_dim: int) -> None:
    """See :class:`edgehybrid_kernels.rope.Rotate`; rows do not depend on each other."""
    tokens, _, _, _ = check(x, cos, sin, out, head_dim)
    work = x.size * _MICROSECONDS_PER_INPUT
    threads.run(rotate_kernel, (x, cos, sin, out, head_dim), units=tokens, work=work)


@helper
def _rotate_head(x: int, cos: int, sin: int, out: int, pairs: int) -> None:
    half = pairs * FLOAT_BYTES
    for pair in range(0, pairs, LANES):
        at, lanes = pair * FLOAT_BYTES, pairs - pair
        low, high = load_first(x + at, lanes), load_first(x + half + at, lanes)
        c, s = load_first(cos + at, lanes), load_first(sin + at, lanes)
        store_first(out + at, fma(low, c, splat(0.0) - high * s), lanes)
        store_first(out + half + at, fma(low, s, high * c), lanes)


@helper
def _copy(x: int, out: int, first: int, last: int) -> None:
    for channel in range(first, last, LANES):
        at, lanes = channel * FLOAT_BYTES, last - channel
        store_first(out + at, load_first(x + at, lanes), lanes)


@kernel(*_SIGNATURE)
def rotate_kernel(
    x: Any, cos: Any, sin: Any, out: Any, head_dim: int, first: int, last: int
) -> None:
    """Rows first..last-1."""
    pairs = cos.shape[1]
    for token in range(first, last):
        cos_at = cos.ctypes.data + token * cos.strides[0]
        sin_at = sin.ctypes.data + token * sin.strides[0]
        for channel in range(0, x.shape[1], head_dim):
            x_at = x.ctypes.data + token * x.strides[0] + channel * FLOAT_BYTES
            out_at = out.ctypes.data + token * out.strides[0] + channel * FLOAT_BYTES
            _rotate_head(x_at, cos_at, sin_at, out_at, pairs)
            _copy(x_at, out_at, 2 * pairs, head_dim)


_rotate = rotate_kernel.function


@Task
def rotate_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps."""
    x, cos, sin, out = matrix(at), matrix(at + 40), matrix(at + 80), matrix(at + 120)
    _rotate(x, cos, sin, out, word(at, 20), first, last)
