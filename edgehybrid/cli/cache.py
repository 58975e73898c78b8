"""`edgehybrid cache list` and `edgehybrid cache clear`."""

from __future__ import annotations

import time

import typer

from edgehybrid.tasks.rendering import shown


def list_readings() -> None:
    """Show which readings are kept, the latest used first."""
    from edgehybrid.store import folder

    kept = folder.summaries()
    for one in kept:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.last_use))
        pages = "unfinished" if one.pages is None else f"{one.pages:,} pages"
        typer.echo(
            f"{used}  {one.nbytes / 1e6:8.1f} MB  {one.checkpoints:3} checkpoints  "
            f"{pages:>12}  {shown(one.model)}  {shown(one.name)}"
        )
    total = sum(one.nbytes for one in kept)
    typer.echo(
        f"edgehybrid: {len(kept)} readings, {total / 1e6:.1f} of at most "
        f"{folder.bound() / 1e6:.0f} MB, in {folder.place()}",
        err=True,
    )


def clear() -> None:
    """Delete all readings that are kept and not in use."""
    from edgehybrid.store import folder

    count, size = folder.clear()
    typer.echo(f"edgehybrid: {count} readings deleted, {size / 1e6:.1f} MB", err=True)


COMMANDS = {"list": list_readings, "clear": clear}
