"""What stands above the text: totals, the sentences of the summary, a legend, a table of heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgehybrid.report.bars import Counts
from edgehybrid.report.body import END
from edgehybrid.report.escaping import escaped
from edgehybrid.report.marks import Marks
from edgehybrid.report.style import LEVELS
from edgehybrid.runtime.kept import KeptLayer

if TYPE_CHECKING:
    from edgehybrid.tasks.explain import Explanation


def totals(explanation: Explanation, marks: Marks) -> str:
    """What was read, and what is left of it."""
    document = explanation.document
    reading, stream = document.reading, document.stream
    counts = Counts(0, stream.position, *marks.counts(0, stream.position), 1.0, marks.full)
    unit = reading.unit.capitalize()
    told = {
        "Model": escaped(document.model.bundle.name),
        "Router": stream.kind.router or "none",
        f"{unit}s": f"{reading.pages:,}",
        "Words": f"{reading.words:,}",
        "Tokens": counts.told(),
        "State": f"{stream.nbytes:,} bytes",
    }
    if not explanation.layers:
        told["Tokens"] = f"{stream.position:,}, none kept: this model has no attention layer"
    for name, numbers in (
        (f"{unit}s without text", reading.pages_without_text),
        (f"{unit}s that could not be parsed", reading.unreadable_pages),
        (f"{unit}s read off pictures (OCR)", reading.recognised_pages),
    ):
        if numbers:
            told[name] = ", ".join(map(str, numbers))
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>\n" for name, value in told.items())
    return f"<dl>\n{rows}</dl>\n"


def cited(explanation: Explanation) -> str:
    """The sentences of the summary, each linked to its place."""
    if not explanation.points:
        return ""
    unit = explanation.document.reading.unit.capitalize()
    items = "".join(
        f'<li id="point-{i}"><a href="#cited-{i}">{unit} {point.page}</a>: '
        f'<q dir="auto" lang="">{escaped(point.text)}</q></li>\n'
        for i, point in enumerate(explanation.points, start=1)
    )
    return (
        f'<section class="points">\n<h2>Cited in the summary</h2>\n<ol>\n{items}</ol>\n</section>\n'
    )


def legend(explanation: Explanation, marks: Marks) -> str:
    """What the marks mean; only those that there are."""
    shown = "".join(f"<li>{item}</li>\n" for item in _meanings(explanation, marks))
    if not shown:
        return ""
    return f'<section>\n<h2>Legend</h2>\n<ul class="legend">\n{shown}</ul>\n</section>\n'


def _meanings(explanation: Explanation, marks: Marks) -> Iterator[str]:
    if marks.routed:
        few = f'<mark class="k{-(-LEVELS // marks.heads)}">one</mark> to '
        yield (
            f"{few if marks.heads > 1 else ''}"
            f'<mark class="k{LEVELS}">all</mark>: kept by the router; the stronger the colour, the '
            f"more of the {marks.heads:,} KV heads keep it. Point at it for heads and scores."
        )
    if marks.routed and explanation.points:
        yield (
            f'<mark class="k{LEVELS} glyph">{END}</mark>: the same, of the end of a sentence, '
            "which is a token of its own."
        )
    if marks.sinks:
        yield f'<span class="sink">sink</span>: the first {marks.sinks:,} tokens, kept for ever.'
    if marks.window < explanation.document.stream.position:
        yield '<span class="window">window</span>: the last tokens, which leave it in their turn.'
    if explanation.points:
        yield '<span class="cited">cited</span>: a sentence of the summary.'


def layers(kept: Sequence[KeptLayer]) -> str:
    """A table of all KV heads."""
    rows = "".join(_rows(layer) for layer in kept)
    if not rows:
        return ""
    names = ("Layer", "Head", "Sinks", "Kept by the router", "Lowest score", "Highest score")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        "<details>\n<summary>Attention layers and KV heads, numbered from 0</summary>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</details>\n"
    )


def _rows(layer: KeptLayer) -> str:
    rows = ""
    for head in range(layer.heads):
        scores = layer.scores[head][layer.routed[head] >= 0]
        ends = (f"{scores.min():.3g}", f"{scores.max():.3g}") if scores.size else ("-", "-")
        routed = "every token" if layer.full else f"{scores.size:,}"
        cells = (layer.layer, head, layer.sinks, routed, *ends)
        rows += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
    return rows
