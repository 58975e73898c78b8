"""Where a document's summary goes: beside those of its neighbours, one each, never elsewhere."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from edgehybrid.errors import RequestError
from edgehybrid.files import write_whole
from edgehybrid.tasks.rendering import Format

SUFFIXES = {Format.text: ".txt", Format.markdown: ".md", Format.json: ".json"}
#: Bytes that a name may have on most file systems.
LONGEST = 255
#: Hexadecimal figures that stand for the rest of a name that is too long.
FIGURES = 16


def output_of(document: Path, format: Format) -> Path:
    """The path, below the folder of summaries, of the summary of `document`.

    Its whole name comes first, so that `a.pdf` and `a.md` keep apart. A name that would be too long
    is cut and ends in figures, which no document's name does.
    """
    suffix, name = SUFFIXES[format], document.name
    data = os.fsencode(name)
    if len(data) + len(suffix) > LONGEST:
        kept = data[: LONGEST - len(suffix) - FIGURES - 1].decode(errors="ignore")
        name = f"{kept}~{hashlib.sha256(data).hexdigest()[:FIGURES]}"
    return document.with_name(name + suffix)


def check_apart(folder: Path, out: Path) -> None:
    """Look whether summaries can go to `out`: not where they would be found as documents.

    Raises:
        RequestError: `out` is the folder itself, or holds it.
    """
    inner, outer = folder.resolve(), out.resolve()
    if inner == outer or outer in inner.parents:
        what = "is the folder of documents" if inner == outer else f"holds {folder}"
        raise RequestError(f"out {out} {what}: give summaries a folder of their own")


def write_output(out: Path, output: Path, text: str) -> None:
    """Write a summary whole, in a folder that is made if it is not there.

    Raises:
        RequestError: a link in the folder of summaries leads out of it.
        OSError: it cannot be written.
    """
    path = out / output
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(out.resolve()):
        raise RequestError(f"{path.parent} leads out of {out} through a link: remove that")
    write_whole(path, text.encode("utf-8", errors="replace"))
