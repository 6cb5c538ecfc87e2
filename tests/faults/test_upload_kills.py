"""Uploads while the server is killed: real processes, SIGKILL at any moment, and another process goes on with what lies there."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from engine.commands import ENGINE
from engine.runtime import accounts
from engine.runtime.engine import Engine
from tests import stores
from tests.services import child
from tests.web.builder import make_office

pytestmark = pytest.mark.slow

KILLS = 4
PIECE = 1 << 18
STARTS_WITHIN = 60.0


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`duban serve` over this data, until the block ends."""
    port = child.free_port()
    own = {k: v for k, v in os.environ.items() if not k.startswith("DUBAN_")}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("duban")), "serve", "--no-worker", "--port", str(port)],
        env=own | {"DUBAN_DATA": str(folder), "DUBAN_MODE": "demo"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + STARTS_WITHIN
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None and time.monotonic() < until, "the server does not begin"
            time.sleep(0.05)
        yield process, port
    finally:
        process.kill()
        process.wait()


def asked(
    port: int, method: str, path: str, token: str, body: bytes = b"", **said: str
) -> tuple[int, dict[str, str], bytes]:
    """One request; raises `OSError` or `HTTPException` where the server dies meanwhile."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {name.replace("_", "-"): value for name, value in said.items()}
        connection.request(method, path, body, {"Authorization": f"Bearer {token}", **headers})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_an_upload_goes_on_after_its_server_was_killed(tmp_path: Path) -> None:
    with stores.use(stores.SQLITE):
        make_office(tmp_path)
        engine = Engine.open(stores.url_in(tmp_path), tmp_path)
        token = accounts.make_token(engine, "wang", "测试", ENGINE)[1]
        engine.close()
    choice = random.Random(20260928)
    content = b"%PDF-1.7 " + choice.randbytes(12_000_000)
    id_, killed, offsets = "", 0, []
    while True:
        with server(tmp_path) as (process, port):
            if not id_:
                name = b64encode("录像资料.pdf".encode()).decode()
                said = {"Upload_Length": str(len(content)), "Upload_Metadata": f"filename {name}"}
                status, headers, _ = asked(port, "POST", "/api/v1/uploads", token, **said)
                assert status == 201
                id_ = headers["location"].rsplit("/", 1)[1]
            _, headers, _ = asked(port, "HEAD", f"/api/v1/uploads/{id_}", token)
            at = int(headers["upload-offset"])
            offsets.append(at)
            stop = at + len(content) // (KILLS + 1) if killed < KILLS else len(content) + 1
            try:
                while at < len(content):
                    if at >= stop:
                        with socket.create_connection(
                            ("127.0.0.1", port), 5
                        ) as half:  # killed in the middle of a piece
                            lines = (
                                f"PATCH /api/v1/uploads/{id_} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}",
                                "Content-Type: application/offset+octet-stream", f"Upload-Offset: {at}", f"Content-Length: {PIECE}",
                            )  # fmt: skip
                            half.sendall(
                                "\r\n".join((*lines, "", "")).encode() + content[at : at + PIECE // 2]
                            )
                            time.sleep(choice.random() * 0.05)
                            os.kill(process.pid, signal.SIGKILL)
                            process.wait()
                            raise ConnectionResetError
                    said = {"Upload_Offset": str(at), "Content_Type": "application/offset+octet-stream"}
                    piece = content[at : at + PIECE]
                    status, headers, text = asked(
                        port, "PATCH", f"/api/v1/uploads/{id_}", token, piece, **said
                    )
                    assert status == 204, text
                    at = int(headers["upload-offset"])
            except (OSError, http.client.HTTPException):
                killed += 1
                continue
            _, _, found = asked(port, "GET", f"/api/v1/files/{id_}", token)
            break
    assert killed == KILLS
    assert sorted(set(offsets)) == offsets and offsets[-1] > len(content) // 2, (
        "each went on where the one before was stopped"
    )
    assert sha256(found).digest() == sha256(content).digest()
    assert [f.name for f in (tmp_path / "files").iterdir()] == [id_]
    assert list((tmp_path / "uploads").iterdir()) == []
