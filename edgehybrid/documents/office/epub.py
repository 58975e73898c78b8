"""EPUB books: chapters in the order of reading. What lies outside the archive is not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from edgehybrid.documents.office.archive import Archive, all_of, within
from edgehybrid.documents.office.html import items_of
from edgehybrid.documents.office.items import Break, Contents, Item
from edgehybrid.errors import PasswordNeeded

CONTAINER = "META-INF/container.xml"
#: Encrypted: fonts may be; then this file is there too, but the text can be read.
_RIGHTS = "META-INF/rights.xml"


def read(archive: Archive) -> Contents:
    """The text of a book; each of its files, in reading order, is a chapter."""
    if _RIGHTS in archive:
        raise PasswordNeeded(f"{archive.name}: the book is encrypted for its buyer (DRM)")
    package = next(
        (one.get("full-path", "") for one in all_of(archive.xml(CONTAINER), "rootfile")), ""
    )
    root = archive.xml(package)
    folder = str(PurePosixPath(package).parent)
    files = {one.get("id", ""): one for one in all_of(root, "item")}
    chapters = []
    for reference in all_of(root, "itemref"):
        item = files.get(reference.get("idref", ""))
        is_contents = item is not None and "nav" in item.get("properties", "").split()
        if item is not None and not is_contents and "html" in item.get("media-type", ""):
            chapters.append(within(folder, item.get("href", "")))
    if not chapters:
        raise archive.damaged(f"{package!r} in it names no chapters")
    return Contents("chapter", _items(archive, chapters))


def _items(archive: Archive, chapters: list[str]) -> Iterator[Item]:
    for number, entry in enumerate(chapters):
        if number:
            yield Break()
        yield from items_of(archive.read(entry))
