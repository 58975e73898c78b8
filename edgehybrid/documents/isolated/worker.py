"""The process in which files are parsed: `python -m edgehybrid.documents.isolated.worker FILE`.

A file made to do harm can make a parser crash, hang or fill the memory: then this process ends,
and not the program. It writes lines of JSON (see `wire`) to its standard output, and reads one
line from its standard input, `{"password": null}`. It ends when its standard input is closed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.limits import (
    allow_recognising,
    end_with_parent,
    limit_all,
    limit_time,
    refuse_network,
)
from edgehybrid.documents.isolated.order import KINDS, Header, Order
from edgehybrid.documents.isolated.readers import read_order
from edgehybrid.documents.isolated.wire import (
    End,
    Message,
    Reading,
    Recognising,
    encode,
    pieces,
)
from edgehybrid.errors import DocumentError, DocumentTooLarge, RequestError


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the file that `arguments` name; return the exit code: 0, or 2 if it cannot be read."""
    order = _order(arguments)
    limit_all(order.kind)
    end_with_parent()
    refuse_network()
    try:
        for message in read_order(order, lambda number: _send(Reading(number)), _recognise):
            if isinstance(message, Header):
                limit_time(order.kind, message.last - message.first + 1)
            for piece in pieces(message) if isinstance(message, PageText) else [message]:
                _send(piece)
        _send(End())
    except (DocumentError, RequestError) as error:
        _send(error)
        return 2
    except MemoryError:
        _send(DocumentTooLarge(f"{order.name}: reading it takes more memory than is allowed"))
        return 2
    except Exception as error:
        what = f"{type(error).__name__}: {error}".replace("\n", " ")
        _send(DocumentError(f"{order.name}: {what}; please report this as a bug of edgehybrid"))
        return 1
    return 0


def _recognise(number: int) -> None:
    allow_recognising()
    _send(Recognising(number))


def _order(arguments: Sequence[str] | None) -> Order:
    parser = argparse.ArgumentParser(prog="edgehybrid.documents.isolated.worker")
    parser.add_argument("file")
    parser.add_argument("--pages", metavar="A-B", help="first and last page, from 1")
    parser.add_argument("--damaged", action="store_true", help="read damaged files too")
    parser.add_argument("--kind", choices=KINDS, default="pdf")
    options = parser.parse_args(arguments)
    pages = None
    if options.pages:
        first, _, last = options.pages.partition("-")
        pages = int(first), int(last or first)
    return Order(options.file, _password(), pages, options.damaged, options.kind)


def _password() -> str | None:
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    password = json.loads(line)["password"] if line.strip() else None
    return None if password is None else str(password)


def _send(message: Message | Exception) -> None:
    sys.stdout.buffer.write(encode(message))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
