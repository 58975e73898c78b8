"""`edgehybrid export`, which the runtime finds as an entry point."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgehybrid.errors import EdgehybridError


def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="Folder with config.json, model.safetensors, tokenizer.json.")
    ],
    out: Annotated[Path, typer.Argument(help="The bundle's folder; must not exist.")],
    weights: Annotated[str, typer.Option(help="float32, int8 or int4.")] = "int8",
) -> None:
    """Turn a trained CHECKPOINT into a bundle that edgehybrid runs.

    Example:

      edgehybrid export runs/reader/checkpoint reader-int8 --weights int8
    """
    try:
        from edgehybrid_export import export as run
    except ImportError as error:
        raise EdgehybridError(
            f"exporting needs more packages ({error.name} is missing): "
            "pip install 'edgehybrid[export]'"
        ) from error
    manifest = run(checkpoint, out, weights=weights)
    size = sum(f["bytes"] for f in manifest["files"].values())
    loss = manifest["loss"]
    typer.echo(
        f"{out}: {manifest['name']}, {size / 1e6:.1f} MB, residual error "
        f"{loss['residual_error']:.2g} against {loss['against']}"
    )
