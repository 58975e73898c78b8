"""Plain text to pages of blocks: paragraphs unwrapped, headings and lists told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgehybrid.documents.apparatus import is_caption
from edgehybrid.documents.document import Block, PageText
from edgehybrid.documents.words import count_words

#: Text whose lines nearly all stay under this many characters was wrapped by hand.
MAX_WRAP = 110
#: A wrapped line shorter than this share of the usual width ends its paragraph.
SHORT_LINE = 0.6

_BULLET = re.compile(r"^(?:[-*•‣◦–]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+")
_TERMINAL = re.compile(r"[.!?…:;,。！？：；，、।؟۔።։។။][\"'”’»」』）)\]]*$")
_RULE = re.compile(r"^[\W_]+$")
_REFERENCES = re.compile(
    r"^[\dIVX.\s]*(references|bibliography|works cited|literature cited|further reading)\W*$", re.I
)
_CONTENTS = re.compile(r"^(table of )?contents\W*$", re.I)
_DOT_LEADER = re.compile(r"(\.\s?){4,}\s*\d+\s*$")
#: A longer paragraph is cut: nobody has written one, and all that follows stays linear.
MAX_BLOCK = 1 << 20
#: What patterns for the end of a line look at; the whole of a long line would take them too long.
TAIL = 200
_HALVES = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u200b\ufeff\u00ad\u202a-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """`text` with plain line ends and without characters that only steer terminals or layout."""
    text = _HALVES.sub("\ufffd", text)  # of a character, which no tokenizer takes
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def pages_of_text(text: str) -> Iterator[PageText]:
    """Yield the pages of `text`: a form feed starts a new page."""
    text = clean(text)
    wrapped = _is_wrapped(text)
    section = "prose"
    for number, page in enumerate(text.split("\f"), start=1):
        blocks = []
        for block in (_block(piece) for line in _paragraphs(page, wrapped) for piece in cut(line)):
            section = section_after(section, block)
            blocks.append(in_section(block, section))
        yield PageText(number, tuple(blocks))


def cut(text: str) -> Iterator[str]:
    """`text`, in pieces of at most MAX_BLOCK characters, cut at spaces where there are any."""
    while len(text) > MAX_BLOCK:
        end = text.rfind(" ", MAX_BLOCK // 2, MAX_BLOCK)
        end = MAX_BLOCK if end < 0 else end
        yield text[:end]
        text = text[end:].lstrip()
    if text:
        yield text


def section_after(section: str, block: Block) -> str:
    """The kind that `block`, if it is a heading, gives to what follows it."""
    if block.kind != "heading":
        return section
    if _REFERENCES.match(block.text):
        return "reference"
    if _CONTENTS.match(block.text):
        return "toc"
    return "prose"


def in_section(block: Block, section: str) -> Block:
    """`block` with the kind of the section it stands in, where that forbids quoting."""
    if section == "prose" or block.kind not in ("prose", "list"):
        return block
    return Block(block.text, section)


def _is_wrapped(text: str) -> bool:
    lengths = sorted(len(line) for line in text.split("\n") if line.strip())
    return bool(lengths) and lengths[int(0.97 * (len(lengths) - 1))] <= MAX_WRAP


def _paragraphs(page: str, wrapped: bool) -> Iterator[str]:
    lines = [line.strip() for line in page.split("\n")]
    if not wrapped:
        yield from (line for line in lines if line)
        return
    usual = sorted(len(line) for line in lines if line)
    width = usual[int(0.9 * (len(usual) - 1))] if usual else 0
    joined: list[str] = []
    for line in lines:
        short = len(line) < SHORT_LINE * width
        alone = short and _is_heading(line) and line[:1].isupper() and _is_whole(joined)
        if (not line or alone or _BULLET.match(line)) and joined:
            yield "".join(joined)
            joined = []
        if line:
            _join(joined, line)
        if alone or (short and _TERMINAL.search(line)):
            yield "".join(joined)
            joined = []
    if joined:
        yield "".join(joined)


def _is_whole(joined: list[str]) -> bool:
    return not joined or bool(_TERMINAL.search(joined[-1]))


def _join(joined: list[str], line: str) -> None:
    """Put `line` after what was joined; a hyphen at its end goes if a word goes on."""
    if joined:
        before = joined[-1]
        if before.endswith("-") and before[-2:-1].isalpha() and line[:1].islower():
            joined[-1] = before[:-1]
        else:
            joined.append(" ")
    joined.append(line)


def _block(line: str) -> Block:
    if _DOT_LEADER.search(line[-TAIL:]):
        return Block(line, "toc")
    if _RULE.match(line) or line.count("|") >= 2 or line.count("\t") >= 2:
        return Block(line, "table")
    if is_caption(line[:TAIL]):
        return Block(line, "caption")
    bullet = _BULLET.match(line)
    if bullet:
        return Block(line[bullet.end() :], "list")
    if _is_heading(line):
        return Block(line, "heading")
    return Block(line, "prose")


def _is_heading(line: str) -> bool:
    return len(line) <= 120 and count_words(line) <= 14 and not _TERMINAL.search(line)
