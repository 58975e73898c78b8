"""Word files (DOCX, DOCM): paragraphs by their styles, tables by rows, notes after their place.

Word writes into a file where its pages began when it was last saved (`lastRenderedPageBreak`).
Where it did, pages are counted; other programs do not, and then sections are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from edgehybrid.documents.apparatus import is_caption
from edgehybrid.documents.office.archive import (
    Archive,
    Element,
    all_of,
    attribute,
    child,
    local,
)
from edgehybrid.documents.office.items import Break, Contents, Item, across, block, row

#: Styles by their names, which are English in files of every language.
_HEADING = re.compile(r"^(?:heading \d|title|subtitle)$", re.I)
_OTHER = re.compile(r"^(?:(?P<toc>toc\b|table of)|(?P<caption>caption)|(?P<code>.*\bcode\b))", re.I)
#: Runs with these hold what is not shown, or no longer.
_GONE = {"del", "moveFrom", "rt", "instrText", "delText", "delInstrText", "rPr", "pPr"}
#: What stands for a character.
_SIGNS = {"tab": "\t", "br": " ", "cr": " ", "noBreakHyphen": "-", "ptab": "\t"}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}


class _Known(NamedTuple):
    """What a paragraph is told by.

    Attributes:
        kinds: of styles, by their ids.
        notes: texts of notes, by kind and id.
        default: the style of paragraphs that name none.
    """

    kinds: dict[str, str]
    notes: dict[tuple[str, str], Element]


def read(archive: Archive) -> Contents:
    """The text of a Word file, without heads and feet of pages, comments and what was deleted."""
    main = archive.first("", "officeDocument") or "word/document.xml"
    body = child(archive.xml(main), "body")
    if body is None:
        raise archive.damaged(f"{main!r} has no body")
    known = _Known(_kinds(archive, main), dict(_notes(archive, main)))
    paged = next(all_of(body, "lastRenderedPageBreak"), None) is not None
    return Contents("page" if paged else "section", _items(body, known, paged))


def _items(parent: Element, known: _Known, paged: bool) -> Iterator[Item]:
    for element in parent:
        name = local(element)
        if name == "p":
            yield from _paragraph(element, known, paged)
        elif name == "tbl":
            yield from _table(element, known, paged)
        elif name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"):
            yield from _items(element, known, paged)


def _table(table: Element, known: _Known, paged: bool) -> Iterator[Item]:
    for line in all_of(table, "tr"):
        if _table_of(line) is not table:
            continue  # of a table in this one: it is in a cell
        if paged and next(all_of(line, "lastRenderedPageBreak"), None) is not None:
            yield Break()
        yield from row(
            " ".join(_whole(p, known) for p in all_of(cell, "p"))
            for cell in line
            if local(cell) == "tc"
        )


def _table_of(line: Element) -> Element | None:
    return next((up for up in line.iterancestors() if local(up) == "tbl"), None)


def _paragraph(element: Element, known: _Known, paged: bool) -> Iterator[Item]:
    properties = child(element, "pPr")
    kind = _kind(properties, known)
    texts, notes = _text(element, known)
    text = "".join(texts)
    if kind == "prose" and is_caption(text[:200]):
        kind = "caption"
    yield from across(texts if paged else [text], kind)
    for note in notes:
        yield from block(" ".join(_whole(p, known) for p in all_of(note, "p")), "caption")
    for box in _boxes(element):
        yield from _items(box, known, False)


def _kind(properties: Element | None, known: _Known) -> str:
    level = child(properties, "outlineLvl")
    if level is not None and (attribute(level, "val") or "9") < "9":
        return "heading"
    style = child(properties, "pStyle")
    kind = known.kinds.get(attribute(style, "val") or "", "prose") if style is not None else "prose"
    number = child(properties, "numPr", "numId")
    numbered = number is not None and attribute(number, "val") != "0"
    return "list" if numbered and kind == "prose" else kind


def _text(element: Element, known: _Known) -> tuple[list[str], list[Element]]:
    """What a paragraph shows, cut where pages begin, and the notes that it refers to."""
    texts: list[str] = []
    pieces: list[str] = []
    notes: list[Element] = []
    waiting = list(reversed(element))
    while waiting:  # no recursion: elements may be nested as deep as the parser allows
        one = waiting.pop()
        name = local(one)
        if name in _GONE or name in ("pict", "drawing", "object", "txbxContent") or _is_hidden(one):
            continue
        if name == "t":
            pieces.append(one.text or "")
        elif name == "lastRenderedPageBreak":
            texts.append("".join(pieces))
            pieces = []
        elif name in _SIGNS:
            pieces.append(_SIGNS[name])
        elif name in _NOTES:
            note = known.notes.get((_NOTES[name], attribute(one, "id") or ""))
            notes += [] if note is None else [note]
        elif name == "AlternateContent":
            waiting += list(reversed(one))[-1:]  # one of them is meant
        else:
            waiting += reversed(one)
    return [*texts, "".join(pieces)], notes


def _whole(element: Element, known: _Known) -> str:
    return "".join(_text(element, known)[0])


def _is_hidden(run: Element) -> bool:
    hidden = child(run, "rPr", "vanish") if local(run) == "r" else None
    return hidden is not None and (attribute(hidden, "val") or "1") not in ("0", "false")


def _boxes(element: Element) -> Iterator[Element]:
    """Text boxes of a paragraph; each is written twice, for two generations of programs."""
    for box in all_of(element, "txbxContent"):
        above = [local(up) for up in box.iterancestors()]
        inside = above[: above.index(local(element))] if local(element) in above else above
        if "Fallback" not in inside and "txbxContent" not in inside:
            yield box


def _kinds(archive: Archive, main: str) -> dict[str, str]:
    """What each style makes of a paragraph, by its name, its outline level, or the style it is
    based on."""
    entry = archive.first(main, "styles")
    if entry is None:
        return {}
    styles = {
        attribute(style, "styleId") or "": style
        for style in archive.xml(entry)
        if local(style) == "style" and attribute(style, "type") == "paragraph"
    }
    return {name: _kind_of_style(name, styles) for name in styles}


def _kind_of_style(name: str, styles: dict[str, Element]) -> str:
    seen: set[str] = set()
    while name in styles and name not in seen:
        seen.add(name)
        style = styles[name]
        named, level = child(style, "name"), child(style, "pPr", "outlineLvl")
        title = (attribute(named, "val") or "") if named is not None else ""
        if _HEADING.match(title):
            return "heading"
        if match := _OTHER.match(title):
            return str(match.lastgroup)
        if level is not None and (attribute(level, "val") or "9") < "9":
            return "heading"
        if child(style, "pPr", "numPr") is not None:
            return "list"
        based = child(style, "basedOn")
        name = (attribute(based, "val") or "") if based is not None else ""
    return "prose"


def _notes(archive: Archive, main: str) -> Iterator[tuple[tuple[str, str], Element]]:
    for kind in _NOTES.values():
        entry = archive.first(main, kind)
        for note in archive.xml(entry) if entry else ():
            if attribute(note, "type") in (None, "normal"):
                yield (kind, attribute(note, "id") or ""), note
