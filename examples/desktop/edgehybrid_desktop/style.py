"""Looks: colours are mixed from the system's palette, so that light and dark both follow it."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QWidget

#: The grid: all margins and gaps are multiples of it, in pixels.
GAP = 8


class Colors(NamedTuple):
    """What is used, by purpose, as `#rrggbb`."""

    ground: str
    paper: str
    text: str
    muted: str
    line: str
    accent: str
    strong: str
    link: str
    on_accent: str
    soft: str
    hover: str
    danger: str
    danger_soft: str


def colors(palette: QPalette) -> Colors:
    """The colours that go with a palette."""
    paper, text = palette.base().color(), palette.text().color()
    dark = paper.lightnessF() < 0.5
    ground = mix(paper, text, 0.05 if dark else 0.035)
    accent = palette.accent().color()
    danger = QColor("#f2777a" if dark else "#b3261e")
    return Colors(
        ground=ground.name(),
        paper=paper.name(),
        text=text.name(),
        muted=_readable(mix(text, paper, 0.38), ground).name(),
        line=mix(paper, text, 0.16).name(),
        accent=accent.name(),
        strong=mix(accent, text, 0.15).name(),
        link=_readable(accent, mix(paper, accent, 0.16)).name(),
        on_accent="#ffffff" if contrast(accent, QColor("white")) >= 3 else "#000000",
        soft=mix(paper, accent, 0.16).name(),
        hover=mix(ground, text, 0.08).name(),
        danger=_readable(danger, mix(paper, danger, 0.1)).name(),
        danger_soft=mix(paper, danger, 0.1).name(),
    )


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """`one` with a share, 0 to 1, of the other."""
    parts = zip(_parts(one), _parts(other), strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in parts))


def contrast(one: QColor, other: QColor) -> float:
    """The contrast of two colours, 1 to 21, as WCAG 2 defines it."""
    lights = sorted((_luminance(one), _luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color: QColor) -> float:
    parts = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in _parts(color))
    return float(sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), parts, strict=True)))


def _parts(color: QColor) -> tuple[float, float, float]:
    return color.redF(), color.greenF(), color.blueF()


def _readable(color: QColor, ground: QColor) -> QColor:
    """The colour, moved towards black or white until text in it can be read (WCAG AA, 4.5)."""
    target = QColor("white" if _luminance(ground) < 0.2 else "black")
    for step in range(11):
        made = mix(color, target, step / 10)
        if contrast(made, ground) >= 4.5:
            return made
    return target


def scaled(widget: QWidget, factor: float, *, bold: bool = False) -> None:
    """Set the font relative to the system's, which the user may have made larger."""
    font = QFont(widget.font())
    font.setPointSizeF(font.pointSizeF() * factor)
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    widget.setFont(font)


def sheet(c: Colors) -> str:
    """The style sheet of the window."""
    return f"""
    QWidget#side, QWidget#pages {{ background: {c.ground}; }}
    QWidget#document, QWidget#document > QWidget, QTextBrowser {{ background: {c.paper}; }}
    QTextBrowser, QPlainTextEdit, QPdfView, QListWidget {{ border: none; }}
    QListWidget {{ background: {c.ground}; outline: none; }}
    QListWidget::item {{ border-radius: 6px; margin: 1px {GAP}px; color: {c.text}; }}
    QListWidget::item:hover {{ background: {c.hover}; }}
    QListWidget::item:selected {{ background: {c.soft}; }}
    QListWidget::item:selected:focus {{ border: 1px solid {c.accent}; }}
    QLabel[role="muted"] {{ color: {c.muted}; }}
    QLabel[role="danger"] {{ color: {c.danger}; }}
    QLabel[role="notice"] {{ color: {c.text}; background: {c.danger_soft}; border-radius: 6px;
        padding: {GAP}px {GAP + 4}px; }}
    QFrame[role="line"] {{ background: {c.line}; border: none; }}
    QFrame#drop {{ border: 2px dashed {c.line}; border-radius: 12px; background: {c.paper}; }}
    QFrame#drop[dragging="true"] {{ border-color: {c.accent}; background: {c.soft}; }}
    QProgressBar {{ border: none; border-radius: 2px; background: {c.line}; }}
    QProgressBar::chunk {{ border-radius: 2px; background: {c.accent}; }}
    QPushButton {{ padding: 5px 14px; border: 1px solid {c.line}; border-radius: 6px;
        background: {c.paper}; color: {c.text}; }}
    QPushButton:hover {{ background: {c.hover}; }}
    QPushButton:focus {{ border-color: {c.accent}; }}
    QPushButton:disabled {{ color: {c.muted}; }}
    QPushButton[role="primary"] {{ background: {c.accent}; border-color: {c.accent};
        color: {c.on_accent}; }}
    QPushButton[role="primary"]:hover {{ background: {c.strong}; }}
    QPushButton[role="primary"]:focus {{ border-color: {c.link}; }}
    QPushButton[role="primary"]:disabled {{ background: {c.line}; border-color: {c.line};
        color: {c.muted}; }}
    QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 4px 7px;
        color: {c.text}; background: transparent; }}
    QToolButton:hover {{ background: {c.hover}; }}
    QToolButton:focus {{ border-color: {c.accent}; }}
    QToolButton:disabled {{ color: {c.line}; }}
    QLineEdit {{ padding: 4px 8px; border: 1px solid {c.line};
        border-radius: 6px; background: {c.paper}; color: {c.text};
        selection-background-color: {c.accent}; }}
    QLineEdit:focus {{ border-color: {c.accent}; }}
    QLineEdit#ask {{ padding: 8px 12px; border-radius: 8px; }}
    QCheckBox {{ spacing: {GAP}px; color: {c.text}; }}
    QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {c.muted};
        border-radius: 3px; background: {c.paper}; }}
    QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; }}
    QCheckBox::indicator:focus {{ border-color: {c.accent}; }}
    QSplitter::handle {{ background: {c.line}; }}
    QMenuBar {{ background: {c.ground}; border-bottom: 1px solid {c.line}; padding: 2px; }}
    QMenuBar::item {{ padding: 4px 9px; border-radius: 4px; background: transparent; }}
    QMenuBar::item:selected {{ background: {c.hover}; }}
    QStatusBar {{ background: {c.ground}; color: {c.muted}; }}
    QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
    QScrollBar::handle {{ background: {c.line}; border-radius: 4px; margin: 2px; }}
    QScrollBar::handle:vertical {{ min-height: 36px; }}
    QScrollBar::handle:horizontal {{ min-width: 36px; }}
    QScrollBar::handle:hover {{ background: {c.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; border: none; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
