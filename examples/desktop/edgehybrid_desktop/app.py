"""Starts the window, or checks that all that belongs to the app is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSettings
from PySide6.QtWidgets import QApplication

from edgehybrid_desktop.jobs import Job, State
from edgehybrid_desktop.window import Window

#: `--check FILE` reads a file in a window, prints its summary and ends: for packed programs.
CHECK = "--check"


def start(arguments: Sequence[str]) -> int:
    """Run the app; files among the arguments are opened.

    The style Fusion is Qt's own. It is the same everywhere and takes the system's palette.
    """
    app = QApplication(list(arguments))
    app.setStyle("Fusion")
    QCoreApplication.setOrganizationName("edgehybrid")
    QCoreApplication.setApplicationName("desktop")
    app.setApplicationDisplayName("edgehybrid")
    names = app.arguments()[1:]
    window = Window(QSettings())
    window.show()
    if names[:1] == [CHECK]:
        names = names[1:2]
        window.queue.changed.connect(lambda job: _checked(window, job))
    else:
        window.queue.warm()
    window.open_files([Path(name) for name in names])
    return app.exec()


def _checked(window: Window, job: Job) -> None:
    """End when the document was read and its pages are shown."""
    if job.is_open:
        return
    window.queue.changed.disconnect()
    if job.state is not State.DONE or job.summary is None:
        print(job.error, file=sys.stderr)
        window.reader.close()
        QApplication.exit(2)
        return
    print(job.summary.text)
    window.pages.opened.connect(lambda count: _ended(window, count))


def _ended(window: Window, count: int) -> None:
    print(f"{count} pages are shown", file=sys.stderr)
    window.reader.close()
    QApplication.exit(0)
