"""Readings that are kept on disk: naming them, finding them again, finishing them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgehybrid
from edgehybrid.documents import ocr
from edgehybrid.documents.document import Document, Sentence
from edgehybrid.errors import CacheError, NotFound, RequestError, StateError
from edgehybrid.runtime.model import Model
from edgehybrid.runtime.stream import Stream
from edgehybrid.store import folder
from edgehybrid.store.entry import SENTENCES, Entry, read_plain
from edgehybrid.store.journal import Journal, Keeping
from edgehybrid.tasks.reading import Reading

if TYPE_CHECKING:
    from edgehybrid.tasks.read import ReadDocument

log = logging.getLogger("edgehybrid")

FORMAT = 3
#: What states of one reading may take on disk unless told otherwise.
CHECKPOINT_BYTES = 64 << 20
#: Fields of a reading that are written as they are.
_COUNTS = (
    *("pages", "words", "tokens", "pages_without_text", "unreadable_pages", "recognised_pages"),
    *("unit", "language"),
)


@dataclass(frozen=True)
class Keep:
    """How a reading is kept on disk.

    Attributes:
        checkpoint_bytes: its states take at most so many.
        state: "float32", or "float16" for states of half the size, from which one goes on nearly,
            not exactly, as one would have.
    """

    checkpoint_bytes: int = CHECKPOINT_BYTES
    state: str = "float32"

    def check(self) -> None:
        """Look at both.

        Raises:
            RequestError: one is out of range.
        """
        if self.checkpoint_bytes < 1:
            raise RequestError(f"checkpoint_bytes is {self.checkpoint_bytes}; allow some megabytes")
        if self.state not in ("float32", "float16"):
            raise RequestError(f"state {self.state!r} is not one of float32, float16")


def open_keeping(stream: Stream, document: str, keep: Keep) -> Keeping:
    """The place of a reading by new `stream` of what `document` names.

    Raises:
        CacheError: the folder of readings cannot be used.
    """
    model = stream.model
    how = [FORMAT, edgehybrid.__version__, model.bundle.fingerprint, model.route, keep.state]
    key = _key(*how, *stream.kind)
    entry = folder.open_entry(key, _key(document))
    others = folder.others(key, entry.path)
    return Keeping(entry, others, keep.checkpoint_bytes, keep.state == "float16")


def may_be_kept(document: str) -> bool:
    """Whether there is a reading of what `document` names, by whatever model."""
    return folder.has(_key(document))


def identity(source: Path | Document, pages: tuple[int, int] | None, *, damaged: bool) -> str:
    """A name for the content of `source`, as it is read.

    Raises:
        NotFound: the file cannot be opened.
    """
    digest = hashlib.sha256()
    if isinstance(source, Document):
        digest.update(json.dumps([[p.number, p.text] for p in source.pages]).encode())
        digest.update(json.dumps(source.sentences).encode())
    else:
        try:
            if not source.is_file():  # a pipe could be read only once
                raise NotFound(f"cannot read {source}: it is no file, or is not there")
            with source.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise NotFound(f"cannot open {source}: {error.strerror or error}") from error
    return _key(source.name, digest.hexdigest(), pages, damaged, ocr.version())


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def begin(entry: Entry, name: str, model: Model) -> None:
    """Say in the reading's folder what is being read."""
    with _going_on_without():
        entry.tell({"format": FORMAT, "name": name, "model": model.bundle.name})


def finish(entry: Entry, document: ReadDocument) -> None:
    """Write what `find` needs, now that all is read, and hold all readings to their bound."""
    position, reading = document.stream.position, document.reading
    if not entry.mine or position not in entry.states():
        return
    sentences = json.dumps(reading.sentences).encode()
    finished: dict[str, Any] = {name: getattr(reading, name) for name in _COUNTS}
    finished |= {"position": position, "sentences": _sum(sentences)}
    with _going_on_without():
        entry.write(SENTENCES, sentences)
        about = {"format": FORMAT, "name": document.name, "model": document.model.bundle.name}
        entry.tell(about | {"finished": finished})
        folder.hold_to_bound(entry.path)


@contextmanager
def using(entry: Entry) -> Iterator[None]:
    """Let others have it at the end; without a state in it, it is of no use and is deleted."""
    mine = entry.mine
    try:
        yield
    finally:
        entry.close()
        if mine and not entry.states():
            with _going_on_without():
                folder.delete(entry.path)


@contextmanager
def _going_on_without() -> Iterator[None]:
    """What was read is worth more than that it could not be kept."""
    try:
        yield
    except (OSError, CacheError) as error:
        log.warning("the reading is not kept on disk: %s", error)


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def find(entry: Entry, model: Model, width: int) -> tuple[Stream, Reading, Journal] | None:
    """A reading that was finished: its stream, what was found, its journal; None if it is not."""
    finished = entry.about().get("finished")
    if not isinstance(finished, dict):
        return None
    try:
        position = int(finished["position"])
        journal = Journal(None, width)
        stream = journal.go_on(model, entry, position)
        data = read_plain(entry.path / SENTENCES)
        if _sum(data) != finished["sentences"]:
            return None
        sentences = [Sentence(*fields) for fields in json.loads(data)]
        reading = Reading(sentences, journal.rows(), resumed=position)
        for name in _COUNTS:
            setattr(reading, name, finished[name])
    except (StateError, KeyError, TypeError, ValueError, IndexError):
        return None
    return stream, reading, journal
