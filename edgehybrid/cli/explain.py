"""`edgehybrid explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgehybrid.cli.opening import (
    BUDGET,
    FILE,
    ROUTER,
    check_target,
    keeping,
    page_range,
    source,
    token_budget,
    warn_of_reading,
)
from edgehybrid.tasks.rendering import shown


def explain(
    file: Annotated[str, typer.Argument(help=FILE)],
    html: Annotated[str, typer.Option(help="The file to write; - writes standard output.")],
    words: Annotated[int | None, typer.Option(help="Length of the summary, in words.")] = None,
    points: Annotated[int | None, typer.Option(help="Number of sentences.")] = None,
    focus: Annotated[str | None, typer.Option(help="What it is to be about.")] = None,
    pages: Annotated[str | None, typer.Option(help="Pages to read, such as 3-17.")] = None,
    password: Annotated[str | None, typer.Option(help="For an encrypted PDF.")] = None,
    damaged: Annotated[bool, typer.Option(help="Read what is left of a damaged PDF.")] = False,
    model: Annotated[Path | None, typer.Option(help="A bundle's folder.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the reading, and go on from one that is kept.")
    ] = False,
) -> None:
    """Write one HTML page that shows what of FILE is kept, and what the summary cites.

    Tokens that the router holds in the KV cache at the end are marked, darker where more heads
    keep them. The page loads nothing and holds no script. Of a language model no sentences are
    cited.

    Examples:

      edgehybrid explain report.pdf --html report.html

      edgehybrid explain report.pdf --html - --points 5 > report.html
    """
    from edgehybrid.cli.progress import progress_bar
    from edgehybrid.tasks.explain import explain as run

    tokens = token_budget(budget)
    if html != "-":
        check_target("--html", Path(html), Path(file))
    with source(file, "explain") as opened, progress_bar() as progress:
        explanation = run(
            opened,
            words=words,
            points=points,
            focus=focus,
            pages=page_range(pages),
            password=password,
            damaged=damaged,
            model=model,
            budget=tokens,
            router=router,
            keep=keeping("64M", "float32") if resume else False,
            progress=progress,
        )
    found = explanation.document.reading
    warn_of_reading(found)
    if html == "-":
        typer.echo("".join(explanation.html()).encode(), nl=False)
        return
    size = explanation.save(html)
    typer.echo(f"edgehybrid: {shown(html)}: {size:,} bytes", err=True)
