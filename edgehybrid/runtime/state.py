"""What a stream remembers: one cache object per layer, chosen by its mixer, and the sentence pool.

Each has the same few members: `nbytes`, `reset()`, `copy()` and `tensors()` (names to arrays).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from edgehybrid_kernels import RoutedCache

Array = NDArray[np.float32]


class Cache(Protocol):
    """What every cache can do."""

    @property
    def nbytes(self) -> int: ...
    def reset(self) -> None: ...
    def copy(self) -> Self: ...
    def tensors(self) -> dict[str, NDArray[np.generic]]: ...


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


@dataclass
class SsdState(_Zeroed):
    """A Mamba-2 layer: last inputs of the convolution (K - 1, conv_dim), SSD state (H, N, P)."""

    conv: Array
    recurrent: Array

    @classmethod
    def alloc(cls, conv_width: int, conv_dim: int, heads: int, d_state: int, head_dim: int) -> Self:
        return cls(
            np.zeros((conv_width - 1, conv_dim), dtype=np.float32),
            np.zeros((heads, d_state, head_dim), dtype=np.float32),
        )


@dataclass
class PoolState(_Zeroed):
    """The sentence being read: sum of its residuals (hidden,) and number of its tokens (1,)."""

    total: Array
    count: NDArray[np.int64]

    @classmethod
    def alloc(cls, hidden: int) -> Self:
        return cls(np.zeros(hidden, dtype=np.float32), np.zeros(1, dtype=np.int64))


__all__ = ["Cache", "PoolState", "RoutedCache", "SsdState"]
