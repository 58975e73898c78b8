"""`edgehybrid bench --memory`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgehybrid.cli.opening import check_target

if TYPE_CHECKING:
    from edgehybrid.bench.measuring import Plan
    from edgehybrid.bench.results import Results


def bench_memory(
    plan: Plan,
    contexts: Sequence[int] | None,
    compared: Sequence[Path],
    as_json: bool,
    *,
    plot: Path | None,
    html: Path | None,
) -> None:
    """Measure `contexts`, or read the files that are compared; print, and draw where asked.

    Raises:
        RequestError: a length, a target or a file cannot be used.
    """
    from edgehybrid.bench.results import read_results

    for option, target in (("--plot", plot), ("--html", html)):
        if target is not None:
            check_target(option, target, *compared)
    read = [read_results(path) for path in compared]
    results = read if contexts is None else [_measured(plan, contexts)]
    if as_json:
        told = [result.described() for result in results]
        typer.echo(json.dumps(told[0] if len(told) == 1 else told, indent=2))
    else:
        typer.echo("\n\n".join("\n".join(_lines(result)) for result in results))
    _draw(results, plot, html)


def _measured(plan: Plan, contexts: Sequence[int]) -> Results:
    """Results of this machine, each length in a process of its own."""
    from edgehybrid.bench.machine import describe_machine
    from edgehybrid.bench.remembering import measure_memory
    from edgehybrid.bench.results import Results

    found = []
    for context in sorted({*contexts}):
        typer.echo(f"edgehybrid: reading {context:,} tokens", err=True)
        found.append(measure_memory(replace(plan, context=context)))
    return Results.of(found, describe_machine())


def _draw(results: Sequence[Results], plot: Path | None, html: Path | None) -> None:
    if plot is not None:
        from edgehybrid.bench.plotting import plot_memory

        plot_memory(results, plot)
    if html is not None:
        from edgehybrid.bench.page import memory_page

        html.write_text(memory_page(results), encoding="utf-8")


def _lines(result: Results) -> Iterator[str]:
    from edgehybrid.bench.series import assumptions

    yield ", ".join(f"{name} {value}" for name, value in result.machine.items())
    yield f"{result.model}, {result.weights} weights, {result.route}, {result.threads} threads"
    yield f"{'tokens':>12} {'peak MB':>10} {'state MB':>10} {'cache MB':>10} {'transformer MB':>15}"
    for row in result.rows:
        peak = "-" if row.peak_rss_bytes is None else f"{row.peak_rss_bytes / 1e6:,.1f}"
        yield (
            f"{row.tokens:>12,} {peak:>10} {row.state_bytes / 1e6:>10,.3f} "
            f"{row.cache_bytes / 1e6:>10,.3f} {row.transformer_bytes / 1e6:>15,.3f}"
        )
    yield assumptions(result)
