"""Elementary functions in NumPy, shared by the NumPy twins."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats

# The twins do as the compiled kernels: NaN and infinity propagate, nobody is warned on stderr.
honest = np.errstate(over="ignore", invalid="ignore")


def silu_inplace(x: Floats) -> None:
    """Replaces x by x * sigmoid(x); overflow of the exponential gives the right limit, 0."""
    x /= 1.0 + np.exp(-x)


def softplus(x: Floats) -> Floats:
    """log(1 + e**x), exact at both ends."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
