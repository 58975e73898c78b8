"""Real servers on free ports of loopback, and requests that no client would make."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from test_summarize import STORY

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from edgehybrid.serve.models import Models
    from edgehybrid.serve.places import Places

SECONDS = 60  # that a test waits for what should come at once
LONG = "\f".join([STORY] * 100).encode()
TOKEN = "0123456789abcdef-wanted"
SECRET = "Xyzzy"  # stands in documents and turns, and must not stand in any log


@dataclass
class Answer:
    """A response, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any = field(init=False)

    def __post_init__(self) -> None:
        is_json = self.headers.get("content-type") == "application/json"
        self.json = json.loads(self.body) if is_json else None

    @property
    def error(self) -> dict[str, Any]:
        """What is wrong, as OpenAI's clients have it."""
        assert set(self.json) == {"error"}
        assert set(self.json["error"]) == {"message", "type", "param", "code"}
        return self.json["error"]

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Names and data of server-sent events."""
        found = []
        for block in self.body.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append((lines["event"], json.loads(lines["data"])))
        return found


@dataclass
class Served:
    """A server that runs."""

    port: int
    app: Starlette | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def places(self) -> Places:
        """Of one that runs in this process."""
        assert self.app is not None
        return self.app.state.shared.places

    def wait_for_threads(self) -> None:
        """Return when a thread is free that was working: it has one only, or all are free."""
        self.places.threads.submit(lambda: None).result(SECONDS)

    def ask(
        self,
        path: str,
        body: bytes | Any = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Send a request and read the answer."""
        with self.connect() as connection:
            method = method or ("GET" if body is None else "POST")
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())

    @contextmanager
    def connect(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            yield connection
        finally:
            connection.close()

    def say(self, data: bytes) -> bytes:
        """Send bytes, and read all that comes until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            connection.sendall(data)
            got = b""
            try:
                while more := connection.recv(65536):
                    got += more
            except ConnectionResetError:
                pass
            return got

    def upload(
        self,
        content: bytes | None,
        name: str = "a.txt",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> Answer:
        """Ask for a summary."""
        body, kind = form(content, name, **fields)
        return self.ask("/v1/summaries", body, {"Content-Type": kind, **(headers or {})})


def form(content: bytes | None, name: str, **fields: str) -> tuple[bytes, str]:
    """The body of a form, and its type."""
    mark = secrets.token_hex(8)
    parts = [f'name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    if content is not None:
        parts.append(f'name="file"; filename="{name}"\r\n\r\n'.encode() + content)
    head = f"--{mark}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + f"--{mark}--\r\n".encode()
    return body, f"multipart/form-data; boundary={mark}"


def make_client(server: Served, key: str = "none") -> Any:
    """OpenAI's own, which tries nothing twice; use it in a `with` statement."""
    import openai

    return openai.OpenAI(base_url=server.url, api_key=key, max_retries=0, timeout=SECONDS)


def say(*texts: str) -> list[dict[str, str]]:
    """Turns, of which the first is the user's."""
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]


def wait_until(so: Callable[[], bool]) -> None:
    """Return when it is so."""
    end = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def serving(models: Models, **settings: Any) -> Iterator[Served]:
    """A server with these settings, in a thread, ended afterwards."""
    from edgehybrid.serve.app import make_app
    from edgehybrid.serve.running import bind, make_server
    from edgehybrid.serve.settings import Settings

    chosen = Settings(port=0, **settings)
    app = make_app(models, chosen)
    with bind(chosen) as listening:  # clients that come too early wait
        server = make_server(app, chosen)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield Served(listening.getsockname()[1], app)
        finally:
            server.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()


@contextmanager
def serving_command(
    *arguments: str, env: dict[str, str] | None = None
) -> Iterator[tuple[Served, subprocess.Popen[bytes]]]:
    """`edgehybrid serve` as a process that listens; end it."""
    code = "from edgehybrid.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    ) as process:
        try:
            yield Served(_port(process)), process
        finally:
            process.kill()


def _port(process: subprocess.Popen[bytes]) -> int:
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        if found := re.search(rb"listening on http://127\.0\.0\.1:(\d+)/v1", line):
            return int(found[1])
        told.append(line)
    raise AssertionError(f"it does not listen: {told}")
