"""The load generator reads answers of every length that servers give, and says what went wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.benchmarks.http_load import Clients, request

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 \r\nDate: today\r\n\r\n"
REFUSED = b"HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\nwhy"


@contextmanager
def answering(answer: bytes, *, at_once: int = 1 << 16) -> Iterator[int]:
    """The port of a server that gives this answer to each request, so many bytes at once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(connection: socket.socket) -> None:
            with connection:
                while connection.recv(65536):
                    for start in range(0, len(answer), at_once):
                        connection.sendall(answer[start : start + at_once])

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed: the test is over
                    return
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("at_once", [1 << 16, 7, 1])
@pytest.mark.parametrize(("answer", "body"), [(PLAIN, b"hello"), (CHUNKED, b"hello"), (EMPTY, b"")])
def test_an_answer_is_read_whole_however_it_comes(answer: bytes, body: bytes, at_once: int) -> None:
    with answering(answer, at_once=at_once) as port, Clients(port, 3) as clients:
        phase = clients.phase([request("GET", "/")] * 10)
        assert phase.bodies == [body] * 10
        assert len(phase.each) == 10 and 0 < min(phase.each) <= max(phase.each) <= phase.took


def test_a_refusal_ends_the_run() -> None:
    with (
        answering(REFUSED) as port,
        Clients(port, 1) as clients,
        pytest.raises(RuntimeError, match="409: why"),
    ):
        clients.ask(request("GET", "/"))


def test_a_connection_that_is_closed_ends_the_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)

        threading.Thread(target=hang_up, daemon=True).start()
        with Clients(port, 1) as clients, pytest.raises(RuntimeError, match="closed a connection"):
            clients.ask(request("GET", "/"))


def test_a_request_says_its_length_and_who_asks() -> None:
    asked = request("POST", "/a", {"x": "值"}, token="t")
    head, body = asked.split(b"\r\n\r\n")
    assert body == '{"x":"值"}'.encode() and f"Content-Length: {len(body)}".encode() in head
    assert b"Authorization: Bearer t" in head and head.startswith(b"POST /a HTTP/1.1\r\n")
