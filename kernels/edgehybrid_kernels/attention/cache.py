"""What streaming attention remembers: one array of slots per kv head, allocated once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgehybrid_kernels.checks import Floats, check_array
from edgehybrid_kernels.errors import KernelError
from edgehybrid_kernels.routing import CHANGING, POLICIES, STATS

#: More tokens than any stream will see, with room left in every integer that counts them.
MAX_SEEN = 1 << 60

# Slots are padded to pairs of the widest vectors, so that kernels never meet a ragged end.
_SLOT_MULTIPLE = 32


@dataclass(frozen=True, eq=False)
class RoutedCache:
    """Slots in the order [sinks | window ring | routed], S = sinks + window + budget of them.

    Regions fill from their first slot and never shrink, so the occupied slots are a prefix of S.
    A token at position p >= sinks is in ring slot (p - sinks) mod window while it is in the window.
    Keys are stored with the head dimension outermost, (Hk, Dh, padded S), so that a kernel finds
    the same dimension of neighbouring slots in one vector; ``keys`` is the view of it one expects.
    With neither sinks nor a budget it is plain sliding window attention.

    Attributes:
        keys: (Hk, S, Dh) float32.
        values: (Hk, S, Dv) float32.
        bias: (Hk, S) float32: 0, log sigmoid(score) where routed, -inf where empty.
        score: (Hk, S) float32, 0 where empty.
        position: (Hk, S) int64, -1 where empty.
        heap: (Hk, budget) int32: routed slots as a binary min-heap on (score, then later first), or
            in any order where scores change.
        n_routed: (Hk,) int64: the length of each heap.
        seen: (1,) int64: tokens read so far, the position of the next one.
        stats: (Hk, rows, Dh) float64: sums that the policy keeps, none for most.
        sinks: first tokens of the stream, never evicted.
        window: last tokens, at least 1.
        budgets: routed tokens of each kv head; there is room for as many as the largest has.
        policy: how tokens are scored, see :mod:`edgehybrid_kernels.routing`.
        weights: (Hk, Dh + Dv) float32 of a fitted policy, (Hk, 0) of others; shared, never written.
    """

    keys: Floats
    values: Floats
    bias: Floats
    score: Floats
    position: npt.NDArray[np.int64]
    heap: npt.NDArray[np.int32]
    n_routed: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    stats: npt.NDArray[np.float64]
    sinks: int
    window: int
    budgets: tuple[int, ...]
    policy: str
    weights: Floats

    @classmethod
    def alloc(
        cls,
        n_kv_heads: int,
        head_dim: int,
        sinks: int,
        window: int,
        budget: int | Sequence[int],
        *,
        value_dim: int | None = None,
        policy: str = "learned",
        weights: Floats | None = None,
    ) -> RoutedCache:
        """An empty cache.

        Args:
            n_kv_heads: Hk.
            head_dim: Dh.
            sinks: first tokens that are kept for ever.
            window: last tokens that are kept.
            budget: routed tokens of each kv head: one number for all, or one for each.
            value_dim: Dv, ``head_dim`` unless told.
            policy: how tokens are scored.
            weights: (Hk, Dh + Dv) float32 of the policy "fitted".

        Raises:
            KernelError: a size is out of range, or the policy is unknown.
        """
        value_dim = head_dim if value_dim is None else value_dim
        check_at_least(1, n_kv_heads=n_kv_heads, head_dim=head_dim, value_dim=value_dim)
        budgets = (budget,) * n_kv_heads if isinstance(budget, int) else tuple(budget)
        if len(budgets) != n_kv_heads:
            raise KernelError(f"budget has {len(budgets)} numbers, expected {n_kv_heads}")
        check_at_least(0, sinks=sinks, budget=min(budgets))
        check_at_least(1, window=window)
        weights = _checked_weights(policy, weights, (n_kv_heads, head_dim + value_dim))
        slots = sinks + window + max(budgets)
        padded = padded_slots(slots)
        keys = np.zeros((n_kv_heads, head_dim, padded), np.float32)
        bias = np.full((n_kv_heads, padded), -np.inf, np.float32)
        return cls(
            keys=keys.transpose(0, 2, 1)[:, :slots],
            values=np.zeros((n_kv_heads, slots, value_dim), np.float32),
            bias=bias[:, :slots],
            score=np.zeros((n_kv_heads, slots), np.float32),
            position=np.full((n_kv_heads, slots), -1, np.int64),
            heap=np.zeros((n_kv_heads, max(budgets)), np.int32),
            n_routed=np.zeros(n_kv_heads, np.int64),
            seen=np.zeros(1, np.int64),
            stats=np.zeros((n_kv_heads, STATS.get(policy, 0), head_dim), np.float64),
            sinks=sinks,
            window=window,
            budgets=budgets,
            policy=policy,
            weights=weights,
        )

    @property
    def n_kv_heads(self) -> int:
        """Hk."""
        return int(self.values.shape[0])

    @property
    def head_dim(self) -> int:
        """Dh."""
        return int(self.keys.shape[2])

    @property
    def value_dim(self) -> int:
        """Dv."""
        return int(self.values.shape[2])

    @property
    def slots(self) -> int:
        """S, the most tokens a query can see."""
        return int(self.values.shape[1])

    @property
    def budget(self) -> int:
        """Routed tokens of the kv head that has most."""
        return max(self.budgets)

    @property
    def capacities(self) -> npt.NDArray[np.int64]:
        """(Hk,): the budgets, as kernels read them."""
        return np.array(self.budgets, np.int64)

    @property
    def code(self) -> int:
        """The policy, as kernels read it."""
        return POLICIES.index(self.policy)

    @property
    def scores_change(self) -> bool:
        """Whether the policy scores a token anew with every query."""
        return self.code >= CHANGING

    @property
    def nbytes(self) -> int:
        """Bytes allocated, padding included; the same before and after any number of tokens."""
        return sum(_owner(array).nbytes for array in self.tensors().values())

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that has to be saved, by name; assign into these arrays to restore."""
        names = ["keys", "values", "bias", "score", "position", "heap", "n_routed", "seen"]
        names += ["stats"] if self.stats.size else []
        return {name: getattr(self, name) for name in names}

    def reset(self) -> None:
        """Forgets all tokens."""
        for name, array in self.tensors().items():
            array[...] = {"bias": -np.inf, "position": -1}.get(name, 0)

    def copy(self) -> RoutedCache:
        """An independent cache with the same content."""
        sizes = (self.n_kv_heads, self.head_dim, self.sinks, self.window, self.budgets)
        weights = self.weights if self.policy == "fitted" else None
        twin = self.alloc(*sizes, value_dim=self.value_dim, policy=self.policy, weights=weights)
        for name, array in twin.tensors().items():
            array[...] = self.tensors()[name]
        return twin

    def restore(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Takes what :meth:`tensors` of a cache of the same sizes gave, in place.

        Kernels follow the heap without looking, so what comes from a file is looked at here.

        Raises:
            KernelError: an array is missing, has another shape or type, or holds numbers that no
                cache of this size has; nothing was changed.
        """
        own = self.tensors()
        for name, array in own.items():
            check_like(name, tensors.get(name), array)
        self._check_books(tensors)
        for name, array in own.items():
            array[...] = tensors[name]

    def _check_books(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        seen, first = int(tensors["seen"][0]), self.sinks + self.window
        if not 0 <= seen <= MAX_SEEN:
            raise KernelError(f"seen is {seen}, expected 0..{MAX_SEEN}")
        routed = zip(tensors["heap"], tensors["n_routed"], self.budgets, strict=True)
        for heap, length, budget in routed:
            if not 0 <= length <= budget:
                raise KernelError(f"n_routed is {length}, expected 0..{budget}")
            if len({*heap[:length].tolist()} & {*range(first, first + length)}) < length:
                raise KernelError(f"heap names other slots than {first}..{first + length - 1}")
        occupied = min(seen, first) + tensors["n_routed"][:, None]
        empty = np.arange(self.slots) >= occupied
        position, bias = tensors["position"], tensors["bias"]
        if (np.where(empty, position, -1) != -1).any() or (position >= max(seen, 1)).any():
            raise KernelError(f"position holds places that are not among the {seen} tokens seen")
        if not np.isneginf(bias[empty]).all() or not np.isfinite(bias[~empty]).all():
            raise KernelError("bias is not -inf where a slot is empty, and a number elsewhere")
        if not np.isfinite(tensors.get("stats", np.zeros(0))).all():
            raise KernelError("stats holds NaN or infinity")

    def slots_for(self, tokens: int) -> RoutedCache:
        """What a kernel reads and writes for so many more tokens: always this cache."""
        return self


def padded_slots(slots: int) -> int:
    """How many slots are allocated for so many: an odd number of multiples.

    The rows of the same slot's numbers would else lie powers of two apart, all in the same few
    lines of the first-level cache: 4096 slots were about twice as slow as 4128.
    """
    return (-(-slots // _SLOT_MULTIPLE) | 1) * _SLOT_MULTIPLE


def _checked_weights(policy: str, weights: Floats | None, shape: tuple[int, int]) -> Floats:
    """Those of a fitted policy, or none.

    Raises:
        KernelError: the policy is unknown, or the weights are not those that it needs.
    """
    if policy not in POLICIES:
        raise KernelError(f"policy is {policy!r}, expected one of {', '.join(POLICIES)}")
    if (policy == "fitted") != (weights is not None):
        raise KernelError(f"policy is {policy!r}, expected weights with 'fitted' and only with it")
    if weights is None:
        return np.zeros((shape[0], 0), np.float32)
    check_array("weights", weights, shape)
    return weights


def check_like(name: str, given: npt.NDArray[Any] | None, own: npt.NDArray[Any]) -> None:
    """Requires an array of the same shape and type as ``own``.

    Raises:
        KernelError: says what is there instead.
    """
    if given is None or (given.shape, given.dtype) != (own.shape, own.dtype):
        found = "missing" if given is None else f"{given.dtype} {given.shape}"
        raise KernelError(f"{name} is {found}, expected {own.dtype} {own.shape}")


def check_at_least(low: int, **sizes: int) -> None:
    """Requires sizes of at least ``low``.

    Raises:
        KernelError: names the first that is not.
    """
    for name, value in sizes.items():
        if value < low:
            raise KernelError(f"{name} is {value}, expected at least {low}")


def _owner(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
