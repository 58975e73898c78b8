"""What a document is to the rest of the program: pages, and sentences that know their page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from edgehybrid.documents.units import Unit
from edgehybrid.documents.words import count_words

#: What a block of text is. Only `prose` and `list` are ever quoted; all kinds are read.
KINDS = (
    "prose",
    "list",
    "heading",
    "caption",
    "table",
    "code",
    "formula",
    "reference",
    "toc",
    "boilerplate",
)


class Block(NamedTuple):
    """A paragraph, heading, list item, ... as a reader sees it: one line, words joined."""

    text: str
    kind: str


class PageText(NamedTuple):
    """The blocks of one page, in reading order.

    `continues` says that the last block goes on with the first block of the next page.
    `readable` is False where the page itself could not be parsed; `recognised` is True where its
    text was read off a picture (OCR), which makes mistakes.
    """

    number: int
    blocks: tuple[Block, ...]
    continues: bool = False
    readable: bool = True
    recognised: bool = False


class Sentence(NamedTuple):
    """One sentence, the page (1-based) on which it begins, and its paragraph, counted from 0."""

    text: str
    page: int
    kind: str
    quotable: bool
    paragraph: int = 0


class Page(NamedTuple):
    """One page (1-based) and its text, blocks separated by blank lines."""

    number: int
    text: str


@dataclass(frozen=True)
class Document:
    """A document that was read whole into memory.

    `pages_without_text`, `unreadable_pages` and `recognised_pages` (by OCR) hold page numbers
    (1-based). `language` is that of most of its prose (ISO 639), None if there is too little to
    tell. `unit` says what is counted as a page: in a presentation it is a slide.
    """

    name: str
    pages: tuple[Page, ...]
    sentences: tuple[Sentence, ...] = field(repr=False)
    pages_without_text: tuple[int, ...] = ()
    unreadable_pages: tuple[int, ...] = ()
    language: str | None = None
    recognised_pages: tuple[int, ...] = ()
    unit: Unit = "page"

    @property
    def words(self) -> int:
        """The number of words; dot leaders and rules are none. See `count_words`."""
        return sum(count_words(page.text) for page in self.pages)

    def only(self, first: int, last: int) -> Document:
        """The pages `first` to `last` (1-based, both included) as a document of their own.

        Raises:
            RequestError: there is none of them.
        """
        from edgehybrid.errors import RequestError

        def wanted(number: int) -> bool:
            return first <= number <= last

        pages = tuple(page for page in self.pages if wanted(page.number))
        if not pages:
            raise RequestError(
                f"{self.unit}s {first}-{last} were asked of {self.name}, which has "
                f"{len(self.pages)}"
            )
        return Document(
            name=self.name,
            pages=pages,
            sentences=tuple(s for s in self.sentences if wanted(s.page)),
            pages_without_text=tuple(filter(wanted, self.pages_without_text)),
            unreadable_pages=tuple(filter(wanted, self.unreadable_pages)),
            language=self.language,
            recognised_pages=tuple(filter(wanted, self.recognised_pages)),
            unit=self.unit,
        )

    @classmethod
    def from_text(cls, text: str, *, name: str = "text") -> Document:
        """Make a document of plain text; a form feed starts a new page.

        Raises:
            NoText: `text` has no words.
        """
        from edgehybrid.documents.text import pages_of_text

        return cls.from_pages(pages_of_text(text), name=name)

    @classmethod
    def from_pages(cls, pages: Iterable[PageText], *, name: str, unit: Unit = "page") -> Document:
        """Collect pages as a format's reader yields them; `unit` is what it counts as one.

        Raises:
            NoText: no page has words.
        """
        from edgehybrid.documents.apparatus import spared
        from edgehybrid.documents.language import Languages
        from edgehybrid.documents.sentences import iter_sentences
        from edgehybrid.errors import NoText

        kept = tuple(pages)
        if not any(page.blocks for page in kept):
            raise NoText(f"{name}: no text on any of {len(kept)} {unit}s; nothing to summarise")
        languages = Languages()
        return cls(
            name=name,
            pages=tuple(Page(p.number, "\n\n".join(b.text for b in p.blocks)) for p in kept),
            sentences=tuple(spared(list(iter_sentences(kept, languages)))),
            pages_without_text=tuple(p.number for p in kept if p.readable and not p.blocks),
            unreadable_pages=tuple(p.number for p in kept if not p.readable),
            language=languages.most,
            recognised_pages=tuple(p.number for p in kept if p.recognised),
            unit=unit,
        )
