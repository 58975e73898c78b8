"""PowerPoint files (PPTX, PPSX): slides in their order, titles, lists, tables and speaker notes."""

from __future__ import annotations

from collections.abc import Iterator

from edgehybrid.documents.office.archive import (
    Archive,
    Element,
    all_of,
    child,
    local,
)
from edgehybrid.documents.office.items import Break, Contents, Item, block, row

_TITLES = ("title", "ctrTitle", "subTitle")
#: Placeholders that repeat on slides: the date, the foot, the slide's number.
_STANDING = ("dt", "ftr", "sldNum", "hdr", "sldImg")


def read(archive: Archive) -> Contents:
    """The text of a presentation; a slide that is hidden is counted and read too."""
    main = archive.first("", "officeDocument") or "ppt/presentation.xml"
    related = archive.related(main)
    slides = [
        related.get(_relation(slide) or "", ("", ""))[1]
        for slide in all_of(archive.xml(main), "sldId")
    ]
    return Contents("slide", _items(archive, slides))


def _relation(slide: Element) -> str | None:
    """The id of a relation: `r:id`, and not the slide's own `id`."""
    for key, value in slide.attrib.items():
        if str(key).endswith("}id"):
            return str(value)
    return None


def _items(archive: Archive, slides: list[str]) -> Iterator[Item]:
    for number, entry in enumerate(slides):
        if number:
            yield Break()
        yield from _shapes(archive.xml(entry))
        notes = archive.first(entry, "notesSlide")
        if notes is not None:
            yield from _shapes(archive.xml(notes))


def _shapes(root: Element) -> Iterator[Item]:
    """The texts of a slide in the order of its shapes, which is that of reading aloud."""
    waiting = list(reversed(root))
    while waiting:
        one = waiting.pop()
        name = local(one)
        if name == "sp":
            yield from _shape(one)
        elif name == "tbl":
            for line in all_of(one, "tr"):
                yield from row(
                    " ".join(map(_text, all_of(cell, "p"))) for cell in line if local(cell) == "tc"
                )
        elif name == "AlternateContent":
            waiting += list(one)[:1]  # one of them is meant
        else:
            waiting += reversed(one)


def _shape(shape: Element) -> Iterator[Item]:
    holder = next(all_of(shape, "ph"), None)
    kind = holder.get("type", "obj") if holder is not None else ""
    if kind in _STANDING:
        return
    body = child(shape, "txBody")
    for paragraph in body if body is not None else ():
        if local(paragraph) == "p":
            text = _text(paragraph)
            yield from block(text, "heading" if kind in _TITLES else _kind(paragraph, kind))


def _kind(paragraph: Element, holder: str) -> str:
    """Paragraphs of the outline are items of a list, unless they are set without bullets."""
    properties = child(paragraph, "pPr")
    if any(child(properties, name) is not None for name in ("buChar", "buAutoNum", "buBlip")):
        return "list"
    if child(properties, "buNone") is not None:
        return "prose"
    return "list" if holder == "obj" else "prose"


def _text(paragraph: Element) -> str:
    """What a paragraph shows; formulas with their letters."""
    pieces = []
    for one in paragraph.iter():
        name = local(one)
        if name == "t":
            pieces.append(one.text or "")
        elif name in ("br", "tab"):
            pieces.append(" ")
    return "".join(pieces)
