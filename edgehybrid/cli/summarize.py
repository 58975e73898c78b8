"""`edgehybrid summarize`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgehybrid.cli.folder import is_folder, summarize_all
from edgehybrid.cli.opening import (
    BUDGET,
    ROUTER,
    keeping,
    page_range,
    source,
    token_budget,
    warn,
)
from edgehybrid.errors import RequestError
from edgehybrid.tasks.rendering import Format, render, shown

if TYPE_CHECKING:
    from edgehybrid.tasks.summarize import Stats


def summarize(
    file: Annotated[
        str,
        typer.Argument(
            help="PDF, Office, EPUB, HTML, RTF, mail, Markdown or text, or a folder; - reads "
            "standard input."
        ),
    ],
    words: Annotated[int | None, typer.Option(help="Length of the summary, in words.")] = None,
    points: Annotated[int | None, typer.Option(help="Number of sentences.")] = None,
    focus: Annotated[str | None, typer.Option(help="What it is to be about.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
    pages: Annotated[str | None, typer.Option(help="Pages to read, such as 3-17.")] = None,
    password: Annotated[str | None, typer.Option(help="For an encrypted PDF.")] = None,
    damaged: Annotated[bool, typer.Option(help="Read what is left of a damaged PDF.")] = False,
    model: Annotated[Path | None, typer.Option(help="A bundle's folder.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the reading, and go on from one that is kept.")
    ] = False,
    checkpoint_bytes: Annotated[str, typer.Option(help="Of --resume: all states.")] = "64M",
    state: Annotated[
        str, typer.Option(help="Of --resume: float16 halves states, and is not exact.")
    ] = "float32",
    max_tokens: Annotated[int | None, typer.Option(help="Write at most so many tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same text again.")] = None,
    out: Annotated[Path | None, typer.Option(help="Of a folder: where summaries go.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Of a folder: so many at a time.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Of a folder: of a Dask cluster, tcp://host:port.")
    ] = None,
) -> None:
    """Print the most important sentences of FILE, verbatim, each with its page.

    With a language model as --model, print what it writes after reading all of FILE; three of the
    options are for this. With --resume, a reading that was broken off goes on where it was,
    and one that was finished is not repeated.

    If FILE is a folder, each document in it gets a file in --out. Summaries that are there already,
    of the same content and options, are not made again.

    Examples:

      edgehybrid summarize report.pdf

      edgehybrid summarize report.pdf --points 5 --format markdown

      edgehybrid summarize report.pdf --focus "What does it cost?"

      pdftotext report.pdf - | edgehybrid summarize - --words 100

      edgehybrid summarize report.pdf --model granite-350m-int8 --words 150

      edgehybrid summarize reports/ --out summaries/
    """
    if is_folder(file, out=out, jobs=jobs, scheduler=scheduler):
        if resume:
            raise RequestError("--resume is for one file; a folder's run goes on where it was")
        summarize_all(
            file,
            out=out,
            format=format.value,
            words=words,
            points=points,
            focus=focus,
            pages=page_range(pages),
            password=password,
            damaged=damaged,
            model=model,
            budget=token_budget(budget),
            router=router,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            jobs=jobs,
            scheduler=scheduler,
        )
        return
    from edgehybrid.cli.progress import progress_bar
    from edgehybrid.tasks.summarize import summarize as run

    keep, tokens = keeping(checkpoint_bytes, state), token_budget(budget)
    with source(file, "summarize") as opened, ExitStack() as bar:
        printer = _Printer(_heading(file, format), bar)
        summary = run(
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
            keep=keep if resume else False,
            progress=bar.enter_context(progress_bar()),
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            show=None if format is Format.json else printer.show,
        )
    typer.echo("" if printer.began else render(summary, format))
    for notice in summary.notices:
        typer.echo(f"edgehybrid: {shown(notice)}", err=True)
    warn(summary.stats)
    if summary.written is not None:
        _tell_tokens(summary.stats, max_tokens)


class _Printer:
    """Prints what a language model writes, as it comes; the progress bar goes first."""

    def __init__(self, heading: str, bar: ExitStack) -> None:
        self._heading, self._bar, self.began = heading, bar, False

    def show(self, piece: str) -> None:
        """Print `piece`."""
        if not self.began:
            piece = piece.lstrip()
            if not piece:
                return
            piece = self._heading + piece
        self._bar.close()
        self.began = True
        typer.echo(piece, nl=False)
        sys.stdout.flush()


def _heading(file: str, format: Format) -> str:
    name = "standard input" if file == "-" else shown(Path(file).name)
    return f"# {name}\n\n" if format is Format.markdown else ""


def _tell_tokens(stats: Stats, max_tokens: int | None) -> None:
    """Say on stderr what a language model has read and keeps, and whether it was cut off."""
    from edgehybrid.tasks.write import MAX_TOKENS

    kept, seen = stats.kv_tokens_kept, stats.kv_tokens_seen
    grows = " (all: memory grows with the document; --budget N keeps N)" if kept == seen else ""
    typer.echo(
        f"edgehybrid: {stats.tokens:,} tokens read, {stats.tokens_written:,} written; "
        f"{kept:,} are kept in the KV cache{grows}",
        err=True,
    )
    if stats.tokens_written >= (max_tokens or MAX_TOKENS):
        typer.echo(
            f"edgehybrid: the summary was cut off after {stats.tokens_written:,} tokens: "
            "allow more with --max-tokens",
            err=True,
        )
