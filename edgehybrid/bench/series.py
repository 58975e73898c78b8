"""Memory results as lines to draw: what is measured, and what is computed beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgehybrid.bench.results import FORMULA, Results

MB = 1e6


class Series(NamedTuple):
    """A line: tokens and megabytes; dashed where it is computed and not measured."""

    name: str
    points: tuple[tuple[int, float], ...]
    computed: bool = False


class Panel(NamedTuple):
    """A chart over tokens read; `log`: megabytes as powers of ten."""

    title: str
    series: tuple[Series, ...]
    log: bool


def panels(results: Sequence[Results]) -> list[Panel]:
    """Peak of the process, and what is remembered; several results get lines each.

    What one model remembers is the same everywhere, and drawn once.
    """
    peaks, remembered = list[Series](), list[Series]()
    for result in results:
        several = len(results) > 1
        peaks += _peaks(result, f"{name_of(result)}: " if several else "", computed=not several)
        lines = _remembered(result, f"{result.model}: " if several else "")
        remembered += [line for line in lines if line not in remembered]
    found = [Panel("Remembered of what was read, MB", tuple(remembered), True)]
    return (
        [Panel("Peak memory of the process, MB", tuple(peaks), False), *found] if peaks else found
    )


def name_of(result: Results) -> str:
    """What tells results apart."""
    return f"{result.model}, {result.machine['processor']}"


def assumptions(result: Results) -> str:
    """How the plain transformer's line was computed."""
    t = result.transformer
    return (
        f"A plain transformer of the same size, computed: {FORMULA} with {t.layers} layers, "
        f"{t.kv_heads} KV heads of {t.head_dim} numbers, {t.bytes} bytes each; "
        "it has attention in every layer and keeps every token, and its weights take as much "
        "memory as the bundle's."
    )


def _peaks(result: Results, label: str, *, computed: bool) -> list[Series]:
    known = [(row, row.peak_rss_bytes) for row in result.rows if row.peak_rss_bytes is not None]
    if not known:
        return []
    measured = tuple((row.tokens, peak / MB) for row, peak in known)
    found = [Series(f"{label}edgehybrid", measured)]
    if computed:
        row, peak = known[0]
        rest = peak - row.state_bytes - row.cache_bytes  # the process, and the weights
        grown = tuple((row.tokens, (rest + row.transformer_bytes) / MB) for row, _ in known)
        found.append(Series(f"{label}plain transformer (computed)", grown, True))
    return found


def _remembered(result: Results, label: str) -> list[Series]:
    rows = result.rows
    named = {
        "state": tuple((row.tokens, row.state_bytes / MB) for row in rows if row.state_bytes),
        "KV cache": tuple((row.tokens, row.cache_bytes / MB) for row in rows if row.cache_bytes),
    }
    computed = tuple((row.tokens, row.transformer_bytes / MB) for row in rows)
    ours = [Series(f"{label}edgehybrid, {name}", line) for name, line in named.items() if line]
    theirs = Series(f"{label}plain transformer, KV cache (computed)", computed, True)
    return [*ours[:1], theirs, *ours[1:]]  # second, as among the peaks: the same colour
