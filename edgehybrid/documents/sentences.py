"""Blocks to sentences, each with the page on which it begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import sentencex

from edgehybrid.documents.document import Block, PageText, Sentence
from edgehybrid.errors import is_of_a_library

#: Shorter sentences ("See below.") say nothing alone; longer ones are run-on debris.
MIN_WORDS, MAX_WORDS = 4, 120
#: Below this share of letters a "sentence" is a formula, a table row or a line of code.
MIN_LETTERS = 0.62

#: Characters that are divided at a time; a longer sentence is cut.
WINDOW = 1 << 14

_ENDS = re.compile(r"[.!?…。！？;][\"'”’)\]]*$")
_PLAINLY = re.compile(r"[^.!?]*[.!?]+\s*|[^.!?]+")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
_SPACES = re.compile(r"\s+")


def iter_sentences(pages: Iterable[PageText], *, language: str = "en") -> Iterator[Sentence]:
    """Split the blocks of `pages`, in order, into sentences.

    A block that goes on over a page break is joined first; its sentences then belong to the
    page on which each of them begins.
    """
    carried: list[tuple[int, Block]] = []
    for page in pages:
        blocks = list(page.blocks)
        if carried and blocks:
            carried.append((page.number, blocks.pop(0)))
        if blocks or not page.continues:
            yield from _split_joined(carried, language)
            carried = []
        if page.continues and blocks:
            carried = [(page.number, blocks.pop())]
        for block in blocks:
            yield from _split_joined([(page.number, block)], language)
    yield from _split_joined(carried, language)


def is_quotable(text: str, kind: str) -> bool:
    """Whether `text` can stand alone in a summary."""
    if kind not in ("prose", "list"):
        return False
    if not MIN_WORDS <= len(text.split()) <= MAX_WORDS:
        return False
    if kind == "prose" and text[0].islower():  # the rest of something a table or code cut in two
        return False
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return letters >= MIN_LETTERS * len(text) and bool(_ENDS.search(text))


def _split_joined(parts: list[tuple[int, Block]], language: str) -> Iterator[Sentence]:
    if not parts:
        return
    kind = parts[0][1].kind
    text, starts = "", []
    for number, block in parts:
        starts.append((len(text), number))
        text = f"{text} {block.text}" if text else block.text
    offset = 0
    for piece in _pieces(text, kind, language):
        page = next(number for start, number in reversed(starts) if start <= offset)
        offset += len(piece)
        sentence = _SPACES.sub(" ", piece).strip()
        if sentence:
            yield Sentence(sentence, page, kind, is_quotable(sentence, kind))


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
