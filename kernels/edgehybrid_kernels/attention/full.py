"""A cache that keeps every token, for models and comparisons without a router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgehybrid_kernels.attention.cache import (
    RoutedCache,
    check_at_least,
    check_like,
    padded_slots,
)
from edgehybrid_kernels.errors import KernelError

# A copy of half as much again each time it is full: at most three numbers copied per number kept.
_GROWTH = 1.5


class FullCache:
    """Keys and values of all tokens: memory grows with the stream, which is what routing avoids.

    It is a window that is made longer before anything would leave it, so kernels know no
    difference, and what was kept before a growth is kept bit for bit.

    Attributes:
        kept: the arrays, replaced by longer ones when they are full: hold on to the cache instead.
    """

    kept: RoutedCache

    def __init__(self, kept: RoutedCache) -> None:
        self.kept = kept

    @classmethod
    def alloc(
        cls, n_kv_heads: int, head_dim: int, *, value_dim: int | None = None, capacity: int = 256
    ) -> FullCache:
        """An empty cache.

        Args:
            n_kv_heads: Hk.
            head_dim: Dh.
            value_dim: Dv, ``head_dim`` unless told.
            capacity: tokens to make room for at once; the length of the stream, if it is known,
                spares the copying.

        Raises:
            KernelError: a size is out of range.
        """
        check_at_least(1, capacity=capacity)
        window = padded_slots(capacity)
        return cls(RoutedCache.alloc(n_kv_heads, head_dim, 0, window, 0, value_dim=value_dim))

    @property
    def n_kv_heads(self) -> int:
        """Hk."""
        return self.kept.n_kv_heads

    @property
    def head_dim(self) -> int:
        """Dh."""
        return self.kept.head_dim

    @property
    def value_dim(self) -> int:
        """Dv."""
        return self.kept.value_dim

    @property
    def seen(self) -> npt.NDArray[np.int64]:
        """(1,): tokens read so far, all of which are kept."""
        return self.kept.seen

    @property
    def capacity(self) -> int:
        """Tokens there is room for without growing."""
        return self.kept.slots

    @property
    def nbytes(self) -> int:
        """Bytes allocated now."""
        return self.kept.nbytes

    def slots_for(self, tokens: int) -> RoutedCache:
        """What a kernel reads and writes for so many more tokens; grows if they do not fit."""
        needed = int(self.seen[0]) + tokens
        if needed > self.capacity:
            self._grow(max(needed, int(self.capacity * _GROWTH)))
        return self.kept

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """What has to be saved, by name: (Hk, seen, Dh) keys, (Hk, seen, Dv) values and seen."""
        kept, seen = self.kept, int(self.seen[0])
        return {"keys": kept.keys[:, :seen], "values": kept.values[:, :seen], "seen": kept.seen}

    def restore(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Takes what :meth:`tensors` of a cache of the same sizes gave.

        Raises:
            KernelError: an array is missing or has another shape; nothing was changed.
        """
        if missing := {"keys", "values", "seen"} - tensors.keys():
            raise KernelError(f"{min(missing)} is missing, expected keys, values and seen")
        check_like("seen", tensors["seen"], self.seen)
        seen = int(tensors["seen"][0])
        if seen < 0:
            raise KernelError(f"seen is {seen}, expected a number of tokens")
        for name, dim in (("keys", self.head_dim), ("values", self.value_dim)):
            expected = (self.n_kv_heads, seen, dim)
            if tensors[name].shape != expected:
                raise KernelError(f"{name} has shape {tensors[name].shape}, expected {expected}")
        self.reset()
        _fill(self.slots_for(seen), tensors["keys"], tensors["values"])

    def rewind(self, seen: int) -> None:
        """Forgets all but the first ``seen`` tokens, bit for bit.

        Raises:
            KernelError: so many were not read.
        """
        now = int(self.seen[0])
        if not 0 <= seen <= now:
            raise KernelError(f"seen is {seen}, expected 0..{now}")
        self.kept.bias[:, seen:now] = -np.inf
        self.kept.score[:, seen:now] = 0
        self.kept.position[:, seen:now] = -1
        self.seen[0] = seen

    def reset(self) -> None:
        """Forgets all tokens; the memory stays."""
        self.kept.reset()

    def copy(self) -> FullCache:
        """An independent cache with the same content."""
        return FullCache(self.kept.copy())

    def _grow(self, capacity: int) -> None:
        sizes = (self.n_kv_heads, self.head_dim)
        longer = FullCache.alloc(*sizes, value_dim=self.value_dim, capacity=capacity).kept
        _fill(longer, self.tensors()["keys"], self.tensors()["values"])
        self.kept = longer


def _fill(kept: RoutedCache, keys: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
    """Enters the first tokens of an empty cache that is long enough for them."""
    seen = keys.shape[1]
    kept.keys[:, :seen] = keys
    kept.values[:, :seen] = values
    kept.bias[:, :seen] = 0.0
    kept.position[:, :seen] = np.arange(seen)
    kept.seen[0] = seen
