"""`edgehybrid read`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgehybrid.cli.opening import (
    BUDGET,
    FILE,
    ROUTER,
    keeping,
    page_range,
    source,
    token_budget,
    warn_of_reading,
)
from edgehybrid.documents.units import counted
from edgehybrid.tasks.rendering import shown


def read(
    file: Annotated[str, typer.Argument(help=FILE)],
    pages: Annotated[str | None, typer.Option(help="Pages to read, such as 3-17.")] = None,
    damaged: Annotated[bool, typer.Option(help="Read what is left of a damaged PDF.")] = False,
    model: Annotated[Path | None, typer.Option(help="A bundle's folder.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    checkpoint_bytes: Annotated[str, typer.Option(help="All states take at most this.")] = "64M",
    state: Annotated[str, typer.Option(help="float16 halves states, and is not exact.")] = (
        "float32"
    ),
) -> None:
    """Read FILE now and keep the reading, to ask and summarise it later at once.

    A reading that was broken off goes on where it was; of a file that was edited only what follows
    the first change is read again.

    Examples:

      edgehybrid read handbook.pdf

      edgehybrid ask handbook.pdf "Who signs the contract?"
    """
    from edgehybrid.cli.progress import progress_bar
    from edgehybrid.tasks.read import read as run

    keep, tokens = keeping(checkpoint_bytes, state), token_budget(budget)
    with source(file, "read") as opened, progress_bar() as progress:
        document = run(
            opened,
            pages=page_range(pages),
            damaged=damaged,
            model=model,
            budget=tokens,
            router=router,
            keep=keep,
            progress=progress,
        )
    found = document.reading
    warn_of_reading(found)
    again = f", {found.resumed:,} of them before" if found.resumed else ""
    typer.echo(
        f"{shown(document.name)}: {counted(found.unit, found.pages)}, "
        f"{found.tokens:,} tokens read{again}; "
        f"{document.stream.nbytes:,} bytes are remembered"
    )
