"""Writing files so that a power cut leaves the old one or the new one, and nobody else reads it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

#: How names of files that are not finished begin and end; whoever owns the folder may delete them.
UNFINISHED = (".new-", ".tmp")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`: under another name first, synced, then renamed; mode 0600.

    Raises:
        OSError: it cannot be written; nothing is left of it then.
    """
    new = path.with_name(f"{UNFINISHED[0]}{secrets.token_hex(8)}{UNFINISHED[1]}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            sync(file.fileno())
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync_folder(path.parent)


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk; Windows cannot, and does not need to."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_unfinished(name: str) -> bool:
    """Whether a name is one of those that `write_whole` uses on the way."""
    return name.startswith(UNFINISHED[0]) and name.endswith(UNFINISHED[1])
