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
    memory: Annotated[
        bool, typer.Option("--memory", help="Memory alone: peak, state and KV cache.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="With --memory: write charts and tables as one page.")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="With --memory: show this JSON of an earlier run; may be repeated."),
    ] = None,
) -> None:
    """Measure how fast a bundle reads and writes here, and in how much memory.

    Each length is read in a process of its own, random tokens, several times; then 32 tokens are
    written, if the bundle is a language model.

    With --memory each length is read once, and beside the peak of the process and the bytes of
    state and KV cache stands the KV cache of a plain transformer of the same size, computed. Its
    --format json is made to be sent to others: format 1, kind "edgehybrid memory", machine with
    versions, model, transformer, and rows of tokens, peak_rss_bytes, state_bytes, cache_bytes and
    transformer_bytes; the handbook's chapter on measuring memory explains each. With --compare
    nothing is measured: such files are shown, and drawn together.

    Examples:

      edgehybrid bench

      edgehybrid bench --bundle granite-350m-int8 --contexts 512,4k,32k --plot speed.png

      edgehybrid bench --memory --contexts 1k,32k,1m --html memory.html

      edgehybrid bench --memory --format json > mine.json

      edgehybrid bench --memory --compare mine.json --compare yours.json --html both.html
    """
    from edgehybrid.bench.measuring import Plan, measure

    if plot is not None:
        from edgehybrid.bench.plotting import check_can_plot

        check_can_plot()
    if memory:
        from edgehybrid.cli.bench_memory import bench_memory

        plan = Plan(bundle, 1, 1, threads, token_budget(budget), router)
        lengths = None if compare else parse_contexts(contexts)
        bench_memory(plan, lengths, compare or [], format is Format.json, plot=plot, html=html)
        return
    if html is not None or compare:
        raise RequestError("--html and --compare go with --memory: add it")
    from edgehybrid.bench.machine import describe_machine

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
