"""`edgehybrid export`, which the runtime finds as an entry point."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgehybrid.errors import EdgehybridError

WEIGHTS_HELP = (
    "float32, float16, int8, int4-32, -64 or -128 (also -asym); or by part, such as "
    "body=int4,head=int8,embedding=int8."
)


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="Folder with config.json, safetensors weights and tokenizer.json; or, if there is "
            "no such folder, a name on the hub: owner/name."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The bundle's folder; must not exist.")],
    weights: Annotated[str, typer.Option(help=WEIGHTS_HELP)] = "int8",
    calibrate: Annotated[
        Path | None, typer.Option(help="A text to measure the loss of quantisation on.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a name on the hub.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Take a name from the hub's cache only.")
    ] = False,
) -> None:
    """Turn a trained CHECKPOINT into a bundle that edgehybrid runs.

    A name is downloaded to the hub's cache (HF_HOME); pickled weights are refused. After an
    interruption run the command again: files that are complete are not downloaded again. For
    gated and private repositories log in with `hf auth login`.

    Examples:

      edgehybrid export runs/reader/checkpoint reader-int8

      edgehybrid export ibm-granite/granite-4.0-h-350m granite-350m

      edgehybrid export granite-350m-checkpoint small --weights body=int4,head=int8 \
        --calibrate book.txt
    """
    try:
        from edgehybrid_export import export as run
    except ImportError as error:
        raise EdgehybridError(
            f"exporting needs more packages ({error.name} is missing): "
            "pip install 'edgehybrid[export]'"
        ) from error
    manifest = run(
        checkpoint, out, weights=weights, calibrate=calibrate, revision=revision, offline=offline
    )
    size = sum(f["bytes"] for f in manifest["files"].values())
    loss = manifest["loss"]
    typer.echo(
        f"{out}: {manifest['name']}, {size / 1e6:.1f} MB, residual error "
        f"{loss['residual_error']:.2g} against {loss['against']}"
    )
    if text := loss.get("calibration"):
        typer.echo(
            f"on {text['tokens']} tokens of text: mean KL {text['mean_kl']:.3g} to float32, "
            f"the same likeliest token at {text['top1_agreement']:.1%}"
        )
