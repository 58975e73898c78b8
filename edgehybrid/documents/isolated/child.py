"""Starts the reading process, listens to it, and ends it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.answers import Answers, LostError
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.isolated.wire import (
    MAX_LINE,
    End,
    Message,
    NotAMessageError,
    Recognising,
    decode,
)
from edgehybrid.errors import DocumentError
from edgehybrid.frozen import command as packed

#: So many lines are taken from the child before they are asked for.
AHEAD = 32
#: How often, in seconds, a listener that waits for its lines to be taken looks whether to stop.
LOOK_UP_SECONDS = 0.2

#: The child finds modules where this process does, never in the current folder: a folder of
#: documents may hold files that are named like modules.
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from edgehybrid.documents.isolated.worker import main; sys.exit(main())"
)


class Child:
    """A process that reads one file; it is started at once and works ahead."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._process = subprocess.Popen(
            _command(order),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        closed = threading.Event()
        self._finalizer = weakref.finalize(self, _end, self._process, closed)
        self._lines: queue.Queue[bytes] = queue.Queue(AHEAD)
        _send_password(self._process, order.password)
        assert self._process.stdout is not None
        listener = threading.Thread(
            target=_listen, args=(self._process.stdout, self._lines, closed), daemon=True
        )
        listener.start()

    def close(self) -> None:
        """End the process; a second call does nothing."""
        self._finalizer()

    def messages(self) -> Iterator[Header | Recognising | PageText]:
        """Yield what the child reads; pages that it cannot give any more are not readable.

        Raises:
            DocumentError: the child sent an error, or ended before it sent a page.
        """
        answers = Answers(self._order)
        try:
            while True:
                message = self._next(answers)
                if (found := answers.take(message)) is not None:
                    yield found
                elif isinstance(message, End):
                    return
        except LostError as lost:
            yield from answers.rest(lost)
        finally:
            self.close()

    def _next(self, answers: Answers) -> Message:
        began = time.monotonic()
        try:
            line = self._lines.get(timeout=answers.patience)
        except queue.Empty:
            raise LostError(answers.silence()) from None
        answers.waited(time.monotonic() - began)
        if not line:
            raise LostError(answers.crash(self._process.wait()))
        answers.took(len(line))
        try:
            return decode(line)
        except NotAMessageError as error:
            raise DocumentError(
                f"{self._order.name}: the reading process wrote {error}, which is no message; "
                "please report this as a bug of edgehybrid"
            ) from error


def _command(order: Order) -> list[str]:
    home = str(Path(__file__).resolve().parents[3])  # where the package edgehybrid lies
    paths = [home] + [os.path.abspath(path) for path in sys.path if path]
    start = packed("documents") or [sys.executable, "-I", "-c", _BOOT, json.dumps(paths)]
    command = [*start, f"--kind={order.kind}"]
    if order.pages:
        command += ["--pages", f"{order.pages[0]}-{order.pages[1]}"]
    return [*command, *(["--damaged"] * order.damaged), "--", order.path]


def _send_password(process: subprocess.Popen[bytes], password: str | None) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended already, which the listener will see
        process.stdin.write(json.dumps({"password": password}).encode() + b"\n")
        process.stdin.flush()


def _listen(stream: IO[bytes], lines: queue.Queue[bytes], closed: threading.Event) -> None:
    with stream:
        line = b"any"
        while line and not closed.is_set():
            line = stream.readline(MAX_LINE)
            _put(line, lines, closed)


def _put(line: bytes, lines: queue.Queue[bytes], closed: threading.Event) -> None:
    waiting = True
    while waiting and not closed.is_set():
        try:
            lines.put(line, timeout=LOOK_UP_SECONDS)
            waiting = False
        except queue.Full:
            continue


def _end(process: subprocess.Popen[bytes], closed: threading.Event) -> None:
    closed.set()
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
