"""Gating with Numba."""

from __future__ import annotations

from typing import Any

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.gate import ACTIVATIONS, Activation, check
from edgehybrid_kernels.jit import INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.program.views import matrix, word
from edgehybrid_kernels.simd import FLOAT_BYTES, LANES, Vector, load_first, store_first
from edgehybrid_kernels.vmath import gelu_tanh, sigmoid, silu

# y, z, out, activation, first, last
_SIGNATURE = (read_only(2), read_only(2), writable(2), INT, INT, INT)
_SILU, _SIGMOID, _GELU_TANH, _ = range(len(ACTIVATIONS))
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_INPUT = 0.0004


def apply_gate(y: Floats, z: Floats, out: Floats, *, activation: Activation = "silu") -> None:
    """See :class:`edgehybrid_kernels.gate.ApplyGate`."""
    tokens, _ = check(y, z, out, activation)
    work = y.size * _MICROSECONDS_PER_INPUT
    arguments = (y, z, out, ACTIVATIONS.index(activation))
    threads.run(gate_kernel, arguments, units=tokens, work=work)


@helper
def _activated(z: Vector, activation: int) -> Vector:
    if activation == _SILU:
        z = silu(z)
    elif activation == _SIGMOID:
        z = sigmoid(z)
    elif activation == _GELU_TANH:
        z = gelu_tanh(z)
    return z


@kernel(*_SIGNATURE)
def gate_kernel(y: Any, z: Any, out: Any, activation: int, first: int, last: int) -> None:
    """Rows first..last-1."""
    channels = y.shape[1]
    for token in range(first, last):
        y_at = y.ctypes.data + token * y.strides[0]
        z_at = z.ctypes.data + token * z.strides[0]
        out_at = out.ctypes.data + token * out.strides[0]
        for channel in range(0, channels, LANES):
            at, lanes = channel * FLOAT_BYTES, channels - channel
            gate = _activated(load_first(z_at + at, lanes), activation)
            store_first(out_at + at, load_first(y_at + at, lanes) * gate, lanes)


_gate = gate_kernel.function


@Task
def gate_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps."""
    _gate(matrix(at), matrix(at + 40), matrix(at + 80), word(at, 15), first, last)
