"""Starts the reading process, listens to it, and ends it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import IO

from edgehybrid.documents.document import PageText
from edgehybrid.documents.pdf.limits import MEMORY
from edgehybrid.documents.pdf.reader import Header, Order
from edgehybrid.documents.pdf.wire import MAX_LINE, End, Message, NotAMessageError, Reading, decode
from edgehybrid.errors import DamagedDocument, DocumentError, DocumentTooLarge

#: Seconds without any word from the child, before its header and from page to page.
START_SECONDS, PAGE_SECONDS = 60.0, 15.0
#: So many lines are taken from the child before they are asked for.
AHEAD = 32
#: How often, in seconds, a listener that waits for its lines to be taken looks whether to stop.
LOOK_UP_SECONDS = 0.2

#: The child finds modules where this process does, never in the current folder: a folder of
#: documents may hold files that are named like modules.
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from edgehybrid.documents.pdf.worker import main; sys.exit(main())"
)


def can_start() -> bool:
    """Whether this Python can start another; programs packed into one file cannot."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


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

    def messages(self) -> Iterator[Header | PageText]:
        """Yield what the child reads; pages that it cannot give any more are not readable.

        Raises:
            DocumentError: the child sent an error, or ended before it sent a page.
        """
        header, last_page, reading = None, 0, 0
        try:
            while not isinstance(message := self._next(header is None, reading), End):
                if isinstance(message, Reading):
                    reading = message.number
                    continue
                if isinstance(message, Header):
                    header = message
                else:
                    last_page = message.number
                yield message
        except _LostError as lost:
            if header is None or not last_page:
                raise lost.error from None
            for number in range(last_page + 1, header.last + 1):
                yield PageText(number, (), readable=False)
        finally:
            self.close()

    def _next(self, starting: bool, reading: int) -> Message:
        seconds = START_SECONDS if starting else PAGE_SECONDS
        where = f"page {reading}" if reading else "the start of the file"
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise _LostError(
                DocumentTooLarge(
                    f"{self._order.name}: reading {where} took longer than {seconds:.0f} s; "
                    "read the other pages with --pages"
                )
            ) from None
        if not line:
            raise _LostError(_crash(self._order.name, where, self._process.wait()))
        try:
            return decode(line)
        except NotAMessageError as error:
            raise DocumentError(
                f"{self._order.name}: the reading process wrote {error}, which is no message; "
                "please report this as a bug of edgehybrid"
            ) from error


class _LostError(Exception):
    """The child sends no more; `error` is what to raise if it has sent no page."""

    def __init__(self, error: DocumentError) -> None:
        super().__init__(str(error))
        self.error = error


def _command(order: Order) -> list[str]:
    home = str(Path(__file__).resolve().parents[3])  # where the package edgehybrid lies
    paths = [home] + [os.path.abspath(path) for path in sys.path if path]
    command = [sys.executable, "-I", "-c", _BOOT, json.dumps(paths), order.path]
    if order.pages:
        command += ["--pages", f"{order.pages[0]}-{order.pages[1]}"]
    return command + ["--damaged"] * order.damaged


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


def _crash(name: str, where: str, code: int) -> DocumentError:
    if code < 0 and -code == getattr(signal, "SIGXCPU", 0):
        return DocumentTooLarge(f"{name}: reading {where} took too much processor time")
    cause = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    return DamagedDocument(
        f"{name}: the reading process ended ({cause}) at {where}: the file is damaged, or needs "
        f"more than {MEMORY >> 20} MiB of memory; repair it (qpdf {quote(name)} repaired.pdf) or "
        "read other pages with --pages"
    )
