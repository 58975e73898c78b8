"""One sequence being read: a model plus everything that is remembered of what was read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tokenizers import Tokenizer

from edgehybrid.errors import RequestError, StreamError
from edgehybrid.runtime.generation import generate
from edgehybrid.runtime.graph_route import finite, run_graphs
from edgehybrid.runtime.heads import LogitsHead, SentenceHead
from edgehybrid.runtime.kernel_route import run_plan
from edgehybrid.runtime.limits import HEAD_ROWS
from edgehybrid.runtime.lookup import History
from edgehybrid.runtime.remembered import Remembered
from edgehybrid.runtime.sampling import Sampling
from edgehybrid.runtime.state import Cache, kept_tokens
from edgehybrid.runtime.watching import Attended, attended

if TYPE_CHECKING:
    from edgehybrid.runtime.engine import Engine, Plan, Trial
    from edgehybrid.runtime.model import Model

Array = NDArray[np.float32]
BROKEN = "an earlier feed did not finish, so the state is unusable: reset() or rewind() it"


class Kind(NamedTuple):
    """What a stream was asked to be; see `Model.stream`.

    Attributes:
        budget: as text, see `budgets.parse`, where it differs by layer.
        state: the type of the states.
        router: the policy's name; None where nothing is routed.
        probe: sha256 of the fitted router, where it is one.
    """

    budget: int | str | None = None
    state: str = "float32"
    router: str | None = None
    probe: str | None = None


class Stream:
    """Reads tokens, any number of calls and any length each, in constant memory.

    Make one with `Model.stream`. Not for use from several threads at once.

    Attributes:
        kind: budget, router, and the type of the states.
        document: what was read, for those who resume it: any JSON object, or None.
        watcher: called after each `take`, while the model is locked, with what the token has
            attended to in each attention layer; see `edgehybrid.runtime.watching`.
    """

    def __init__(self, model: Model, memory: Remembered, kind: Kind) -> None:
        self._model, self._memory, self.kind = model, memory, kind
        self.document: dict[str, Any] | None = None
        self.watcher: Callable[[list[Attended]], None] | None = None
        self._broken = False
        self._plans: dict[Engine, Plan] = {}
        self._trial: Trial | None = None
        self._checkpoints: dict[int, Remembered] = {}

    @property
    def model(self) -> Model:
        """The model that reads."""
        return self._model

    @property
    def position(self) -> int:
        """Tokens read."""
        return self._memory.position

    @property
    def caches(self) -> list[Cache]:
        """What each layer remembers."""
        return self._memory.caches

    @property
    def history(self) -> History | None:
        """The last tokens that were read, of a language model."""
        return self._memory.history

    @property
    def nbytes(self) -> int:
        """Bytes of state: the sum over all caches. Constant, unless every token is kept.

        Checkpoints are counted too.
        """
        return self._memory.nbytes + sum(kept.nbytes for kept in self._checkpoints.values())

    @property
    def is_broken(self) -> bool:
        """Whether a feed did not finish, so that only `reset` and `rewind` are of use."""
        return self._broken

    @property
    def kv_tokens(self) -> int:
        """Tokens in the KV cache now, per KV head: the most of any attention layer."""
        return max(map(kept_tokens, self.caches), default=0)

    def reset(self) -> None:
        """Forget everything: as a new stream."""
        self._memory.reset()
        self._checkpoints.clear()
        self._broken, self.document = False, None

    def fork(self) -> Stream:
        """A second stream that has read the same and goes on by itself; weights are shared.

        Raises:
            StreamError: an earlier feed broke the stream.
        """
        self._whole()
        twin = Stream(self._model, self._memory.copy(), self.kind)
        twin.document = None if self.document is None else dict(self.document)
        return twin

    def save(self, path: str | os.PathLike[str], *, half: bool = False) -> int:
        """Write all that is remembered into a file, from which `Model.resume` goes on.

        The file is there as a whole or, after a power cut, not at all. It can be read by its owner
        only: a state tells of the document.

        Args:
            path: the file, whose folder exists.
            half: in half precision: half as large, and no longer exactly the same.

        Returns: bytes written.

        Raises:
            StreamError: an earlier feed broke the stream.
            StateError: the file cannot be written.
        """
        from edgehybrid.runtime.saving import save

        self._whole()
        return save(self, path, half=half)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What a file of the state holds, by name; views, not copies."""
        return self._memory.tensors()

    def restore(self, tensors: Mapping[str, NDArray[Any]], position: int) -> None:
        """Take what `tensors` of a stream of the same model and kind gave at `position`.

        Raises:
            KernelError: they are not of such a stream.
        """
        self._broken = True
        with self._model.lock:
            self._memory.restore(tensors, position)
        self._broken = False

    def checkpoint(self) -> int:
        """Remember this place for `rewind`, at the cost of a copy of the state; its position.

        Raises:
            StreamError: an earlier feed broke the stream.
        """
        self._whole()
        self._checkpoints[self.position] = self._memory.copy()
        return self.position

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Positions that `rewind` can go back to."""
        return tuple(sorted(self._checkpoints))

    def rewind(self, position: int) -> None:
        """Go back to a checkpoint, exactly; it stays, and later ones are dropped.

        Raises:
            RequestError: there is none at this position.
        """
        if position not in self._checkpoints:
            known = ", ".join(map(str, self.checkpoints)) or "none"
            raise RequestError(
                f"there is no checkpoint at position {position}; those that there are: {known}"
            )
        self.restore(self._checkpoints[position].tensors(), position)
        self._checkpoints = {p: kept for p, kept in self._checkpoints.items() if p <= position}

    def forget_checkpoints(self) -> None:
        """Give the memory of all checkpoints back."""
        self._checkpoints.clear()

    def each(self, prompts: Sequence[ArrayLike]) -> Iterator[Stream]:
        """For each prompt, a stream that has read it after what this one has read.

        The prefix is read once and this stream stays as it is. All are the same fork, taken back
        each time: use one before asking for the next.

        Args:
            prompts: token ids (T,) each.

        Raises:
            StreamError: an earlier feed broke the stream.
        """
        twin = self.fork()
        start = twin.checkpoint()
        for prompt in prompts:
            twin.rewind(start)
            twin.feed(prompt)
            yield twin

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
        plan: Plan | None = None
        self._broken = True  # until all of it is read: an interrupt leaves layers out of step
        with self._model.lock:
            engine = self._model.turn_to(writing=writing)
            if engine is not None:
                if engine not in self._plans:
                    self._plans[engine] = engine.plan(self.caches)
                plan = self._plans[engine]
                run_plan(self._model, self._memory, plan, tokens, emitted, all_logits=all_logits)
            else:
                run_graphs(self._model, self._memory, tokens, emitted, all_logits=all_logits)
            if self._model.writes and len(tokens):
                self._memory.took(tokens, emitted[-1][-1])  # before another stream runs
            self._memory.position += len(tokens)
            if self.watcher is not None and writing and not all_logits:
                self.watcher(attended(self._model, self._memory, plan))
        self._broken = False
        if self._memory.text is not None and not all_logits:
            return self._memory.text.logits.copy()
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
        text = self._memory.text
        if text is None:
            raise RequestError(f"{self._model.bundle.name} is a reader: it writes no text")
        self._whole()
        if not self.position:
            raise StreamError("nothing was read yet: feed a prompt before generating")
        return text.logits

    @property
    def seen_tokens(self) -> NDArray[np.bool_]:
        """(vocab,) which tokens were read or written."""
        text = self._memory.text
        return np.zeros(0, np.bool_) if text is None else text.seen

    @property
    def stop_tokens(self) -> tuple[int, ...]:
        """The model's own tokens for the end of a text."""
        head = self._model.head
        return head.stop_tokens if isinstance(head, LogitsHead) else ()

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self._model.tokenizer

    def _whole(self) -> None:
        if self._broken:
            raise StreamError(BROKEN)

    def _checked(self, ids: ArrayLike) -> NDArray[np.int32]:
        self._whole()
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
        if engine is None or not self._model.writes or not 0 < len(ids) <= HEAD_ROWS:
            raise RequestError(f"{len(ids)} tokens cannot be tried")
        self._broken = True
        with self._model.lock:
            self._model.turn_to(writing=True)
            if self._trial is None:
                self._trial = engine.trial(self.caches)
            logits = self._trial.run(ids, self.position)
            finite(self._trial.last_h[: len(ids)], self.position)
            count = 1
            while count < len(ids) and choose(logits[count - 1]) == ids[count]:
                count += 1
            self._trial.keep(count)
            self._memory.took(ids[:count], logits[count - 1])
            self._memory.position += count
        self._broken = False
        return count
