"""Versions of what edgehybrid needs, and which of its extras are installed: by its own metadata."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

OWN = "edgehybrid"
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def examine() -> dict[str, Any]:
    """Versions by name (None: missing), and for each extra what of it is missing.

    Without metadata, as in a folder that nobody installed, both are empty.
    """
    try:
        told, extras = metadata.requires(OWN) or [], _extras()
    except metadata.PackageNotFoundError:
        return {"installed": False, "versions": {}, "extras": {}}
    versions = {name: version_of(name) for name in (OWN, *needed(told, None))}
    missing = {extra: [n for n in needed(told, extra) if not version_of(n)] for extra in extras}
    return {"installed": True, "versions": versions, "extras": missing}


def needed(requirements: list[str], extra: str | None) -> list[str]:
    """Names of the packages of an extra, or of none; an extra may name others of this package."""
    found: dict[str, None] = {}
    waiting, seen = [extra], set[str | None]()
    while waiting:
        wanted = waiting.pop()
        seen.add(wanted)
        for requirement in requirements:
            marker = _EXTRA.search(requirement)
            if (marker and marker[1]) != wanted or not (match := _NAME.match(requirement)):
                continue
            if match[1] == OWN:
                named = [name.strip() for name in (match[2] or "").split(",")]
                waiting += [name for name in named if name not in seen]
            else:
                found[match[1]] = None
    return list(found)


def version_of(name: str) -> str | None:
    """The version that is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> list[str]:
    return metadata.metadata(OWN).get_all("Provides-Extra") or []
