"""Versions of what edgehybrid needs, and which of its extras are installed: by its own metadata."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

OWN = "edgehybrid"


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
    """Names of the packages of an extra, or of none, that this machine and Python ask for.

    An extra may name others of this package.
    """
    found: dict[str, None] = {}
    parsed = [Requirement(requirement) for requirement in requirements]
    waiting, seen = [extra], set[str | None]()
    while waiting:
        wanted = waiting.pop()
        seen.add(wanted)
        for requirement in parsed:
            if not _is_of(requirement, wanted):
                continue
            if requirement.name == OWN:
                waiting += [name for name in sorted(requirement.extras) if name not in seen]
            else:
                found[requirement.name] = None
    return list(found)


def _is_of(requirement: Requirement, extra: str | None) -> bool:
    marker = requirement.marker
    if marker is None or "extra" not in str(marker):
        return extra is None and (marker is None or marker.evaluate())
    return extra is not None and marker.evaluate({"extra": extra})


def version_of(name: str) -> str | None:
    """The version that is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> list[str]:
    return metadata.metadata(OWN).get_all("Provides-Extra") or []
