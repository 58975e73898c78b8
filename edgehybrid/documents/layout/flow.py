"""Paragraphs that go on after a column, a page, a picture or a formula are put together."""

from __future__ import annotations

import re

from edgehybrid.documents.layout.kinds import Paragraph
from edgehybrid.documents.layout.words import Vocabulary, join

#: What may stand between the two parts of a paragraph, in the page's layout or in its text.
FLOATS = frozenset({"caption", "table"})
INLINE = frozenset({"formula"})
#: Paragraphs of prose, lists included, flow; their parts are so many paragraphs apart at most.
FLOWING = frozenset({"prose", "list"})
MAX_APART = 8

_GOES_ON = re.compile(r"^[^\w(“‘\"'\[]*[^\W\d_]")


def joined(paragraphs: list[Paragraph], vocabulary: Vocabulary) -> list[Paragraph]:
    """Join the parts of paragraphs within one page; what stood between them follows."""
    result: list[Paragraph] = []
    waiting = list(paragraphs)
    while waiting:
        paragraph = waiting.pop(0)
        while (index := _continuation(paragraph, waiting)) is not None:
            inline = [p for p in waiting[:index] if p.kind in INLINE]
            for part in (*inline, waiting[index]):
                paragraph = _with(paragraph, part, vocabulary)
            waiting = [p for p in waiting[:index] if p.kind not in INLINE] + waiting[index + 1 :]
        result.append(paragraph)
    return result


def _with(paragraph: Paragraph, part: Paragraph, vocabulary: Vocabulary) -> Paragraph:
    text = join(paragraph.text, part.text, vocabulary)
    return paragraph._replace(text=text, column=part.column)


def _continuation(paragraph: Paragraph, following: list[Paragraph]) -> int | None:
    """Where in `following` the text of `paragraph` goes on, if it does."""
    if paragraph.kind not in FLOWING or paragraph.ended:
        return None
    for index, candidate in enumerate(following[:MAX_APART]):
        if candidate.kind == "prose":
            return index if _goes_on(paragraph, candidate) else None
        if candidate.kind not in FLOATS | INLINE:
            return None
    return None


def _goes_on(paragraph: Paragraph, candidate: Paragraph) -> bool:
    if abs(paragraph.size - candidate.size) > 0.6:
        return False
    start = next((c for c in candidate.text if c.isalnum()), "")
    return start.islower() or (candidate.column != paragraph.column and paragraph.lines > 1)


def across(
    page: list[Paragraph], following: list[Paragraph], vocabulary: Vocabulary
) -> tuple[list[Paragraph], list[Paragraph], bool]:
    """Arrange two pages so that text which goes on over the break ends one and begins the next.

    Returns both pages, and whether text goes on.
    """
    last = _last_flowing(page)
    first = _first_flowing(following)
    if last is None or first is None:
        return page, following, False
    head, tail = page[last], following[first]._replace(column=-1)
    if head.ended or not _goes_on(head, tail):
        return page, following, False
    head, tail = _move_cut_word(head, tail, vocabulary)
    page = [*page[:last], *page[last + 1 :], head]
    following = [tail, *following[:first], *following[first + 1 :]]
    return page, following, True


def _last_flowing(page: list[Paragraph]) -> int | None:
    for index in range(len(page) - 1, max(len(page) - MAX_APART, 0) - 1, -1):
        if page[index].kind in FLOWING:
            return index
        if page[index].kind not in FLOATS:
            return None
    return None


def _first_flowing(page: list[Paragraph]) -> int | None:
    for index, paragraph in enumerate(page[:MAX_APART]):
        if paragraph.kind == "prose":
            return index
        if paragraph.kind not in FLOATS:
            return None
    return None


def _move_cut_word(
    head: Paragraph, tail: Paragraph, vocabulary: Vocabulary
) -> tuple[Paragraph, Paragraph]:
    """Bring the rest of a word that is cut by the page break back to where it begins."""
    if not head.text.endswith(("-", "\u00ad")) or " " not in tail.text:
        return head, tail
    rest, text = tail.text.split(" ", 1)
    return head._replace(text=join(head.text, rest, vocabulary)), tail._replace(text=text)
