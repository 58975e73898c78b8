"""OpenDocument texts (ODT, OTT): headings, lists, tables, notes after their place.

Some programs write into a file where its pages began (`soft-page-break`). Where they did, pages are
counted, with those that a style begins; else sections are.
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
    within,
)
from edgehybrid.documents.office.items import Break, Contents, Item, across, row
from edgehybrid.errors import PasswordNeeded

CONTENT, MANIFEST = "content.xml", "META-INF/manifest.xml"
#: Not shown where it stands: notes come after their paragraph, frames have texts of their own.
_APART = ("note", "annotation", "tracked-changes", "frame", "ruby-text", "custom-shape")
#: Holds paragraphs, and is looked into.
_HOLDERS = ("section", "list-header", "index-title", "text-box", "index-body", "numbered-paragraph")
_OTHER = re.compile(
    r"(?P<caption>caption|illustration|figure|footnote)|(?P<code>preformatted)", re.I
)


class _Known(NamedTuple):
    """Styles that begin a page, and those that others are based on, by their names.

    `archive` has the formulas, each in an entry of its own.
    """

    begins: set[str]
    parents: dict[str, str]
    paged: bool
    archive: Archive


def read(archive: Archive) -> Contents:
    """The text of an OpenDocument text, without heads and feet of pages and comments."""
    manifest = archive.xml(MANIFEST) if MANIFEST in archive else None
    if manifest is not None and next(all_of(manifest, "encryption-data"), None) is not None:
        raise PasswordNeeded(f"{archive.name}: it is encrypted; save it without a password")
    root = archive.xml(CONTENT)
    body = child(root, "body", "text")
    if body is None:
        raise archive.damaged(f"{CONTENT!r} in it has no text")
    paged = next(all_of(body, "soft-page-break"), None) is not None
    known = _Known(set(), {}, paged, archive)
    for style in all_of(root, "style"):
        _learn(style, known)
    return Contents("page" if paged else "section", _items(body, known, "prose"))


def _learn(style: Element, known: _Known) -> None:
    name = attribute(style, "name") or ""
    known.parents[name] = attribute(style, "parent-style-name") or ""
    properties = child(style, "paragraph-properties")
    breaks = properties is not None and attribute(properties, "break-before") == "page"
    if breaks or attribute(style, "master-page-name"):
        known.begins.add(name)


def _items(parent: Element, known: _Known, kind: str) -> Iterator[Item]:
    for element in parent:
        name = local(element)
        if name in ("h", "p"):
            yield from _paragraph(element, known, "heading" if name == "h" else kind)
        elif name == "soft-page-break" and known.paged:
            yield Break()
        elif name in ("list", "list-item"):
            yield from _items(element, known, "list")
        elif name == "table":
            yield from _table(element, known)
        elif name in _HOLDERS:
            yield from _items(element, known, kind)
        elif name in ("table-of-content", "alphabetical-index", "illustration-index"):
            yield from _items(element, known, "toc")
        elif name == "bibliography":
            yield from _items(element, known, "reference")


def _paragraph(element: Element, known: _Known, kind: str) -> Iterator[Item]:
    style = attribute(element, "style-name") or ""
    if known.paged and style in known.begins and element.getprevious() is not None:
        yield Break()
    texts, apart = _text(element, known)
    text = "".join(texts)
    if kind == "prose":
        kind = _kind(style, text, known)
    yield from across(texts if known.paged else [text], kind)
    for one in apart:
        if local(one) == "note":
            held = child(one, "note-body")
            yield from _items(held if held is not None else one, known, "caption")
        elif local(one) == "frame":
            for box in all_of(one, "text-box"):
                yield from _items(box, known, "prose")


def _kind(style: str, text: str, known: _Known) -> str:
    if is_caption(text[:200]):
        return "caption"
    for _ in range(8):
        if match := _OTHER.search(style):
            return str(match.lastgroup)
        if style in ("Title", "Subtitle"):
            return "heading"
        style = known.parents.get(style, "")
    return "prose"


def _text(element: Element, known: _Known) -> tuple[list[str], list[Element]]:
    """What a paragraph shows, cut where pages begin, and what stands apart from it."""
    texts: list[str] = []
    pieces, apart = [element.text or ""], []
    waiting = [(one, False) for one in reversed(element)]
    while waiting:
        one, done = waiting.pop()
        name = local(one)
        if done:
            pieces.append(one.tail or "")
            continue
        waiting.append((one, True))
        if name in _APART:
            apart.append(one)
            pieces.append(_formula(one, known.archive))
        elif name == "s":
            pieces.append(" ")  # of any number of spaces, one is kept
        elif name in ("tab", "line-break"):
            pieces.append(" ")
        elif name == "soft-page-break":
            texts.append("".join(pieces))
            pieces = []
        elif name:
            pieces.append(one.text or "")
            waiting += [(below, False) for below in reversed(one)]
    return [*texts, "".join(pieces)], apart


def _formula(frame: Element, archive: Archive) -> str:
    """The letters of a formula that stands in a line; empty for pictures and the like."""
    held = next(all_of(frame, "object"), None)
    entry = within("", f"{attribute(held, 'href') or ''}/{CONTENT}") if held is not None else ""
    if entry not in archive:
        return ""
    root = archive.xml(entry)
    if local(root) != "math":
        return ""
    return "".join(leaf.text or "" for leaf in root.iter("{*}mi", "{*}mn", "{*}mo", "{*}mtext"))


def _table(table: Element, known: _Known) -> Iterator[Item]:
    for line in all_of(table, "table-row"):
        up = next((up for up in line.iterancestors() if local(up) == "table"), None)
        if up is not table:
            continue  # of a table in this one
        before = line.getprevious()
        if known.paged and before is not None and local(before) == "soft-page-break":
            yield Break()
        yield from row(
            " ".join("".join(_text(p, known)[0]) for p in cell.iter("{*}p", "{*}h"))
            for cell in line
            if local(cell) == "table-cell"
        )
