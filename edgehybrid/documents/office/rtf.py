"""Rich Text Format: groups, control words and text. Headings are known by their styles' names.

The format's specification is version 1.9.1; nothing is embedded, run or fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from edgehybrid.documents.office.items import Contents, Item, block, row
from edgehybrid.errors import DamagedDocument

#: Groups may be nested so deep; real files do ten or twenty.
MAX_DEPTH = 1_000
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])"
    rb"|([{}])|([^\\{}\r\n]+)|[\r\n]+"
)
#: Groups that hold no text of the document; `\\*` begins others that may be left out.
_LEFT_OUT = frozenset(
    b"fonttbl colortbl listtable listoverridetable info pict object header headerl headerr headerf "
    b"footer footerl footerr footerf fldinst themedata datastore xmlnstbl generator revtbl rsidtbl "
    b"bkmkstart bkmkend latentstyles pgptbl nonshppict".split()
)
#: Control words that stand for characters.
_SIGNS = {
    **dict.fromkeys((b"tab", b"line", b"emspace", b"enspace", b"qmspace"), " "),
    b"emdash": "—",
    b"endash": "–",
    b"bullet": "•",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
}
_PAGES = {437: "cp437", 850: "cp850", 10000: "mac-roman", 65001: "utf-8"}
_BULLET = re.compile(r"^\s*(?:[•·–*-]|\(?\d{1,3}[.)])\s+")


@dataclass
class _Group:
    """What holds between two braces.

    `style` is the number of the paragraph's style; `skip` how many characters after `\\u` are for
    older programs.
    """

    left_out: bool = False
    hidden: bool = False
    in_styles: bool = False
    in_note: bool = False
    style: int = 0
    level: int | None = None
    in_table: bool = False
    in_list: bool = False
    skip: int = 1


@dataclass
class _Paragraph:
    """Text that is being gathered."""

    pieces: list[str] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)


def read(data: bytes, name: str) -> Contents:
    """The text of an RTF file, by sections.

    Raises:
        DamagedDocument: its groups do not close, or are nested too deep.
    """
    return Contents("section", _Reader(name).items(data))


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._group = _Group()
        self._outer: list[_Group] = []
        self._here, self._note = _Paragraph(), _Paragraph()
        self._notes: list[str] = []
        self._cells: list[str] = []
        self._styles: dict[int, str] = {}
        self._encoding, self._skipping = "cp1252", 0
        self._first_word = False

    def items(self, data: bytes) -> Iterator[Item]:
        """The blocks of a whole file."""
        place = 0
        while token := _TOKEN.search(data, place):
            place = token.end()
            word, number, code, sign, brace, text = token.groups()
            if brace == b"{":
                self._open()
            elif brace == b"}":
                yield from self._close()
            elif word == b"bin":  # so many bytes of a picture, which may hold braces
                place += max(int(number or 0), 0)
            elif word is not None:
                yield from self._word(word.lower(), None if number is None else int(number))
            elif code is not None:
                self._add_bytes(bytes([int(code, 16)]))
            elif sign is not None:
                self._sign(sign)
            elif text is not None:
                self._add_bytes(text)
        if self._outer:
            raise DamagedDocument(
                f"{self._name}: {len(self._outer)} of its groups do not end: the file was cut off; "
                "get it again"
            )
        yield from self._end_paragraph()

    def _open(self) -> None:
        if len(self._outer) >= MAX_DEPTH:
            raise DamagedDocument(f"{self._name}: its groups are nested over {MAX_DEPTH} deep")
        self._flush()
        self._outer.append(self._group)
        self._group = replace(self._group)
        self._first_word = True

    def _close(self) -> Iterator[Item]:
        self._flush()
        if not self._outer:
            raise DamagedDocument(f"{self._name}: a group ends that did not begin; get it again")
        ended, self._group = self._group, self._outer.pop()
        if ended.in_note and not self._group.in_note:
            self._notes.append(_joined(self._note.pieces))
            self._note = _Paragraph()
        if ended.in_styles and ended.in_styles != self._group.in_styles:
            self._here = _Paragraph()
        elif ended.in_styles:
            self._styles[ended.style] = "".join(self._here.pieces).strip(" ;")
            self._here = _Paragraph()
        yield from ()

    def _word(self, word: bytes, number: int | None) -> Iterator[Item]:
        group, first = self._group, self._first_word
        self._first_word = False
        if first and word in _LEFT_OUT:
            group.left_out = True
        elif word == b"stylesheet":
            group.in_styles = True
        elif word == b"footnote":  # may follow `\\*`, as older programs do not know it
            group.in_note, group.left_out = True, bool(self._outer) and self._outer[-1].left_out
        elif word == b"ansicpg" and number is not None:
            self._encoding = _PAGES.get(number, f"cp{number}" if 0 < number < 10000 else "cp1252")
        elif word == b"u" and number is not None:
            self._flush()
            self._add(chr(number % 65536))
            self._skipping = group.skip
        elif word == b"uc":
            group.skip = min(number or 0, 10)
        elif word in _SIGNS:
            self._flush()
            self._add(_SIGNS[word])
        else:
            yield from self._format(word, number)

    def _format(self, word: bytes, number: int | None) -> Iterator[Item]:
        group = self._group
        if word in (b"par", b"sect", b"page"):
            if group.in_note:
                self._add(" ")
            elif not group.left_out and not group.in_styles:
                yield from self._end_paragraph()
        elif word == b"pard":
            group.style, group.level, group.in_table, group.in_list = 0, None, False, False
        elif word == b"s":
            group.style = number or 0
        elif word in (b"cs", b"ds", b"ts") and group.in_styles:
            group.style = -1 - (number or 0)  # of characters, and not of paragraphs
        elif word == b"outlinelevel":
            group.level = number
        elif word in (b"ls", b"pnlvlblt", b"pnlvlbody"):
            group.in_list = True
        elif word == b"v":
            group.hidden = number != 0
        elif word == b"cell":
            self._flush()
            self._cells.append(_joined(self._here.pieces))
            self._here = _Paragraph()
        elif word == b"row":
            cells, self._cells = self._cells, []
            yield from row(cells)
        elif word == b"intbl":
            group.in_table = True

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._group.left_out = True
        elif sign in b"\\{}":
            self._add_bytes(sign)
        elif sign == b"~":
            self._add_bytes(b"\xa0" if self._encoding == "cp1252" else b" ")
        elif sign == b"_":
            self._add_bytes(b"-")
        elif sign in b"\r\n":
            self._add_bytes(b" ")

    def _add_bytes(self, text: bytes) -> None:
        skipped = min(self._skipping, len(text))
        self._skipping -= skipped
        if not self._group.left_out and not self._group.hidden:
            self._place.raw += text[skipped:]

    def _add(self, text: str) -> None:
        self._flush()
        if not self._group.left_out and not self._group.hidden:
            self._place.pieces.append(text)

    @property
    def _place(self) -> _Paragraph:
        return self._note if self._group.in_note else self._here

    def _flush(self) -> None:
        """Decode what was gathered: a character may be of two bytes."""
        for place in (self._here, self._note):
            if place.raw:
                try:
                    place.pieces.append(place.raw.decode(self._encoding, "replace"))
                except LookupError:
                    place.pieces.append(place.raw.decode("cp1252", "replace"))
                place.raw.clear()

    def _end_paragraph(self) -> Iterator[Item]:
        self._flush()
        text, self._here = _joined(self._here.pieces), _Paragraph()
        if self._group.in_table:
            self._here.pieces = [text, " "]  # of a cell, which `\cell` ends
            return
        kind = self._kind(text)
        yield from block(_BULLET.sub("", text, count=1) if kind == "list" else text, kind)
        notes, self._notes = self._notes, []
        for note in notes:
            yield from block(note, "caption")

    def _kind(self, text: str) -> str:
        style = self._styles.get(self._group.style, "").lower()
        if self._group.level is not None and self._group.level < 9:
            return "heading"
        if style.startswith(("heading", "title", "subtitle")):
            return "heading"
        if style.startswith("caption"):
            return "caption"
        return "list" if self._group.in_list or _BULLET.match(text) else "prose"


def _joined(pieces: list[str]) -> str:
    """The pieces as one text; halves of a character, of which `\\u` gives one each, together."""
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
