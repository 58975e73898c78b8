"""`edgehybrid doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgehybrid.cli.inspect import Format


def doctor(
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.text,
) -> None:
    """Show what was found on this machine, whether it can read, and what will be slow, and why.

    The default reader is tried on a few sentences. The exit code is 0 if it reads, else 1.

    Examples:

      edgehybrid doctor

      edgehybrid doctor --format json
    """
    from edgehybrid.doctor.examining import examine
    from edgehybrid.doctor.rendering import lines

    found = examine()
    if format is Format.json:
        import json

        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(lines(found)))
    if not found["reading"]["reads"]:
        raise typer.Exit(1)
