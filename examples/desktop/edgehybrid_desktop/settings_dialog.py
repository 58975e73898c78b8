"""Settings that concern all documents; how long summaries are is chosen beside each."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from edgehybrid_desktop.settings import Settings
from edgehybrid_desktop.style import GAP, scaled
from edgehybrid_desktop.widgets import label


class SettingsDialog(QDialog):
    """Changes `settings` when it is accepted."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(520)
        self._settings = settings
        self.model, self.choose = QLineEdit(settings.model), QPushButton("&Choose …")
        self.keep, self.problem = QCheckBox("&Keep readings on this machine"), label("danger")
        self.keep.setChecked(settings.keep)
        self.model.setPlaceholderText("The reader that is built in")
        self.model.setClearButtonEnabled(True)
        self.model.setAccessibleName("Folder of a language model")
        self.choose.clicked.connect(self._choose)
        self.model.textChanged.connect(lambda: self.problem.clear())
        self._lay_out()

    def _lay_out(self) -> None:
        form, row = QFormLayout(), QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.model, 1)
        row.addWidget(self.choose)
        form.setVerticalSpacing(GAP)
        form.setHorizontalSpacing(2 * GAP)
        form.addRow("Language &model:", row)
        labelled = form.labelForField(row)
        if labelled is not None:
            labelled.setBuddy(self.model)  # type: ignore[attr-defined]
        form.addRow(
            "",
            _hint(
                "A folder that “edgehybrid export” has made. It writes summaries and "
                "answers itself, slowly, and may be wrong; the reader that is built "
                "in quotes."
            ),
        )
        form.addRow("", self.problem)
        form.addRow("Readings:", self.keep)
        form.addRow(
            "",
            _hint(
                "A document is then read once, and a reading that was broken off "
                "goes on. What is kept holds the document's text: "
                "“edgehybrid cache clear” deletes it."
            ),
        )
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        box.setSpacing(2 * GAP)
        box.addLayout(form)
        box.addWidget(buttons)

    def accept(self) -> None:
        """Take the settings over, unless there is no such bundle."""
        folder = self.model.text().strip()
        if folder and not (Path(folder) / "manifest.json").is_file():
            self.problem.setText("There is no manifest.json in that folder; choose a bundle.")
            return
        self._settings.model, self._settings.keep = folder, self.keep.isChecked()
        super().accept()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a language model")
        if folder:
            self.model.setText(folder)


def _hint(text: str) -> QWidget:
    made = label("muted", wrap=True)
    made.setText(text)
    scaled(made, 0.9)
    return made
