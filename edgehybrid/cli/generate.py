"""`edgehybrid generate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from edgehybrid.cli.opening import BUDGET, ROUTER, token_budget
from edgehybrid.errors import RequestError


def generate(
    bundle: Annotated[Path, typer.Argument(help="A language model's bundle.")],
    prompt: Annotated[str, typer.Argument(help="Text to go on from; - reads standard input.")],
    max_tokens: Annotated[int, typer.Option(help="Write at most so many tokens.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 0.0,
    top_k: Annotated[int, typer.Option(help="Choose among so many; 0 for all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Choose among this much probability.")] = 1.0,
    min_p: Annotated[float, typer.Option(help="Drop what is less likely, relatively.")] = 0.0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: repeat less.")] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="Text to end at; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same text again.")] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    router: Annotated[str | None, typer.Option(help=ROUTER)] = None,
) -> None:
    """Write on from PROMPT with the language model in BUNDLE.

    Examples:

      edgehybrid generate granite-350m-int8 "The capital of France is" --max-tokens 20

      cat story.txt | edgehybrid generate granite-350m-int8 - --temperature 0.7 --seed 1
    """
    from edgehybrid.documents.plain import decode
    from edgehybrid.runtime.model import load

    text = decode(sys.stdin.buffer.read() if prompt == "-" else os.fsencode(prompt), "the prompt")
    tokens = token_budget(budget)
    model = load(bundle)
    stream = model.stream(budget=tokens, router=router)
    ids = model.tokenizer.encode(text).ids
    if not ids:
        raise RequestError("the prompt is empty: there is nothing to go on from")
    stream.feed(ids)
    pieces = stream.generate(
        max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop or [],
        seed=seed,
    )
    for piece in pieces:
        typer.echo(piece, nl=False)
        sys.stdout.flush()
    typer.echo()
