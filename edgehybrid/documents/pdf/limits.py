"""Limits that a reading process sets on itself, where the system has them."""

from __future__ import annotations

import os
import signal
import sys
import threading

#: Memory for data, in bytes. Measured: 26 to 31 MiB for files of 15 to 193 pages.
MEMORY = 400 << 20
#: Seconds of processor time: so many for the file, and so many more for every page.
FILE_SECONDS, PAGE_SECONDS = 120, 5


def limit_memory(size: int = MEMORY) -> None:
    """Let allocations fail beyond `size` bytes of data; no effect on Windows and macOS."""
    _limit("RLIMIT_DATA", size)
    _limit("RLIMIT_CORE", 0)


def limit_time(pages: int) -> None:
    """Let the system end this process when it has used the processor for too long."""
    _limit("RLIMIT_CPU", FILE_SECONDS + PAGE_SECONDS * pages)


def _limit(what: str, value: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    kind = getattr(resource, what, None)
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (ceiling, hard))
    except (ValueError, OSError):
        return  # a system that names a limit but does not let it be set, such as macOS


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
