"""What a document says: its most important sentences, or what a language model writes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from edgehybrid.documents.document import Document
from edgehybrid.documents.units import Unit
from edgehybrid.errors import RequestError
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.tasks.choose import choose
from edgehybrid.tasks.keeping import Keep
from edgehybrid.tasks.length import usual_length
from edgehybrid.tasks.read import ReadDocument, read
from edgehybrid.tasks.reading import Progress, Tell
from edgehybrid.tasks.rendering import recognised
from edgehybrid.tasks.write import MAX_TOKENS, Prompt, Writing, ask_for, write

__all__ = ["Point", "Progress", "Stats", "Summary", "summarize"]

if TYPE_CHECKING:
    from edgehybrid.runtime.budgets import Budget
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream

#: What only a language model can be asked for.
WRITERS_ONLY = ("max_tokens", "temperature", "seed")


@dataclass(frozen=True)
class Point:
    """One sentence of the summary, as it stands in the document, and its page (1-based)."""

    text: str
    page: int
    score: float


@dataclass(frozen=True)
class Stats:
    """What a reading took. `kv_tokens_kept` are those in the KV cache at the end, per KV head.

    `language` is that of most of the document's prose (ISO 639), None if there is too little of it
    to tell, or if a language model read it.
    `recognised_pages` are those whose text was read off a picture (OCR), which makes mistakes.
    `unit` is what is counted as a page: in a presentation it is a slide.
    `tokens_written` are those of a language model's summary; `tokens_resumed` those that a kept
    reading had read already.
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
    tokens_resumed: int = 0
    language: str | None = None
    recognised_pages: tuple[int, ...] = ()
    unit: Unit = "page"


