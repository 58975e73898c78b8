"""What a paragraph is: prose that may be quoted, or a heading, caption, table, ..."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from edgehybrid.documents.apparatus import is_caption
from edgehybrid.documents.layout import BOLD, FORMULA, MONO, Line
from edgehybrid.documents.layout.blocks import BULLET, ENDED, LABEL
from edgehybrid.documents.layout.boilerplate import is_boilerplate

#: A heading is larger than the text by this factor, or bold, or numbered, or in capitals.
HEADING_SIZE = 1.07
MAX_HEADING_WORDS, MAX_HEADING_LINES = 18, 3
#: Notes and small print are smaller than the text by this factor.
SMALL_SIZE = 0.85
#: Below this share of real words, a paragraph in a mathematical font is a formula.
MIN_WORDS = 0.5
#: What patterns that search back and forth look at, in characters: the rest is no such thing.
TAIL, LONGEST_ENTRY = 200, 2000

_LEADER = re.compile(r"(?:[.·…_]\s?){5,}\s*(?:\d+|[ivxlc]+|[A-Z]-?\d+)?\s*$")
_NUMBERED = re.compile(
    r"^(?:(?:chapter|section|part|appendix)\s+[A-Z\d]{1,3}\b"
    r"|\d{1,2}(?:\.\d{1,3})*\.?\s+(?-i:[A-Z])|(?-i:[A-Z])(?:\.\d{1,3})+\.?\s+(?-i:[A-Z]))",
    re.I,
)
_ENTRY = re.compile(
    r"^(?:\[\d{1,3}\]|\d{1,3}\.)\s+[^\W\d_].*\b(?:19|20)\d\d\b"
    r".*(?:\d[-–]\d|doi|et al|pp\.|vol\.|http|press)",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_SENTENCE_BREAK = re.compile(r"[^\W\d_]{3}[.:]\s+\S")
_STOPPED = re.compile(r"[.;,][\"'”’)\]]*$")


class Paragraph(NamedTuple):
    """The joined text of some lines, its kind, and what is needed to place it.

    `size` is in points; `indented` says that no line begins at the left edge of its column.
    """

    text: str
    kind: str
    size: float
    bold: bool
    column: int
    lines: int
    indented: bool

    @property
    def ended(self) -> bool:
        """Whether the text ends like a sentence."""
        return bool(ENDED.search(self.text))


def classify(lines: list[Line], text: str, body: float, page: int) -> Paragraph:
    """The paragraph of `lines`, whose joined text is `text`.

    `body` is the usual font size of the document, in points, and `page` is 1-based.
    """
    bold = all(line.style & BOLD for line in lines)
    kind = _kind(lines, text, body, bold)
    if kind in ("prose", "list", "heading") and is_boilerplate(text, page):
        kind = "boilerplate"
    if kind == "list":
        text = LABEL.sub("", BULLET.sub("", text))
    first = lines[0]
    indented = min(line.left for line in lines) > first.column_left + 2 * first.size
    return Paragraph(text, kind, first.size, bold, first.column, len(lines), indented)


def _kind(lines: list[Line], text: str, body: float, bold: bool) -> str:
    if _most(_LEADER.search(line.text[-TAIL:]) for line in lines):
        return "toc"
    if _most(line.cells > 1 for line in lines):
        return "table"
    if _most(line.style & MONO for line in lines):
        return "code"
    if is_caption(text):
        return "caption"
    if _is_formula(lines, text):
        return "formula"
    if _ENTRY.match(text[:LONGEST_ENTRY]):
        return "reference"
    if BULLET.match(text):
        return "list"
    if _is_heading(lines, text, body, bold):
        return "heading"
    if lines[0].size < SMALL_SIZE * body:
        return "caption"
    return "list" if LABEL.match(text) else "prose"


def _most(flags: Iterable[object]) -> bool:
    seen = [bool(flag) for flag in flags]
    return sum(seen) > len(seen) / 2


def _is_formula(lines: list[Line], text: str) -> bool:
    tokens = text.split()
    words = len(_WORD.findall(text))
    if any(line.style & FORMULA for line in lines):
        return words < MIN_WORDS * len(tokens) and not (words > 8 and ENDED.search(text))
    return words == 0


def _is_heading(lines: list[Line], text: str, body: float, bold: bool) -> bool:
    words = text.split()
    if len(words) > MAX_HEADING_WORDS or len(lines) > MAX_HEADING_LINES or not _WORD.search(text):
        return False
    if lines[0].size > HEADING_SIZE * body:
        return not (text.endswith(".") and len(words) > 6)
    if _STOPPED.search(text):
        return False
    numbered = _NUMBERED.match(text) and not _SENTENCE_BREAK.search(text)
    return bold or bool(numbered) or text.isupper()
