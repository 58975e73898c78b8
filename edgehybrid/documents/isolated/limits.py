"""Limits of a reading process; some it sets on itself, where the system has them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NamedTuple

from edgehybrid.documents.isolated.order import KINDS, Kind
from edgehybrid.limits import limit_files, limit_memory, limit_processor


class Limits(NamedTuple):
    """What one kind of file may take.

    Attributes:
        memory: bytes of data.
        silence: seconds without any word, from page to page.
        seconds: for the file; of its processor, and those that the parent waits for it in all.
        page_seconds: so many more for each page.
    """

    memory: int
    silence: float
    seconds: int
    page_seconds: int

    def in_all(self, pages: int) -> int:
        """Seconds for a file of so many pages."""
        return min(self.seconds + self.page_seconds * pages, LONGEST)


#: Seconds before the header, and at most for the longest file.
START_SECONDS, LONGEST = 60.0, 3600
#: Measured: PDF files of 15 to 193 pages take 26 to 31 MiB, and 100 pages a second. Text takes 4 to
#: 12 times its size, Markdown 80 times and up to 700 times where it is made to.
OF: dict[Kind, Limits] = {
    "pdf": Limits(400 << 20, 15.0, 120, 1),
    "text": Limits(1 << 30, 120.0, 300, 1),
    "markdown": Limits(1 << 30, 60.0, 60, 1),
    **dict.fromkeys(KINDS[3:], Limits(768 << 20, 60.0, 120, 1)),
}
#: Seconds for each page whose text is recognised, and bytes of data while that is done. Measured: a
#: page takes 12 to 17 s of one core, and all of them 770 MB at most, 12 as well as 4.
RECOGNISING_SECONDS, RECOGNISING_MEMORY = 600, 1536 << 20
#: What is taken from one file: lines of JSON in bytes, and blocks.
MAX_OUTPUT, MAX_BLOCKS = 1 << 28, 1 << 22
#: Files that may be open; the document, three pipes, and what an import needs.
MAX_FILES = 32
#: Seconds of the processor that were allowed for recognising, so far.
_allowed = 0


def limit_all(kind: Kind) -> None:
    """Limit memory, time up to the header, and files; nothing may be written to files at all."""
    limit_memory(OF[kind].memory)
    limit_processor(OF[kind].seconds)
    limit_files(MAX_FILES)


def limit_time(kind: Kind, pages: int) -> None:
    """Let the system end this process when it has used the processor for too long."""
    limit_processor(OF[kind].in_all(pages))


def allow_recognising() -> None:
    """Raise the limits of this process by what it takes to recognise one more page."""
    global _allowed
    _allowed += RECOGNISING_SECONDS * (os.cpu_count() or 1)
    limit_memory(RECOGNISING_MEMORY)
    limit_processor(LONGEST + _allowed)


def refuse_network() -> None:
    """Let nothing in this process that uses Python's sockets connect, or look up a name.

    One of the libraries that recognise text could download models; those it has are given to it.
    """
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket."):
        raise OSError(f"{event} was asked for, but files are read without the network")


def end_with_parent() -> None:
    """End this process when its parent does: then its standard input is closed.

    Interrupts from the keyboard reach the whole group of processes; the parent deals with them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    while os.read(0, 4096):
        continue
    os._exit(1)
