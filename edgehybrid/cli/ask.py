"""`edgehybrid ask`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgehybrid.cli.inspect import Format
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
from edgehybrid.documents.units import place

if TYPE_CHECKING:
    from edgehybrid.tasks.ask import Answer

#: The exit code where nothing matches, as of grep.
NOTHING = 1


def ask(
    file: Annotated[str, typer.Argument(help=FILE)],
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    passages: Annotated[int, typer.Option(help="Show at most so many.")] = 3,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
    pages: Annotated[str | None, typer.Option(help="Pages to read, such as 3-17.")] = None,
    password: Annotated[str | None, typer.Option(help="For an encrypted PDF.")] = None,
    damaged: Annotated[bool, typer.Option(help="Read what is left of a damaged PDF.")] = False,
    model: Annotated[Path | None, typer.Option(help="A language model's bundle.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    checkpoint_bytes: Annotated[str, typer.Option(help="All states take at most this.")] = "64M",
    state: Annotated[str, typer.Option(help="float16 halves states, and is not exact.")] = (
        "float32"
    ),
    max_tokens: Annotated[int | None, typer.Option(help="Write at most so many tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same text again.")] = None,
) -> None:
    """Print the passages of FILE that answer QUESTION, verbatim, each with its page.

    FILE is read only once, whatever is asked; see `edgehybrid cache` for what is kept. If nothing
    in it matches, the answer says so, and the exit code is 1.

    With a language model as --model, print what it writes, and the pages that it attended to most.
    It may be wrong.

    Examples:

      edgehybrid ask handbook.pdf "Who signs the contract?"

      edgehybrid ask report.pdf "What did it cost?" --model granite-350m-int8
    """
    from edgehybrid.cli.progress import progress_bar
    from edgehybrid.tasks.ask import Question, answer, check
    from edgehybrid.tasks.read import read
    from edgehybrid.tasks.summarize import fit_for

    keep, tokens = keeping(checkpoint_bytes, state), token_budget(budget)
    show = _show if format is Format.text else None
    asked = Question(question, passages, max_tokens, temperature, seed, show)
    check(asked)
    loaded = fit_for(asked, model)
    with source(file, "ask") as opened, progress_bar() as progress:
        document = read(
            opened,
            pages=page_range(pages),
            password=password,
            damaged=damaged,
            model=loaded,
            budget=tokens,
            router=router,
            keep=keep,
            progress=progress,
        )
    found = document.reading
    warn_of_reading(found)
    told = answer(document, asked)
    typer.echo(_render(told, format))
    if told.written is None and not told.passages:
        raise typer.Exit(NOTHING)


def _show(piece: str) -> None:
    typer.echo(piece, nl=False)
    sys.stdout.flush()


def _render(answer: Answer, format: Format) -> str:
    if format is Format.json:
        import dataclasses
        import json

        told: dict[str, Any] = {"answer": answer.text, **dataclasses.asdict(answer)}
        return json.dumps(told, ensure_ascii=False, indent=2)
    if answer.written is not None:
        named = ", ".join(
            f"{place(answer.unit, source.page)} ({source.share:.0%})" for source in answer.sources
        )
        return f"\n\nAttended to most: {named}" if named else ""
    if not answer.passages:
        return "Nothing in this document matches."
    return "\n".join(f"[{place(answer.unit, p.page)}] {p.text}" for p in answer.passages)
