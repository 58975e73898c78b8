"""How long the window's thread is held up while a document is read: the largest gap of a heartbeat.

    QT_QPA_PLATFORM=offscreen python examples/desktop/measure_blocking.py report.pdf
    ... --cold      kernels are compiled anew, as at the first use on a machine
    ... --thread    for comparison: read in a thread of this process instead of the reading process

A timer of 5 ms ticks in the thread of the window. A gap between two ticks is how long the window
could not have answered to a key. Gaps are told for each part: while nothing is done (what the
machine itself costs: others may be using it), up to the first progress (imports, model, kernels),
while pages are read, and after that (the summary comes, the PDF is opened beside it, citations
are followed, a question is answered). "own work" is the most processor time that the thread used
between two ticks: what the window itself is to blame for, however busy the machine is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

INTERVAL = 5  # ms
LIMIT = 50  # ms
IDLE = 3000  # ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--cold", action="store_true", help="compile all kernels anew")
    parser.add_argument("--thread", action="store_true", help="read in a thread of this process")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.cold:
            os.environ["NUMBA_CACHE_DIR"] = folder
        beats = (_thread if args.thread else _app)(args.file, Path(folder))
    _print(beats)


class Heartbeat:
    """Gaps between ticks, and the thread's own work in them, in ms, for each part."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.gaps: dict[str, list[float]] = {}
        self.work: dict[str, list[float]] = {}
        self._worked = time.thread_time()
        self.part, self._last = "idle", time.perf_counter()
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=INTERVAL)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self.gaps.setdefault(self.part, []).append((now - self._last) * 1e3)
        self.work.setdefault(self.part, []).append((worked - self._worked) * 1e3)
        self._last, self._worked = now, worked


def _app(file: Path, folder: Path) -> Heartbeat:
    """The app itself, from the drop of the file to an answer."""
    from PySide6.QtCore import QSettings
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from edgehybrid_desktop.jobs import State
    from edgehybrid_desktop.window import Window

    app = QApplication([])
    app.setStyle("Fusion")
    window = Window(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
    window.settings.keep = False  # else a document that was read before is not read
    window.show()
    QTest.qWait(200)
    beats = Heartbeat()
    QTest.qWait(IDLE)
    beats.part = "start"

    def until(condition: Callable[[], object]) -> None:
        while not condition():
            QTest.qWait(INTERVAL)

    window.open_files([file])
    job = window.queue.jobs[0]
    until(lambda: job.progress or not job.is_open)
    beats.part = "reading"
    until(lambda: not job.is_open)
    if job.state is not State.DONE or job.summary is None:
        sys.exit(job.error)
    beats.part = "afterwards"
    QTest.qWait(1000)
    for point in job.summary.points[-3:]:
        window.pages.go_to(point.page, point.text)
        QTest.qWait(300)
    window.queue.ask(job, "What is this about?")
    until(lambda: job.waiting_for is None)
    QTest.qWait(300)
    window.close()
    return beats


def _thread(file: Path, folder: Path) -> Heartbeat:
    """The same reading in a thread; the window is empty, so this is the least that it would be."""
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication, QWidget

    app = QApplication([])
    window, moved = QWidget(), threading.Event()
    window.show()
    app.processEvents()
    beats = Heartbeat()
    QTest.qWait(IDLE)
    beats.part = "start"

    def read() -> None:
        import edgehybrid

        document = edgehybrid.read(file, progress=lambda _: moved.set())
        document.summarize()

    thread = threading.Thread(target=read)
    thread.start()
    while thread.is_alive():
        QTest.qWait(INTERVAL)
        beats.part = "reading" if moved.is_set() else "start"
    return beats


def _print(beats: Heartbeat) -> None:
    print(f"heartbeat of {INTERVAL} ms; gaps in ms; {os.cpu_count()} cores, load {_load()}")
    print(
        f"{'part':<12}{'seconds':>9}{'median':>9}{'largest':>9}{f'over {LIMIT}':>9}{'own work':>10}"
    )
    for part, gaps in beats.gaps.items():
        over = sum(gap > LIMIT for gap in gaps)
        print(
            f"{part:<12}{sum(gaps) / 1e3:>9.1f}{statistics.median(gaps):>9.1f}"
            f"{max(gaps):>9.1f}{over:>9}{max(beats.work[part]):>10.1f}"
        )
    largest = (max(map(max, found.values())) for found in (beats.gaps, beats.work))
    print("largest gap: {:.1f} ms; most own work between two ticks: {:.1f} ms".format(*largest))


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    main()
