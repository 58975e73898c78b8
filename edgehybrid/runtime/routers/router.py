"""What a router is, and what a layer is asked to keep."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edgehybrid_kernels import RoutedCache

Array = NDArray[np.float32]


class Alloc(Protocol):
    """How a policy makes its cache."""

    def __call__(
        self,
        n_kv_heads: int,
        head_dim: int,
        sinks: int,
        window: int,
        budget: int | Sequence[int],
        *,
        value_dim: int | None = None,
        weights: Array | None = None,
    ) -> RoutedCache:
        """An empty cache of `sinks + window + budget` tokens per KV head.

        Args:
            n_kv_heads: Hk.
            head_dim: Dh.
            sinks: first tokens that are kept for ever.
            window: last tokens that are kept.
            budget: tokens kept of those that left the window, of all KV heads or of each.
            value_dim: Dv, `head_dim` unless told.
            weights: (Hk, Dh + Dv) float32 of a fitted router; None for others.

        Raises:
            KernelError: a size is out of range, or weights are missing or too much.
        """


class Router(NamedTuple):
    """A policy: its name, and how its caches are made."""

    name: str
    alloc: Alloc


class Asked(NamedTuple):
    """What one layer is asked to keep; None for what its model was trained with.

    Attributes:
        budget: tokens, of all KV heads or of each.
        router: the policy.
        weights: (Hk, Dh + Dv) of a fitted router.
    """

    budget: int | tuple[int, ...] | None = None
    router: Router | None = None
    weights: Array | None = None


def scored_by(policy: str) -> Router:
    """The router whose tokens kernels score by `policy`, see `edgehybrid_kernels.routing`."""
    return Router(policy, partial(RoutedCache.alloc, policy=policy))
