"""Folders that are written to: whether they can be, and how much is in them."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any


def examine() -> dict[str, Any]:
    """The folder of readings that are kept."""
    from edgehybrid.store.folder import place

    folder = place()
    return {"path": str(folder), "writable": is_writable(folder), "bytes": size_of(folder)}


def is_writable(folder: Path) -> bool:
    """Whether a file can be made there, or, where it is missing, in the folder that would hold it.

    It is tried: what permissions say is not what a read-only disk does.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def size_of(folder: Path) -> int:
    """Bytes of all files below it that can be seen."""
    total = 0
    with suppress(OSError):
        for path in folder.rglob("*"):
            with suppress(OSError):
                total += path.lstat().st_size if path.is_file() else 0
    return total
