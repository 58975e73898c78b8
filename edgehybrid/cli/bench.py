"""`edgehybrid bench`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgehybrid.cli.inspect import Format
from edgehybrid.cli.opening import BUDGET, ROUTER, token_budget
from edgehybrid.errors import RequestError

if TYPE_CHECKING:
    from edgehybrid.bench.measuring import Row

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def bench(
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle's folder; the default reader if none.")
    ] = None,
    contexts: Annotated[str, typer.Option(help="Tokens to read, such as 1k,8k.")] = "1k,8k,64k",
    runs: Annotated[int, typer.Option(help="Medians of so many readings.")] = 3,
    threads: Annotated[int | None, typer.Option(help="All cores if none are given.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this PNG or SVG.")] = None,
) -> None:
    """Measure how fast a bundle reads and writes here, and in how much memory.

    Each length is read in a process of its own, random tokens, several times; then 32 tokens are
    written, if the bundle is a language model.

    Examples:

      edgehybrid bench

      edgehybrid bench --bundle granite-350m-int8 --contexts 512,4k,32k --plot speed.png
    """
    from edgehybrid.bench.machine import describe_machine
    from edgehybrid.bench.measuring import Plan, measure

    tokens, rows = token_budget(budget), []
    for context in parse_contexts(contexts):
        typer.echo(f"edgehybrid: reading {context:,} tokens, {runs} times", err=True)
        rows.append(measure(Plan(bundle, context, runs, threads, tokens, router)))
    if format is Format.json:
        import dataclasses
        import json

        told = {"machine": describe_machine(), "rows": [dataclasses.asdict(row) for row in rows]}
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo("\n".join(_lines(rows, describe_machine())))
    if plot is not None:
        from edgehybrid.bench.plotting import plot as draw

        draw(rows, plot)


def parse_contexts(text: str) -> list[int]:
    """Numbers of tokens: `512,4k` is 512 and 4,096.

    Raises:
        RequestError: a piece is no such number.
    """
    found = []
    for piece in text.split(","):
        match = re.fullmatch(r"(\d{1,9})([km]?)", piece.strip().lower())
        if not match:
            raise RequestError(f"--contexts {text!r}: {piece!r} is not a number such as 512 or 4k")
        found.append(int(match[1]) * UNITS[match[2]])
    return found


def _lines(rows: list[Row], machine: dict[str, str | int]) -> Iterator[str]:
    yield ", ".join(f"{name} {value}" for name, value in machine.items())
    yield f"{rows[0].model}, {rows[0].weights} weights, {rows[0].threads} threads"
    yield f"{'tokens':>10} {'read/s':>10} {'first s':>9} {'write/s':>9} {'peak MB':>9} " + (
        f"{'state MB':>9} {'J/1000':>8}"
    )
    for row in rows:
        peak = None if row.peak_rss_bytes is None else row.peak_rss_bytes / 1e6
        yield (
            f"{row.context:>10,} {row.read_tokens_per_second:>10,.0f} "
            f"{row.first_token_seconds:>9.3f} {_number(row.write_tokens_per_second, 1):>9} "
            f"{_number(peak, 1):>9} {row.state_bytes / 1e6:>9.2f} "
            f"{_number(row.joules_per_1000_tokens, 2):>8}"
        )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
