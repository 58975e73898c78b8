"""`edgehybrid chat`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgehybrid.cli.opening import BUDGET, ROUTER, token_budget

if TYPE_CHECKING:
    from collections.abc import Generator

#: What a line may say instead of a turn.
EXIT, RESET = "/exit", "/reset"


def chat(
    bundle: Annotated[Path, typer.Argument(help="A language model's bundle.")],
    system: Annotated[str | None, typer.Option(help="What the model is told first.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
    max_tokens: Annotated[int, typer.Option(help="An answer has at most so many.")] = 1024,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 0.0,
    seed: Annotated[int | None, typer.Option(help="For the same answers again.")] = None,
) -> None:
    """Talk with the language model in BUNDLE, line by line.

    Each line of standard input is a turn. Ctrl-C stops an answer; at the prompt it ends, as do
    Ctrl-D and /exit. /reset forgets all turns.

    Examples:

      edgehybrid chat granite-350m-int8 --system "Answer in one sentence."

      echo "Why is the sky blue?" | edgehybrid chat granite-350m-int8
    """
    from edgehybrid.runtime.model import load

    tokens = token_budget(budget)
    talk = load(bundle).chat(system=_readable(system), budget=tokens, router=router)
    for line in _lines():
        if line == EXIT:
            return
        if line == RESET:
            talk.reset()
        elif line:
            answer = talk.send(line, max_tokens=max_tokens, temperature=temperature, seed=seed)
            _print(answer)


def _readable(text: str | None) -> str | None:
    """`text` without the halves of characters that stand for bytes that are no UTF-8."""
    return None if text is None else os.fsencode(text).decode(errors="replace")


def _lines() -> Iterator[str]:
    """Lines of standard input, without white space around them, until its end or Ctrl-C."""
    terminal = sys.stdin.isatty()
    while True:
        try:
            if terminal:
                typer.echo("> ", nl=False, err=True)
            line = sys.stdin.buffer.readline().decode(errors="replace")
        except KeyboardInterrupt:
            line = ""
        if not line:
            if terminal:
                typer.echo(err=True)
            return
        yield line.strip()


def _print(answer: Generator[str, None, None]) -> None:
    """Print the pieces of an answer; Ctrl-C ends it, and what came so far counts."""
    with closing(answer):
        try:
            for piece in answer:
                typer.echo(piece, nl=False)
                sys.stdout.flush()
        except KeyboardInterrupt:
            pass
    typer.echo()
