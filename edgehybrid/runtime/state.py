"""What a stream remembers: one cache object per layer, chosen by its mixer, and the sentence pool.

Each has the same few members: `nbytes`, `reset()`, `copy()`, `tensors()` (names to arrays) and
`restore()`, which takes such arrays into its own, where plans expect them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from edgehybrid_kernels import FullCache, KernelError, RoutedCache
from edgehybrid_kernels.attention.cache import check_like

Array = NDArray[np.float32]
Tensors = Mapping[str, NDArray[Any]]


class Cache(Protocol):
    """What every cache can do."""

    @property
    def nbytes(self) -> int: ...
    def reset(self) -> None: ...
    def copy(self) -> Self: ...
    def tensors(self) -> dict[str, NDArray[np.generic]]: ...
    def restore(self, tensors: Tensors) -> None: ...


class _Zeroed:
    """A dataclass of arrays that begin at zero."""

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.tensors().values())

    def reset(self) -> None:
        for array in self.tensors().values():
            array.fill(0)

    def copy(self) -> Self:
        return type(self)(*(array.copy() for array in self.tensors().values()))

    def restore(self, tensors: Tensors) -> None:
        """Take what `tensors` of a twin gave.

        Raises:
            KernelError: an array is missing, has another shape or type, or is not finite.
        """
        own = self.tensors()
        for name, array in own.items():
            check_like(name, tensors.get(name), array)
            if array.dtype.kind == "f" and not np.isfinite(tensors[name]).all():
                raise KernelError(f"{name} holds NaN or infinity")
        for name, array in own.items():
            array[...] = tensors[name]


@dataclass
class DeltaState(_Zeroed):
    """A gated delta rule: last inputs of the convolution, state (v heads, k_dim, v_dim)."""

    conv: Array
    recurrent: Array

    @classmethod
    def alloc(cls, conv_width: int, conv_dim: int, heads: int, k_dim: int, v_dim: int) -> Self:
        return cls(
            np.zeros((conv_width - 1, conv_dim), dtype=np.float32),
            np.zeros((heads, k_dim, v_dim), dtype=np.float32),
        )


@dataclass
class SsdState(_Zeroed):
    """A Mamba-2 layer: last inputs of the convolution (K - 1, conv_dim), SSD state (H, N, P).

    The state is that of the kernel, still to be multiplied with the scale (H,) of each head.
    """

    conv: Array
    recurrent: NDArray[Any]  # float32; float16 where a stream asked for it
    scale: Array

    @classmethod
    def alloc(cls, conv_width: int, conv_dim: int, heads: int, d_state: int, head_dim: int) -> Self:
        return cls(
            np.zeros((conv_width - 1, conv_dim), dtype=np.float32),
            np.zeros((heads, d_state, head_dim), dtype=np.float32),
            np.ones(heads, dtype=np.float32),
        )

    def reset(self) -> None:
        super().reset()
        self.scale.fill(1)

    def halve(self) -> None:
        """Keep the recurrent state in float16 from now on."""
        self.recurrent = self.recurrent.astype(np.float16)


@dataclass
class SelectiveState(_Zeroed):
    """A Mamba-1 layer: last inputs of the convolution (K - 1, C), state of the scan (N, C)."""

    conv: Array
    recurrent: Array

    @classmethod
    def alloc(cls, conv_width: int, d_state: int, width: int) -> Self:
        return cls(
            np.zeros((conv_width - 1, width), dtype=np.float32),
            np.zeros((d_state, width), dtype=np.float32),
        )


@dataclass
class RgLruState(_Zeroed):
    """An RG-LRU: last inputs of the convolution (K - 1, C), state (C,), tokens read (1,)."""

    conv: Array
    recurrent: Array
    seen: NDArray[np.int64]

    @classmethod
    def alloc(cls, conv_width: int, width: int) -> Self:
        return cls(
            np.zeros((conv_width - 1, width), dtype=np.float32),
            np.zeros(width, dtype=np.float32),
            np.zeros(1, dtype=np.int64),
        )


@dataclass
class ConvState(_Zeroed):
    """A short convolution: its last inputs (K - 1, width)."""

    conv: Array

    @classmethod
    def alloc(cls, conv_width: int, width: int) -> Self:
        return cls(np.zeros((conv_width - 1, width), dtype=np.float32))


class CacheGroup:
    """The caches of parallel mixers, in their order."""

    def __init__(self, parts: Sequence[Cache]) -> None:
        self.parts = list(parts)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def reset(self) -> None:
        for part in self.parts:
            part.reset()

    def copy(self) -> Self:
        return type(self)([part.copy() for part in self.parts])

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        return {
            f"{i}.{name}": array
            for i, part in enumerate(self.parts)
            for name, array in part.tensors().items()
        }

    def restore(self, tensors: Tensors) -> None:
        for i, part in enumerate(self.parts):
            part.restore(under(f"{i}.", tensors))


def under(prefix: str, tensors: Tensors) -> dict[str, NDArray[Any]]:
    """The tensors whose names begin with `prefix`, without it."""
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}


def kept_tokens(cache: Cache) -> int:
    """Tokens in a KV cache now, per KV head; 0 if the cache is of another kind."""
    if isinstance(cache, CacheGroup):
        return max(map(kept_tokens, cache.parts), default=0)
    if isinstance(cache, FullCache):
        return int(cache.seen[0])
    if isinstance(cache, RoutedCache):
        return int((cache.position >= 0).sum(axis=1).max())
    return 0


@dataclass
class PoolState(_Zeroed):
    """The sentence being read: sum of its residuals (hidden,) and number of its tokens (1,)."""

    total: Array
    count: NDArray[np.int64]

    @classmethod
    def alloc(cls, hidden: int) -> Self:
        return cls(np.zeros(hidden, dtype=np.float32), np.zeros(1, dtype=np.int64))

    def means(self, h: Array, ends: NDArray[np.intp]) -> Array:
        """Mean residual (n, hidden) of each sentence that ends at `ends`; the rest waits here.

        Args:
            h: (T, hidden) residuals of the tokens that come next.
            ends: (n,) the rows of them that end a sentence.
        """
        if not len(ends):
            self.total += h.sum(axis=0)
            self.count += len(h)
            return np.zeros((0, h.shape[1]), dtype=np.float32)
        starts = np.concatenate([[0], ends[:-1] + 1])
        sums = np.add.reduceat(h[: ends[-1] + 1], starts, axis=0)
        sums[0] += self.total
        counts = (ends - starts + 1).astype(np.float32)
        counts[0] += self.count[0]
        rest = h[ends[-1] + 1 :]
        self.total[:], self.count[0] = rest.sum(axis=0), len(rest)
        means: Array = sums / counts[:, None]
        return means


@dataclass
class TextState(_Zeroed):
    """Logits (vocab,) of what comes next, and which tokens (vocab,) were read."""

    logits: Array
    seen: NDArray[np.bool_]

    @classmethod
    def alloc(cls, vocab_size: int) -> Self:
        return cls(np.zeros(vocab_size, dtype=np.float32), np.zeros(vocab_size, dtype=np.bool_))

    def take(self, tokens: NDArray[np.int32], logits: Array) -> None:
        """Take note of tokens just read, and of the logits (vocab,) after the last of them."""
        self.seen[tokens] = True
        self.logits[:] = logits


__all__ = [
    "Cache",
    "CacheGroup",
    "ConvState",
    "DeltaState",
    "FullCache",
    "PoolState",
    "RgLruState",
    "RoutedCache",
    "SelectiveState",
    "SsdState",
    "Tensors",
    "TextState",
    "kept_tokens",
    "under",
]
