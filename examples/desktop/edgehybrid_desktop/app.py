"""Starts the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSettings
from PySide6.QtWidgets import QApplication

from edgehybrid_desktop.window import Window


def start(arguments: Sequence[str]) -> int:
    """Run the app; files among the arguments are opened.

    The style Fusion is Qt's own. It is the same everywhere and takes the system's palette.
    """
    app = QApplication(list(arguments))
    app.setStyle("Fusion")
    QCoreApplication.setOrganizationName("edgehybrid")
    QCoreApplication.setApplicationName("desktop")
    app.setApplicationDisplayName("edgehybrid")
    window = Window(QSettings())
    window.show()
    window.queue.warm()
    window.open_files([Path(name) for name in app.arguments()[1:]])
    return app.exec()
