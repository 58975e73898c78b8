"""Limits that a process sets on itself, where the system has them."""

from __future__ import annotations

import sys


def limit_memory(size: int) -> None:
    """Let allocations fail beyond `size` bytes of data; no effect on Windows and macOS."""
    _limit("RLIMIT_DATA", size)
    _limit("RLIMIT_CORE", 0)


def limit_processor(seconds: int) -> None:
    """Let the system end this process after so many seconds of processor time."""
    _limit("RLIMIT_CPU", seconds)


def limit_files(count: int) -> None:
    """Let at most `count` files be open, and let none be written."""
    _limit("RLIMIT_NOFILE", count)
    _limit("RLIMIT_FSIZE", 0)


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
