"""A local web server that is as bad as asked: for the tests of downloads."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request of a service."""

    query: str  #: After the ``?``.
    body: bytes
    headers: dict[str, str]


@dataclass
class Site:
    """Files and services by path, what goes wrong with each request, and what was asked.

    ``faults`` (one popped for each request of a file): ``drop:N`` closes the connection after N bytes of the body,
    ``status:N`` answers with that status (``status:N:W``: with Retry-After W), ``body:TEXT`` with
    that text, ``longer`` says 100 bytes more than come, ``shorter`` 100 fewer,
    ``truncated`` sends half of the file with its right length, ``flip`` changes a byte, ``slow`` sends a little at a
    time, ``chunks`` says no length and breaks off.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    #: A status and the content, made for each request; GET and POST.
    services: dict[str, Callable[[Asked], tuple[int, bytes]]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    ranges: bool = True
    if_range: bool = True
    validator: str = "etag"
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  #: Of answers, by path.
    url: str = ""

    def bodies(self, path: str) -> list[str]:
        """The Range of each request of a path ('' for none)."""
        return [header for name, header in self.asked if name == path]


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            site.asked.append((self.path, wanted))
            self.close_connection = True
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service = site.services.get(path)
            content = site.files.get(self.path)
            if content is None and service is None:
                return self._status(404)
            waiting = site.faults.get(path, [])
            fault, _, number = (waiting.pop(0) if waiting else "").partition(":")
            if fault == "status":
                status, _, wait = number.partition(":")
                return self._status(int(status), retry_after=wait)
            status = 200
            if service is not None:
                status, content = service(Asked(query, body, dict(self.headers.items())))
            if fault == "body":
                content = number.encode()
            assert content is not None
            tag = f'"{hashlib.md5(content).hexdigest()}"'
            start = 0
            if (
                wanted
                and site.ranges
                and (not site.if_range or self.headers.get("If-Range") == self._validator(tag)[1])
            ):
                start = int(wanted.removeprefix("bytes=").split("-")[0])
                if start >= len(content):
                    return self._status(416)
            body = content[start:]
            self.send_response(206 if start else status)
            self.send_header("Connection", "close")
            for header in site.headers.get(path, []):
                self.send_header(*header)
            name, value = self._validator(tag)
            if name:
                self.send_header(name, value)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            said = len(body) + {"longer": 100, "shorter": -100}.get(fault, 0)
            if fault == "truncated":
                body = body[: len(body) // 2]
                said = len(body)
            if fault == "flip":
                middle = len(body) // 2
                body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
            if fault == "chunks":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n" % len(body) + body[: int(number)])
                return None
            self.send_header("Content-Length", str(said))
            self.end_headers()
            if fault == "drop":
                body = body[: int(number)]
            try:
                if fault == "slow":
                    for at in range(0, len(body), 20000):
                        self.wfile.write(body[at : at + 20000])
                        self.wfile.flush()
                        time.sleep(0.05)
                else:
                    self.wfile.write(body)
            except OSError:
                pass  # who asked has gone
            return None

        do_POST = do_GET

        def _validator(self, tag: str) -> tuple[str, str]:
            return {
                "etag": ("ETag", tag), "weak": ("ETag", f"W/{tag}"), "": ("", ""),
                "date": ("Last-Modified", f"Mon, 23 Nov 2020 00:00:{int(tag[1:3], 16) % 60:02d} GMT"),
            }[site.validator]  # fmt: skip

        def _status(self, status: int, *, retry_after: str = "") -> None:
            self.send_response(status)
            self.send_header("Connection", "close")
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Site]:
    """A site on this machine, while the block runs."""
    site = Site(dict(files))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
