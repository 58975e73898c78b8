"""HTML to blocks, by the elements of its body. Nothing is fetched, and no script is run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from lxml import html as parser

from edgehybrid.documents.office.archive import Element
from edgehybrid.documents.office.items import Contents, Item, block, row

#: What is not shown, or is no text.
_NOT_SHOWN = frozenset(
    (
        *("head", "script", "style", "template", "noscript", "svg", "iframe", "object"),
        *("embed", "audio", "video", "canvas", "map", "select", "button", "input"),
        *("textarea", "datalist", "dialog", "rt", "rp", "nav"),
    )
)
#: What ends a paragraph where it begins and where it ends.
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd"),
        *("details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer"),
        *("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html"),
        *("legend", "li", "main", "menu", "ol", "p", "pre", "search", "section", "summary"),
        *("table", "tbody", "tfoot", "thead", "tr", "ul"),
    )
)
_KINDS = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("li", "dd"), "list"),
    **dict.fromkeys(("figcaption", "caption"), "caption"),
    "pre": "code",
    "footer": "boilerplate",
}
#: Marks of notes have at most so many characters: "[123]".
MAX_MARK = 6
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset|<\?xml[^>]{0,200}encoding", re.I)
#: What stands in tables that are there for the layout of a page.
_IN_LAYOUT = ("table", "p", "h1", "h2", "h3", "h4", "ul", "ol", "blockquote", "article")
#: Of MathML, the second form of the same formula.
_TWICE = frozenset(("annotation", "annotation-xml"))


def read(data: bytes) -> Contents:
    """The text of an HTML page, by sections."""
    return Contents("section", items_of(data))


def items_of(data: bytes, charset: str | None = None) -> Iterator[Item]:
    """The blocks of an HTML page.

    Args:
        data: it.
        charset: how it is encoded, if that is known; else what it says itself, UTF-8 if it is.
    """
    try:
        root = parser.document_fromstring(data, parser=_parser(data, charset))
    except (etree.ParserError, etree.XMLSyntaxError, LookupError, ValueError):
        return  # nothing in it is an element: an empty page
    yield from _Walk().blocks(root)


def _parser(data: bytes, charset: str | None) -> parser.HTMLParser:
    encoding = charset
    if encoding is None and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            data.decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = None if _CHARSET.search(data[:4096]) else "cp1252"
    return parser.HTMLParser(encoding=encoding, no_network=True, huge_tree=False)


class _Walk:
    """Goes through the elements in order, and gathers the text of one block at a time."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._kinds = ["prose"]
        self._is_data: list[bool] = []  # of the tables around, the innermost last
        self._rows: list[list[str]] = []

    def blocks(self, root: Element) -> Iterator[Item]:
        """The blocks of `root`."""
        waiting: list[tuple[Element, bool]] = [(root, False)]
        while waiting:  # no recursion: pages may be nested deeper than Python's stack
            element, done = waiting.pop()
            name = element.tag if isinstance(element.tag, str) else ""
            if done:
                yield from self._end(name)
            elif name and name not in _NOT_SHOWN and name not in _TWICE and not _hidden(element):
                yield from self._begin(element, name)
                self._pieces.append(element.text or "")
                waiting.append((element, True))
                waiting += [(one, False) for one in reversed(element)]
                continue
            if element is not root:
                self._pieces.append(element.tail or "")
        yield from self._flush()

    def _begin(self, element: Element, name: str) -> Iterator[Item]:
        if name in ("table", "tr") and self._rows:
            yield from self._end_row()
        elif name in ("td", "th") and self._in_row:
            self._end_cell()
        elif name == "br" or (name in _BLOCKS and self._in_row):
            self._pieces.append(" ")
        elif name in _BLOCKS or name in ("td", "th"):
            yield from self._flush()
        if name == "table":
            self._is_data.append(_is_data(element))
        elif name == "tr" and self._is_data and self._is_data[-1]:
            self._rows.append([])
        if name in _KINDS:
            self._kinds.append(_KINDS[name])

    def _end(self, name: str) -> Iterator[Item]:
        if name in ("td", "th") and self._in_row:
            self._end_cell()
        elif name == "tr" and self._in_row:
            yield from self._end_row()
            self._rows.pop()
        elif name in _BLOCKS and self._in_row:
            self._pieces.append(" ")
        elif name in _BLOCKS or name in ("td", "th"):
            yield from self._flush()
        if name == "table":
            self._is_data.pop()
        if name in _KINDS:
            self._kinds.pop()

    @property
    def _in_row(self) -> bool:
        """Whether the innermost table is one of data, and a row of it is open."""
        return bool(self._rows) and self._is_data[-1]

    def _end_cell(self) -> None:
        text, self._pieces = "".join(self._pieces), []
        if text.strip():
            self._rows[-1].append(text)

    def _end_row(self) -> Iterator[Item]:
        """What was gathered of a row; of one that goes on after a table in it, the rest comes."""
        self._end_cell()
        cells, self._rows[-1] = self._rows[-1], []
        yield from row(cells)

    def _flush(self) -> Iterator[Item]:
        text, self._pieces = "".join(self._pieces), []
        yield from block(text, self._kinds[-1])


def _is_data(table: Element) -> bool:
    """Whether a table holds data, and does not only put texts side by side."""
    if table.get("role") in ("presentation", "none"):
        return False
    if table.find(".//th") is not None or table.find(".//caption") is not None:
        return True
    return next(table.iterdescendants(*_IN_LAYOUT), None) is None


def _hidden(element: Element) -> bool:
    """Whether an element is not shown, or is the mark of a note, which is no part of a sentence."""
    if element.get("role") in ("doc-noteref", "doc-backlink"):
        return True
    if element.tag == "sup" and element.find(".//a") is not None:
        return len("".join(element.itertext())) <= MAX_MARK
    style = element.get("style", "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style
