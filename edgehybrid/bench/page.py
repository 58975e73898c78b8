"""Memory results as one HTML page that loads nothing: charts, tables, and how they came about."""

from __future__ import annotations

from collections.abc import Sequence

import edgehybrid
from edgehybrid.bench.chart import chart
from edgehybrid.bench.results import Results
from edgehybrid.bench.series import MB, assumptions, name_of, panels
from edgehybrid.report.escaping import escaped
from edgehybrid.report.head import head
from edgehybrid.report.style import STYLE

#: Contrast of at least 3 to the paper of either mode (WCAG 2.2, criterion 1.4.11).
LIGHT = ("#0b57d0", "#b3500a", "#2c7a3f", "#8a3ab9", "#a3174f", "#4a5560")
DARK = ("#9dc0ff", "#f0a35c", "#7fd494", "#d3a4f4", "#ff8fb4", "#b9c2cc")

_RULES = """
.chart { margin: 1.5rem 0; }
.chart figcaption { font-weight: 600; margin-bottom: .5rem; }
.chart > svg { display: block; width: 100%; height: auto; font: .8125rem system-ui, sans-serif; }
.chart text { fill: var(--ink); }
.chart .grid { stroke: var(--line); fill: none; }
.chart g { stroke: currentColor; fill: none; stroke-width: 2; }
.chart circle, .chart .mark { fill: var(--paper); }
.chart .computed > path:first-child { stroke-dasharray: 6 4; }
.sample { width: 2.5rem; height: .875rem; vertical-align: middle; }
.table { overflow-x: auto; }
.table td, .table tbody th { white-space: nowrap; }
main p:not(.count), main li { font-family: inherit; }
"""


def memory_page(results: Sequence[Results]) -> str:
    """The HTML of one or several machines' results."""
    charts = "".join(map(chart, panels(results)))
    tables = "".join(_table(result) for result in results)
    return (
        head("Memory against tokens read", style())
        + "<main>\n<h1>Memory against tokens read</h1>\n"
        + "<p>Solid lines are measured, each length in a process of its own; dashed ones are "
        + f"computed.</p>\n{charts}{tables}</main>\n"
        + "<footer><p>This page is complete in itself: it loads nothing, sends nothing and holds "
        + f"no script. Made by edgehybrid {edgehybrid.__version__}.</p></footer>\n"
        + "</body>\n</html>\n"
    )


def style() -> str:
    """The report's, and what charts need."""
    light = "".join(f".s{i} {{ color: {colour}; }}\n" for i, colour in enumerate(LIGHT))
    dark = " ".join(f".s{i} {{ color: {colour}; }}" for i, colour in enumerate(DARK))
    return f"{STYLE}{_RULES}{light}@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"


def _table(result: Results) -> str:
    names = ("Tokens", "Peak, MB", "State, MB", "KV cache, MB", "Transformer's KV cache, MB")
    titles = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{row.tokens:,}</th>{_cells(row.peak_rss_bytes, 1)}'
        f"{_cells(row.state_bytes, 3)}{_cells(row.cache_bytes, 3)}"
        f"{_cells(row.transformer_bytes, 3)}</tr>\n"
        for row in result.rows
    )
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    return (
        f"<section>\n<h2>{escaped(name_of(result))}</h2>\n"
        f'<p class="muted">{escaped(result.weights)} weights, {result.threads} threads, '
        f"{escaped(result.route)}. {escaped(machine)}.</p>\n"
        f'<div class="table"><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{rows}</tbody>\n'
        f'</table></div>\n<p class="muted">{escaped(assumptions(result))}</p>\n</section>\n'
    )


def _cells(value: int | None, digits: int) -> str:
    return f"<td>{'-' if value is None else f'{value / MB:,.{digits}f}'}</td>"
