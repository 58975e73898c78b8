"""Sinks and window alone (Xiao et al. 2023, arXiv:2309.17453): the last tokens deserve it.

What others would route makes the window longer, so that memory is the same. Keys keep the rotation
of the place they were read at, in models with rotary positions; the paper numbers places anew
within the cache, which is no part of this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.routers.router import Router
from edgehybrid_kernels import KernelError, RoutedCache


def alloc(
    n_kv_heads: int,
    head_dim: int,
    sinks: int,
    window: int,
    budget: int | Sequence[int],
    *,
    value_dim: int | None = None,
    weights: NDArray[np.float32] | None = None,
) -> RoutedCache:
    """See `edgehybrid.runtime.routers.router.Alloc`.

    Raises:
        KernelError: also where budgets of KV heads differ: there is one window for all.
    """
    budgets = {budget} if isinstance(budget, int) else {*budget}
    if len(budgets) > 1:
        raise KernelError(f"budgets are {budget}, but a window is one for all kv heads")
    if weights is not None:
        raise KernelError("weights are given, but a window has none")
    wide = window + max(budgets, default=0)
    return RoutedCache.alloc(n_kv_heads, head_dim, sinks, wide, 0, value_dim=value_dim)


ROUTER = Router("window", alloc)
