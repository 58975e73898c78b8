"""Rows as a picture: speed and memory against the number of tokens read."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgehybrid.bench.chart import ticks
from edgehybrid.bench.measuring import Row
from edgehybrid.bench.page import LIGHT
from edgehybrid.bench.results import Results
from edgehybrid.bench.series import name_of, panels
from edgehybrid.errors import RequestError


def check_can_plot() -> None:
    """Look whether pictures can be drawn, before anything is measured for one.

    Raises:
        RequestError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise RequestError("--plot needs matplotlib: pip install 'edgehybrid[plot]'")


def plot(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG or SVG, as the name of `path` says.

    Raises:
        RequestError: `path` cannot be written.
    """
    figure, (speed, memory) = _figure((1, 2), (8, 3.5))
    contexts = [row.context for row in rows]
    speed.plot(contexts, [row.read_tokens_per_second for row in rows], "o-", label="reading")
    if all(row.write_tokens_per_second is not None for row in rows):
        speed.plot(contexts, [row.write_tokens_per_second for row in rows], "s-", label="writing")
    memory.plot(contexts, [(row.peak_rss_bytes or 0) / 1e6 for row in rows], "o-", label="peak")
    memory.plot(contexts, [row.state_bytes / 1e6 for row in rows], "s-", label="state")
    for axes, title in ((speed, "tokens a second"), (memory, "memory, MB")):
        axes.set(title=title, xlabel="tokens read", xscale="log", ylim=(0, None))
        axes.set_xticks(contexts, [f"{n:,}" for n in contexts])
        axes.minorticks_off()
        axes.legend()
    figure.suptitle(f"{rows[0].model}, {rows[0].threads} threads")
    _save(figure, path)


def plot_memory(results: Sequence[Results], path: Path) -> None:
    """Write memory results to a PNG or SVG; see `plot`."""
    found = panels(results)
    figure, all_axes = _figure((len(found), 1), (8, 5 * len(found)))
    for panel, axes in zip(found, all_axes, strict=True):
        for i, series in enumerate(panel.series):
            tokens, values = zip(*series.points, strict=True)
            axes.plot(
                tokens, values, "--" if series.computed else "-", marker="osD"[i % 3],
                color=LIGHT[i % len(LIGHT)], markerfacecolor="white", markeredgewidth=1.5,
                label=series.name,
            )  # fmt: skip
        axes.set(title=panel.title, xlabel="tokens read", xscale="log")
        axes.set(yscale="log") if panel.log else axes.set_ylim(0, None)
        axes.set_xticks(shown := ticks(panel), [f"{n:,.0f}" for n in shown])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.9g}")
        axes.minorticks_off()
        axes.grid(axis="y", color="#c9cdd3")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), frameon=False)
    figure.suptitle("; ".join(map(name_of, results)))
    _save(figure, path)


def _figure(grid: tuple[int, int], size: tuple[float, float]) -> tuple[Any, Any]:
    """A figure of `size` inches, and its charts in rows and columns."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(*grid, squeeze=False).ravel()


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be written: {error}") from error
