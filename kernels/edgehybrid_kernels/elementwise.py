"""Elementary functions in NumPy, shared by the NumPy twins."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats

# The twins do as the compiled kernels: NaN and infinity propagate, nobody is warned on stderr.
honest = np.errstate(over="ignore", invalid="ignore")

# The tanh approximation of GELU (arXiv:1606.08415, section 2), written with a sigmoid.
GELU_SLOPE = 1.5957691216057308  # 2 sqrt(2 / pi)
GELU_CUBIC = 0.044715


def silu_inplace(x: Floats) -> None:
    """Replaces x by x * sigmoid(x); overflow of the exponential gives the right limit, 0."""
    x /= 1.0 + np.exp(-x)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e**-x)."""
    return np.float32(1.0) / (np.float32(1.0) + np.exp(-x))


def silu(x: Floats) -> Floats:
    """x * sigmoid(x)."""
    y = x.copy()
    silu_inplace(y)
    return y


def gelu_tanh(x: Floats) -> Floats:
    """The tanh approximation of GELU, as x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x**3))."""
    return x * sigmoid(np.float32(GELU_SLOPE) * x * (1.0 + np.float32(GELU_CUBIC) * (x * x)))


def softplus(x: Floats) -> Floats:
    """log(1 + e**x), exact at both ends."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
