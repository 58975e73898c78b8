"""One line for each error and the right exit code, whatever surrounds the command."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import IO, Any, ParamSpec

import typer

from edgehybrid.errors import EdgehybridError

#: Exit codes: the system refuses something; a document, bundle or argument that cannot be used;
#: Ctrl-C; the signal TERM.
SYSTEM_ERROR, USER_ERROR, INTERRUPTED, TERMINATED = 1, 2, 130, 143

Arguments = ParamSpec("Arguments")


class Terminated(BaseException):
    """The signal TERM came."""


def prepare() -> None:
    """Make streams that can be written to whatever was closed, and TERM an exception."""
    _fill_closed()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:  # a name or a text may hold what a terminal's encoding has not
            reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _terminate)


def guarded(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """`command`, with errors told in one line on stderr."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:  # `edgehybrid … | head`: the reader has what it wanted
            _write_to_nowhere(sys.stdout)
        except BaseException as error:
            code, line = _told(error)
            if code is None:
                raise
            if code == SYSTEM_ERROR:
                _write_to_nowhere(sys.stdout)  # Python would try again what has failed
            _tell(line)
            raise typer.Exit(code) from None

    return run


def _told(error: BaseException) -> tuple[int | None, str]:
    """The exit code, None for what nobody expects, and the line."""
    if isinstance(error, EdgehybridError):
        return USER_ERROR, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, Terminated):
        return TERMINATED, "terminated"
    if isinstance(error, MemoryError):
        return SYSTEM_ERROR, "there is not enough memory"
    if isinstance(error, OSError):
        where = f" {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return SYSTEM_ERROR, f"the system refuses{where}: {error.strerror or error}"
    return None, ""


def _tell(line: str) -> None:
    """`line` on stderr, without what would steer a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(line.split()))
    try:
        typer.echo(f"edgehybrid: {shown}", err=True)
    except OSError:
        _write_to_nowhere(sys.stderr)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _fill_closed() -> None:
    """Files opened later must not take the numbers of streams that are closed."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _write_to_nowhere(stream: IO[Any]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