@dataclass(frozen=True)
class Summary:
    """What a document says: `points` in document order, and where it comes from.

    Of a language model there are no points, but what it has `written`. `notices` are what the
    reader of the summary should know, a line each.
    """

    points: tuple[Point, ...]
    document: str
    model: str
    stats: Stats
    written: str | None = None
    notices: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit:
        """What is counted as a page: in a presentation it is a slide."""
        return self.stats.unit

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
    focus: str | None = None,
    pages: tuple[int, int] | None = None,
    password: str | None = None,
    damaged: bool = False,
    model: Model | str | os.PathLike[str] | None = None,
    budget: Budget = None,
    router: str | None = None,
    keep: Keep | bool = False,
    progress: Tell | None = None,
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
        words: how long the summary is to be, kept within a tenth where the document allows it; by
            default 5 % of the document, 60 to 220 words. A language model is only asked for it.
            Of scripts without spaces, two characters count as a word.
        points: how many sentences it may have; of a language model, bullet points asked for.
        focus: a question or some words that the summary is to be about.
        pages: first and last page to read, 1-based, both included.
        password: for an encrypted PDF.
        damaged: read what is left of a damaged PDF, instead of refusing it.
        model: a loaded model, or a bundle's folder; the default reader if None.
        budget: tokens that the router may keep per KV head, also by layer; see `Model.stream`.
        router: which tokens are kept; see there.
        keep: whether, or how, to keep the reading on disk, and to go on from one that is; see
            `edgehybrid.read`.
        progress: called after each batch of sentences, of a language model after each page; stops
            the reading by returning False.
        max_tokens: a language model's summary ends after so many tokens; 1024 if None.
        temperature: of a language model: 0, the default, takes the likeliest token.
        seed: of a language model: the same seed gives the same text.
        show: called with each piece of text as a language model writes it.

    Raises:
        DocumentError: the document cannot be read or has no text.
        BundleError: the model cannot be loaded.
        RequestError: `words`, `points`, `focus`, `pages`, `budget`, `router` or `keep` cannot be
            satisfied.
        CacheError: the folder for readings that are kept cannot be used.
        Cancelled: `progress` returned False.
    """
    wish = Wish(words, points, focus, max_tokens, temperature, seed, show)
    check(wish)
    model = fit_for(wish, model)
    document = read(
        source,
        pages=pages,
        password=password,
        damaged=damaged,
        model=model,
        budget=budget,
        router=router,
        keep=keep,
        progress=progress,
    )
    return summary_of(document, wish, stream=document.stream)


class Wish(NamedTuple):
    """What is asked of a summary; see `summarize`."""

    words: int | None
    points: int | None
    focus: str | None
    max_tokens: int | None
    temperature: float | None
    seed: int | None
    show: Callable[[str], None] | None


def check(wish: object) -> None:
    """Look at the numbers and the focus.

    Raises:
        RequestError: one is out of range, or nothing.
    """
    focus = getattr(wish, "focus", None)
    if focus is not None and not focus.strip():
        raise RequestError("the focus is empty; name what the summary is to be about")
    for name in ("words", "points", "max_tokens"):
        value = getattr(wish, name)
        if value is not None and value < 1:
            raise RequestError(f"{name} is {value}; ask for 1 or more")


def summary_of(document: ReadDocument, wish: Wish, *, stream: Stream | None = None) -> Summary:
    """The summary of a document that was read.

    Args:
        document: it.
        wish: what is asked.
        stream: what a language model writes with; a fork of the document's if None.

    Raises:
        RequestError: the wish cannot be satisfied.
    """
    check(wish)
    if document.model.writes:
        return _written(document, wish, stream or document.stream.fork())
    only_writers(document.model, wish)
    chosen = choose(document, wish.words, wish.points, wish.focus)
    sentences = document.reading.sentences
    points = tuple(Point(sentences[i].text, sentences[i].page, score) for i, score in chosen.picks)
    name = document.model.bundle.name
    notices = (*chosen.notices, *recognised(document.reading))
    return Summary(points, document.name, name, _stats(document), notices=notices)


def fit_for(
    wish: object, model: Model | str | os.PathLike[str] | None
) -> Model | str | os.PathLike[str] | None:
    """`model`, loaded already if it has to be a language model: one that is not reads nothing.

    Raises:
        RequestError: it is a reader, and something was asked that only the other can do.
    """
    from edgehybrid.runtime.model import Model, load

    if all(getattr(wish, name) is None for name in WRITERS_ONLY):
        return model
    loaded = model if isinstance(model, Model) else load(model)
    if not loaded.writes:
        only_writers(loaded, wish)
    return loaded


def only_writers(model: Model, wish: object) -> None:
    """Refuse what only a language model can do.

    Raises:
        RequestError: something of it was asked.
    """
    for name in WRITERS_ONLY:
        if (value := getattr(wish, name)) is not None:
            raise RequestError(
                f"{name} is {value}, but {model.bundle.name} is a reader, which quotes: "
                "leave it out, or name a language model"
            )


def _written(document: ReadDocument, wish: Wish, stream: Stream) -> Summary:
    read_tokens = stream.position
    length, unit = wish.words or usual_length(document.reading.words), document.reading.unit
    task = ask_for(length, wish.points, wish.focus, unit)
    writing = Writing(wish.max_tokens or MAX_TOKENS, wish.temperature or 0.0, wish.seed, wish.show)
    prompt = Prompt(document.model)
    text = write(stream, prompt, task, writing)
    read_tokens += len(prompt.after(task))
    written = stream.position - read_tokens
    stats = replace(_stats(document, stream), tokens=read_tokens, tokens_written=written)
    notices = tuple(recognised(document.reading))
    return Summary((), document.name, document.model.bundle.name, stats, text.strip(), notices)


def _stats(document: ReadDocument, stream: Stream | None = None) -> Stats:
    reading, stream = document.reading, stream or document.stream
    new = reading.tokens - reading.resumed
    return Stats(
        pages=reading.pages,
        words=reading.words,
        tokens=reading.tokens,
        pages_without_text=tuple(reading.pages_without_text),
        unreadable_pages=tuple(reading.unreadable_pages),
        seconds=round(reading.seconds, 3),
        tokens_per_second=round(new / max(reading.seconds, 1e-9), 1),
        peak_rss_bytes=peak_rss_bytes(),
        state_bytes=stream.nbytes,
        kv_tokens_kept=stream.kv_tokens,
        kv_tokens_seen=stream.position,
        tokens_resumed=reading.resumed,
        language=reading.language,
        recognised_pages=tuple(reading.recognised_pages),
        unit=reading.unit,
    )
