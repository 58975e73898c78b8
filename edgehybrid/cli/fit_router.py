"""`edgehybrid fit-router`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgehybrid.cli.opening import check_target
from edgehybrid.errors import RequestError
from edgehybrid.tasks.rendering import shown

if TYPE_CHECKING:
    from edgehybrid.tasks.fit_router import RouterFit

#: In the order of the columns.
POLICIES = ("fitted", "window", "keynorm", "oracle")


def fit_router(
    bundle: Annotated[Path, typer.Argument(help="A language model's folder.")],
    files: Annotated[list[Path] | None, typer.Argument(help="More texts.")] = None,
    text: Annotated[
        list[Path] | None, typer.Option(help="Texts like those it will read: PDF, Markdown, text.")
    ] = None,
    budget: Annotated[int, typer.Option(help="Tokens kept per KV head, to compare at.")] = 256,
    max_tokens: Annotated[int, typer.Option(help="Read at most so many.")] = 65536,
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
) -> None:
    """Fit a router to BUNDLE: which tokens of texts like yours deserve the KV cache.

    For each KV head a linear probe of key and value is fitted to the attention that tokens receive
    later. A fifth of the text is held out, and standard error shows what each policy would keep of
    the attention to far tokens there. The probe is written into the bundle's folder, for the
    router `fitted`; with --out elsewhere.

    Examples:

      edgehybrid fit-router granite-350m-int8 --text minutes/*.pdf

      edgehybrid fit-router granite-350m-int8 --text book.txt --max-tokens 200000
    """
    from edgehybrid.cli.progress import progress_bar
    from edgehybrid.tasks.fit_router import fit_router as run

    texts = [*(text or []), *(files or [])]
    if not texts:
        raise RequestError("there is no text to fit to: name files with --text")
    if out is not None:
        check_target("--out", out, *texts)
    with progress_bar("segment") as progress:
        fit = run(bundle, texts, budget=budget, max_tokens=max_tokens, out=out, progress=progress)
    for line in _report(fit):
        typer.echo(f"edgehybrid: {line}", err=True)
    typer.echo(shown(str(fit.path)))
    if out is not None:
        typer.echo(
            f"edgehybrid: it is looked for as router.safetensors in {shown(str(bundle))}", err=True
        )


def _report(fit: RouterFit) -> Iterator[str]:
    used = fit.fitted_tokens + fit.held_out_tokens
    yield (
        f"{used:,} of {fit.tokens:,} tokens used, {fit.held_out_tokens:,} of them held out; "
        f"{fit.seconds:,} s"
    )
    sinks, window, routed = fit.regions
    yield (
        f"share of attention to far tokens that is kept with {sinks} sinks, a window of {window} "
        f"and {routed} routed tokens:"
    )
    yield "layer     R2  rank   " + " ".join(f"{name:>8}" for name in POLICIES)
    for layer in fit.layers:
        shares = " ".join(f"{layer.kept[name]:8.1%}" for name in POLICIES)
        yield f"{layer.layer:5} {layer.r_squared:6.2f} {layer.rank_correlation:5.2f}   {shares}"
    best = max(POLICIES[:-1], key=fit.kept)
    if best != "fitted":
        shares = f"{fit.kept(best):.1%}, the probe {fit.kept('fitted'):.1%}"
        yield f"{best} keeps more here ({shares}): give more text, or use that router"
