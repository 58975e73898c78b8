"""Starts the reading process, gives it orders and passes on what it tells, without ever waiting."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal

from edgehybrid_desktop.messages import Message, NotAMessageError, decode, encode

#: Given to this program, it becomes the reading process; see `run.py`.
READER = "--reader"
#: Milliseconds that the process has for its end, once it was killed.
PATIENCE = 2000


def command() -> list[str]:
    """What starts the reading process: this program again, packed or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable, READER]
    return [sys.executable, str(Path(__file__).resolve().parents[1] / "run.py"), READER]


class ReaderProcess(QObject):
    """The process, which is started when it is first needed, and again if it has died."""

    told = Signal(object)  # a Message
    ended = Signal(str)  # why, in one line

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None

    def order(self, message: Message) -> None:
        """Send an order; returns at once."""
        if self._process is None:
            self._process = self._start()
        self._process.write(encode(message))

    def close(self) -> None:
        """End the process; what it has kept on disk is whole, whenever it ends."""
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(PATIENCE)

    @property
    def pid(self) -> int:
        """The number of the process, 0 if there is none."""
        return self._process.processId() if self._process else 0

    def _start(self) -> QProcess:
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._take)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        program, *arguments = command()
        process.start(program, arguments)
        return process

    def _take(self) -> None:
        process = self._process
        while process is not None and process is self._process and process.canReadLine():
            try:
                message = decode(bytes(process.readLine().data()))
            except NotAMessageError:
                continue  # there is none to lose: our process writes nothing else
            self.told.emit(message)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        crashed = status == QProcess.ExitStatus.CrashExit
        self._lose(f"the reading process {'crashed' if crashed else f'ended with code {code}'}")

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._lose(f"the reading process cannot start: {os.path.basename(command()[0])}")

    def _lose(self, why: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
            self.ended.emit(f"{why}; try again, and report it if it comes back")
