"""The command line: one file per command; heavy imports happen inside the command."""

from edgehybrid.cli.main import main

__all__ = ["main"]
