"""Writing with a stream: one token after the other, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import RequestError
from edgehybrid.runtime.lookup import Guesser
from edgehybrid.runtime.sampling import Sampling
from edgehybrid.runtime.text import StopStrings, TextPieces

if TYPE_CHECKING:
    from edgehybrid.runtime.stream import Stream

MAX_STOPS = 64


def generate(
    stream: Stream,
    sampling: Sampling,
    *,
    max_tokens: int,
    stop: Sequence[str | int] | str,
    seed: int | None,
    callback: Callable[[int], bool | None] | None,
    lookup: bool,
) -> Iterator[str]:
    """Yield pieces of text; see `Stream.generate`. Arguments are checked at once."""
    if max_tokens < 0:
        raise RequestError(f"max_tokens is {max_tokens}, expected 0 or more")
    strings, tokens = _stops(stream, stop)
    random = np.random.default_rng(seed)
    stream.next_logits()  # complains now, not at the first piece
    # what is read after a stop string that a guess ran past could not be taken back
    lookup = lookup and not strings
    writer = _Writer(stream, sampling, random, tokens, callback, lookup=lookup)
    return _pieces(stream, writer, max_tokens, strings)


def _pieces(
    stream: Stream, writer: _Writer, max_tokens: int, strings: Sequence[str]
) -> Iterator[str]:
    text, cut = TextPieces(stream.tokenizer), StopStrings(strings)
    left = max_tokens
    while left > 0 and (tokens := writer.write(left)):
        left -= len(tokens)
        for token in tokens:
            if piece := cut.add(text.add(token)):
                yield piece
            if cut.found:
                return
    rest = cut.add(text.flush())
    if rest := rest + cut.flush():
        yield rest


class _Writer:
    """Chooses tokens and reads them: what is shown has been read."""

    def __init__(
        self,
        stream: Stream,
        sampling: Sampling,
        random: np.random.Generator,
        stops: frozenset[int],
        callback: Callable[[int], bool | None] | None,
        *,
        lookup: bool,
    ) -> None:
        self._stream, self._sampling, self._random = stream, sampling, random
        self._stops, self._callback, self._ended = stops, callback, False
        self._next: int | None = None  # chosen already, while a guess was looked at
        can_guess = lookup and sampling.is_greedy and stream.can_try
        self._guesser = Guesser() if can_guess else None

    def write(self, most: int) -> list[int]:
        """The next tokens, already read: at least one and at most `most`; none at the end."""
        token = self._choose(self._stream.next_logits()) if self._next is None else self._next
        self._next = None
        if token < 0:
            return []
        guess = []
        if self._guesser is not None and self._stream.history is not None:
            guess = self._guesser.guess(self._stream.history, token, most - 1)
        if not guess or self._guesser is None:
            self._stream.take(token)
            return [token]
        tokens = [token, *guess]
        count = self._stream.try_tokens(tokens, self._look_on)
        if count == len(tokens):
            self._next = None
        self._guesser.learn(count - 1)
        return tokens[:count]

    def _look_on(self, logits: NDArray[np.float32]) -> int:
        self._next = self._choose(logits)
        return self._next

    def _choose(self, logits: NDArray[np.float32]) -> int:
        """The token that comes next, -1 if writing ends before it."""
        if self._ended:
            return -1
        token = self._sampling.choose(logits, self._stream.seen_tokens, self._random)
        ends = token in self._stops
        self._ended = ends or (self._callback is not None and self._callback(token) is False)
        return -1 if self._ended else token


def _stops(stream: Stream, stop: Sequence[str | int] | str) -> tuple[list[str], frozenset[int]]:
    given = [stop] if isinstance(stop, str) else list(stop)
    strings = [s for s in given if isinstance(s, str)]
    tokens = [t for t in given if not isinstance(t, str)]
    if len(given) > MAX_STOPS or "" in strings:
        raise RequestError(f"stop has {len(given)} entries, expected at most {MAX_STOPS}, none ''")
    return strings, frozenset((*tokens, *stream.stop_tokens))
