"""Rows as a picture: speed and memory against the number of tokens read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgehybrid.bench.measuring import Row
from edgehybrid.errors import RequestError


def plot(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG or SVG, as the name of `path` says.

    Raises:
        RequestError: matplotlib is not installed, or `path` cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no global state
    except ImportError as error:
        raise RequestError("--plot needs matplotlib: pip install 'edgehybrid[plot]'") from error
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    speed, memory = figure.subplots(1, 2)
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
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be written: {error}") from error
