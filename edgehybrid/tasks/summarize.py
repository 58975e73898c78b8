"""What a document says: its most important sentences, or what a language model writes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgehybrid.documents.document import Document
from edgehybrid.documents.encoding import place_features
from edgehybrid.documents.opening import PageSource, open_pages
from edgehybrid.errors import NoText, RequestError
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.tasks.reading import Progress, Reading, read
from edgehybrid.tasks.select import select
from edgehybrid.tasks.write import MAX_TOKENS, Writing, ask_for, read_and_write

__all__ = ["Point", "Progress", "Stats", "Summary", "summarize"]

if TYPE_CHECKING:
    from edgehybrid.runtime.heads import SentenceHead
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream

#: Without a wish, a summary takes this part of the document, within these bounds, in words.
SHARE, FEWEST, MOST = 0.05, 60, 220


@dataclass(frozen=True)
class Point:
    """One sentence of the summary, as it stands in the document, and its page (1-based)."""

    text: str
    page: int
    score: float


@dataclass(frozen=True)
class Stats:
    """What a reading took. `kv_tokens_kept` are those in the KV cache at the end, per KV head.

    `tokens_written` are those of a language model's summary.
    """

    pages: int
    words: int
    tokens: int
    pages_without_text: tuple[int, ...]
    unreadable_pages: tuple[int, ...]
    seconds: float
    tokens_per_second: float
    peak_rss_bytes: int | None
    state_bytes: int
    kv_tokens_kept: int
    kv_tokens_seen: int
    tokens_written: int = 0


@dataclass(frozen=True)
class Summary:
    """What a document says: `points` in document order, and where it comes from.

    Of a language model there are no points, but what it has `written`.
    """

    points: tuple[Point, ...]
    document: str
    model: str
    stats: Stats
    written: str | None = None

    @property
    def text(self) -> str:
        """What was written, or the points' texts, joined by spaces."""
        if self.written is not None:
            return self.written
        return " ".join(point.text for point in self.points)


def summarize(
    source: str | os.PathLike[str] | Document,
    *,
    words: int | None = None,
    points: int | None = None,
    pages: tuple[int, int] | None = None,
    password: str | None = None,
    damaged: bool = False,
    model: Model | str | os.PathLike[str] | None = None,
    budget: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    show: Callable[[str], None] | None = None,
) -> Summary:
    """Read a document once and return its most important sentences.

    A language model reads the whole document too and then writes a summary that cites pages; what
    it writes may be wrong.

    Args:
        source: a path (a `str` is always a path, never text), or a `Document`.
        words: how long the summary may be; by default 5 % of the document, 60 to 220 words. A
            language model is only asked for it.
        points: how many sentences it may have; of a language model, bullet points asked for.
        pages: first and last page to read, 1-based, both included.
        password: for an encrypted PDF.
        damaged: read what is left of a damaged PDF, instead of refusing it.
        model: a loaded model, or a bundle's folder; the default reader if None.
        budget: tokens that the router may keep per KV head; None for the bundle's own.
        progress: called after each batch of sentences, of a language model each page or so.
        max_tokens: a language model's summary ends after so many tokens; 1024 if None.
        temperature: of a language model: 0, the default, takes the likeliest token.
        seed: of a language model: the same seed gives the same text.
        show: called with each piece of text as a language model writes it.

    Raises:
        DocumentError: the document cannot be read or has no text.
        BundleError: the model cannot be loaded.
        RequestError: `words`, `points`, `pages` or `budget` cannot be satisfied.
    """
    _check(words, points, max_tokens)
    wish = _Wish(words, points, budget, max_tokens, temperature, seed, show)
    if isinstance(source, Document):
        opened: PageSource | Document = source.only(*pages) if pages else source
        return _summarize(opened, wish, model, progress)
    with open_pages(source, pages=pages, password=password, damaged=damaged) as opened:
        return _summarize(opened, wish, model, progress)


class _Wish(NamedTuple):
    """What is asked of a summary; see `summarize`."""

    words: int | None
    points: int | None
    budget: int | None
    max_tokens: int | None
    temperature: float | None
    seed: int | None
    show: Callable[[str], None] | None


def _summarize(
    source: PageSource | Document,
    wish: _Wish,
    model: Model | str | os.PathLike[str] | None,
    progress: Callable[[Progress], None] | None,
) -> Summary:
    from edgehybrid.runtime.model import Model, load

    # loaded here, while a PDF is already being parsed in a process of its own
    loaded = model if isinstance(model, Model) else load(model)
    if loaded.writes:
        return _written(source, wish, loaded, progress)
    for name in ("max_tokens", "temperature", "seed"):
        if (value := getattr(wish, name)) is not None:
            raise RequestError(
                f"{name} is {value}, but {loaded.bundle.name} is a reader, which quotes: "
                "leave it out, or name a language model"
            )
    head, stream = loaded.sentence_head, loaded.stream(budget=wish.budget)
    reading = read(source, stream, loaded.tokenizer, progress=progress)
    if not reading.sentences:
        raise NoText(f"{source.name}: no text on any of {reading.pages} pages")
    chosen = _choose(head, reading, wish.words, wish.points)
    stats = _stats(reading, stream)
    return Summary(tuple(chosen), source.name, loaded.bundle.name, stats)


def _written(
    source: PageSource | Document,
    wish: _Wish,
    model: Model,
    progress: Callable[[Progress], None] | None,
) -> Summary:
    def task(words: int) -> str:
        return ask_for(wish.words or _usual_length(words), wish.points)

    writing = Writing(wish.max_tokens or MAX_TOKENS, wish.temperature or 0.0, wish.seed, wish.show)
    stream = model.stream(budget=wish.budget)
    reading, text, count = read_and_write(source, model, stream, task, writing, progress)
    stats = replace(_stats(reading, stream), tokens_written=count)
    return Summary((), source.name, model.bundle.name, stats, text.strip())


def _check(words: int | None, points: int | None, max_tokens: int | None) -> None:
    for name, value in (("words", words), ("points", points), ("max_tokens", max_tokens)):
        if value is not None and value < 1:
            raise RequestError(f"{name} is {value}; ask for 1 or more")


def _choose(
    head: SentenceHead, reading: Reading, words: int | None, points: int | None
) -> list[Point]:
    sentences = reading.sentences
    quotable = np.array([s.quotable for s in sentences])
    if not quotable.any():  # e.g. a list of keywords: better a heading than nothing
        quotable[:] = True
    scores = head.score(reading.vectors, place_features(sentences), quotable)
    candidates = np.flatnonzero(quotable)
    if words is None and points is None:
        words = _usual_length(reading.words)
    picks = select(
        [sentences[i].text for i in candidates],
        scores[candidates],
        reading.vectors[candidates, : head.vector_size],
        words=words,
        points=points,
    )
    return [
        Point(sentences[i].text, sentences[i].page, round(float(scores[i]), 4))
        for i in candidates[picks]
    ]


def _usual_length(words: int) -> int:
    return round(min(max(SHARE * words, FEWEST), MOST))


def _stats(reading: Reading, stream: Stream) -> Stats:
    return Stats(
        pages=reading.pages,
        words=reading.words,
        tokens=reading.tokens,
        pages_without_text=tuple(reading.pages_without_text),
        unreadable_pages=tuple(reading.unreadable_pages),
        seconds=round(reading.seconds, 3),
        tokens_per_second=round(reading.tokens / max(reading.seconds, 1e-9), 1),
        peak_rss_bytes=peak_rss_bytes(),
        state_bytes=stream.nbytes,
        kv_tokens_kept=stream.kv_tokens,
        kv_tokens_seen=stream.position,
    )
