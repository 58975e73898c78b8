"""Lines of a page to paragraphs: where does one end and the next begin?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from edgehybrid.documents.layout import BOLD, MONO, Line

#: White space over a line that exceeds the usual by this share of the font size parts it.
EXTRA_SPACE = 0.3
#: Lines whose font sizes differ by more than this share are not of one paragraph.
OTHER_SIZE = 0.08
#: A line that begins this many font sizes further in or out is indented.
INDENT = 0.6
#: A line without a full stop, shorter than this share of its column, is a line by itself.
SHORT = 0.6

BULLET = re.compile(r"^[•‣◦▪■●○∙·►➢✓➤*–—-]\s+(?=\S)|^[\uf0a7\uf0b7]\s*")
LABEL = re.compile(r"^(?:\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|\(?[A-Z]\)|\[\d{1,3}\])\s+(?=\S)")
#: "FIGURE 2 |" begins a caption wherever it stands; "Figure 2." may end a sentence.
_BAR_CAPTION = re.compile(r"^(?:(?:FIG(?:URE|\.)?|TABLE|BOX)|Fig(?:ure|\.)|Table)\s+[A-Z]?\d+\s*\|")
ENDED = re.compile(r"[.!?…:;。！？][\"'”’)\]»]*$")


def paragraphs_of(lines: list[Line]) -> Iterator[list[Line]]:
    """Group lines, given in reading order, into paragraphs."""
    leadings = _leadings(lines)
    paragraph: list[Line] = []
    for line in lines:
        if paragraph and _begins(paragraph, line, leadings.get(line.column, 0.0)):
            yield paragraph
            paragraph = []
        paragraph.append(line)
    if paragraph:
        yield paragraph


def _leadings(lines: list[Line]) -> dict[int, float]:
    """The usual distance from line to line in every column, in points."""
    steps: dict[int, list[float]] = {}
    for line, following in pairwise(lines):
        step = line.base - following.base
        if line.column == following.column and 0 < step < 2 * line.size:
            steps.setdefault(line.column, []).append(step)
    return {column: median(some) for column, some in steps.items()}


def _begins(paragraph: list[Line], line: Line, leading: float) -> bool:
    """Whether `line` begins a new paragraph after `paragraph`."""
    last = paragraph[-1]
    return (
        line.column != last.column
        or _is_apart(last, line, leading)
        or _looks_other(last, line)
        or _is_item(paragraph, line)
        or _is_indented(paragraph, line)
        or _ends_early(paragraph, line)
    )


def _is_apart(last: Line, line: Line, leading: float) -> bool:
    step = last.base - line.base
    usual = min(leading or 1.2 * line.size, 1.7 * line.size)
    return step <= 0 or step > usual + EXTRA_SPACE * line.size


def _looks_other(last: Line, line: Line) -> bool:
    if abs(last.size - line.size) > OTHER_SIZE * max(last.size, line.size):
        return True
    if (last.style ^ line.style) & MONO or (last.cells > 1) != (line.cells > 1):
        return True
    # A bold line may be the first words of a paragraph: then the sentence goes on.
    return bool((last.style ^ line.style) & BOLD) and not line.text[:1].islower()


def _is_item(paragraph: list[Line], line: Line) -> bool:
    if BULLET.match(line.text) or _BAR_CAPTION.match(line.text):
        return True
    before = paragraph[-1].text
    closed = ENDED.search(before) or before.endswith((",", " and", " or"))
    return bool(LABEL.match(line.text) and (closed or LABEL.match(paragraph[0].text)))


def _is_indented(paragraph: list[Line], line: Line) -> bool:
    last = paragraph[-1]
    shift = line.left - last.left
    if shift > INDENT * line.size:
        hangs = len(paragraph) == 1 and bool(LABEL.match(last.text) or BULLET.match(last.text))
        return bool(ENDED.search(last.text)) and not hangs
    # Outdented: the next item, if the lines before hung in, or the text after an inset. Lines
    # that follow the outline of a picture, and the second line of a paragraph, go on.
    hung = paragraph[0].left < last.left - INDENT * line.size
    ended = bool(ENDED.search(last.text)) and len(paragraph) > 1
    return shift < -INDENT * line.size and (hung or ended)


def _ends_early(paragraph: list[Line], line: Line) -> bool:
    """Whether the last line stops although the next word would have had room."""
    last = paragraph[-1]
    width = (line.right - line.left) / max(len(line.text), 1)
    word = width * (len(line.text.split(" ", 1)[0]) + 1.5)
    edge = max(line.right, *(before.right for before in paragraph))
    if ENDED.search(last.text):
        return last.right + word < edge
    short = last.right - last.column_left < SHORT * (last.column_right - last.column_left)
    return short and last.right + word < edge and not line.text[:1].islower()
