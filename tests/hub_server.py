"""A hub on this machine: the few routes that a download takes, and ways for them to fail."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "5f0c1e7d" * 5


class Hub:
    """What is served, how it fails, and what was asked for."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        #: Repository -> status and error code of every answer about it; with `/resolve`, of files.
        self.refusals: dict[str, tuple[int, str]] = {}
        #: File -> how many times its connection breaks half way through.
        self.breaks: dict[str, int] = {}
        #: Seconds before the second half of a file.
        self.pause = 0.0
        #: Method, file and Range of each request for a file.
        self.asked: list[tuple[str, str, str | None]] = []
        self.address = ""

    def downloads(self) -> list[str]:
        return [file for method, file, _ in self.asked if method == "GET"]


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        hub.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield hub
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._route()

    def do_HEAD(self) -> None:
        self._route()

    def log_message(self, *arguments: Any) -> None:
        pass

    def _route(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        parts = parts[2:] if api else parts
        name, what = "/".join(parts[:2]), parts[2:]
        if name in self.hub.refusals:
            self._refuse(*self.hub.refusals[name])
        elif not api and f"{name}/resolve" in self.hub.refusals:
            self._refuse(*self.hub.refusals[f"{name}/resolve"])
        elif name not in self.hub.folders:
            self._refuse(401, "RepoNotFound")
        elif what[1:2] not in ([], ["main"], [COMMIT]):
            self._refuse(404, "RevisionNotFound")
        elif api:
            self._describe(name)
        else:
            self._send_file(self.hub.folders[name], "/".join(what[2:]))

    def _describe(self, name: str) -> None:
        files = [p for p in sorted(self.hub.folders[name].rglob("*")) if p.is_file()]
        root = self.hub.folders[name]
        listed = [
            {"rfilename": str(p.relative_to(root)), "size": p.stat().st_size, "blobId": _etag(p)}
            for p in files
        ]
        body = json.dumps({"id": name, "sha": COMMIT, "siblings": listed}).encode()
        self._answer(200, {"Content-Type": "application/json"}, body)

    def _send_file(self, root: Path, file: str) -> None:
        wanted = self.headers["Range"]
        self.hub.asked.append((self.command, file, wanted))
        if not (root / file).is_file():
            return self._refuse(404, "EntryNotFound")
        body = (root / file).read_bytes()
        headers = {"ETag": f'"{_etag(root / file)}"', "X-Repo-Commit": COMMIT}
        if wanted:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self._answer(206, headers, body[start:])
        breaks = self.command == "GET" and self.hub.breaks.get(file, 0) > 0
        if breaks:
            self.hub.breaks[file] -= 1
        return self._answer(200, headers, body, breaks=breaks)

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, {"X-Error-Code": code}, b"")

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, *, breaks: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            self.wfile.write(body[: len(body) // 2])
            if breaks:
                self.close_connection = True
                return
            if "ETag" in headers:
                time.sleep(self.hub.pause)
            self.wfile.write(body[len(body) // 2 :])
        except ConnectionError:  # the client was interrupted
            self.close_connection = True


def _etag(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
