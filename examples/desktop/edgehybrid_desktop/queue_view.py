"""The list of documents: a row each, with its state, progress and a button to cancel or remove."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QToolButton,
    QWidget,
)

from edgehybrid_desktop import texts
from edgehybrid_desktop.jobs import Job, State
from edgehybrid_desktop.style import scaled
from edgehybrid_desktop.widgets import ElidedLabel, tool


class Row(QWidget):
    """One document."""

    pressed = Signal()

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.name, self.status = ElidedLabel(), ElidedLabel(Qt.TextElideMode.ElideRight)
        self.bar, self.button = QProgressBar(), tool(self, "×", "Cancel", "Delete")
        self.name.setText(job.path.name)
        scaled(self.status, 0.9)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(f"Progress of {job.path.name}")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the key Delete does the same
        self.button.setFixedSize(22, 22)
        self.button.setStyleSheet("padding: 0")
        self.button.clicked.connect(self.pressed)
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(10, 8, 8, 9)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        grid.addWidget(self.name, 0, 0)
        grid.addWidget(self.button, 0, 1)
        grid.addWidget(self.status, 1, 0, 1, 2)
        grid.addWidget(self.bar, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)

    def refresh(self) -> None:
        """Show what is known now."""
        job = self.job
        self.status.setText(texts.row(job))
        role = "danger" if job.state is State.FAILED else "muted"
        if self.status.property("role") != role:
            self.status.setProperty("role", role)
            self.status.style().polish(self.status)
        self.bar.setVisible(job.state in (State.READING, State.STOPPING))
        done, total = (job.progress.pages, job.progress.pages_total) if job.progress else (0, 0)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        what = "Cancel" if job.is_open else "Remove"
        self.button.setAccessibleName(f"{what} {job.path.name}")
        self.button.setToolTip(f"{what} (Delete)")
        self.button.setEnabled(job.state is not State.STOPPING)


class QueueView(QListWidget):
    """All rows; `current` is told when another document is chosen."""

    current = Signal(object)  # a Job, or None
    cancelled = Signal(object)
    removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Documents")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.currentItemChanged.connect(lambda item, _: self.current.emit(self._job(item)))

    def add(self, job: Job) -> None:
        """A row at the end; the first one is chosen."""
        item, row = QListWidgetItem(self), Row(job)
        row.pressed.connect(lambda: self._press(job))
        self.setItemWidget(item, row)
        self.refresh(job)
        if self.currentItem() is None:
            self.setCurrentItem(item)

    def remove(self, job: Job) -> None:
        """Take its row out."""
        if (item := self._item(job)) is not None:
            self.takeItem(self.row(item))

    def refresh(self, job: Job) -> None:
        """Show what is known of it now."""
        item = self._item(job)
        if item is not None:
            row = self.row_of(item)
            row.refresh()
            item.setSizeHint(QSize(0, row.sizeHint().height()))
            spoken = f"{job.path.name}, {texts.row(job)}"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)

    def choose(self, job: Job) -> None:
        """Make it the one that is shown."""
        if (item := self._item(job)) is not None:
            self.setCurrentItem(item)

    def row_of(self, item: QListWidgetItem) -> Row:
        """The widget of an item."""
        row = self.itemWidget(item)
        assert isinstance(row, Row)
        return row

    def button_of(self, job: Job) -> QToolButton:
        """The button that cancels or removes it."""
        item = self._item(job)
        assert item is not None
        return self.row_of(item).button

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Delete cancels what is open, and removes what is not."""
        job = self._job(self.currentItem())
        if job is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._press(job)
        else:
            super().keyPressEvent(event)

    def _press(self, job: Job) -> None:
        (self.cancelled if job.is_open else self.removed).emit(job)

    def _job(self, item: QListWidgetItem | None) -> Job | None:
        return None if item is None or self.itemWidget(item) is None else self.row_of(item).job

    def _item(self, job: Job) -> QListWidgetItem | None:
        items = (self.item(index) for index in range(self.count()))
        return next((item for item in items if self._job(item) is job), None)
