"""A summary that a language model writes, once it has read the whole document."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgehybrid.documents.document import Document
from edgehybrid.documents.opening import PageSource
from edgehybrid.errors import NoText
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.runtime.chat import end_tokens
from edgehybrid.runtime.parts import Markup, Message, Part, Text
from edgehybrid.runtime.prompt import PromptEncoder
from edgehybrid.runtime.template import ChatTemplate, adds_bos, special_tokens
from edgehybrid.tasks.reading import Progress, Reading, counted

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream

#: Without a wish, a summary has at most so many tokens.
MAX_TOKENS = 1024


@dataclass(frozen=True)
class Writing:
    """How a language model writes.

    Attributes:
        max_tokens: at most so many.
        temperature: 0 takes the likeliest token.
        seed: the same seed gives the same text; None draws one.
        show: called with each piece of text as it is written.
    """

    max_tokens: int = MAX_TOKENS
    temperature: float = 0.0
    seed: int | None = None
    show: Callable[[str], None] | None = None


def read_and_write(
    source: PageSource | Document,
    model: Model,
    stream: Stream,
    task: Callable[[int], str],
    writing: Writing,
    progress: Callable[[Progress], None] | None,
) -> tuple[Reading, str, int]:
    """Feed all pages of `source` to `stream`, page by page, and write what `task` asks for.

    Args:
        source: the document.
        model: a language model.
        stream: a new stream of it.
        task: what to ask after a document of so many words.
        writing: how to write.
        progress: called after each feed.

    Returns:
        What was read, the text, and of how many tokens it is.
    """
    template, encoder = ChatTemplate.of(model.bundle), PromptEncoder(model.tokenizer)
    stops = end_tokens(model, template, encoder)
    reading, began = Reading(), time.monotonic()
    total = len(source.pages) if isinstance(source, Document) else source.page_count
    for ids in encoder.encode(_prompt(model, template, source, reading, task)):
        stream.feed(ids)
        reading.tokens += len(ids)
        reading.seconds = time.monotonic() - began
        if progress:
            progress(
                Progress(reading.pages, total, reading.tokens, reading.seconds, peak_rss_bytes())
            )
    text = _write(stream, writing, stops)
    return reading, text, stream.position - reading.tokens


def _write(stream: Stream, writing: Writing, stops: list[int]) -> str:
    pieces = []
    for piece in stream.generate(
        writing.max_tokens, temperature=writing.temperature, seed=writing.seed, stop=stops
    ):
        pieces.append(piece)
        if writing.show:
            writing.show(piece)
    return "".join(pieces)


def _prompt(
    model: Model,
    template: ChatTemplate | None,
    source: PageSource | Document,
    reading: Reading,
    task: Callable[[int], str],
) -> Iterator[Part]:
    """The parts of the prompt; the document's come while it is being read."""
    if template is None:
        tokens = special_tokens(model.bundle)
        if adds_bos(model.bundle):
            yield Markup(tokens["bos_token"])
        yield from _content(source, reading, task)
        yield Text("\n\nSummary:\n")
        return
    for part in template.render([Message("user", "document")], thinking=False):
        if isinstance(part, Text):
            yield from _content(source, reading, task)
        else:
            yield part


def _content(
    source: PageSource | Document, reading: Reading, task: Callable[[int], str]
) -> Iterator[Text]:
    yield Text(f"This is the document {source.name}, page by page.\n\n")
    some = False
    for number, text in _pages(source, reading):
        some = True
        yield Text(f"[page {number}]\n{text}\n\n")
    if not some:
        raise NoText(f"{source.name}: no text on any of {reading.pages} pages")
    yield Text(task(reading.words))


def _pages(source: PageSource | Document, reading: Reading) -> Iterator[tuple[int, str]]:
    """Numbers and texts of the pages that have text."""
    if isinstance(source, PageSource):
        for page in counted(source, reading):
            if page.blocks:
                yield page.number, "\n\n".join(block.text for block in page.blocks)
        return
    reading.words = source.words
    reading.pages_without_text += source.pages_without_text
    reading.unreadable_pages += source.unreadable_pages
    for whole in source.pages:
        reading.pages += 1
        if whole.text:
            yield whole.number, whole.text


def ask_for(words: int, points: int | None) -> str:
    """The request for a summary of about so many words, or of so many bullet points."""
    if points is None:
        return (
            f"Summarize this document in about {words} words. Say only what it says. "
            "After each statement, cite the page that it comes from, like this: [p. 3]"
        )
    items = "one bullet point" if points == 1 else f"{points} bullet points"
    return (
        f"Summarize this document as {items}, of about {words} words in all, each on a line that "
        'begins with "- " and ends with the page that it comes from, like this: [p. 3] '
        "Say only what the document says."
    )
