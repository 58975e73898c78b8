"""Findings as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

WIDTH = 100


def lines(found: dict[str, Any]) -> Iterator[str]:
    """What was found, what will be slow, and the verdict last."""
    for name, value in _rows(found):
        yield from wrap(
            f"{name + ':':<14}{value}", WIDTH, subsequent_indent=" " * 14, break_on_hyphens=False
        )
    yield ""
    if found["advice"]:
        yield "What will be slow, and why:"
        for each in found["advice"]:
            told = f"- {each['what']} {each['why']} {each['do']}"
            yield from wrap(told, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    else:
        yield "Nothing that was looked at will be slow."
    yield ""
    reading = found["reading"]
    yield (
        f"It can read: a short text took {reading['seconds']:.1f} s, loading included."
        if reading["reads"]
        else f"It cannot read: {reading['error']}"
    )


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    processor, packages = found["processor"], found["packages"]
    yield "system", f"{found['system']}, {found['python']}, {processor['bits']} bits"
    yield "processor", f"{processor['name']}; {_features(processor)}"
    yield "cores", f"{processor['threads']} used of {processor['cores']}"
    yield "memory", _memory(found["memory"])
    yield "versions", _versions(packages)
    if extras := packages["extras"]:
        yield "extras", _extras(extras)
    yield "reader", _bundle(found["bundle"])
    if (computing := found["computing"]) is not None:
        yield "computed by", f"{computing['route']}: {computing['why']}"
        if computing["numba"]:
            yield "machine code", _numba(computing["numba"])
    readings = found["readings"]
    state = "writable" if readings["writable"] else "NOT writable"
    yield "readings", f"{readings['path']}, {state}, {readings['bytes']:,} bytes"


def _features(processor: dict[str, Any]) -> str:
    if not processor["features"]:
        return "nobody tells what instructions it has"
    told = ", ".join(f"{n} {'yes' if has else 'no'}" for n, has in processor["features"].items())
    return f"{told} (from {processor['features_from']})"


def _memory(memory: dict[str, int | None]) -> str:
    total, available, limit = memory.values()
    parts = [f"{total / 1e6:,.0f} MB" if total else "of unknown size"]
    parts += [f"{available / 1e6:,.0f} MB available"] if available is not None else []
    parts += [f"limit {limit / 1e6:,.0f} MB"] if limit is not None else []
    return ", ".join(parts)


def _versions(packages: dict[str, Any]) -> str:
    if not packages["installed"]:
        return "edgehybrid is not installed, it runs from a folder"
    return ", ".join(f"{n} {v or 'missing'}" for n, v in packages["versions"].items())


def _extras(extras: dict[str, list[str]]) -> str:
    told = (
        f"{name} {'yes' if not missing else 'no (lacks ' + ', '.join(missing) + ')'}"
        for name, missing in extras.items()
    )
    return "; ".join(told)


def _bundle(bundle: dict[str, Any]) -> str:
    if bundle["error"]:
        return f"UNUSABLE: {bundle['error']}"
    return f"{bundle['name']}, {bundle['bytes']:,} bytes, checksums right, {bundle['path']}"


def _numba(numba: dict[str, Any]) -> str:
    compiled = "compiled" if numba["compiled"] else "not compiled yet"
    if numba["cache"] is None:
        return f"{compiled}; nowhere to keep it"
    return f"{compiled}, {numba['cache']}, {'writable' if numba['writable'] else 'NOT writable'}"
