"""A conversation: turns in the model's own template, of which each token is read once."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from edgehybrid.errors import RequestError
from edgehybrid.runtime.budgets import Budget
from edgehybrid.runtime.generation import generate
from edgehybrid.runtime.parts import Markup, Message
from edgehybrid.runtime.prompt import PromptEncoder
from edgehybrid.runtime.sampling import Sampling
from edgehybrid.runtime.template import ChatTemplate, special_tokens

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model

log = logging.getLogger("edgehybrid")


class Chat:
    """Turns of a user and of a model, on one stream. Make one with `Model.chat`.

    Attributes:
        stream: what was read; without a budget every token is kept, and its memory grows.
    """

    def __init__(
        self,
        model: Model,
        *,
        system: str | None = None,
        budget: Budget = None,
        router: str | None = None,
    ) -> None:
        self._template = require_template(model)
        self._encoder = PromptEncoder(model.tokenizer)
        self._first = [] if system is None else [Message("system", system)]
        self.stream = model.stream(budget=budget, router=router)
        self._stops = end_tokens(model, self._template, self._encoder)
        self._messages = list(self._first)
        self._read: list[int] = []  # the tokens that the stream has read
        self._answer: Generator[str, None, None] | None = None

    @property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """Role (system, user or assistant) and content of each turn so far."""
        return tuple((m.role, m.content) for m in self._messages)

    def reset(self) -> None:
        """Forget all turns, but not the system's."""
        self._end_answer()
        self._messages = list(self._first)
        self._forget()

    def send(
        self,
        text: str,
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int | None = None,
    ) -> Generator[str, None, None]:
        """Say `text`; yield the pieces of the answer as they are written.

        Reading begins with the first piece that is asked for. An answer that is not taken to its
        end, because the iterator was closed or interrupted, counts as far as it came.

        Args:
            text: the user's turn. Nothing in it is taken for a token of the template.
            max_tokens: the answer has at most so many.
            temperature: as in `Stream.generate`, like the next five.
            top_k: see there.
            top_p: see there.
            min_p: see there.
            repetition_penalty: see there.
            seed: see there.

        Raises:
            RequestError: an argument is out of range, or the template refuses the turn.
            BundleDamaged: the template cannot be rendered.
        """
        if max_tokens < 1:
            raise RequestError(f"max_tokens is {max_tokens}, expected 1 or more")
        self._end_answer()
        sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty)
        self._answer = self._turn(text, sampling, max_tokens, seed)
        return self._answer

    def _turn(
        self, text: str, sampling: Sampling, max_tokens: int, seed: int | None
    ) -> Generator[str, None, None]:
        said = Message("user", text)
        self._catch_up([*self._messages, said])
        prompt = list(self._read)
        shown: list[str] = []
        try:
            pieces = generate(
                self.stream,
                sampling,
                max_tokens=max_tokens,
                stop=self._stops,
                seed=seed,
                callback=self._read.append,
                lookup=False,  # an answer that is closed counts as far as it was shown
            )
            for piece in pieces:
                shown.append(piece)
                yield piece
        finally:
            del self._read[self.stream.position :]  # the last token may not have been read
            ids = tuple(self._read[len(prompt) :])
            self._messages += [said, Message("assistant", "".join(shown), ids)]
            if self.stream.is_broken:
                self._forget()

    def _catch_up(self, messages: Sequence[Message]) -> None:
        """Read what of the turns was not read yet; all of it, if the beginning has changed."""
        parts = self._template.render(messages)
        ids = [i for some in self._encoder.encode(parts) for i in some]
        known = len(self._read)
        if self._read and ids[:known] != self._read:
            log.info("the template rewrites earlier turns: reading all %d tokens again", len(ids))
            self._forget()
            known = 0
        try:
            self.stream.feed(ids[known:])
        except BaseException:
            self._forget()
            raise
        self._read = ids

    def _forget(self) -> None:
        self.stream.reset()
        self._read = []

    def _end_answer(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def require_template(model: Model) -> ChatTemplate:
    """The chat template of `model`.

    Raises:
        RequestError: it has none, or is a reader.
    """
    name = model.bundle.name
    if not model.writes:
        raise RequestError(f"{name} is a reader: it writes no text")
    if template := ChatTemplate.of(model.bundle):
        return template
    raise RequestError(f"{name} has no chat template: use `edgehybrid generate`, which needs none")


def end_tokens(model: Model, template: ChatTemplate | None, encoder: PromptEncoder) -> list[int]:
    """Tokens that end an answer: the tokenizer's own, and what the template puts after one.

    Models do not always name the latter among their stop tokens.
    """
    named = special_tokens(model.bundle).get("eos_token")
    found = {None if named is None else model.tokenizer.token_to_id(named)}
    if template is not None:
        turns = [Message("user", "question"), Message("assistant", "answer")]
        last = template.render(turns, answer=False)[-1]
        if isinstance(last, Markup):
            found.add(encoder.first_token(last))
    return [token for token in found if token is not None]
