"""`edgehybrid inspect`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer


class Format(str, enum.Enum):
    """How the description is written."""

    text = "text"
    json = "json"


def inspect(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder.")],
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
) -> None:
    """Show what BUNDLE is made of: layers, bytes, state, router, licence.

    Examples:

      edgehybrid inspect granite-350m-int8

      edgehybrid inspect granite-350m-int8 --format json
    """
    from edgehybrid.bundle import open_bundle
    from edgehybrid.runtime.inspecting import describe

    described = describe(open_bundle(bundle))
    if format is Format.json:
        import json

        typer.echo(json.dumps(described, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(_lines(described)))


def _lines(d: dict[str, Any]) -> Iterator[str]:
    yield f"{d['name']}: {d['family']}, {d['weights']} weights, licence {d['licence']}"
    yield f"vocabulary {d['vocab_size']:,}, hidden size {d['hidden_size']:,}, head: {d['head']}"
    kinds = ((kind, len(list(group))) for kind, group in groupby(x["mixer"] for x in d["layers"]))
    yield f"{len(d['layers'])} layers: " + ", ".join(f"{n} {kind}" for kind, n in kinds)
    router = dict(d["router"])
    sizes = ", ".join(f"{name} {value}" for name, value in router.items() if name != "kind")
    yield f"router: {router['kind']}" + (f" ({sizes})" if sizes else "")
    growing = d["state_bytes_per_token"]
    more = f", and {growing:,} bytes for each token that is kept" if growing else ""
    yield f"state: {d['state_bytes']:,} bytes{more}"
    yield f"on disk: {sum(d['files'].values()):,} bytes"
    for part, size in (d["weight_bytes"] or {}).items():
        yield f"  {part}: {size:,} bytes"
    if text := (d["loss"] or {}).get("calibration"):
        yield (
            f"loss on {text['tokens']:,} tokens of text: mean KL {text['mean_kl']:g} to float32, "
            f"same likeliest token at {text['top1_agreement']:.1%}"
        )
