"""Memory of the machine, and what of it this process may use. Bytes; None where nobody tells."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")
#: Version 1 writes a number near the largest for no limit.
NO_LIMIT = 1 << 60


def examine(root: Path = ROOT) -> dict[str, int | None]:
    """Total, available, and the limit of the control group (Linux, as containers have it)."""
    told = _meminfo(root / "proc/meminfo")
    return {
        "total_bytes": told.get("MemTotal") or _pages(),
        "available_bytes": told.get("MemAvailable"),
        "limit_bytes": group_limit(root),
    }


def group_limit(root: Path = ROOT) -> int | None:
    """The lowest limit of the process's group and of those above it; None if there is none."""
    folders = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/memory"]
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            base = folders[0] if not controllers else folders[1]
            if not controllers or "memory" in controllers.split(","):
                own = base / path.lstrip("/")
                folders += [own, *(p for p in own.parents if base in p.parents)]
    limits = []
    for folder in folders:
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text()))  # "max" is no number
    return min((limit for limit in limits if 0 < limit < NO_LIMIT), default=None)


def usable(memory: dict[str, int | None]) -> int | None:
    """What is left for a process: the least of what is available and the limit."""
    known = [memory[name] for name in ("available_bytes", "limit_bytes")]
    return min((value for value in known if value is not None), default=None)


def _meminfo(path: Path) -> dict[str, int]:
    found = {}
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                found[name] = int(value.split()[0]) * 1024
    return found


def _pages() -> int | None:
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    return None
