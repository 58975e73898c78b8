"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgehybrid.tasks.reading import Progress


@contextmanager
def progress_bar(part: str = "page") -> Iterator[Callable[[Progress], None] | None]:
    """Yield a callback that moves a bar, or None if stderr is no terminal; `part`: what counts."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=None, note="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=f"{part} {progress.pages_read} of {progress.pages_total}",
                completed=progress.pages_read,
                total=progress.pages_total,
                note=_note(progress),
            )

        yield show


def _note(progress: Progress) -> str:
    speed = progress.tokens / max(progress.seconds, 1e-9)
    memory = progress.peak_rss_bytes
    return f"{speed:,.0f} tokens/s" + (f", {memory / 2**20:.0f} MB" if memory else "")
