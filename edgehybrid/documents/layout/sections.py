"""Sections that are not quoted whatever stands in them: references, contents, thanks."""

from __future__ import annotations

import re

from edgehybrid.documents.apparatus import is_title
from edgehybrid.documents.layout.blocks import LABEL
from edgehybrid.documents.layout.kinds import Paragraph

#: Headings whose font sizes differ by fewer points are of one level.
SAME_SIZE = 0.6

_NUMBERING = r"^\W*(?:(?:\d+|[IVXA-Z]+)(?:\.\d+)*[.):]?\s+)?"
_REFERENCES = re.compile(
    _NUMBERING
    + r"(?:references?(?: (?:cited|and notes|list))?|bibliograph\w+|literature(?: cited)?"
    r"|works cited|reference list|further reading)\W*$",
    re.I,
)
_CONTENTS = re.compile(
    r"^\W*(?:table of contents|contents|list of (?:figures|tables)|(?:\w+ )*index)\W*$", re.I
)
_APPENDIX = re.compile(r"^\W*(?:appendi(?:x|ces)|annex)\b", re.I)
_ENTRY_END = re.compile(r"(?:\d|\b[ivxl]+)\W*$")


#: Entries of a list of references have a year or an address; longer text without is none.
_CITED = re.compile(
    r"\b(?:1[6-9]|20)\d\d[a-z]?\b|https?:|\bdoi\b|\bin press\b|forthcoming"
    r"|\bpp\.|\bvol\.|\bet al\b",
    re.I,
)
MAX_ENTRY_WORDS, LOOK_AHEAD = 40, 4
#: So many paragraphs in a row that are no references end the list.
MAX_STRAYS = 2


#: Which kinds of paragraphs take the kind of their section.
_PLACED = {
    "prose": frozenset[str](),
    "toc": frozenset({"prose", "list", "formula"}),
    "boilerplate": frozenset({"prose", "list", "formula"}),
    "reference": frozenset({"prose", "list", "formula", "caption"}),
}


class Sections:
    """Follows the headings of a document and says which kind its paragraphs have."""

    def __init__(self) -> None:
        self._kind = "prose"
        self._heading: Paragraph | None = None
        self._strays = 0

    def place(self, paragraphs: list[Paragraph]) -> list[Paragraph]:
        """The `paragraphs` of a page, each with the kind of the section in which it stands."""
        return [
            self._place(paragraph, paragraphs[index + 1 :])
            for index, paragraph in enumerate(paragraphs)
        ]

    def _place(self, paragraph: Paragraph, following: list[Paragraph]) -> Paragraph:
        if paragraph.kind == "heading" or _is_short_title(paragraph):
            return self._enter(paragraph, following)
        if self._kind == "toc" and not _in_contents(paragraph):
            self._kind = "prose"
        if self._kind == "reference":
            self._strays = self._strays + 1 if _is_stray(paragraph) else 0
            if self._strays == MAX_STRAYS:
                self._kind = "prose"
        if paragraph.kind in _PLACED[self._kind]:
            return paragraph._replace(kind=self._kind)
        return paragraph

    def _enter(self, heading: Paragraph, following: list[Paragraph]) -> Paragraph:
        kind = _section_kind(heading.text)
        if kind == "reference" and not _are_entries(following[:LOOK_AHEAD]):
            return heading  # e.g. the head of a column of a table
        if kind != "prose":
            self._kind, self._heading, self._strays = kind, heading, 0
            return heading._replace(kind="heading")
        if self._kind == "toc" and _ENTRY_END.search(heading.text):
            return heading._replace(kind="toc")
        if self._kind == "reference" and not self._ends_references(heading):
            return heading._replace(kind="reference")
        self._kind = "prose"
        return heading

    def _ends_references(self, heading: Paragraph) -> bool:
        """Whether `heading` has the level of the references' own, which their lines may not."""
        title = self._heading
        if title is None or _APPENDIX.match(heading.text):
            return True
        if LABEL.match(heading.text) and not LABEL.match(title.text):
            return False
        return heading.size > title.size - SAME_SIZE and heading.bold >= title.bold


def _in_contents(paragraph: Paragraph) -> bool:
    if paragraph.kind == "toc":
        return True
    return bool(_ENTRY_END.search(paragraph.text)) or not paragraph.ended


def _are_entries(paragraphs: list[Paragraph]) -> bool:
    """Whether references follow; nothing follows at the end of a page."""
    return not paragraphs or any(_CITED.search(paragraph.text) for paragraph in paragraphs)


def _is_stray(paragraph: Paragraph) -> bool:
    """Whether a paragraph is none of a list of references; a part of one entry may look so."""
    words = len(paragraph.text.split())
    return words > MAX_ENTRY_WORDS and not _CITED.search(paragraph.text)


def _is_short_title(paragraph: Paragraph) -> bool:
    """A title such as "References" set like the text around it."""
    return (
        paragraph.kind in ("prose", "list", "caption", "boilerplate")
        and len(paragraph.text) < 40
        and _section_kind(paragraph.text) != "prose"
    )


def _section_kind(title: str) -> str:
    if _REFERENCES.match(title):
        return "reference"
    if _CONTENTS.match(title):
        return "toc"
    return "boilerplate" if is_title(title) else "prose"
