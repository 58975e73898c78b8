"""Mail messages (EML): the subject and the text, and messages that were forwarded in it.

Of two forms of the same text the plain one is read. Attachments are not, and are named.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, Message
from typing import cast

from edgehybrid.documents.office import check_installed
from edgehybrid.documents.office.items import Break, Contents, Item, block
from edgehybrid.documents.text import clean, pages_of_text

#: Messages in messages, and parts in all.
MAX_DEPTH, MAX_PARTS = 8, 1_000


def read(data: bytes, name: str) -> Contents:
    """The text of a message; each that was forwarded in it is a message of its own.

    Raises:
        NotThisFormat: it is HTML alone, and lxml is not installed.
    """
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    return Contents("message", _items(parsed, name, 0))


def _items(message: EmailMessage, file: str, depth: int) -> Iterator[Item]:
    yield from block(_header(message, "subject"), "heading")
    for name in ("from", "to", "date"):
        if value := _header(message, name):
            yield from block(f"{name.capitalize()}: {value}", "boilerplate")
    forwarded: list[EmailMessage] = []
    yield from _parts(message, file, forwarded)
    if depth < MAX_DEPTH:
        for one in forwarded:
            yield Break()
            yield from _items(one, file, depth + 1)


def _header(message: Message, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError):  # headers that no parser can make sense of
        return ""


def _parts(message: EmailMessage, file: str, forwarded: list[EmailMessage]) -> Iterator[Item]:
    waiting: list[Message] = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        kind, held = part.get_content_type(), part.get_payload()
        if kind == "message/rfc822" and isinstance(held, list):
            forwarded += [cast(EmailMessage, one) for one in held]
        elif isinstance(held, list):
            below = [one for one in held if isinstance(one, Message)]
            waiting += [_best(below)] if kind == "multipart/alternative" and below else below[::-1]
        elif part.get_filename() or part.get_content_disposition() == "attachment":
            yield from block(f"Attachment: {part.get_filename() or kind}", "boilerplate")
        elif kind in ("text/plain", "text/html"):
            yield from _text(part, kind, file)


def _best(parts: list[Message]) -> Message:
    """The plain one of several forms of a text, else the last, which is the richest."""
    return next((one for one in parts if one.get_content_type() == "text/plain"), parts[-1])


def _text(part: Message, kind: str, file: str) -> Iterator[Item]:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return
    charset = str(part.get_content_charset("utf-8"))
    if kind == "text/html":
        check_installed(file, "a message in HTML")
        from edgehybrid.documents.office.html import items_of

        yield from items_of(data, charset)
        return
    try:
        text = data.decode(charset, "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    for page in pages_of_text(clean(text).replace("\f", "\n")):
        yield from page.blocks
