"""A panel as inline SVG: lines over a logarithmic axis of tokens, coloured by the page's style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edgehybrid.bench.series import Panel, Series
from edgehybrid.report.escaping import escaped

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 44
#: Colours that there are; further lines begin again, with the same marker.
COLOURS = 6


def chart(panel: Panel) -> str:
    """A figure of its own: title, lines, legend. The numbers belong into a table beside it."""
    x, y = _x_axis(panel), _y_axis(panel)
    title = escaped(panel.title)
    told = "; ".join(_told(series) for series in panel.series)
    lines = "".join(_line(i, series, x, y) for i, series in enumerate(panel.series))
    legend = "".join(_legend(i, series) for i, series in enumerate(panel.series))
    return (
        f'<figure class="chart">\n<figcaption>{title}</figcaption>\n'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}. {told}">\n'
        f"{''.join(_grid(x, y))}{lines}</svg>\n"
        f'<ul class="legend">\n{legend}</ul>\n</figure>\n'
    )


class _Axis:
    """Numbers to places between two ends, along logarithms or not; and its ticks."""

    def __init__(self, low: float, high: float, ends: tuple[float, float], *, log: bool) -> None:
        self._log, self._ends = log, ends
        self._low, self._high = self._of(low), self._of(high)
        self.ticks: list[float] = []

    def _of(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def at(self, value: float) -> float:
        """The place of `value`."""
        span = self._high - self._low
        part = (self._of(value) - self._low) / span if span else 0.5
        return self._ends[0] + part * (self._ends[1] - self._ends[0])


def ticks(panel: Panel) -> list[float]:
    """Numbers of tokens to be named along the axis: those that leave each other room."""
    return _x_axis(panel).ticks


def _x_axis(panel: Panel) -> _Axis:
    tokens = sorted({x for series in panel.series for x, _ in series.points})
    axis = _Axis(tokens[0], tokens[-1], (LEFT + 8, WIDTH - RIGHT - 16), log=True)
    for value in tokens:  # those that would overlap are left out
        if not axis.ticks or axis.at(value) - axis.at(axis.ticks[-1]) >= 64:
            axis.ticks.append(value)
    return axis


def _y_axis(panel: Panel) -> _Axis:
    values = [y for series in panel.series for _, y in series.points]
    ends = (HEIGHT - BOTTOM, TOP)
    if panel.log:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        axis = _Axis(10.0**low, 10.0 ** max(high, low + 1), ends, log=True)
        axis.ticks = [10.0**power for power in range(low, max(high, low + 1) + 1)]
        return axis
    step = _round_step(max(values) / 4)
    count = math.ceil(max(values) / step)
    axis = _Axis(0, count * step, ends, log=False)
    axis.ticks = [i * step for i in range(count + 1)]
    return axis


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def _grid(x: _Axis, y: _Axis) -> Iterator[str]:
    for value in y.ticks:
        at = y.at(value)
        yield f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{value:,.9g}</text>\n'
    base = HEIGHT - BOTTOM
    for value in x.ticks:
        at = x.at(value)
        yield f'<path class="grid" d="M{at:.1f} {base}v5"/>'
        yield f'<text x="{at:.1f}" y="{base + 20}" text-anchor="middle">{value:,.0f}</text>\n'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">tokens read</text>\n'


def _line(i: int, series: Series, x: _Axis, y: _Axis) -> str:
    places = [(x.at(tokens), y.at(value)) for tokens, value in series.points]
    drawn = "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
    marks = "".join(_mark(i, place) for place in places)
    return f'<g class="{_classes(i, series)}"><path d="M{drawn}"/>{marks}</g>\n'


def _mark(i: int, place: tuple[float, float]) -> str:
    """Circle, square and diamond by turns: no line is told by its colour alone."""
    x, y = place
    if i % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    if i % 3 == 1:
        return f'<path class="mark" d="M{x - 3.5:.1f} {y - 3.5:.1f}h7v7h-7z"/>'
    return f'<path class="mark" d="M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>'


def _legend(i: int, series: Series) -> str:
    sample = f'<g class="{_classes(i, series)}"><path d="M1 7H39"/>{_mark(i, (20, 7))}</g>'
    drawn = f'<svg class="sample" viewBox="0 0 40 14" aria-hidden="true">{sample}</svg>'
    return f"<li>{drawn} {escaped(series.name)}</li>\n"


def _classes(i: int, series: Series) -> str:
    return f"s{i % COLOURS}{' computed' if series.computed else ''}"


def _told(series: Series) -> str:
    ends: Sequence[tuple[int, float]] = (series.points[0], series.points[-1])
    told = " and ".join(f"{value:,.4g} MB at {tokens:,} tokens" for tokens, value in ends)
    return escaped(f"{series.name}: {told}")
