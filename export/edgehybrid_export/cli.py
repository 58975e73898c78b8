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
        Path, typer.Argument(help="Folder with config.json, model.safetensors, tokenizer.json.")
    ],
    out: Annotated[Path, typer.Argument(help="The bundle's folder; must not exist.")],
    weights: Annotated[str, typer.Option(help=WEIGHTS_HELP)] = "int8",
    calibrate: Annotated[
        Path | None, typer.Option(help="A text to measure the loss of quantisation on.")
    ] = None,
) -> None:
    """Turn a trained CHECKPOINT into a bundle that edgehybrid runs.

    Example:

      edgehybrid export granite-4.0-h-350m granite-350m-int8

      edgehybrid export granite-4.0-h-350m small --weights body=int4,head=int8 --calibrate book.txt
    """
    try:
        from edgehybrid_export import export as run
    except ImportError as error:
        raise EdgehybridError(
            f"exporting needs more packages ({error.name} is missing): "
            "pip install 'edgehybrid[export]'"
        ) from error
    manifest = run(checkpoint, out, weights=weights, calibrate=calibrate)
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
