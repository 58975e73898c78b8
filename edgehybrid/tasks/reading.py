"""What a reading is, and how a reader reads: pages in, sentences and their vectors out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgehybrid.documents.apparatus import spared
from edgehybrid.documents.document import Document, PageText, Sentence
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.language import Languages
from edgehybrid.documents.opening import PageSource
from edgehybrid.documents.sentences import iter_sentences
from edgehybrid.documents.units import Unit
from edgehybrid.documents.words import count_words
from edgehybrid.errors import Cancelled
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.tasks.feeding import Feeder

#: Sentences a feed: some 4,000 tokens, so that progress moves and stages stay busy. A page is read
#: to its end, so that states are of whole pages, unless it has so many sentences by itself.
BATCH, LONGEST_BATCH = 128, 256


@dataclass(frozen=True)
class Progress:
    """How far a reading is.

    `recognising` is the page (1-based) whose text is being recognised in a picture, 0 if none is:
    that takes seconds a page, and is ahead of what was read. `unit` is what is counted as a page,
    `state_bytes` what the stream takes, 0 before it has read anything.
    """

    pages_read: int
    pages_total: int
    tokens: int
    seconds: float
    peak_rss_bytes: int | None
    recognising: int = 0
    unit: Unit = "page"
    state_bytes: int = 0


Tell = Callable[[Progress], object]


@dataclass
class Reading:
    """What a reading found: sentences, their vectors (n, width), counts, page numbers (1-based).

    `resumed` are the tokens that were not read again; `language` is None if there is too little
    prose to tell. Of a language model there are no sentences, and no language is looked for.
    """

    sentences: list[Sentence] = field(default_factory=list)
    vectors: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), np.float16))
    pages: int = 0
    words: int = 0
    tokens: int = 0
    resumed: int = 0
    seconds: float = 0.0
    pages_without_text: list[int] = field(default_factory=list)
    unreadable_pages: list[int] = field(default_factory=list)
    recognised_pages: list[int] = field(default_factory=list)
    unit: Unit = "page"
    language: str | None = None


class Teller:
    """Tells `progress` how far `reading` is, and stops it if that returns False."""

    def __init__(
        self, source: PageSource | Document, reading: Reading, progress: Tell | None
    ) -> None:
        self._total = len(source.pages) if isinstance(source, Document) else source.page_count
        self._reading, self._progress, self._began = reading, progress, time.monotonic()
        self._state_bytes = 0
        reading.unit = source.unit
        if isinstance(source, PageSource):
            source.watch(self.recognising)

    def recognising(self, number: int) -> None:
        """The text of page `number` is being recognised.

        Raises:
            Cancelled: `progress` returned False.
        """
        self._tell(number)

    def tell(self, tokens: int, state_bytes: int) -> None:
        """So many more tokens were read; the stream now takes so many bytes.

        Raises:
            Cancelled: `progress` returned False.
        """
        self._reading.tokens += tokens
        self._state_bytes = state_bytes
        self._tell(0)

    def _tell(self, recognising: int) -> None:
        reading = self._reading
        reading.seconds = time.monotonic() - self._began
        if self._progress is None:
            return
        now = Progress(
            pages_read=reading.pages,
            pages_total=self._total,
            tokens=reading.tokens,
            seconds=reading.seconds,
            peak_rss_bytes=peak_rss_bytes(),
            recognising=recognising,
            unit=reading.unit,
            state_bytes=self._state_bytes,
        )
        if self._progress(now) is False:
            raise Cancelled(
                f"reading was stopped after {reading.tokens:,} tokens, "
                f"on {reading.unit} {reading.pages} of {self._total}"
            )


def read_sentences(
    source: PageSource | Document,
    feeder: Feeder,
    tokenizer: Tokenizer,
    reading: Reading,
    progress: Tell | None,
) -> None:
    """Feed all sentences of `source`, in order, a batch at a time, and fill `reading`.

    Raises:
        Cancelled: `progress` returned False; `reading` holds what was read.
    """
    languages = Languages()
    if isinstance(source, Document):
        sentences = _from_document(source, reading)
    else:
        sentences = iter_sentences(counted(source, reading), languages)
    teller = Teller(source, reading, progress)
    try:
        for batch in batches(sentences):
            ids, _ = encode(tokenizer, batch)
            feeder.feed(ids, batch[-1].page)
            reading.sentences += batch
            teller.tell(len(ids), feeder.stream.nbytes)
    finally:
        if not feeder.stream.is_broken:
            reading.vectors, reading.resumed = feeder.finish(), feeder.resumed
            reading.sentences = spared(reading.sentences)
            reading.language = reading.language or languages.most


def batches(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """Sentences of whole pages, at least BATCH if there are, and at most LONGEST_BATCH."""
    batch: list[Sentence] = []
    for sentence in sentences:
        ends = len(batch) >= BATCH and sentence.page != batch[-1].page
        if ends or len(batch) == LONGEST_BATCH:
            yield batch
            batch = []
        batch.append(sentence)
    if batch:
        yield batch


def counted(pages: Iterable[PageText], reading: Reading) -> Iterator[PageText]:
    """`pages` as they come, taken note of in `reading`."""
    for page in pages:
        reading.pages += 1
        reading.words += sum(count_words(block.text) for block in page.blocks)
        if not page.readable:
            reading.unreadable_pages.append(page.number)
        elif not page.blocks:
            reading.pages_without_text.append(page.number)
        elif page.recognised:
            reading.recognised_pages.append(page.number)
        yield page


def _from_document(document: Document, reading: Reading) -> Iterator[Sentence]:
    reading.pages, reading.words = len(document.pages), document.words
    reading.language = document.language
    reading.pages_without_text += document.pages_without_text
    reading.unreadable_pages += document.unreadable_pages
    reading.recognised_pages += document.recognised_pages
    yield from document.sentences
