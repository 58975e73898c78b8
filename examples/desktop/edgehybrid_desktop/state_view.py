"""A document that has no summary yet: it waits, is being read, was cancelled, or has failed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from edgehybrid_desktop import texts
from edgehybrid_desktop.jobs import Job, State
from edgehybrid_desktop.style import GAP, scaled
from edgehybrid_desktop.widgets import ElidedLabel, label, primary

WIDTH = 460


class StateView(QWidget):
    """The name, a line on how it stands, the progress, and what can be done."""

    cancelled = Signal()
    retried = Signal(str, bool)  # with this password, if any; and also if it is damaged

    def __init__(self) -> None:
        super().__init__()
        self.name, self.line, self.memory = ElidedLabel(), label(wrap=True), label("muted")
        self.bar = QProgressBar()
        self.cancel, self.again = QPushButton("&Cancel"), primary(QPushButton("&Try again"))
        self.damaged, self.password = QPushButton("&Read what is left of it"), QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText("Password of the document")
        self.password.setAccessibleName("Password of the document")
        scaled(self.name, 1.5, bold=True)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress")
        self.line.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.line.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.cancel.clicked.connect(self.cancelled)
        self.again.clicked.connect(lambda: self._retry(damaged=False))
        self.password.returnPressed.connect(lambda: self._retry(damaged=False))
        self.damaged.clicked.connect(lambda: self._retry(damaged=True))
        self._lay_out()

    def _lay_out(self) -> None:
        column, buttons = QWidget(), QHBoxLayout()
        column.setMaximumWidth(WIDTH)
        box = QVBoxLayout(column)
        box.setSpacing(GAP + 4)
        for widget in (self.name, self.bar, self.line, self.memory, self.password):
            box.addWidget(widget)
        for button in (self.again, self.damaged, self.cancel):
            buttons.addWidget(button)
        buttons.addStretch()
        box.addSpacing(GAP)
        box.addLayout(buttons)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(column, 100)
        across.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 3 * GAP)
        outer.addStretch(2)
        outer.addLayout(across)
        outer.addStretch(3)

    def show_job(self, job: Job, note: str) -> None:
        """Show how it stands; `note` is what the reading process is busy with beside reading."""
        self.name.setText(job.path.name)
        now, is_read = job.progress, job.state in (State.READING, State.STOPPING)
        self.bar.setVisible(is_read)
        self.bar.setRange(0, now.pages_total if now else 0)
        self.bar.setValue(now.pages if now else 0)
        self.line.setText(_line(job, note))
        self._colour("danger" if job.state is State.FAILED else "")
        memory = texts.memory(now.peak_rss_bytes, now.state_bytes) if now and is_read else ""
        self.memory.setText(memory)
        self.memory.setVisible(is_read)  # empty at first, so that nothing moves when it comes
        self.cancel.setVisible(job.is_open)
        self.cancel.setEnabled(job.state is not State.STOPPING)
        self.again.setVisible(not job.is_open)
        self.damaged.setVisible(job.kind == "DamagedDocument" and not job.damaged)
        self.password.setVisible(job.kind == "PasswordNeeded")
        if job.kind == "PasswordNeeded":
            self.password.setFocus()

    def _retry(self, *, damaged: bool) -> None:
        password = self.password.text()
        self.password.clear()
        self.retried.emit(password, damaged)

    def _colour(self, role: str) -> None:
        if self.line.property("role") != role:
            self.line.setProperty("role", role)
            self.line.style().polish(self.line)


def _line(job: Job, note: str) -> str:
    if job.state is State.READING and job.progress is None:
        return note[:1].upper() + note[1:] or "Opening …"
    if job.state is State.WAITING:
        return "Waiting for the documents before it"
    if job.state is State.CANCELLED:
        return "Cancelled. If readings are kept, it goes on from there when you try again."
    return texts.row(job)
