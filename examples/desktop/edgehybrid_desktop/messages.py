"""What the app and its reading process say to each other: a line of JSON for each message.

    ["Read", {"job": 1, "path": "/home/me/report.pdf", ...}]

The process is our own, but it handles strangers' documents: a line says only what the classes
below can hold, and is not unpickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from edgehybrid.documents.units import place


@dataclass(frozen=True)
class Wish:
    """How a summary is to be: `words` or `points`, at most one of them; `focus` is a question."""

    words: int | None = None
    points: int | None = None
    focus: str | None = None


@dataclass(frozen=True)
class Warm:
    """To the process: load a model, before a document needs it. `model` None is the default."""

    model: str | None


@dataclass(frozen=True)
class Read:
    """To the process: read a document, tell its progress, and summarise it.

    `damaged` allows damaged files, of which text may be missing.
    """

    job: int
    path: str
    model: str | None
    keep: bool
    wish: Wish
    password: str | None = None
    damaged: bool = False


@dataclass(frozen=True)
class Summarize:
    """To the process: summarise what was read in another way."""

    job: int
    wish: Wish


@dataclass(frozen=True)
class Ask:
    """To the process: ask what was read."""

    job: int
    question: str


@dataclass(frozen=True)
class Cancel:
    """To the process: stop reading, or writing."""

    job: int


@dataclass(frozen=True)
class Forget:
    """To the process: the document is no longer in the queue."""

    job: int


@dataclass(frozen=True)
class Note:
    """From the process: what it is busy with, for instance compiling."""

    text: str


@dataclass(frozen=True)
class Progress:
    """From the process: how far a reading is; bytes are of the process and of the stream.

    `recognising` is the page whose text is being recognised in a picture, 0 if none is; `unit` is
    what is counted as a page, such as a slide.
    """

    job: int
    pages: int
    pages_total: int
    seconds: float
    peak_rss_bytes: int | None
    state_bytes: int
    recognising: int = 0
    unit: str = "page"


@dataclass(frozen=True)
class Piece:
    """From the process: some text that a language model has just written."""

    job: int
    text: str


@dataclass(frozen=True)
class Cited:
    """Words and the page, slide, section ... (1-based) that they stand on."""

    text: str
    page: int


@dataclass(frozen=True)
class Summary:
    """From the process: the summary. `written` is a language model's, and may be wrong."""

    job: int
    wish: Wish
    points: tuple[Cited, ...]
    written: str | None
    pages: int
    words: int
    seconds: float
    peak_rss_bytes: int | None
    state_bytes: int
    resumed: bool
    notices: tuple[str, ...]
    unit: str = "page"

    @property
    def text(self) -> str:
        """As it is copied and saved: a line for each point, with its page."""
        if self.written is not None:
            return self.written
        return "\n".join(f"[{place(self.unit, p.page)}] {p.text}" for p in self.points)


@dataclass(frozen=True)
class Answer:
    """From the process: passages, or what a language model has written and its pages.

    Without passages and without `written`, nothing in the document matches.
    """

    job: int
    question: str
    passages: tuple[Cited, ...]
    written: str | None
    sources: tuple[int, ...]
    unit: str = "page"


@dataclass(frozen=True)
class Failed:
    """From the process: an order could not be carried out.

    `what` is the name of the order's class, `error` a line that says why, and `kind` the name of
    the error's class (see `edgehybrid.errors`).
    """

    job: int
    what: str
    error: str
    kind: str


Message = (
    Warm
    | Read
    | Summarize
    | Ask
    | Cancel
    | Forget
    | Note
    | Progress
    | Piece
    | Summary
    | Answer
    | Failed
)
_CLASSES: dict[str, Any] = {kind.__name__: kind for kind in Message.__args__}


class NotAMessageError(Exception):
    """A line is none of the above."""


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps([type(message).__name__, asdict(message)]).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line.

    Raises:
        NotAMessageError: it is none.
    """
    try:
        name, fields = json.loads(line)
        for several in ("points", "passages"):
            if several in fields and not isinstance(fields[several], str):
                fields[several] = tuple(Cited(**cited) for cited in fields[several])
        for plain in ("notices", "sources"):
            if plain in fields:
                fields[plain] = tuple(fields[plain])
        if "wish" in fields:
            fields["wish"] = Wish(**fields["wish"])
        made: Message = _CLASSES[name](**fields)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise NotAMessageError(repr(line[:80])) from error
    return made
