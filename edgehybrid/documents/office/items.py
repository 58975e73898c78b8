"""What all readers of this folder yield: blocks, and where something begins that has a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from edgehybrid.documents.document import Block, PageText
from edgehybrid.documents.text import clean, cut, in_section, section_after
from edgehybrid.documents.units import Unit

#: The end of a text that may be half a word.
_LAST_WORD = re.compile(r"\S*$")


class Break(NamedTuple):
    """The next page, slide, chapter or message begins, perhaps `inside` a paragraph."""

    inside: bool = False


Item = Block | Break


class Contents(NamedTuple):
    """What a file holds. Without breaks in `items`, its sections are counted."""

    unit: Unit
    items: Iterable[Item]


def block(text: str, kind: str) -> Iterator[Block]:
    """A block of `text`, white space joined; none if it is empty, several if it is very long."""
    joined = " ".join(clean(text).split())
    for piece in cut(joined):
        yield Block(piece, kind)


def across(texts: list[str], kind: str) -> Iterator[Item]:
    """A paragraph, whose text is cut where pages begin; a word goes to the later of its pages."""
    texts, begun = list(texts), False
    for number, text in enumerate(texts):
        if text and number + 1 < len(texts) and texts[number + 1][:1].strip():
            kept = len(text) - len(_LAST_WORD.findall(text)[0])
            texts[number + 1] = text[kept:] + texts[number + 1]
            text = text[:kept]
        if number:
            yield Break(inside=begun and bool(text.strip()))
        yield from block(text, kind)
        begun = bool(text.strip())


def row(cells: Iterable[str]) -> Iterator[Block]:
    """A row of a table."""
    texts = [" ".join(clean(cell).split()) for cell in cells]
    if any(texts):
        yield from block(" | ".join(texts), "table")


def pages_of(contents: Contents) -> list[PageText]:
    """The pages of a file, from 1; under a heading such as "References" all is marked as such."""
    sections = contents.unit == "section"
    pages: list[list[Block]] = [[]]
    going_on: set[int] = set()
    section = "prose"
    for item in contents.items:
        if isinstance(item, Break):
            going_on |= {len(pages)} if item.inside else set()
            pages.append([])
            continue
        if sections and item.kind == "heading" and _has_text(pages[-1]):
            pages.append([])
        section = section_after(section, item)
        pages[-1].append(in_section(item, section))
    return [
        PageText(number, tuple(blocks), number in going_on)
        for number, blocks in enumerate(pages, start=1)
    ]


def _has_text(blocks: list[Block]) -> bool:
    """Whether there is more than headings: a title and its subtitle begin one section."""
    return any(block.kind != "heading" for block in blocks)
