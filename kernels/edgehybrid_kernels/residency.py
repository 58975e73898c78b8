"""Giving back the memory in which LLVM's own code lies.

Loading kernels touches some 60 MB of the compiler's code. Once they are loaded nothing runs it any
more, but its pages stay resident and count, on a small machine as well as in any report. They are
clean copies of a file: the system reads them again should a kernel be compiled later.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MADV_DONTNEED = 4
_LIBRARY = "libllvmlite"


def release_compiler() -> None:
    """Drops the resident pages of LLVM's code on Linux; elsewhere does nothing."""
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):  # no /proc, or a C library without madvise
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, end in _code_ranges(Path("/proc/self/maps").read_text()):
            advise(start, end - start, _MADV_DONTNEED)


def _code_ranges(maps: str) -> Iterator[tuple[int, int]]:
    """Address ranges of executable, unwritable mappings: what was never written loses nothing."""
    for line in maps.splitlines():
        addresses, permissions, *_ = line.split(maxsplit=2)
        if permissions == "r-xp" and _LIBRARY in line:
            start, _, end = addresses.partition("-")
            yield int(start, 16), int(end, 16)
