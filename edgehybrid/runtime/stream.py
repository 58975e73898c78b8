"""One sequence being read: a model plus everything that is remembered of what was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgehybrid.errors import NonFiniteError, RequestError, StreamError
from edgehybrid.runtime.pipeline import run_stages
from edgehybrid.runtime.state import Cache, PoolState, RoutedCache
from edgehybrid.runtime.workspace import Workspace

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model

Array = NDArray[np.float32]


class Stream:
    """Reads tokens, any number of calls and any length each, in constant memory.

    Make one with `Model.stream`. Not for use from several threads at once.
    """

    def __init__(self, model: Model, caches: Sequence[Cache]) -> None:
        self._model = model
        self.caches = list(caches)
        self._pool = PoolState.alloc(model.hidden_size)
        self.position = 0
        self._broken = False

    @property
    def nbytes(self) -> int:
        """Bytes of state: the sum over all caches. Never changes."""
        return self._pool.nbytes + sum(cache.nbytes for cache in self.caches)

    @property
    def kv_tokens(self) -> int:
        """Tokens in the KV cache now, per KV head: the most of any attention layer."""
        kept = [c.position >= 0 for c in self.caches if isinstance(c, RoutedCache)]
        return max((int(k.sum(axis=1).max()) for k in kept), default=0)

    def reset(self) -> None:
        """Forget everything: as a new stream."""
        for cache in (*self.caches, self._pool):
            cache.reset()
        self.position, self._broken = 0, False

    def feed(self, ids: ArrayLike) -> Array:
        """Read token ids; return the vectors (n, width) of the n sentences that ended in them.

        Args:
            ids: (T,) integers in 0..vocab_size - 1; T may be anything, 0 too.

        Raises:
            RequestError: ids have another shape or are out of range.
            NonFiniteError: NaN or infinity came out; the stream must be reset.
            StreamError: the stream was interrupted or broken before.
        """
        tokens = self._checked(ids)
        emitted: list[Array] = []
        self._broken = True  # until all of it is read: an interrupt leaves layers out of step
        with self._model.lock:
            spaces = self._model.spaces
            size = spaces[0].chunk
            chunks = [tokens[i : i + size] for i in range(0, len(tokens), size)]
            fills = (_filler(chunk) for chunk in chunks)
            run_stages(self._stages(emitted), spaces, fills)
        self._broken = False
        self.position += len(tokens)
        return (
            np.concatenate(emitted)
            if emitted
            else np.zeros((0, self._model.head.width), np.float32)
        )

    def _checked(self, ids: ArrayLike) -> NDArray[np.int32]:
        if self._broken:
            raise StreamError("an earlier feed did not finish, so the state is unusable: reset()")
        tokens = np.asarray(ids)
        if tokens.size == 0:
            return np.zeros(0, dtype=np.int32)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise RequestError(
                f"token ids have shape {tokens.shape}, type {tokens.dtype}; expected (T,) integers"
            )
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high >= self._model.vocab_size:
            bad = low if low < 0 else high
            raise RequestError(f"token id {bad} is not in 0..{self._model.vocab_size - 1}")
        return tokens.astype(np.int32, copy=False)

    def _stages(self, emitted: list[Array]) -> list[Callable[[Workspace], None]]:
        last = len(self._model.mixers)

        def stage(steps: range) -> Callable[[Workspace], None]:
            def run(space: Workspace) -> None:
                for i in steps:
                    space.run_segment(i)
                    if i < last:
                        self.mix(i, space)
                    else:
                        self._emit(space, emitted)

            return run

        return [stage(steps) for steps in self._model.stages]

    def mix(self, i: int, space: Workspace) -> None:
        """Run mixer `i` on the chunk in `space`, after segment `i`."""
        y = space.mixed[i][: space.length]
        self._model.mixers[i].run(
            self._model.kernels, space.mixing[i], space.length, self.caches[i], y
        )

    def _emit(self, space: Workspace, emitted: list[Array]) -> None:
        h, ids = space.last_h[: space.length], space.ids[: space.length]
        if not np.isfinite(h).all():
            raise NonFiniteError(
                f"NaN or infinity came out of the model after position {self.position}; "
                "the bundle or the state is damaged"
            )
        ends = np.flatnonzero(np.isin(ids, self._model.head.end_tokens))
        means = self._pool_sentences(h, ends)
        if len(ends):
            emitted.append(self._model.head.vectors(means, h[ends]))

    def _pool_sentences(self, h: Array, ends: NDArray[np.intp]) -> Array:
        """Mean residual (n, hidden) of each sentence that ends; the rest waits in the pool."""
        pool = self._pool
        if not len(ends):
            pool.total += h.sum(axis=0)
            pool.count += len(h)
            return np.zeros((0, h.shape[1]), dtype=np.float32)
        starts = np.concatenate([[0], ends[:-1] + 1])
        sums = np.add.reduceat(h[: ends[-1] + 1], starts, axis=0)
        sums[0] += pool.total
        counts = (ends - starts + 1).astype(np.float32)
        counts[0] += pool.count[0]
        rest = h[ends[-1] + 1 :]
        pool.total[:], pool.count[0] = rest.sum(axis=0), len(rest)
        means: Array = sums / counts[:, None]
        return means


def _filler(chunk: NDArray[np.int32]) -> Callable[[Workspace], None]:
    return lambda space: space.fill(chunk)
