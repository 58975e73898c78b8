"""How much memory this process has used."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path


def peak_rss_bytes() -> int | None:
    """The most memory that this process ever had resident; None where the system cannot tell."""
    with suppress(OSError, ValueError):  # Linux; getrusage there counts the parent before exec too
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
