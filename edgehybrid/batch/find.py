"""Which documents a folder holds: in a stable order, and never what lies outside it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from edgehybrid.batch.journal import JOURNAL
from edgehybrid.documents.opening import SUFFIXES
from edgehybrid.errors import NotFound

#: What an entry of a folder is, besides one of the reasons why it is left out.
DOCUMENT, FOLDER = "document", "folder"
HIDDEN, LINK, OTHER, SUMMARIES = "hidden", "links", "of other kinds", "folders of summaries"


@dataclass
class Found:
    """What a folder holds.

    Attributes:
        documents: paths below the folder, in order of their names; files before folders.
        skipped: how many entries were left out, by reason.
        unreadable: folders, below the folder, that cannot be listed, and why.
    """

    documents: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def find(folder: Path) -> Found:
    """All documents below `folder`, by the ends of their names.

    A link to a file is followed if that lies in the folder too; links to folders never are: what is
    in them is found where it lies, or is none of the folder's.

    Raises:
        NotFound: the folder itself cannot be listed.
    """
    found, inside = Found(), os.path.realpath(folder)
    waiting = [Path()]
    while waiting:  # no recursion: a tree may be deeper than Python's stack
        here = waiting.pop()
        try:
            kinds = _list(folder / here, inside)
        except OSError as error:
            if here == Path():
                raise NotFound(f"cannot open {folder}: {error.strerror or error}") from error
            found.unreadable.append((here, f"cannot be opened: {error.strerror or error}"))
            continue
        names = sorted(kinds)
        found.documents += [here / name for name in names if kinds[name] == DOCUMENT]
        waiting += [here / name for name in reversed(names) if kinds[name] == FOLDER]
        found.skipped.update(kind for kind in kinds.values() if kind not in (DOCUMENT, FOLDER))
    return found


def _list(folder: Path, inside: str) -> dict[str, str]:
    with os.scandir(folder) as entries:
        return {entry.name: _kind(entry, inside) for entry in entries}


def _kind(entry: os.DirEntry[str], inside: str) -> str:
    if entry.name.startswith("."):
        return HIDDEN
    if entry.is_symlink() and not _leads_to_a_file(entry, inside):
        return LINK
    if entry.is_dir():
        return SUMMARIES if os.path.lexists(os.path.join(entry.path, JOURNAL)) else FOLDER
    is_document = entry.is_file() and entry.name.lower().endswith(SUFFIXES)
    return DOCUMENT if is_document else OTHER


def _leads_to_a_file(entry: os.DirEntry[str], inside: str) -> bool:
    target = os.path.realpath(entry.path)
    return entry.is_file() and os.path.commonpath([inside, target]) == inside
