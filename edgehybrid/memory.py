"""How much memory this process has used."""

from __future__ import annotations

import sys


def peak_rss_bytes() -> int | None:
    """The most memory that this process ever had resident; None where the system cannot tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
