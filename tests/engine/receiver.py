"""A service that takes reminders 接收端: a real HTTP server on loopback, which keeps what it got and refuses while it is told to."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Receiver:
    """`got`: (path, title, message) of each request; `status` is what it answers."""

    port: int = 0
    status: int = 200
    got: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """A channel's address."""
        return f"json://127.0.0.1:{self.port}/{{address}}"

    @property
    def taken(self) -> list[tuple[str, str]]:
        """To whom which title, in the order in which they came."""
        return [(path.strip("/"), title) for path, title, _ in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status == 200:
                receiver.got.append((self.path, body["title"], body["message"]))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
