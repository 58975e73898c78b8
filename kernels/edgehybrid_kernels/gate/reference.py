"""Gating in NumPy, for machines without Numba."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import gelu_tanh, honest, sigmoid, silu
from edgehybrid_kernels.gate import Activation, check

_FUNCTIONS = {"silu": silu, "sigmoid": sigmoid, "gelu_tanh": gelu_tanh}


@honest
def apply_gate(y: Floats, z: Floats, out: Floats, *, activation: Activation = "silu") -> None:
    """See :class:`edgehybrid_kernels.gate.ApplyGate`."""
    check(y, z, out, activation)
    function = _FUNCTIONS.get(activation)
    np.multiply(y, z if function is None else function(z), out=out)
