"""`edgehybrid`: commands, and one line for each error."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import Annotated

import typer

import edgehybrid
from edgehybrid.cli import cache
from edgehybrid.cli.ask import ask
from edgehybrid.cli.bench import bench
from edgehybrid.cli.chat import chat
from edgehybrid.cli.doctor import doctor
from edgehybrid.cli.explain import explain
from edgehybrid.cli.fit_router import fit_router
from edgehybrid.cli.generate import generate
from edgehybrid.cli.guarding import guarded, prepare
from edgehybrid.cli.inspect import inspect
from edgehybrid.cli.read import read
from edgehybrid.cli.serve import serve
from edgehybrid.cli.summarize import summarize


def make_app() -> typer.Typer:
    """All commands: the runtime's own, and those that other packages bring."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    reading, writing = (summarize, read, ask, explain), (chat, generate, serve)
    for command in (*reading, *writing, inspect, bench, doctor, fit_router):
        app.command()(guarded(command))
    kept = typer.Typer(no_args_is_help=True, help="Show or delete the readings that are kept.")
    for name, action in cache.COMMANDS.items():
        kept.command(name)(guarded(action))
    app.add_typer(kept, name="cache")
    for entry in sorted(entry_points(group="edgehybrid.commands"), key=lambda e: e.name):
        app.command(entry.name)(guarded(entry.load()))
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command that `arguments` name, by default those of this process."""
    prepare()
    _log_to_stderr()
    make_app()(arguments)


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


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("edgehybrid: %(message)s"))
    for name in ("edgehybrid", "edgehybrid_kernels", "edgehybrid_export"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
