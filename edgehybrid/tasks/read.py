"""Reading a document once, for any number of summaries and questions."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from edgehybrid.documents.document import Document
from edgehybrid.documents.opening import PageSource, open_pages
from edgehybrid.errors import Cancelled, NoText
from edgehybrid.tasks import keeping as kept
from edgehybrid.tasks.feeding import Feeder
from edgehybrid.tasks.keeping import Keep
from edgehybrid.tasks.reading import Reading, Tell, read_sentences
from edgehybrid.tasks.write import Prompt, read_pages

if TYPE_CHECKING:
    from edgehybrid.runtime.budgets import Budget
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream
    from edgehybrid.store.journal import Keeping
    from edgehybrid.tasks.ask import Answer
    from edgehybrid.tasks.summarize import Summary

log = logging.getLogger("edgehybrid")


@dataclass
class ReadDocument:
    """A document that was read: summarise it and ask it, as often as you like.

    Attributes:
        name: of the document.
        stream: has read the document and nothing else; fork it to go on.
        reading: what was found.
        links: (n,) position in the stream after each batch, and the page of its last token.
    """

    name: str
    stream: Stream
    reading: Reading
    links: NDArray[Any] = field(repr=False)

    @property
    def model(self) -> Model:
        """The model that read it."""
        return self.stream.model

    @property
    def is_in_trained_language(self) -> bool:
        """Whether the model was trained on its language; True if one of both is not known."""
        trained, language = self.model.bundle.languages, self.reading.language
        return trained is None or language is None or language in trained

    def summarize(
        self,
        *,
        words: int | None = None,
        points: int | None = None,
        focus: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        show: Callable[[str], None] | None = None,
    ) -> Summary:
        """Its most important sentences, or what a language model writes; see `summarize`.

        Raises:
            RequestError: an argument cannot be satisfied.
        """
        from edgehybrid.tasks.summarize import Wish, summary_of

        return summary_of(self, Wish(words, points, focus, max_tokens, temperature, seed, show))

    def ask(
        self,
        question: str,
        *,
        passages: int = 3,
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        show: Callable[[str], None] | None = None,
    ) -> Answer:
        """What it says about `question`; see `edgehybrid.ask`.

        Raises:
            RequestError: an argument cannot be satisfied.
        """
        from edgehybrid.tasks.ask import Question, answer

        return answer(self, Question(question, passages, max_tokens, temperature, seed, show))


def read(
    source: str | os.PathLike[str] | Document,
    *,
    pages: tuple[int, int] | None = None,
    password: str | None = None,
    damaged: bool = False,
    model: Model | str | os.PathLike[str] | None = None,
    budget: Budget = None,
    router: str | None = None,
    keep: Keep | bool = False,
    progress: Tell | None = None,
) -> ReadDocument:
    """Read a document once, to summarise it and ask it later.

    Args:
        source: a path (a `str` is always a path, never text), or a `Document`.
        pages: first and last page to read, 1-based, both included.
        password: for an encrypted PDF; what is read of one is never kept on disk.
        damaged: read what is left of a damaged PDF, instead of refusing it.
        model: a loaded model, or a bundle's folder; the default reader if None.
        budget: tokens that the router may keep per KV head, also by layer; see `Model.stream`.
        router: which tokens are kept; see there.
        keep: True, or how, to keep the reading in the user's cache folder: a reading that was
            broken off goes on from its last checkpoint, one that was finished is there at once,
            and of a document that was edited only what follows the first change is read again.
        progress: called after each batch of sentences or pages; stops the reading by returning
            False.

    Raises:
        DocumentError: the document cannot be read or has no text.
        BundleError: the model cannot be loaded.
        RequestError: `pages`, `budget`, `router` or `keep` cannot be satisfied.
        CacheError: the cache folder cannot be used.
        Cancelled: `progress` returned False. Its `document` is what was read up to then.
    """
    how = Keep() if keep is True else keep or None
    if how is not None:
        how.check()
        if password is not None:
            log.warning("a document that needs a password is not kept on disk")
            how = None
    opening = _Opening(source, pages, password, damaged)
    if how is None:
        with opening.open() as opened:  # a PDF is already being parsed while the model is loaded
            return _read(opened, _stream(model, budget, router), None, progress)
    content = opening.identity()
    with ExitStack() as stack:
        # as above, unless the reading may be there already, so that nothing need be parsed
        early = None if kept.may_be_kept(content) else stack.enter_context(opening.open())
        stream = _stream(model, budget, router)
        place = kept.open_keeping(stream, content, how)
        stack.enter_context(kept.using(place.entry))
        if found := kept.find(place.entry, stream.model, _width(stream.model)):
            return ReadDocument(opening.name, found[0], found[1], found[2].links)
        opened = early or stack.enter_context(opening.open())
        document = _read(opened, stream, place, progress)
        if content == opening.identity():  # else it was changed while it was read
            kept.finish(place.entry, document)
        return document


@dataclass(frozen=True)
class _Opening:
    """What to read."""

    source: str | os.PathLike[str] | Document
    pages: tuple[int, int] | None
    password: str | None
    damaged: bool

    @property
    def name(self) -> str:
        return self.source.name if isinstance(self.source, Document) else Path(self.source).name

    @contextmanager
    def open(self) -> Iterator[PageSource | Document]:
        if isinstance(self.source, Document):
            yield self.source.only(*self.pages) if self.pages else self.source
            return
        with open_pages(
            self.source, pages=self.pages, password=self.password, damaged=self.damaged
        ) as opened:
            yield opened

    def identity(self) -> str:
        source = self.source if isinstance(self.source, Document) else Path(self.source)
        return kept.identity(source, self.pages, damaged=self.damaged)


def _stream(
    model: Model | str | os.PathLike[str] | None, budget: Budget, router: str | None
) -> Stream:
    from edgehybrid.runtime.model import Model, load

    loaded = model if isinstance(model, Model) else load(model)
    return loaded.stream(budget=budget, router=router)


def _width(model: Model) -> int:
    """Columns of what is kept of each sentence."""
    return 0 if model.writes else model.head.width


def _read(
    source: PageSource | Document, stream: Stream, place: Keeping | None, progress: Tell | None
) -> ReadDocument:
    model, reading = stream.model, Reading()
    feeder = Feeder(stream, place, _width(model))
    if place is not None and place.entry.mine:
        kept.begin(place.entry, source.name, model)
    try:
        if model.writes:
            read_pages(source, feeder, Prompt(model), reading, progress)
        else:
            read_sentences(source, feeder, model.tokenizer, reading, progress)
    except Cancelled as cancelled:
        cancelled.document = _so_far(source.name, feeder, reading)
        raise
    if not reading.tokens:
        raise NoText(f"{source.name}: no text on any of {reading.pages} {reading.unit}s")
    return _so_far(source.name, feeder, reading)


def _so_far(name: str, feeder: Feeder, reading: Reading) -> ReadDocument:
    return ReadDocument(name, feeder.stream, reading, feeder.journal.links)
