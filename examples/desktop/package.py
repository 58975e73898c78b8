"""Packs the app with its Python into one folder: `python examples/desktop/package.py [OUT]`.

Run it in an environment that holds edgehybrid, PySide6 and PyInstaller and nothing else: what is
installed beside them may be found and packed too. The result is `OUT/edgehybrid-desktop/`.

    python -m venv packing
    packing/bin/pip install '.[desktop]' pyinstaller
    packing/bin/python examples/desktop/package.py

What is not obvious:

- Names in `edgehybrid` are imported when they are first used, which PyInstaller cannot see: all
  its modules are collected.
- Kernels are compiled where the program runs, so their sources have to be there as files, also to
  tell whether what was compiled before still fits. Numba and llvmlite come with their hooks.
- The program starts itself again as the reading process, and that one again as the process that
  parses files: `run.py` looks at its arguments first of all.
- ONNX Runtime runs only language models whose bundles need it; it stays, and its tools do not.
- Qt's library for networks comes along, because QtPdf is linked with it; nothing calls it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "edgehybrid-desktop"
#: Whole trees of modules that PyInstaller finds in libraries, and nothing here calls.
UNUSED = (
    *("tkinter", "matplotlib", "IPython", "pytest", "scipy", "torch", "transformers", "onnx"),
    *("onnxruntime.quantization", "onnxruntime.transformers", "onnxruntime.tools"),
    *("ssl", "huggingface_hub", "distributed", "dask", "setuptools", "pip", "PyInstaller"),
    *("PySide6.QtNetwork", "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtWebEngineCore"),
)
#: Qt's plugins for what the window never does, by their folders, and by what names hold: other
#: screens than a desktop's, among them one that serves a picture of itself to the network.
UNUSED_PLUGINS = (
    *("egldeviceintegrations", "generic", "imageformats", "iconengines", "networkinformation"),
    *("tls", "xcbglintegrations", "translations"),
)
UNUSED_PARTS = (
    *("eglfs", "EglF", "linuxfb", "qminimal", "vkkhr", "vnc", "opengl32", "Qt6OpenGL"),
    *("virtualkeyboard", "VirtualKeyboard", "Qt6Qml", "Qt6Quick", "Qt6WebEngine"),
)


def main() -> int:
    """Pack, and tell how large it is."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "dist").resolve()
    from PyInstaller.__main__ import run  # type: ignore[import-untyped]

    spec = HERE / "desktop.spec"
    run(["--noconfirm", f"--distpath={out}", f"--workpath={out / 'work'}", str(spec)])
    shutil.rmtree(out / "work")
    folder = out / NAME
    size = sum(path.stat().st_size for path in folder.rglob("*") if not path.is_symlink())
    print(f"{folder}: {size / 1e6:,.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
