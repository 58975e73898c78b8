"""Writing with a stream: one token after the other, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgehybrid.errors import RequestError
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
) -> Iterator[str]:
    """Yield pieces of text; see `Stream.generate`. Arguments are checked at once."""
    if max_tokens < 0:
        raise RequestError(f"max_tokens is {max_tokens}, expected 0 or more")
    strings, tokens = _stops(stream, stop)
    random = np.random.default_rng(seed)
    stream.next_logits()  # complains now, not at the first piece
    return _pieces(stream, sampling, random, max_tokens, strings, tokens, callback)


def _pieces(
    stream: Stream,
    sampling: Sampling,
    random: np.random.Generator,
    max_tokens: int,
    strings: Sequence[str],
    stops: frozenset[int],
    callback: Callable[[int], bool | None] | None,
) -> Iterator[str]:
    text, cut = TextPieces(stream.tokenizer), StopStrings(strings)
    for _ in range(max_tokens):
        token = sampling.choose(stream.next_logits(), stream.seen_tokens, random)
        if token in stops or (callback is not None and callback(token) is False):
            break
        stream.feed([token])  # before it is shown: what was shown has been read
        if piece := cut.add(text.add(token)):
            yield piece
        if cut.found:
            return
    rest = cut.add(text.flush())
    if rest := rest + cut.flush():
        yield rest


def _stops(stream: Stream, stop: Sequence[str | int] | str) -> tuple[list[str], frozenset[int]]:
    given = [stop] if isinstance(stop, str) else list(stop)
    strings = [s for s in given if isinstance(s, str)]
    tokens = [t for t in given if not isinstance(t, str)]
    if len(given) > MAX_STOPS or "" in strings:
        raise RequestError(f"stop has {len(given)} entries, expected at most {MAX_STOPS}, none ''")
    return strings, frozenset((*tokens, *stream.stop_tokens))
