"""A document that was sent, in a temporary file that nobody else can read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO, Any

from edgehybrid.documents.opening import SUFFIXES
from edgehybrid.tasks.rendering import shown

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
#: How the folders of these files begin.
PREFIX = "edgehybrid-serve-"
#: What a document is called that came without a name, and the characters of a longer one.
UNNAMED, LONGEST_NAME = "document", 120


class Upload:
    """A file on this machine; of the name that was sent, only its known endings are used for it.

    Attributes:
        name: what the document is called in answers.
        path: where it is.
    """

    def __init__(self, content: IO[bytes], name: str | None) -> None:
        """Copy what was sent.

        Raises:
            OSError: it cannot be written.
        """
        self.name = safe_name(name)
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)  # mode 0700
        try:
            self.path = Path(self._folder.name) / f"{UNNAMED}{_ending(self.name)}"
            with open(os.open(self.path, FLAGS, 0o600), "wb") as file:
                shutil.copyfileobj(content, file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove it; more than once does nothing."""
        self._folder.cleanup()

    def named(self, text: Any) -> str:
        """`text` with the document's name where it speaks of the file."""
        own = self.path.name
        return str(text).replace(str(self.path), self.name).replace(own, self.name)


def safe_name(name: str | None) -> str:
    """A name without folders and without what would steer a terminal."""
    last = PurePosixPath((name or "").replace("\\", "/")).name
    name = shown(last)[-LONGEST_NAME:].strip()
    return name if name.strip(".") else UNNAMED


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix.lower()
    return ending if ending in SUFFIXES else ""
