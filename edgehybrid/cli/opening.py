"""What commands that open a document have in common."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgehybrid.errors import RequestError
from edgehybrid.tasks.rendering import Found, recognised, unread

if TYPE_CHECKING:
    from edgehybrid.documents import Document
    from edgehybrid.runtime.budgets import ByLayer
    from edgehybrid.tasks.keeping import Keep

#: Help of what several commands have.
FILE = "PDF, Office, EPUB, HTML, RTF, mail, Markdown or text; - reads standard input."
BUDGET = "Tokens kept per KV head: 64; by layer 2:64,10:128; by KV head 2:64/32."
ROUTER = (
    "Which tokens are kept: learned, fitted, window, keynorm, keydiff, lagkv, expected, h2o, tova "
    "or random; the bundle's own if none."
)


def page_range(text: str | None) -> tuple[int, int] | None:
    """What `--pages` says.

    Raises:
        RequestError: it is no range.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text.strip())
    if not match:
        raise RequestError(f"--pages {text!r} is not a page or a range such as 3-17")
    first = int(match[1])
    return first, int(match[2] or first)


def byte_count(text: str, option: str = "--checkpoint-bytes") -> int:
    """What an option says that is a size: `64M` is 64 * 1024 * 1024.

    Raises:
        RequestError: it is no size.
    """
    match = re.fullmatch(r"(\d{1,15})([KMG]?)B?", text.strip().upper())
    if not match:
        raise RequestError(f"{option} {text!r} is not a size such as 500K, 64M or 2G")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]


def token_budget(text: str | None) -> int | ByLayer | None:
    """What `--budget` says.

    Raises:
        RequestError: it is no budget.
    """
    from edgehybrid.runtime.budgets import parse

    return None if text is None else parse(text)


def keeping(checkpoint_bytes: str, state: str) -> Keep:
    """How a reading is kept.

    Raises:
        RequestError: an option is out of range.
    """
    from edgehybrid.tasks.keeping import Keep

    keep = Keep(byte_count(checkpoint_bytes), state)
    keep.check()
    return keep


@contextmanager
def source(file: str, command: str) -> Iterator[str | Document]:
    """The path, or what standard input holds: all but text goes through a temporary file."""
    if file != "-":
        yield file
        return
    from edgehybrid.documents.document import Document
    from edgehybrid.documents.formats import kind_of
    from edgehybrid.documents.opening import decode
    from edgehybrid.documents.plain import MAX_TEXT_BYTES, SNIFF_BYTES
    from edgehybrid.errors import DocumentTooLarge, EmptyFile

    data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise DocumentTooLarge(
            f"standard input holds over {MAX_TEXT_BYTES} bytes; put it into a file and name that"
        )
    if kind_of(Path("stdin"), data[:SNIFF_BYTES]) != "text":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stdin"
            path.write_bytes(data)
            yield str(path)
        return
    if not data.strip():
        raise EmptyFile(f"standard input is empty; pipe a document into `edgehybrid {command} -`")
    yield Document.from_text(decode(data, "standard input"), name="standard input")


def check_target(option: str, target: Path, *sources: Path) -> None:
    """Look at a file that will be written, before the work is done.

    Raises:
        RequestError: it is one of `sources`, or no file, or its folder is not there.
    """
    if not target.parent.is_dir():
        raise RequestError(f"{option} {target}: there is no folder {target.parent}; make it first")
    if not target.exists():
        return
    if not target.is_file():
        raise RequestError(f"{option} {target} is no file; name one")
    for source in sources:
        if source.exists() and target.samefile(source):
            raise RequestError(f"{option} {target} is the document itself; name another file")


def warn(found: Found) -> None:
    """Say on stderr what could not be read: nothing is left out silently."""
    for line in unread(found):
        typer.echo(f"edgehybrid: {line}", err=True)


def warn_of_reading(found: Found) -> None:
    """The same, and what was read off pictures; a summary has that among its notices."""
    for line in recognised(found):
        typer.echo(f"edgehybrid: {line}", err=True)
    warn(found)
