"""Memory results as JSON, to be sent to others and drawn together; format 1.

    format        1; a reader refuses later ones
    kind          "edgehybrid memory"
    machine       date, processor, cores, system, and versions of Python and packages
    model         name of the bundle
    weights       its precision
    route         what computed: "numba alone", "numba with graphs" or "numpy with graphs"
    threads       that worked
    transformer   layers, kv_heads, head_dim, bytes: of the plain transformer to compare with
    formula       how its bytes were computed, for people
    rows          a list, one object a length: tokens; peak_rss_bytes (an integer or null),
                  state_bytes and cache_bytes (measured), transformer_bytes (computed)

Integers are bytes or counts. What is not named here is ignored, so that it can be added later.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from edgehybrid.bench.remembering import Measured, MemoryRow, Transformer
from edgehybrid.errors import RequestError
from edgehybrid.jsons import JsonError, parse_json

FORMAT, KIND = 1, "edgehybrid memory"
FORMULA = "2 * layers * kv_heads * head_dim * bytes * tokens"
MAX_BYTES, MAX_ROWS, MAX_NAME = 1 << 20, 1000, 200


@dataclasses.dataclass(frozen=True)
class Results:
    """What one machine measured; see the module."""

    machine: dict[str, str | int]
    model: str
    weights: str
    route: str
    threads: int
    transformer: Transformer
    rows: tuple[MemoryRow, ...]

    @classmethod
    def of(cls, measured: list[Measured], machine: dict[str, str | int]) -> Results:
        """Of at least one row."""
        first, rows = measured[0], tuple(each.row for each in measured)
        return cls(
            machine,
            first.model,
            first.weights,
            first.route,
            first.threads,
            first.transformer,
            rows,
        )

    def described(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        told = dataclasses.asdict(self)
        rows = told.pop("rows")
        return {"format": FORMAT, "kind": KIND, **told, "formula": FORMULA, "rows": list(rows)}


def read_results(path: Path) -> Results:
    """What a file says that `described` was written to.

    Raises:
        RequestError: it cannot be read, or is not of this format.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise RequestError(f"{path} has over {MAX_BYTES} bytes: no results of edgehybrid bench")
    try:
        return parse_results(parse_json(data))
    except (JsonError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        raise RequestError(f"{path} holds no memory results of edgehybrid bench: {why}") from error


def parse_results(told: Any) -> Results:
    """The results in a parsed file.

    Raises:
        KeyError, TypeError, ValueError: something is missing or not what it should be.
    """
    if not isinstance(told, dict) or told.get("kind") != KIND:
        raise ValueError(f"its kind is not {KIND!r}")
    if type(told["format"]) is not int or not 1 <= told["format"] <= FORMAT:
        raise ValueError(f"its format is {told['format']!r}, this version reads up to {FORMAT}")
    if not isinstance(told["rows"], list) or not 1 <= len(told["rows"]) <= MAX_ROWS:
        raise ValueError(f"rows is not a list of 1 to {MAX_ROWS} rows")
    rows = sorted((_row(row) for row in told["rows"]), key=lambda row: row.tokens)
    sizes = ("layers", "kv_heads", "head_dim", "bytes")
    return Results(
        machine=_machine(told["machine"]),
        model=_short(told["model"]),
        weights=_short(told["weights"]),
        route=_short(told["route"]),
        threads=_count(told, "threads", 1),
        transformer=Transformer(*(_count(told["transformer"], name, 1) for name in sizes)),
        rows=tuple(rows),
    )


def _row(told: Any) -> MemoryRow:
    peak = None if told["peak_rss_bytes"] is None else _count(told, "peak_rss_bytes", 1)
    others = ("state_bytes", "cache_bytes", "transformer_bytes")
    return MemoryRow(_count(told, "tokens", 1), peak, *(_count(told, name, 0) for name in others))


def _machine(told: Any) -> dict[str, str | int]:
    if not isinstance(told, dict) or "processor" not in told or len(told) > MAX_NAME:
        raise ValueError("machine is no object with a processor")
    return {_short(name): v if type(v) is int else _short(v) for name, v in told.items()}


def _short(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise ValueError(f"{str(value)[:40]!r} is no text of at most {MAX_NAME} characters")
    return value


def _count(told: Any, name: str, least: int) -> int:
    value = told[name]
    if type(value) is not int or not least <= value < 1 << 53:
        raise ValueError(f"{name} is {str(value)[:40]}, expected an integer of at least {least}")
    return value
