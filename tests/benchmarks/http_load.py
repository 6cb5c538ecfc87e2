"""The load generator: clients on keep-alive connections to one server of loopback, in one thread of one process.

It shares the cores with what it measures, so it does as little as it can: requests are bytes made beforehand, `epoll`
tells which connection has an answer, and nothing of an answer is looked at but its status and its length.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

LARGEST_READ = 1 << 16
PATIENCE = 60.0
"""Seconds without any answer after which a server counts as dead."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What came of a list of requests: the bodies in the order of the requests, seconds from the first request sent to the
    last answer read, seconds of each exchange, and CPU seconds of the generator itself."""

    bodies: list[bytes]
    took: float
    each: list[float]
    own_cpu: float


class _Connection:
    __slots__ = ("number", "parts", "sent_at", "socket", "total")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0  # of the request that is under way
        self.sent_at = 0.0
        self.parts = b""
        self.total = -1  # bytes of the answer; -1 while unknown, -2 when it comes in chunks


class Clients:
    """`count` clients, each with one request under way at any time. Use as a context manager."""

    def __init__(self, port: int, count: int) -> None:
        self.connections = [_Connection(port) for _ in range(count)]
        self._poll = select.epoll()
        self._of = {c.socket.fileno(): c for c in self.connections}
        for number in self._of:
            self._poll.register(number, select.EPOLLIN)

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()
        for connection in self.connections:
            connection.socket.close()

    def ask(self, request: bytes) -> bytes:
        """One request by the first client."""
        return self.phase([request]).bodies[0]

    def phase(self, requests: Sequence[bytes]) -> Phase:
        """Send all requests, each by the client that is free first. Raises `RuntimeError` for an answer that is no success."""
        bodies = [b""] * len(requests)
        each = [0.0] * len(requests)
        clock, poll, of = time.perf_counter, self._poll.poll, self._of
        own, begun = time.process_time(), clock()
        following = min(len(self.connections), len(requests))
        for number, connection in enumerate(self.connections[:following]):
            connection.number, connection.sent_at = number, clock()
            connection.socket.sendall(requests[number])
        waiting = following
        while waiting:
            ready = poll(PATIENCE)
            if not ready:
                raise RuntimeError(f"no answer within {PATIENCE:.0f} s")
            for descriptor, _ in ready:
                connection = of[descriptor]
                body = _read(connection)
                if body is None:
                    continue
                now = clock()
                number = connection.number
                bodies[number], each[number] = body, now - connection.sent_at
                if following < len(requests):
                    connection.number, connection.sent_at = following, now
                    connection.socket.sendall(requests[following])
                    following += 1
                else:
                    waiting -= 1
        return Phase(bodies, clock() - begun, each, time.process_time() - own)


def _read(connection: _Connection) -> bytes | None:
    """The body, once the answer is complete."""
    data = connection.socket.recv(LARGEST_READ)
    if not data:
        raise RuntimeError(f"the server closed a connection: {connection.parts[:400]!r}")
    if connection.parts:
        data = connection.parts + data
    if connection.total == -1:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            connection.parts = data
            return None
        connection.total = _length(data[:end].lower()) if data[9:12] != b"204" else 0
        if connection.total >= 0:
            connection.total += end + 4
    complete = len(data) >= connection.total if connection.total >= 0 else data.endswith(b"\r\n0\r\n\r\n")
    if not complete:
        connection.parts = data
        return None
    body = data[data.find(b"\r\n\r\n") + 4 :]
    if connection.total == -2:
        body = _without_chunks(body)
    if data[9:10] != b"2":
        raise RuntimeError(f"answer {data[9:12].decode()}: {body[:600].decode(errors='replace')}")
    connection.parts, connection.total = b"", -1
    return body


def _length(head: bytes) -> int:
    """Bytes of the body by the header in small letters; -2 for chunks."""
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(head[at + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in head:
        return -2
    raise RuntimeError(f"an answer of unknown length: {head!r}")


def _without_chunks(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return whole
        whole, body = whole + rest[:length], rest[length + 2 :]


def request(method: str, path: str, body: object = None, *, token: str = "") -> bytes:
    """A request as bytes; `body` becomes JSON."""
    data = orjson.dumps(body) if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data
