"""Word, PowerPoint, OpenDocument, EPUB, HTML, RTF and mail: to pages of blocks.

XML and HTML are parsed by lxml; which element is what, a heading or a row of a table, is told here.
"""

from __future__ import annotations

from importlib.util import find_spec

from edgehybrid.errors import NotThisFormat


def check_installed(name: str, what: str) -> None:
    """Look whether there is a parser for XML and HTML.

    Raises:
        NotThisFormat: there is none, so that file `name`, which is `what`, cannot be read.
    """
    if find_spec("lxml") is None:
        raise NotThisFormat(f"{name} is {what}; to read it: pip install 'edgehybrid[documents]'")
