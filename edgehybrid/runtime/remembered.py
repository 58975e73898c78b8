"""All that a stream remembers: what is counted, copied, saved and restored as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from edgehybrid.runtime.lookup import History
from edgehybrid.runtime.state import Cache, PoolState, Tensors, TextState, under
from edgehybrid_kernels import KernelError
from edgehybrid_kernels.attention.cache import MAX_SEEN


class Remembered:
    """Caches of all layers, the sentence or the logits that are under way, and the position.

    Attributes:
        caches: one a layer.
        pool: the sentence being read.
        text: of a language model, the logits of what comes next; None of a reader.
        history: of a language model, the last tokens; None of a reader.
        position: tokens read.
    """

    def __init__(
        self,
        caches: Sequence[Cache],
        pool: PoolState,
        text: TextState | None,
        history: History | None,
        position: int = 0,
    ) -> None:
        self.caches, self.pool, self.text = list(caches), pool, text
        self.history, self.position = history, position

    @classmethod
    def alloc(cls, caches: Sequence[Cache], hidden: int, vocab_size: int, *, writes: bool) -> Self:
        """Of a new stream; `vocab_size` matters only where it `writes`."""
        text = TextState.alloc(vocab_size) if writes else None
        return cls(caches, PoolState.alloc(hidden), text, History() if writes else None)

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        history = 0 if self.history is None else self.history.nbytes
        return history + sum(cache.nbytes for cache in self._named().values())

    def reset(self) -> None:
        """Forget everything."""
        for cache in self._named().values():
            cache.reset()
        if self.history is not None:
            self.history.clear()
        self.position = 0

    def copy(self) -> Self:
        """An independent twin."""
        return type(self)(
            [cache.copy() for cache in self.caches],
            self.pool.copy(),
            None if self.text is None else self.text.copy(),
            None if self.history is None else self.history.copy(),
            self.position,
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything but the position, by name, such as `3.recurrent`; views, not copies."""
        named = self._named()
        parts = [(f"{name}.", cache.tensors()) for name, cache in named.items()]
        if self.history is not None:
            parts.append(("history.", self.history.tensors()))
        return dict(chain.from_iterable(_prefixed(*part) for part in parts))

    def restore(self, tensors: Tensors, position: int) -> None:
        """Take what `tensors` of a twin gave, into the arrays that are here.

        Raises:
            KernelError: they are not of such a stream at this position.
        """
        if not 0 <= position <= MAX_SEEN:
            raise KernelError(f"the position is {position}, expected 0..{MAX_SEEN}")
        for i in range(len(self.caches)):
            for name, array in under(f"{i}.", tensors).items():
                if name.rpartition(".")[2] == "seen" and array.tolist() != [position]:
                    raise KernelError(f"{i}.{name} is {array}, but the position is {position}")
        for name, cache in self._named().items():
            cache.restore(under(f"{name}.", tensors))
        if not 0 <= self.pool.count[0] <= position:
            raise KernelError(f"pool.count is {self.pool.count[0]}, expected 0..{position}")
        if self.history is not None and self.text is not None:
            self.history.restore(under("history.", tensors), len(self.text.logits))
        self.position = position

    def took(self, tokens: NDArray[np.int32], logits: NDArray[np.float32]) -> None:
        """Take note of tokens that were read, and of the logits (vocab,) after the last."""
        if self.text is not None and self.history is not None:
            self.text.take(tokens, logits)
            self.history.add(tokens)

    def _named(self) -> dict[str, Cache]:
        named: dict[str, Cache] = {str(i): cache for i, cache in enumerate(self.caches)}
        named["pool"] = self.pool
        return named if self.text is None else {**named, "text": self.text}


def _prefixed(prefix: str, tensors: Tensors) -> list[tuple[str, NDArray[Any]]]:
    return [(prefix + name, array) for name, array in tensors.items()]
