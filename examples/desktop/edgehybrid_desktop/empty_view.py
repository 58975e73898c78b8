"""What is there before any document: where to drop one, and that nothing leaves the machine."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from edgehybrid_desktop.style import GAP, colors, scaled
from edgehybrid_desktop.widgets import label, primary

#: Of the frame, at most, in pixels.
SIZE = 720, 440


class Sheet(QWidget):
    """A drawn sheet of paper with some lines, of which two are marked."""

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(72, 88)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw it in the colours of the palette."""
        c = colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate((self.width() - 64) / 2, (self.height() - 80) / 2)
        painter.setPen(QPen(QColor(c.muted), 2))
        painter.setBrush(QColor(c.paper))
        painter.drawPath(self._outline())
        painter.setPen(Qt.PenStyle.NoPen)
        for row, (width, marked) in enumerate(((24, 0), (40, 1), (36, 0), (40, 0), (28, 1))):
            painter.setBrush(QColor(c.accent if marked else c.line))
            painter.drawRoundedRect(QRectF(12, 22 + row * 10, width, 4), 2, 2)

    @staticmethod
    def _outline() -> QPainterPath:
        path = QPainterPath(QPointF(7, 1))
        for x, y in ((45, 1), (63, 19), (63, 79), (1, 79), (1, 1)):
            path.lineTo(x, y)
        path.closeSubpath()
        path.moveTo(45, 1)
        path.lineTo(45, 19)
        path.lineTo(63, 19)
        return path


class EmptyView(QWidget):
    """An invitation; files can be dropped anywhere in the window all the same."""

    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.frame, self.button = QFrame(), primary(QPushButton("&Open documents …"))
        self.frame.setObjectName("drop")
        self.button.clicked.connect(self.opened)
        title, kinds, promise = label(), label("muted", wrap=True), label("muted", wrap=True)
        title.setText("Drop documents here")
        kinds.setText("PDF, Markdown or text, of any length")
        promise.setText("They are read on this machine. Nothing is sent anywhere.")
        scaled(title, 1.6, bold=True)
        box = QVBoxLayout(self.frame)
        box.setSpacing(GAP)
        box.addStretch()
        box.addWidget(Sheet(), 0, Qt.AlignmentFlag.AlignHCenter)
        box.addSpacing(2 * GAP)
        for text in (title, kinds):
            text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            box.addWidget(text)
        box.addSpacing(2 * GAP)
        box.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch()
        promise.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.frame.setMaximumSize(*SIZE)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self.frame, 100)
        across.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 3 * GAP)
        outer.setSpacing(2 * GAP)
        outer.addStretch(1)
        outer.addLayout(across, 100)
        outer.addWidget(promise)
        outer.addStretch(1)

    def show_dragging(self, dragging: bool) -> None:
        """Mark the frame while files are over the window."""
        self.frame.setProperty("dragging", dragging)
        self.frame.style().polish(self.frame)
