"""One sequence being read: a model plus everything that is remembered of what was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgehybrid.errors import NonFiniteError, RequestError, StreamError
from edgehybrid.runtime.heads import LogitsHead, SentenceHead
from edgehybrid.runtime.pipeline import run_stages
from edgehybrid.runtime.state import Cache, PoolState, kept_tokens
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
        """Bytes of state: the sum over all caches. Constant, unless every token is kept."""
        return self._pool.nbytes + sum(cache.nbytes for cache in self.caches)

    @property
    def kv_tokens(self) -> int:
        """Tokens in the KV cache now, per KV head: the most of any attention layer."""
        return max(map(kept_tokens, self.caches), default=0)

    def reset(self) -> None:
        """Forget everything: as a new stream."""
        for cache in (*self.caches, self._pool):
            cache.reset()
        self.position, self._broken = 0, False

    def feed(self, ids: ArrayLike, *, all_logits: bool = False) -> Array:
        """Read token ids; return what the model's head makes of them.

        A reader gives the vectors (n, width) of the n sentences that ended in them, a language
        model the logits (vocab,) of what comes after the last of them.

        Args:
            ids: (T,) integers in 0..vocab_size - 1; T may be anything, 0 too for a reader.
            all_logits: give a language model's logits after every token instead, (T, vocab).

        Raises:
            RequestError: ids have another shape or are out of range, or there are no logits.
            NonFiniteError: NaN or infinity came out; the stream must be reset.
            StreamError: the stream was interrupted or broken before.
        """
        tokens = self._checked(ids)
        head = self._model.head
        if isinstance(head, SentenceHead) and all_logits:
            raise RequestError("all_logits: this bundle is a reader, it has no logits")
        if isinstance(head, LogitsHead) and not all_logits and not len(tokens):
            raise RequestError("no token ids: there is no last token to give logits of")
        emitted: list[Array] = []
        self._broken = True  # until all of it is read: an interrupt leaves layers out of step
        with self._model.lock:
            spaces = self._model.spaces
            size = spaces[0].chunk
            starts = range(0, len(tokens), size)
            fills = (_filler(tokens[i : i + size], self.position + i) for i in starts)
            end = self.position + len(tokens)
            wanted = None if all_logits else end
            run_stages(self._stages(emitted, wanted), spaces, fills)
        self._broken = False
        self.position = end
        if isinstance(head, LogitsHead) and not all_logits:
            last: Array = emitted[0][0]
            return last
        return np.concatenate(emitted) if emitted else np.zeros((0, head.width), np.float32)

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

    def _stages(
        self, emitted: list[Array], wanted: int | None
    ) -> list[Callable[[Workspace], None]]:
        """Work for each thread; logits are of the token before position `wanted`, None: of all."""
        last, head = len(self._model.mixers), self._model.head

        def stage(steps: range) -> Callable[[Workspace], None]:
            def run(space: Workspace) -> None:
                for i in steps:
                    space.run_segment(i)
                    if i < last:
                        self.mix(i, space)
                    elif isinstance(head, LogitsHead):
                        _emit_logits(head, space, wanted, emitted)
                    else:
                        self._emit(head, space, emitted)

            return run

        return [stage(steps) for steps in self._model.stages]

    def mix(self, i: int, space: Workspace) -> None:
        """Run mixer `i` on the chunk in `space`, after segment `i`."""
        y = space.mixed[i][: space.length]
        self._model.mixers[i].run(
            self._model.kernels, space.mixing[i], space.length, self.caches[i], y
        )

    def _emit(self, head: SentenceHead, space: Workspace, emitted: list[Array]) -> None:
        h, ids = _finite(space), space.ids[: space.length]
        ends = np.flatnonzero(np.isin(ids, head.end_tokens))
        means = self._pool_sentences(h, ends)
        if len(ends):
            emitted.append(head.vectors(means, h[ends]))

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


def _emit_logits(
    head: LogitsHead, space: Workspace, wanted: int | None, emitted: list[Array]
) -> None:
    h = _finite(space)
    if wanted is None:
        emitted.append(head.logits(h))
    elif space.position + space.length == wanted:
        emitted.append(head.logits(h[-1:]))


def _finite(space: Workspace) -> Array:
    """The last residuals (T, hidden) of a chunk."""
    h = space.last_h[: space.length]
    if not np.isfinite(h).all():
        raise NonFiniteError(
            f"NaN or infinity came out of the model after position {space.position}; "
            "the bundle or the state is damaged"
        )
    return h


def _filler(chunk: NDArray[np.int32], position: int) -> Callable[[Workspace], None]:
    return lambda space: space.fill(chunk, position)
