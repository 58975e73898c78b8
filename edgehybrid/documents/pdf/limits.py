"""Limits that a reading process sets on itself, where the system has them."""

from __future__ import annotations

import os
import signal
import threading

from edgehybrid.limits import limit_processor

#: Memory for data, in bytes. Measured: 26 to 31 MiB for files of 15 to 193 pages.
MEMORY = 400 << 20
#: Seconds of processor time: so many for the file, and so many more for every page.
FILE_SECONDS, PAGE_SECONDS = 120, 5


def limit_time(pages: int) -> None:
    """Let the system end this process when it has used the processor for too long."""
    limit_processor(FILE_SECONDS + PAGE_SECONDS * pages)


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
