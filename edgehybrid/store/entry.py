"""One reading that is kept: a folder whose files are only believed where a sum agrees.

    .lock               held by who reads or uses it
    about.json          what was read with what; once it is finished, counts and sums
    chain               after each batch of tokens: position, sum of all tokens so far, page, rows
    rows                sentence vectors (n, width) float16 of a reader
    sentences.json      once it is finished, of a reader: texts, pages and kinds
    <position>.state    states to go on from (`edgehybrid.runtime.saving`)

`chain` and `rows` are only appended to, and synced before a state that counts on them is written;
what stands after the last state is cut off by who goes on. The sum of a place in the chain depends
on all tokens before it, so equal sums mean an equal beginning, of whatever document.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from edgehybrid.errors import CacheError
from edgehybrid.files import is_unfinished, sync, write_whole

ABOUT, CHAIN, ROWS, SENTENCES, LOCK = "about.json", "chain", "rows", "sentences.json", ".lock"
STATE = ".state"
#: Files that are read whole are not larger than this: a sentence a line, of the longest documents.
MAX_BYTES = 1 << 30

#: One place of the chain. `rows` are those of all sentences up to it.
LINK = np.dtype([("position", "<i8"), ("sum", "V16"), ("page", "<i4"), ("rows", "<i4")])


@dataclass(frozen=True)
class Summary:
    """What is told of an entry; `pages` is None if it was not read to the end."""

    name: str
    model: str
    pages: int | None
    checkpoints: int
    nbytes: int
    last_use: float


class Unlocked:
    """A look at a folder that others may be changing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chain = self._links()

    def _links(self) -> NDArray[Any]:
        data = read_plain(self.path / CHAIN)
        return np.frombuffer(data[: len(data) // LINK.itemsize * LINK.itemsize], LINK)

    def about(self) -> dict[str, Any]:
        """What `about.json` says; empty if it is not there or no JSON object."""
        try:
            said = json.loads(read_plain(self.path / ABOUT))
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}

    def states(self) -> dict[int, Path]:
        """Positions of which there is a state, in order."""
        found = {}
        with suppress(OSError):
            for path in self.path.iterdir():
                if path.suffix == STATE and path.stem.isdecimal() and not path.is_symlink():
                    found[int(path.stem)] = path
        return dict(sorted(found.items()))

    def rows(self, count: int, width: int) -> NDArray[np.float16]:
        """The first `count` vectors, as many as there are."""
        data = read_plain(self.path / ROWS, count * width * 2)
        return np.frombuffer(data[: len(data) // (2 * width) * 2 * width], "<f2").reshape(-1, width)


class Entry(Unlocked):
    """A folder to read and write in. `mine` is False if another process holds its lock."""

    def __init__(self, path: Path, lock: FileLock | None) -> None:
        self._lock = lock
        super().__init__(path)

    @classmethod
    def open(cls, path: Path) -> Entry:
        """Take its lock, if it is free, and clean up after who was killed in it."""
        lock = FileLock(path / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return cls(path, None)
        for left in path.iterdir():
            if is_unfinished(left.name):
                left.unlink()
        now = time.time_ns()  # the system's own time of a change may be some milliseconds late
        os.utime(path, ns=(now, now))
        return cls(path, lock)

    @property
    def mine(self) -> bool:
        """Whether it may be written to."""
        return self._lock is not None

    def close(self) -> None:
        """Let others have it; a second call does nothing."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def tell(self, about: dict[str, Any]) -> None:
        """Write `about.json`."""
        self.write(ABOUT, json.dumps(about).encode())

    def write(self, name: str, data: bytes) -> None:
        """Write a file as a whole."""
        write_whole(self.path / name, data)

    def begin(self, chain: NDArray[Any], rows: NDArray[np.float16]) -> None:
        """Write the chain and the rows that a reading goes on from."""
        self.write(CHAIN, chain.tobytes())
        self.write(ROWS, rows.tobytes())
        self.chain = chain

    def append(self, links: NDArray[Any], rows: Sequence[NDArray[np.float16]]) -> None:
        """Add to the chain and to the rows, and wait until they are on the disk."""
        self._add(ROWS, b"".join(array.tobytes() for array in rows))
        self._add(CHAIN, links.tobytes())
        self.chain = np.concatenate([self.chain, links])

    def _add(self, name: str, data: bytes) -> None:
        if data:
            with (self.path / name).open("ab") as file:
                file.write(data)
                file.flush()
                sync(file.fileno())

    def forget_states(self, positions: Iterable[int]) -> None:
        """Delete the states of these positions."""
        for position in positions:
            with suppress(OSError):
                (self.path / f"{position}{STATE}").unlink()


def summary_of(path: Path) -> Summary:
    """What is told of the entry in `path`."""
    entry = Unlocked(path)
    about = entry.about()
    finished = about.get("finished")
    pages = finished.get("pages") if isinstance(finished, dict) else None
    size, used = 0, 0.0
    with suppress(OSError):
        size = sum(f.stat().st_size for f in path.iterdir())
        used = path.stat().st_mtime
    name, model = (str(about.get(key, "?")) for key in ("name", "model"))
    return Summary(name, model, pages, len(entry.states()), size, used)


def read_plain(path: Path, most: int = MAX_BYTES) -> bytes:
    """Up to `most` bytes of a file that is no link; none if there is no such file.

    Raises:
        CacheError: it is larger than any such file.
    """
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise CacheError(f"{path} has over {MAX_BYTES} bytes; `edgehybrid cache clear`")
            return file.read(most)
    except OSError:
        return b""
