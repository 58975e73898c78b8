"""What a language model reads of a document, and what it writes when it has read it whole.

    markup of the template, "This is the document ...", page after page | what is asked, markup

The left part is the same whatever is asked, so its state can be kept and asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from edgehybrid.documents.document import Document
from edgehybrid.documents.opening import PageSource
from edgehybrid.documents.units import Unit, place
from edgehybrid.runtime.chat import end_tokens
from edgehybrid.runtime.parts import Markup, Message, Part, Text
from edgehybrid.runtime.prompt import PromptEncoder
from edgehybrid.runtime.template import ChatTemplate, adds_bos, special_tokens
from edgehybrid.tasks.reading import Reading, Tell, Teller, counted

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.stream import Stream
    from edgehybrid.tasks.feeding import Feeder

#: Without a wish, an answer has at most so many tokens.
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


class Prompt:
    """The parts of a prompt before and after the document, as a model's template has them."""

    def __init__(self, model: Model) -> None:
        self.encoder = PromptEncoder(model.tokenizer)
        template = ChatTemplate.of(model.bundle)
        self.stops = end_tokens(model, template, self.encoder)
        self._before, self._after = _around(model, template)

    def before(self, name: str, unit: Unit = "page") -> list[int]:
        """Tokens before the first page of a document of that name."""
        parts = [*self._before, Text(f"This is the document {name}, {unit} by {unit}.\n\n")]
        return list(chain.from_iterable(self.encoder.encode(parts)))

    def page(self, number: int, text: str, unit: Unit = "page") -> list[int]:
        """Tokens of a page, or of what the document counts as one."""
        parts = [Text(self.page_text(number, text, unit))]
        return list(chain.from_iterable(self.encoder.encode(parts, first=False)))

    @staticmethod
    def page_text(number: int, text: str, unit: Unit = "page") -> str:
        """What is read of a page."""
        return f"[{unit} {number}]\n{text}\n\n"

    def after(self, task: str) -> list[int]:
        """Tokens after the last page, which ask for `task`."""
        parts = [Text(task), *self._after]
        return list(chain.from_iterable(self.encoder.encode(parts, first=False)))


def _around(model: Model, template: ChatTemplate | None) -> tuple[list[Part], list[Part]]:
    if template is None:
        begin = (
            [Markup(special_tokens(model.bundle)["bos_token"])] if adds_bos(model.bundle) else []
        )
        return [*begin], [Text("\n\nAnswer:\n")]
    parts = template.render([Message("user", "document")], thinking=False)
    at = next(i for i, part in enumerate(parts) if isinstance(part, Text))
    return list(parts[:at]), list(parts[at + 1 :])


def read_pages(
    source: PageSource | Document,
    feeder: Feeder,
    prompt: Prompt,
    reading: Reading,
    progress: Tell | None,
) -> None:
    """Feed all pages of `source`, in order, a page at a time, and fill `reading`.

    Raises:
        Cancelled: `progress` returned False; `reading` holds what was read.
    """
    teller = Teller(source, reading, progress)
    begun = False
    try:
        for number, text in _pages(source, reading):
            ids = [] if begun else prompt.before(source.name, source.unit)
            ids, begun = ids + prompt.page(number, text, source.unit), True
            feeder.feed(np.array(ids, np.int32), number)
            teller.tell(len(ids), feeder.stream.nbytes)
    finally:
        if not feeder.stream.is_broken:
            feeder.finish()
            reading.resumed = feeder.resumed


def write(
    stream: Stream, prompt: Prompt, task: str, writing: Writing, *, lookup: bool = True
) -> str:
    """Read what is asked and write; `stream` goes on after the document."""
    stream.feed(prompt.after(task))
    pieces = []
    for piece in stream.generate(
        writing.max_tokens,
        temperature=writing.temperature,
        seed=writing.seed,
        stop=prompt.stops,
        lookup=lookup,
    ):
        pieces.append(piece)
        if writing.show:
            writing.show(piece)
    return "".join(pieces)


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
    reading.recognised_pages += source.recognised_pages
    for whole in source.pages:
        reading.pages += 1
        if whole.text:
            yield whole.number, whole.text


def ask_for(words: int, points: int | None, focus: str | None = None, unit: Unit = "page") -> str:
    """The request for a summary of about so many words, or of so many bullet points."""
    task = _summary_of(words, points, unit)
    return task if focus is None else f"{task}\n\nSummarize only what it says about this: {focus}"


def _summary_of(words: int, points: int | None, unit: Unit) -> str:
    cited = place(unit, 3)
    if points is None:
        return (
            f"Summarize this document in about {words} words. Say only what it says. "
            f"After each statement, cite the {unit} that it comes from, like this: [{cited}]"
        )
    items = "one bullet point" if points == 1 else f"{points} bullet points"
    return (
        f"Summarize this document as {items}, of about {words} words in all, each on a line that "
        f'begins with "- " and ends with the {unit} that it comes from, like this: [{cited}] '
        "Say only what the document says."
    )


def ask_about(question: str, unit: Unit = "page") -> str:
    """The request for an answer."""
    return (
        f"Answer the question from this document alone, in a few sentences, and cite the {unit} of "
        f"each statement, like this: [{place(unit, 3)}] If the document does not say, "
        "say that it does not.\n\n"
        f"Question: {question}"
    )
