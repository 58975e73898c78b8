"""Conversations that may go on: a client sends all turns each time, and only new ones are read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from edgehybrid.runtime.parts import Message
from edgehybrid.runtime.stream import Stream

#: Of one model, at most so many streams, of so many bytes of state in all.
MOST, MOST_BYTES = 4, 256 << 20


@dataclass(frozen=True)
class Conversation:
    """Turns up to an answer, the tokens they were read as, and the stream that has read them."""

    messages: tuple[Message, ...]
    ids: list[int]
    stream: Stream


class Kept:
    """The last conversations of a model, in memory only."""

    def __init__(self) -> None:
        self._lock, self._all = threading.Lock(), list[Conversation]()

    def take(self, messages: Sequence[Message]) -> Conversation | None:
        """The longest conversation that `messages` go on with; it is no longer kept then."""
        with self._lock:
            found = [c for c in self._all if _goes_on(c.messages, messages)]
            longest = max(found, key=lambda c: len(c.messages), default=None)
            if longest is not None:
                self._all.remove(longest)
            return longest

    def keep(self, conversation: Conversation) -> None:
        """Keep a conversation; the oldest go if there are too many."""
        with self._lock:
            self._all.append(conversation)
            while len(self._all) > MOST or sum(c.stream.nbytes for c in self._all) > MOST_BYTES:
                del self._all[0]


def _goes_on(before: Sequence[Message], messages: Sequence[Message]) -> bool:
    told = [(m.role, m.content) for m in messages[: len(before)]]
    return len(messages) > len(before) and told == [(m.role, m.content) for m in before]
