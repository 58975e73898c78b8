"""The words that a page draws, with their boxes, turned upright and put together to runs.

Nothing here knows which library the boxes come from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from edgehybrid.documents.layout import RawPage, Run

#: Raised characters of a note mark are lower than this share of the text's height.
RAISED = 0.8
#: A gap wider than this many font heights ends a run.
MAX_GAP = 0.9

#: PDFium writes U+FFFE for a hyphen at the end of a line and leaves out the line break.
LINE_HYPHEN = "\ufffe"
_WORD = re.compile("[^\\s\ufffe]+\ufffe?|\ufffe")
#: Small raised figures after a word or before a note; after figures they are an exponent.
_MARK_AFTER = re.compile(r"(?:(?<=[^\W\d]{3})|(?<=[^\W\d][.,;:)\]”’]))[\d,–*†‡§]+$")
_MARK_BEFORE = re.compile(r"^[\d*†‡§]+(?=[^\W\d])")
_MARK = re.compile(r"^[\d,–*†‡§]+$")
#: The direction of text in degrees, counterclockwise.
RIGHT, UP, LEFT, DOWN = 0, 90, 180, 270

#: The box of a character, by its index: left, top, right, base. It need hold only until the next.
Box = Callable[[int], Iterable[float]]
#: The size in points, as drawn, and the style bits of a character, by its index.
Font = Callable[[int], tuple[float, int]]


class Word(NamedTuple):
    """A word and its box in points; `last` is the index of a character of its main font."""

    left: float
    base: float
    right: float
    height: float
    direction: int
    last: int
    text: str


def utf16_positions(text: str) -> Sequence[int]:
    """Where each character, and the end, stands in UTF-16."""
    if text.isascii() or max(text) <= "\uffff":
        return range(len(text) + 1)
    return [0, *accumulate(1 + (character > "\uffff") for character in text)]


def words_of(text: str, count: int, index_of: Callable[[int], int], box: Box) -> Iterator[Word]:
    """The words of a page, in the order in which they are drawn.

    Args:
        text: of the page.
        count: its characters, as the library counts, in UTF-16.
        index_of: the index of the character at a place in `text`, or a negative number; asked only
            where characters were left out of `text`, so that the two differ.
        box: of a character; asked for at the first and the last of a word.
    """
    units = utf16_positions(text)
    direction = RIGHT
    for match in _WORD.finditer(text):
        first, word = match.start(), match[0]
        last = first + max(len(word.rstrip(LINE_HYPHEN)), 1) - 1
        first, last = units[first], units[last]
        if units[-1] != count:
            first = max(index_of(first), 0)
            last = max(index_of(last), first)
        found = _word(box, first, last, word, direction)
        direction = found.direction
        yield found


def _word(box: Box, first: int, last: int, text: str, direction: int) -> Word:
    """The word between two characters; a single one has the direction of the word before it."""
    left, top, right, base = box(first)
    if first == last:
        return Word(left, base, right, top - base, direction, last, text)
    left2, top2, right2, base2 = box(last)
    direction = RIGHT
    if top == top2 and base == base2 and left2 > left:  # by far the most frequent case
        return Word(left, base, right2, top - base, direction, last, text)
    along = base2 + top2 - base - top
    if abs(along) > abs(left2 + right2 - left - right):
        direction = UP if along > 0 else DOWN
        base, height = min(base, base2), max(top, top2) - min(base, base2)
        return Word(min(left, left2), base, max(right, right2), height, direction, last, text)
    left, right = min(left, left2), max(right, right2)
    if top2 - base2 < top - base:  # the word stands where its larger end stands
        if top2 - base2 < RAISED * (top - base) and base2 > base:
            text = _MARK_AFTER.sub("", text)
        return Word(left, base, right, top - base, direction, first, text)
    if top - base < RAISED * (top2 - base2) and base > base2:
        text = _MARK_BEFORE.sub("", text)
    return Word(left, base2, right, top2 - base2, direction, last, text)


def drawn(number: int, words: list[Word], *, upside_down: bool, images: int, font: Font) -> RawPage:
    """Page `number`, of which `words` are drawn; `upside_down` if it is shown so."""
    main = main_direction(words)
    turned = upright(words, main, LEFT if main == RIGHT and upside_down else main)
    return RawPage(number, tuple(runs_of(turned, font)), rotated(words, main), images)


def runs_of(words: list[Word], font: Font) -> Iterator[Run]:
    """The runs that `words` make, one after the other."""
    start = 0
    for end in range(1, len(words) + 1):
        if end == len(words) or not adjoin(words[end - 1], words[end]):
            yield _run(words[start:end], font)
            start = end


def _run(words: list[Word], font: Font) -> Run:
    first, last = words[0], words[-1]
    main = main_word(words)
    size, style = font(main.last)
    if len(words) > 1:  # a style is the run's only if its two ends have it
        style &= font(first.last)[1] & font(last.last)[1]
    text = " ".join(without_marks(words)).replace(LINE_HYPHEN, "-")
    return Run(first.left, last.right, main.base, main.height, size, style, text)


def main_direction(words: list[Word]) -> int:
    """The direction in degrees of most of the text."""
    votes: Counter[int] = Counter()
    for word in words:
        if len(word.text) > 1:
            votes[word.direction] += len(word.text)
    return votes.most_common(1)[0][0] if votes else RIGHT


def upright(words: list[Word], main: int, turn: int) -> list[Word]:
    """The words of direction `main`, turned back by `turn` degrees."""
    kept = [word for word in words if word.direction == main]
    return kept if turn == RIGHT else [_turned(word, turn) for word in kept]


def _turned(word: Word, turn: int) -> Word:
    left, base, right, height, *_ = word
    top = base + height
    if turn == UP:
        left, base, right, top = base, -right, top, -left
    elif turn == DOWN:
        left, base, right, top = -top, left, -base, right
    else:
        left, base, right, top = -right, -top, -left, -base
    return word._replace(left=left, base=base, right=right, height=top - base)


def rotated(words: list[Word], main: int) -> str:
    """The text that does not run in the direction `main`."""
    return " ".join(word.text for word in words if word.direction != main)


def main_word(words: list[Word]) -> Word:
    """A word of the height that most characters have; bullets and small capitals differ."""
    first = words[0]
    if all(word.height == first.height for word in words):
        return first
    characters: Counter[float] = Counter()
    for word in words:
        characters[round(word.height)] += len(word.text)
    usual = characters.most_common(1)[0][0]
    return next(word for word in words if round(word.height) == usual)


def without_marks(words: list[Word]) -> Iterator[str]:
    """The texts of `words`, less the marks of notes that stand alone after a word."""
    before = None
    for word in words:
        if before is None or not _is_mark(before, word):
            yield word.text
        before = word


def _is_mark(before: Word, word: Word) -> bool:
    raised = word.height < RAISED * before.height and word.base > before.base + 0.1 * before.height
    return raised and before.text[-1:].isalpha() and bool(_MARK.match(word.text))


def adjoin(word: Word, following: Word) -> bool:
    """Whether `following` continues the run that ends with `word`."""
    gap = following.left - word.right
    height, height2 = word.height, following.height
    lower = height if height < height2 else height2
    if not -0.5 * lower < gap < MAX_GAP * (height + height2) / 2 or word.text[-1:] == LINE_HYPHEN:
        return False
    if word.base == following.base:
        return True
    top = min(word.base + height, following.base + height2)
    return top - max(word.base, following.base) > 0.5 * lower
