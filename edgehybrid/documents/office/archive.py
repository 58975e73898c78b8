"""Files that are archives of XML (ZIP): opened with limits, and only read in memory.

Nothing is unpacked to disk, so a name in an archive is never a path: `../x` is a key, or is not
there.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote

from lxml import etree

from edgehybrid.errors import DamagedDocument, DocumentTooLarge, PasswordNeeded

#: Entries of an archive; bytes of one, and of all that are read, unpacked.
MAX_ENTRIES, MAX_ENTRY, MAX_ALL = 20_000, 64 << 20, 192 << 20

#: An `etree._Element`: lxml comes without types.
Element: TypeAlias = Any


class Archive:
    """An open archive; `name` is what it is called in messages.

    Raises:
        DamagedDocument: it is no whole archive.
        DocumentTooLarge: it has too many entries.
    """

    def __init__(self, path: str, name: str) -> None:
        self.name, self._read = name, 0
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
            raise self.damaged(f"its archive cannot be opened ({error})") from error
        names = self._zip.namelist()
        if len(names) > MAX_ENTRIES:
            raise DocumentTooLarge(
                f"{name}: its archive has {len(names):,} entries, over {MAX_ENTRIES:,}"
            )
        self._names = set(names)

    def __contains__(self, entry: str) -> bool:
        return entry in self._names

    def damaged(self, what: str) -> DamagedDocument:
        """The error for a file of which text could be missing."""
        return DamagedDocument(f"{self.name}: {what}: the file is damaged; get it again")

    def read(self, entry: str) -> bytes:
        """An entry, unpacked.

        Raises:
            DamagedDocument: it is not there, or is not what the archive says.
            DocumentTooLarge: it is, or all that were read are, too large.
            PasswordNeeded: it is encrypted.
        """
        if entry not in self._names:
            raise self.damaged(f"{entry!r} is missing in its archive")
        if self._zip.getinfo(entry).flag_bits & 1:
            raise PasswordNeeded(f"{self.name}: it is encrypted; save it without a password")
        try:
            with self._zip.open(entry) as opened:
                data = opened.read(MAX_ENTRY + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise self.damaged(f"{entry!r} in its archive cannot be unpacked ({error})") from error
        self._read += len(data)
        if len(data) > MAX_ENTRY or self._read > MAX_ALL:
            raise DocumentTooLarge(
                f"{self.name}: unpacked it has over {min(MAX_ENTRY, MAX_ALL) >> 20} MiB of text"
            )
        return data

    def xml(self, entry: str) -> Element:
        """The root of an entry. No entity is ever expanded, and nothing is fetched.

        Raises:
            DamagedDocument: it is no XML, or declares entities; else as `read`.
        """
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,  # at most 256 deep, and texts of at most 10 MB
            remove_comments=True,
            remove_pis=True,
        )
        try:
            root: Element = etree.fromstring(self.read(entry), parser)
        except etree.XMLSyntaxError as error:
            raise self.damaged(f"{entry!r} in it is not XML ({_short(error)})") from error
        declared = root.getroottree().docinfo.internalDTD
        if declared is not None and next(declared.iterentities(), None) is not None:
            raise self.damaged(f"{entry!r} in it declares entities, which such files never do")
        return root

    def related(self, entry: str) -> dict[str, tuple[str, str]]:
        """What an entry of an Office file refers to: by id, the end of its type and the entry."""
        at = PurePosixPath(entry)
        listed = str(at.parent / "_rels" / f"{at.name}.rels")
        if listed not in self:
            return {}
        found = {}
        for one in self.xml(listed):
            target, kind = one.get("Target", ""), one.get("Type", "").rpartition("/")[2]
            if one.get("TargetMode") != "External":  # never followed
                found[one.get("Id", "")] = kind, within(str(at.parent), target)
        return found

    def first(self, entry: str, kind: str) -> str | None:
        """The first entry of a kind that an entry refers to, if it is there."""
        for known, target in self.related(entry).values():
            if known == kind and target in self:
                return target
        return None


def within(folder: str, target: str) -> str:
    """The entry that `target` names, seen from the entry's folder."""
    parts: list[str] = (
        [] if target.startswith("/") else [p for p in folder.split("/") if p not in ("", ".")]
    )
    for part in unquote(target.partition("#")[0]).split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def local(element: Element) -> str:
    """The name of an element without its namespace; empty for what is no element."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """An attribute, whatever its namespace: those of two editions of a format differ."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of that name, its first child of the next name, and so on."""
    for name in path:
        if element is None:
            return None
        element = next((one for one in element if local(one) == name), None)
    return element


def all_of(element: Element, name: str) -> Iterator[Element]:
    """All elements of that name below `element`."""
    found: Iterator[Element] = element.iter("{*}" + name)
    return found


def _short(error: Exception) -> str:
    return str(error).replace("\n", " ")[:100]
