"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehybrid.batch.run import FolderProgress
    from edgehybrid.tasks.reading import Progress

#: Sets how far the bar is: what is done, of how much, what that is, and a note.
Move = Callable[[int, int, str, str], None]


@contextmanager
def progress_bar(part: str | None = None) -> Iterator[Callable[[Progress], None] | None]:
    """Yield a callback that moves a bar, or None if stderr is no terminal; `part`: what counts."""
    ahead = [0]
    with _bar() as move:

        def show(now: Progress) -> None:
            if move is not None:
                unit, seen = part or now.unit, max(now.pages_read, now.recognising - 1)
                text = f"{unit} {seen} of {now.pages_total}"
                if now.recognising:  # far ahead of what was read, and what takes the time
                    text = f"recognising {unit} {now.recognising} of {now.pages_total}"
                move(max(seen, ahead[0]), now.pages_total, text, _note(now))
                ahead[0] = max(seen, ahead[0])

        yield show if move is not None else None


@contextmanager
def folder_bar() -> Iterator[Callable[[FolderProgress], None] | None]:
    """Yield a callback that moves a bar by documents, or None if stderr is no terminal."""
    with _bar() as move:

        def show(now: FolderProgress) -> None:
            if move is not None:
                text = f"document {now.documents:,} of {now.documents_total:,}"
                failed = f", {now.failed:,} failed" if now.failed else ""
                move(now.documents, now.documents_total, text, f"{now.pages:,} pages{failed}")

        yield show if move is not None else None


@contextmanager
def _bar() -> Iterator[Move | None]:
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

        def move(done: int, total: int, text: str, note: str) -> None:
            bar.update(task, description=text, completed=done, total=total, note=note)

        yield move


def _note(progress: Progress) -> str:
    speed = progress.tokens / max(progress.seconds, 1e-9)
    memory = progress.peak_rss_bytes
    return f"{speed:,.0f} tokens/s" + (f", {memory / 2**20:.0f} MB" if memory else "")
