"""Reading a document with a stream: pages in, sentences and their vectors out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgehybrid.documents.document import Document, PageText, Sentence, count_words
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.opening import PageSource
from edgehybrid.documents.sentences import iter_sentences
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.runtime.stream import Stream

#: Sentences a feed: some 4,000 tokens, so that progress moves and stages stay busy.
BATCH = 128


@dataclass(frozen=True)
class Progress:
    """How far a reading is."""

    pages_read: int
    pages_total: int
    tokens: int
    seconds: float
    peak_rss_bytes: int | None


@dataclass
class Reading:
    """What a reading found: sentences, their vectors (n, width), counts, page numbers (1-based)."""

    sentences: list[Sentence] = field(default_factory=list)
    vectors: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), np.float16))
    pages: int = 0
    words: int = 0
    tokens: int = 0
    seconds: float = 0.0
    pages_without_text: list[int] = field(default_factory=list)
    unreadable_pages: list[int] = field(default_factory=list)


def read(
    source: PageSource | Document,
    stream: Stream,
    tokenizer: Tokenizer,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> Reading:
    """Feed all sentences of `source` to `stream`, in order, a batch at a time."""
    reading, began, parts = Reading(), time.monotonic(), []
    if isinstance(source, Document):
        total, sentences = len(source.pages), _from_document(source, reading)
    else:
        total, sentences = source.page_count, iter_sentences(counted(source, reading))
    for batch in _batches(sentences):
        ids, _ = encode(tokenizer, batch)
        parts.append(stream.feed(ids).astype(np.float16))
        reading.sentences += batch
        reading.tokens += len(ids)
        reading.seconds = time.monotonic() - began
        if progress:
            progress(
                Progress(reading.pages, total, reading.tokens, reading.seconds, peak_rss_bytes())
            )
    if parts:
        reading.vectors = np.concatenate(parts)
    return reading


def _batches(sentences: Iterator[Sentence]) -> Iterator[list[Sentence]]:
    batch: list[Sentence] = []
    for sentence in sentences:
        batch.append(sentence)
        if len(batch) == BATCH:
            yield batch
            batch = []
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
        yield page


def _from_document(document: Document, reading: Reading) -> Iterator[Sentence]:
    reading.pages, reading.words = len(document.pages), document.words
    reading.pages_without_text += document.pages_without_text
    reading.unreadable_pages += document.unreadable_pages
    yield from document.sentences
