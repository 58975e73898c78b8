"""The main window: the queue, the document that is chosen in it, and its pages."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from edgehybrid_desktop import settings as saved
from edgehybrid_desktop.document_view import DocumentView
from edgehybrid_desktop.empty_view import EmptyView
from edgehybrid_desktop.jobs import Job, Queue
from edgehybrid_desktop.page_view import ZOOM, PageView
from edgehybrid_desktop.queue_view import QueueView
from edgehybrid_desktop.settings_dialog import SettingsDialog
from edgehybrid_desktop.state_view import StateView
from edgehybrid_desktop.style import GAP, colors, scaled, sheet
from edgehybrid_desktop.texts import FILTER
from edgehybrid_desktop.widgets import label
from edgehybrid_desktop.worker import ReaderProcess

SIZE, SIDES = (1280, 800), (260, 570, 450)


class Window(QMainWindow):
    """The app; `store` is where settings and the window's place are kept."""

    def __init__(self, store: QSettings) -> None:
        super().__init__()
        self._store, self.settings = store, saved.load(store)
        self.reader = ReaderProcess(self)
        self.queue = Queue(self.reader, self.settings, self)
        self.list, self.empty, self.state = QueueView(), EmptyView(), StateView()
        self.view, self.pages = DocumentView(self.settings), PageView()
        self.job: Job | None = None
        self._note = ""
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self._make_menus()
        self._restyle()
        self._restore()
        for widget in (*self.view.findChildren(QWidget), *self.pages.findChildren(QWidget)):
            widget.ensurePolished()  # now, not when the first document has been read
        self.show_job(None)

    # What it is made of

    def _lay_out(self) -> None:
        self.middle, self.splitter = QStackedWidget(), QSplitter()
        self.middle.setObjectName("document")
        for widget in (self.empty, self.state, self.view):
            self.middle.addWidget(widget)
        for part in (self._side(), self.middle, self.pages):
            self.splitter.addWidget(part)
        for index, stretch in enumerate((0, 3, 2)):
            self.splitter.setStretchFactor(index, stretch)
            self.splitter.setCollapsible(index, False)
        self.splitter.setHandleWidth(1)
        self.side.setMinimumWidth(210)
        self.middle.setMinimumWidth(420)
        self.pages.setMinimumWidth(340)
        self.setCentralWidget(self.splitter)

    def _side(self) -> QWidget:
        self.side, self.open = QWidget(), QPushButton("&Open …")
        self.side.setObjectName("side")
        self.side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.preferences = QPushButton("S&ettings …")
        title, top, bottom = label(), QHBoxLayout(), QHBoxLayout()
        title.setText("Documents")
        scaled(title, 1.1, bold=True)
        top.setContentsMargins(18, 3 * GAP - 4, 2 * GAP, GAP + 4)
        top.addWidget(title, 1)
        top.addWidget(self.open)
        bottom.setContentsMargins(18, GAP, 2 * GAP, 2 * GAP)
        bottom.addWidget(self.preferences)
        bottom.addStretch()
        box = QVBoxLayout(self.side)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(self.list, 1)
        box.addLayout(bottom)
        return self.side

    def _connect(self) -> None:
        queue, view = self.queue, self.view
        queue.added.connect(self.list.add)
        queue.removed.connect(self.list.remove)
        queue.changed.connect(self._changed)
        queue.noted.connect(self._noted)
        self.list.current.connect(self.show_job)
        self.list.cancelled.connect(queue.cancel)
        self.list.removed.connect(queue.remove)
        self.open.clicked.connect(self.choose_files)
        self.empty.opened.connect(self.choose_files)
        self.preferences.clicked.connect(self.change_settings)
        self.state.cancelled.connect(self._cancel)
        self.state.retried.connect(self._try_again)
        view.cited.connect(self.pages.go_to)
        view.asked.connect(self._ask)
        view.wished.connect(self._wish_again)
        view.copied.connect(self.copy_summary)
        view.saved.connect(self.save_summary)

    def _make_menus(self) -> None:
        bar = self.menuBar()
        file, edit, go = bar.addMenu("&File"), bar.addMenu("&Edit"), bar.addMenu("&View")
        pages = self.pages
        self.actions_of_summary = []
        for menu, text, key, do in (
            (file, "&Open …", QKeySequence.StandardKey.Open, self.choose_files),
            (file, "&Save summary …", QKeySequence.StandardKey.Save, self.save_summary),
            (file, "Se&ttings …", "Ctrl+,", self.change_settings),
            (file, "&Quit", QKeySequence.StandardKey.Quit, self.close),
            (edit, "&Copy summary", "Ctrl+Shift+C", self.copy_summary),
            (edit, "&Ask a question", "Ctrl+L", self.view.ask.setFocus),
            (go, "&Previous page", "Alt+Left", lambda: pages.go_to(pages.page - 1)),
            (go, "&Next page", "Alt+Right", lambda: pages.go_to(pages.page + 1)),
            (go, "&Larger", QKeySequence.StandardKey.ZoomIn, lambda: pages.zoom(ZOOM)),
            (go, "&Smaller", QKeySequence.StandardKey.ZoomOut, lambda: pages.zoom(1 / ZOOM)),
            (go, "&Fit the width", "Ctrl+0", pages.fit.click),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, do=do: do())
            menu.addAction(action)
            if "summary" in text or "question" in text or menu is go:
                self.actions_of_summary.append(action)

    # What happens

    def open_files(self, paths: list[Path]) -> None:
        """Put files in the queue."""
        self.queue.add(paths)

    def choose_files(self) -> None:
        """Ask which files to read."""
        names, _ = QFileDialog.getOpenFileNames(self, "Open documents", "", FILTER)
        self.open_files([Path(name) for name in names])

    def show_job(self, job: Job | None) -> None:
        """Show a document of the queue, or that there is none."""
        self.job = job
        done = job is not None and job.summary is not None and not job.is_open
        self.setWindowTitle("edgehybrid" if job is None else f"{job.path.name} — edgehybrid")
        for action in self.actions_of_summary:
            action.setEnabled(done)
        self.side.setVisible(bool(self.queue.jobs))
        self.pages.setVisible(done)
        if job is None:
            self.middle.setCurrentWidget(self.empty)
            self.pages.close_document()
        elif done:
            self._show_document(job)
        else:
            self.state.show_job(job, self._note)
            self.middle.setCurrentWidget(self.state)

    def _show_document(self, job: Job) -> None:
        is_new = self.middle.currentWidget() is not self.view
        self.view.show_job(job)
        self.middle.setCurrentWidget(self.view)
        QTimer.singleShot(0, self, self._open_pages)  # in a step of its own: it takes a while
        if is_new:
            self.view.ask.setFocus()

    def _open_pages(self) -> None:
        if self.job is not None and self.job.summary is not None and not self.job.is_open:
            self.pages.open(self.job.path, self.job.password)

    def copy_summary(self) -> None:
        """Put the summary on the clipboard, with its pages."""
        if self.job is not None and self.job.summary is not None:
            QGuiApplication.clipboard().setText(self.job.summary.text)
            self.statusBar().showMessage("The summary was copied.", 3000)

    def save_summary(self) -> None:
        """Ask for a name and write the summary there."""
        if self.job is None or self.job.summary is None:
            return
        suggested = str(self.job.path.with_suffix(".summary.md"))
        name, _ = QFileDialog.getSaveFileName(self, "Save the summary", suggested)
        if name:
            self.write_summary(Path(name))

    def write_summary(self, path: Path) -> None:
        """Write the summary, as Markdown if the name says so; tell if that cannot be done."""
        assert self.job is not None
        assert self.job.summary is not None
        text = self.job.summary.text
        if path.suffix.lower() == ".md":
            lines = "\n".join(f"- {line}" for line in text.splitlines() if line)
            written = self.job.summary.written
            text = f"# {self.job.path.name}\n\n{lines if written is None else written}"
        try:
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            QMessageBox.warning(self, "Not saved", f"{path} cannot be written: {error.strerror}")
            return
        self.statusBar().showMessage(f"Saved as {path.name}.", 3000)

    def change_settings(self) -> None:
        """Show the settings."""
        if SettingsDialog(self.settings, self).exec():
            self.settings.save(self._store)

    def _cancel(self) -> None:
        if self.job is not None:
            self.queue.cancel(self.job)

    def _ask(self, question: str) -> None:
        if self.job is not None:
            self.queue.ask(self.job, question)

    def _try_again(self, password: str, damaged: bool) -> None:
        if self.job is not None:
            self.queue.retry(self.job, password=password or None, damaged=damaged)

    def _wish_again(self) -> None:
        self.settings.save(self._store)
        job = self.job
        if job and job.summary and job.held and job.summary.wish != self.settings.wish():
            self.queue.summarize(job, self.settings.wish())

    def _changed(self, job: Job) -> None:
        self.list.refresh(job)
        if job is self.job:
            self.show_job(job)

    def _noted(self, note: str) -> None:
        self._note = note
        if self.job is not None and self.job.is_open:
            self.state.show_job(self.job, note)

    # What the system tells

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files are welcome anywhere in the window."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self.empty.show_dragging(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        """They were taken elsewhere."""
        self.empty.show_dragging(False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Read them."""
        self.empty.show_dragging(False)
        urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.open_files([Path(url.toLocalFile()) for url in urls])

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Light has become dark, or the other way round."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._restyle()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Keep settings and place, and end the reading process."""
        self.settings.save(self._store)
        self._store.setValue("window/geometry", self.saveGeometry())
        self._store.setValue("window/parts", self.splitter.saveState())
        self._store.sync()
        self.reader.close()
        super().closeEvent(event)

    def _restyle(self) -> None:
        c = colors(self.palette())
        if self.styleSheet() != sheet(c):  # setting it sends another such event
            self.setStyleSheet(sheet(c))
            self.pages.set_colors(c)
            self.view.repaint_text()

    def _restore(self) -> None:
        self.resize(QSize(*SIZE).boundedTo(self.screen().availableSize()))
        self.splitter.setSizes(list(SIDES))
        if geometry := self._store.value("window/geometry"):
            self.restoreGeometry(geometry)
        if parts := self._store.value("window/parts"):
            self.splitter.restoreState(parts)
