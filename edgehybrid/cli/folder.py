"""`edgehybrid summarize FOLDER`."""

from __future__ import annotations

import os
from typing import Any

import typer

from edgehybrid.errors import NotFound, RequestError


def is_folder(file: str, **options: Any) -> bool:
    """Whether `file` is a folder, and has what a folder needs.

    Args:
        file: as the user wrote it.
        options: those of folders, by name; `out` is needed.

    Raises:
        RequestError: it is a folder without `out`, or none and has such options.
        NotFound: it is not there, and has such options.
    """
    given = [name for name, value in options.items() if value is not None]
    if file != "-" and os.path.isdir(file):
        if options["out"] is None:
            raise RequestError(f"{file} is a folder: say with --out where its summaries go")
        return True
    if given and file != "-" and not os.path.lexists(file):
        raise NotFound(f"cannot open {file}: there is no such folder")
    if given:
        raise RequestError(f"--{given[0]} is for a folder of documents, and {file} is none")
    return False


def summarize_all(folder: str, **options: Any) -> None:
    """Summarise all documents in `folder`, and print what became of them."""
    from edgehybrid.batch.report import table
    from edgehybrid.batch.run import summarize_folder
    from edgehybrid.cli.progress import folder_bar

    with folder_bar() as progress:
        report = summarize_folder(folder, progress=progress, **options)
    typer.echo(table(report))
    if report.failed:
        raise typer.Exit(1)
