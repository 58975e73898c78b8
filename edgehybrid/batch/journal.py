"""What has been done: a line of JSON for each summary that was written, the last one counts.

A line is appended once the summary is on the disk. What a crash leaves is at worst a summary
without its line, which is then made again, or a part of a line, which is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from edgehybrid.files import write_whole
from edgehybrid.jsons import JsonError, parse_json

#: The journal's name, which also tells a folder of summaries from one of documents.
JOURNAL = "edgehybrid-journal.jsonl"
#: Longer lines are none of ours; ours hold two paths.
MAX_LINE = 1 << 16


@dataclass(frozen=True)
class Record:
    """One document's summary.

    Attributes:
        document: which, as `name_of` names it; its path may not be valid text.
        key: stands for the content, the model and the options.
        path: of the document, to be read by people.
        pages, words, tokens: what was read.
        seconds: how long that took.
        notes: what was not read of it.
    """

    document: str
    key: str
    path: str
    pages: int
    words: int
    tokens: int
    seconds: float
    notes: list[str]


_KINDS: dict[str, tuple[type, ...]] = {
    "document": (str,),
    "key": (str,),
    "path": (str,),
    "pages": (int,),
    "words": (int,),
    "tokens": (int,),
    "seconds": (int, float),
    "notes": (list,),
}


def name_of(document: Path) -> str:
    """A name for a path, whatever bytes that has."""
    return hashlib.sha256(os.fsencode(document.as_posix())).hexdigest()[:32]


class Journal:
    """The journal of one folder of summaries; nobody else has it open."""

    def __init__(self, out: Path) -> None:
        """Open it, or make it.

        Raises:
            OSError: it cannot be read or written.
        """
        path = out / JOURNAL
        with _opened(path, os.O_RDWR | os.O_CREAT) as file:
            lines, self._last = _read(file)
            is_torn = not _ends_a_line(file)
        if lines > 2 * len(self._last):  # most of it is past
            write_whole(path, b"".join(map(_line, self._last.values())))
            is_torn = False
        self._file = _opened(path, os.O_WRONLY | os.O_APPEND)
        if is_torn:
            self._file.write(b"\n")

    def find(self, document: Path, key: str) -> Record | None:
        """The record of a document's summary, if it is the one that `key` stands for."""
        record = self._last.get(name_of(document))
        return record if record is not None and record.key == key else None

    def add(self, record: Record) -> None:
        """Append a record.

        Raises:
            OSError: it cannot be written.
        """
        self._file.write(_line(record))
        self._file.flush()
        self._last[record.document] = record

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(record: Record) -> bytes:
    return json.dumps(asdict(record)).encode() + b"\n"


def _opened(path: Path, flags: int) -> IO[bytes]:
    """The file, for its owner only; no link, which could lead anywhere, and no pipe."""
    flags |= sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    return os.fdopen(os.open(path, flags, 0o600), "rb" if flags & os.O_RDWR else "wb")


def _read(file: IO[bytes]) -> tuple[int, dict[str, Record]]:
    """How many lines there are, and the last record of each document."""
    lines, last = 0, {}
    while line := file.readline(MAX_LINE):
        lines += 1
        if (record := _parse(line)) is not None:
            last[record.document] = record
    return lines, last


def _parse(line: bytes) -> Record | None:
    try:
        value = parse_json(line) if line.endswith(b"\n") else None
    except JsonError:
        return None
    if not isinstance(value, dict) or value.keys() != _KINDS.keys():
        return None
    right = all(type(value[name]) in kinds for name, kinds in _KINDS.items())
    if not right or not all(isinstance(note, str) for note in value["notes"]):
        return None
    return Record(**value)


def _ends_a_line(file: IO[bytes]) -> bool:
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
