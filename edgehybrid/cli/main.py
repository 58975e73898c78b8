"""`edgehybrid`: commands, and one line for each error."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import entry_points
from typing import Annotated

import click
import typer

import edgehybrid
from edgehybrid.cli.generate import generate
from edgehybrid.cli.inspect import inspect
from edgehybrid.cli.summarize import summarize
from edgehybrid.errors import EdgehybridError

#: The exit codes: a document, bundle or argument that cannot be used; and Ctrl-C.
USER_ERROR, INTERRUPTED = 2, 130


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgehybrid {edgehybrid.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Read documents of any length on this machine, in memory that does not grow."""


def make_app() -> typer.Typer:
    """All commands: the runtime's own, and those that other packages bring."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command()(summarize)
    app.command()(generate)
    app.command()(inspect)
    for entry in sorted(entry_points(group="edgehybrid.commands"), key=lambda e: e.name):
        app.command(entry.name)(entry.load())
    return app


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("edgehybrid: %(message)s"))
    for name in ("edgehybrid", "edgehybrid_kernels"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)


def main() -> None:
    """Run the command; errors are one line on stderr."""
    _log_to_stderr()
    try:
        sys.exit(make_app()(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(USER_ERROR)
    except EdgehybridError as error:
        typer.echo(f"edgehybrid: {error}", err=True)
        sys.exit(USER_ERROR)
    except (KeyboardInterrupt, click.Abort):
        typer.echo("edgehybrid: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `edgehybrid … | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
