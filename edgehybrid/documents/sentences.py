"""Blocks to sentences, each with the page on which it begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import sentencex

from edgehybrid.documents.apparatus import marked
from edgehybrid.documents.document import Block, PageText, Sentence
from edgehybrid.documents.language import Languages
from edgehybrid.documents.quotable import is_quotable
from edgehybrid.errors import is_of_a_library

#: Whose rules divide sentences of which the language is not known.
UNKNOWN = "en"
#: Characters that are divided at a time; a longer sentence is cut.
WINDOW = 1 << 14

_PLAINLY = re.compile(r"[^.!?]*[.!?]+\s*|[^.!?]+")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
_SPACES = re.compile(r"\s+")


def iter_sentences(
    pages: Iterable[PageText], languages: Languages | None = None
) -> Iterator[Sentence]:
    """Split the blocks of `pages`, in order, into sentences.

    A block that goes on over a page break is joined first; its sentences then belong to the
    page on which each of them begins. `quotable` is what can be said of a sentence when it comes;
    `spared` has the last word at the end of the document. `languages` hears all prose; sentences
    are divided by the rules of the language that most of it was in so far.
    """
    yield from marked(_all(pages, languages or Languages()))


def _all(pages: Iterable[PageText], languages: Languages) -> Iterator[Sentence]:
    for number, parts in enumerate(_paragraphs(pages)):
        if parts[0][1].kind == "prose":
            languages.hear(parts[0][1].text)
        yield from _divided(parts, number, languages.most or UNKNOWN)


def _paragraphs(pages: Iterable[PageText]) -> Iterator[list[tuple[int, Block]]]:
    """The blocks, each with its page; several where one goes on over page breaks."""
    carried: list[tuple[int, Block]] = []
    for page in pages:
        blocks = list(page.blocks)
        if carried and blocks:
            carried.append((page.number, blocks.pop(0)))
        if carried and (blocks or not page.continues):
            yield carried
            carried = []
        if page.continues and blocks:
            carried = [(page.number, blocks.pop())]
        yield from ([(page.number, block)] for block in blocks)
    if carried:
        yield carried


def _divided(parts: list[tuple[int, Block]], number: int, language: str) -> Iterator[Sentence]:
    kind = parts[0][1].kind
    text, starts = "", []
    for page, block in parts:
        starts.append((len(text), page))
        text = f"{text} {block.text}" if text else block.text
    offset = 0
    for piece in _pieces(text, kind, language):
        page = next(page for start, page in reversed(starts) if start <= offset)
        offset += len(piece)
        sentence = _SPACES.sub(" ", piece).strip()
        if sentence:
            yield Sentence(sentence, page, kind, is_quotable(sentence, kind), number)


def _pieces(text: str, kind: str, language: str) -> list[str]:
    if kind == "heading":
        return [text]
    text = _WIDE_SPACE.sub(" ", text)  # sentencex takes "D\xa0." apart inside the space, and panics
    pieces: list[str] = []
    while len(text) > WINDOW:  # its time is quadratic in quotes and brackets that nobody closes
        whole = _segment(text[:WINDOW], language)
        whole = whole[:-1] or whole
        pieces += whole
        text = text[sum(map(len, whole)) :]
    return pieces + _segment(text, language)


def _segment(text: str, language: str) -> list[str]:
    try:
        return list(sentencex.segment(language, text))
    except BaseException as error:
        if not is_of_a_library(error):
            raise
        return _PLAINLY.findall(text)
