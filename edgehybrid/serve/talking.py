"""What a language model answers to a conversation; runs in a thread of `Places`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.chat import end_tokens, require_template
from edgehybrid.runtime.generation import generate
from edgehybrid.runtime.parts import Message
from edgehybrid.runtime.prompt import PromptEncoder
from edgehybrid.runtime.text import StopStrings
from edgehybrid.serve.asked import Asked
from edgehybrid.serve.errors import ApiError
from edgehybrid.serve.job import Job
from edgehybrid.serve.kept import Conversation, Kept
from edgehybrid.serve.turns import Turn, Turns

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream

#: Tokens that are read before others may have their turn, and before the next look at whether the
#: client still waits: a chunk where others want to; else several, which fill the stages of graphs.
FEED, SHARED_FEED = 1024, 256


@dataclass(frozen=True)
class Read:
    """How far the prompt is read: so many tokens of so many."""

    tokens: int
    total: int


@dataclass(frozen=True)
class Finished:
    """Counts of an answer, and why it ended.

    Attributes:
        reason: "length" if `max_tokens` ended it.
        prompt: tokens of all turns, in the model's template.
        known: how many of these an earlier request had read already.
        written: tokens of the answer, without the one that ends it.
    """

    reason: Literal["stop", "length"]
    prompt: int
    known: int
    written: int


class Talker:
    """Turns and answers of one language model, any number at the same time."""

    def __init__(self, model: Model, streams: Mapping[str, Any], turns: Turns) -> None:
        """`streams` are arguments of `Model.stream`; `turns` are those of the model.

        Raises:
            RequestError: the bundle is a reader or has no template.
        """
        self._model, self._streams, self._turns = model, streams, turns
        self._template = require_template(model)
        self._encoder = PromptEncoder(model.tokenizer)
        self._stops = end_tokens(model, self._template, self._encoder)
        self._kept = Kept()

    def answer(self, asked: Asked, job: Job[Finished]) -> Finished:
        """Tell `job` how far the turns are read, then the pieces of an answer as text.

        Raises:
            Cancelled: the job is to stop.
            RequestError: the template refuses the turns, or a number is out of range.
        """
        self._check(asked)
        with self._turns.turn() as turn:
            return self._answer(asked, job, turn)

    def _answer(self, asked: Asked, job: Job[Finished], turn: Turn) -> Finished:
        stream, messages, ids = self._begin(asked.messages)
        known = stream.position
        self._read(stream, ids, job, turn)
        written: list[int] = []

        def note(token: int) -> bool:
            job.check()
            turn.offer()
            written.append(token)
            return True

        text, is_cut = _written(self._pieces(stream, asked, note), asked.stop, job)
        if not is_cut:  # else the stream has read more than the client was told
            answer = Message("assistant", text, tuple(written))
            self._kept.keep(Conversation((*messages, answer), [*ids, *written], stream))
        whole = len(written) == asked.max_tokens and not is_cut
        return Finished("length" if whole else "stop", len(ids), known, len(written))

    def _pieces(self, stream: Stream, asked: Asked, note: Callable[[int], bool]) -> Iterator[str]:
        return generate(
            stream,
            asked.sampling,
            max_tokens=asked.max_tokens,
            stop=self._stops,
            seed=asked.seed,
            callback=note,
            lookup=not asked.stop,  # guesses could run past a string
        )

    def _check(self, asked: Asked) -> None:
        for token in asked.sampling.logit_bias or {}:
            if token >= self._model.vocab_size:
                last = self._model.vocab_size - 1
                text = f"logit_bias names token {token}, which is not in 0..{last}"
                raise ApiError(400, text, code="invalid_value", param="logit_bias")

    def _begin(self, messages: Sequence[Message]) -> tuple[Stream, tuple[Message, ...], list[int]]:
        """A stream that has read the beginning of some turns, or nothing; the turns, as tokens."""
        earlier = self._kept.take(messages)
        turns = tuple(messages)
        if earlier is not None:  # with the tokens that the model wrote itself
            turns = (*earlier.messages, *turns[len(earlier.messages) :])
        ids = self._tokens(turns)
        known = 0 if earlier is None else len(earlier.ids)
        if earlier is not None and ids[:known] == earlier.ids and len(ids) > known:
            return earlier.stream, turns, ids
        # nothing of it was read yet, or the template rewrites what was
        return self._model.stream(**self._streams), turns, ids

    def _tokens(self, turns: Sequence[Message]) -> list[int]:
        try:
            parts = self._template.render(turns)
        except BundleDamaged as error:  # most templates do with turns that they expect
            raise ApiError(400, str(error), code="template_fails", param="messages") from error
        return [i for some in self._encoder.encode(parts) for i in some]

    def _read(self, stream: Stream, ids: list[int], job: Job[Any], turn: Turn) -> None:
        job.tell(Read(stream.position, len(ids)))
        while stream.position < len(ids):
            turn.offer()
            size = SHARED_FEED if self._turns.are_wanted else FEED
            stream.feed(ids[stream.position : stream.position + size])
            job.tell(Read(stream.position, len(ids)))


def _written(pieces: Iterator[str], stop: Sequence[str], job: Job[Any]) -> tuple[str, bool]:
    """What is written before the first of some strings, told as it comes; whether one came."""
    cut, text = StopStrings(stop), []
    for piece in pieces:
        text.append(cut.add(piece))
        if text[-1]:
            job.tell(text[-1])
        if cut.found:
            return "".join(text), True
    if rest := cut.flush():
        text.append(rest)
        job.tell(rest)
    return "".join(text), False
