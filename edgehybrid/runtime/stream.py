"""One sequence being read: a model plus everything that is remembered of what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tokenizers import Tokenizer

from edgehybrid.errors import NonFiniteError, RequestError, StreamError
from edgehybrid.runtime.generation import generate
from edgehybrid.runtime.heads import LogitsHead, SentenceHead
from edgehybrid.runtime.limits import HEAD_ROWS
from edgehybrid.runtime.lookup import History
from edgehybrid.runtime.pipeline import run_stages
from edgehybrid.runtime.sampling import Sampling
from edgehybrid.runtime.state import Cache, PoolState, TextState, kept_tokens
from edgehybrid.runtime.workspace import Workspace

if TYPE_CHECKING:
    from edgehybrid.runtime.engine import Engine, Plan, Trial
    from edgehybrid.runtime.model import Model

Array = NDArray[np.float32]
BROKEN = "an earlier feed did not finish, so the state is unusable: reset()"


class Stream:
    """Reads tokens, any number of calls and any length each, in constant memory.

    Make one with `Model.stream`. Not for use from several threads at once.
    """

    def __init__(self, model: Model, caches: Sequence[Cache]) -> None:
        self._model = model
        self.caches = list(caches)
        self._pool = PoolState.alloc(model.hidden_size)
        self._text = TextState.alloc(model.vocab_size) if model.writes else None
        self.position = 0
        self._broken = False
        self._plans: dict[Engine, Plan] = {}
        self._trial: Trial | None = None
        self.history = History() if model.writes else None

    @property
    def nbytes(self) -> int:
        """Bytes of state: the sum over all caches. Constant, unless every token is kept."""
        read = 0 if self.history is None else self.history.nbytes
        return read + sum(cache.nbytes for cache in self._all_caches())

    @property
    def is_broken(self) -> bool:
        """Whether a feed did not finish, so that only `reset` is of use."""
        return self._broken

    @property
    def kv_tokens(self) -> int:
        """Tokens in the KV cache now, per KV head: the most of any attention layer."""
        return max(map(kept_tokens, self.caches), default=0)

    def reset(self) -> None:
        """Forget everything: as a new stream."""
        for cache in self._all_caches():
            cache.reset()
        if self.history is not None:
            self.history.clear()
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
        return self._read(tokens, all_logits=all_logits)

    def probe(self, ids: ArrayLike) -> Array:
        """Read tokens as if they had been written, and return the logits (T, vocab) after each.

        Raises:
            as `feed`.
        """
        return self._read(self._checked(ids), all_logits=True, writing=True)

    def take(self, token: int) -> None:
        """Read a token that was written: with other weights where a bundle has two sets.

        Raises:
            as `feed`.
        """
        self._read(self._checked([token]), writing=True)

    def _read(
        self, tokens: NDArray[np.int32], *, all_logits: bool = False, writing: bool = False
    ) -> Array:
        emitted: list[Array] = []
        self._broken = True  # until all of it is read: an interrupt leaves layers out of step
        with self._model.lock:
            engine = self._model.turn_to(writing=writing)
            if engine is not None:
                self._run_plan(engine, tokens, emitted, all_logits=all_logits)
            else:
                self._run_graphs(tokens, emitted, all_logits=all_logits)
            if self._text is not None and len(tokens):
                self._took(tokens, emitted[-1][-1])  # before another stream runs
        self._broken = False
        self.position += len(tokens)
        if self._text is not None and not all_logits:
            return self._text.logits.copy()
        width = self._model.head.width
        return np.concatenate(emitted) if emitted else np.zeros((0, width), np.float32)

    def generate(
        self,
        max_tokens: int = 256,
        *,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        stop: Sequence[str | int] | str = (),
        seed: int | None = None,
        logit_bias: Mapping[int, float] | None = None,
        callback: Callable[[int], bool | None] | None = None,
        lookup: bool = True,
    ) -> Iterator[str]:
        """Go on writing after what was read; yield pieces of text of whole characters.

        Every token whose text is yielded has been read by the stream, so that one may feed more
        and go on. Writing ends after `max_tokens`, at a stop token of the model (neither shown nor
        read), at a stop token or string of the caller's (not shown), or when `callback` says so.

        Args:
            max_tokens: at most so many tokens.
            temperature: 0 takes the likeliest token; see `Sampling` for this and the next five.
            top_k: choose among so many of the likeliest; 0 for all.
            top_p: choose among the likeliest that together have this probability.
            min_p: drop tokens less likely than this part of the likeliest.
            repetition_penalty: above 1 makes tokens that were read or written less likely.
            stop: strings and token ids to end at.
            seed: the same seed gives the same text; None draws one.
            logit_bias: added to the logits of these tokens.
            callback: called with each token before it is read; False ends the writing.
            lookup: where tokens are not drawn, guess them from what was read, several at a time:
                faster where the text repeats what was read, and never another text.

        Raises:
            RequestError: an argument is out of range, or the bundle is a reader.
            StreamError: nothing was read yet, or an earlier feed broke the stream.
        """
        sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty, logit_bias)
        return generate(
            self,
            sampling,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            callback=callback,
            lookup=lookup,
        )

    def next_logits(self) -> Array:
        """Logits (vocab,) of the token after the last one read; a view, not to be written to.

        Raises:
            RequestError: the bundle is a reader.
            StreamError: nothing was read yet, or an earlier feed broke the stream.
        """
        if self._text is None:
            raise RequestError(f"{self._model.bundle.name} is a reader: it writes no text")
        if self._broken:
            raise StreamError(BROKEN)
        if not self.position:
            raise StreamError("nothing was read yet: feed a prompt before generating")
        return self._text.logits

    @property
    def seen_tokens(self) -> NDArray[np.bool_]:
        """(vocab,) which tokens were read or written."""
        return np.zeros(0, np.bool_) if self._text is None else self._text.seen

    @property
    def stop_tokens(self) -> tuple[int, ...]:
        """The model's own tokens for the end of a text."""
        head = self._model.head
        return head.stop_tokens if isinstance(head, LogitsHead) else ()

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self._model.tokenizer

    def _all_caches(self) -> list[Cache]:
        return [*self.caches, self._pool, *([] if self._text is None else [self._text])]

    def _checked(self, ids: ArrayLike) -> NDArray[np.int32]:
        if self._broken:
            raise StreamError(BROKEN)
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

    @property
    def can_try(self) -> bool:
        """Whether tokens can be tried before it is known if they count."""
        return self._model.engine is not None and self._model.engine.head is not None

    def try_tokens(self, tokens: Sequence[int], choose: Callable[[Array], int]) -> int:
        """Read the first of `tokens`, and those after it as long as `choose` would take them.

        All are computed at once, at little more than the cost of one if they are few, and the
        result is bit for bit what feeding them one by one gives.

        Args:
            tokens: at most HEAD_ROWS; the first is read in any case.
            choose: the token it takes after logits (vocab,); may end the reading with -1.

        Returns: how many were read.
        """
        engine, ids = self._model.writer, self._checked(tokens)
        if engine is None or self._text is None or not 0 < len(ids) <= HEAD_ROWS:
            raise RequestError(f"{len(ids)} tokens cannot be tried")
        self._broken = True
        with self._model.lock:
            self._model.turn_to(writing=True)
            if self._trial is None:
                self._trial = engine.trial(self.caches)
            logits = self._trial.run(ids, self.position)
            _finite(self._trial.last_h[: len(ids)], self.position)
            count = 1
            while count < len(ids) and choose(logits[count - 1]) == ids[count]:
                count += 1
            self._trial.keep(count)
            self._took(ids[:count], logits[count - 1])
        self._broken = False
        self.position += count
        return count

    def _took(self, tokens: NDArray[np.int32], logits: Array) -> None:
        if self._text is not None and self.history is not None:
            self._text.take(tokens, logits)
            self.history.add(tokens)

    def _run_plan(
        self, engine: Engine, tokens: NDArray[np.int32], emitted: list[Array], *, all_logits: bool
    ) -> None:
        if engine not in self._plans:
            self._plans[engine] = engine.plan(self.caches)
        plan, head = self._plans[engine], self._model.head
        size = HEAD_ROWS if all_logits else engine.chunk
        for start in range(0, len(tokens), size):
            part, position = tokens[start : start + size], self.position + start
            is_last = start + len(part) == len(tokens)
            logits = len(part) if all_logits else int(is_last and isinstance(head, LogitsHead))
            plan.run(part, position, logits)
            h = _finite(plan.last_h[: len(part)], position)
            if isinstance(head, SentenceHead):
                self._emit(head, h, part, emitted)
            elif all_logits:
                emitted.append(plan.logits(logits).copy())
            elif logits:
                emitted.append(plan.logits(1))  # a view of what the next run replaces

    def _run_graphs(
        self, tokens: NDArray[np.int32], emitted: list[Array], *, all_logits: bool
    ) -> None:
        spaces = self._model.spaces
        size = spaces[0].chunk
        starts = range(0, len(tokens), size)
        spaces = spaces[: len(starts)] or spaces[:1]  # one chunk needs no threads
        fills = (_filler(tokens[i : i + size], self.position + i) for i in starts)
        wanted = None if all_logits else self.position + len(tokens)
        run_stages(self._stages(emitted, wanted), spaces, fills)

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
                        ids, h = space.ids[: space.length], _last(space)
                        self._emit(head, h, ids, emitted)

            return run

        return [stage(steps) for steps in self._model.stages]

    def mix(self, i: int, space: Workspace) -> None:
        """Run mixer `i` on the chunk in `space`, after segment `i`."""
        y = space.mixed[i][: space.length]
        self._model.mixers[i].run(
            self._model.kernels, space.mixing[i], space.length, self.caches[i], y
        )

    def _emit(
        self, head: SentenceHead, h: Array, ids: NDArray[np.int32], emitted: list[Array]
    ) -> None:
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
    h = _last(space)
    if wanted is None:
        emitted.append(head.logits(h))
    elif space.position + space.length == wanted:
        emitted.append(head.logits(h[-1:]))


def _last(space: Workspace) -> Array:
    return _finite(space.last_h[: space.length], space.position)


def _finite(h: Array, position: int) -> Array:
    """The last residuals (T, hidden) of a chunk, if they are numbers."""
    if not np.isfinite(h).all():
        raise NonFiniteError(
            f"NaN or infinity came out of the model after position {position}; "
            "the bundle or the state is damaged"
        )
    return h


def _filler(chunk: NDArray[np.int32], position: int) -> Callable[[Workspace], None]:
    return lambda space: space.fill(chunk, position)
