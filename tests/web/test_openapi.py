"""The API against its own description, by schemathesis: thousands of made-up requests, none of which may break it or be
taken against the schema, and every answer as it is described."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests import stores
from tests.web.builder import Site

pytest.importorskip("schemathesis", reason="schemathesis is not installed (requirements-dev)")
pytestmark = [*stores.both, pytest.mark.slow]

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip
LEFT_OUT = "demo/clock|me/password|api/v1/session"
"""Addresses that would end the run itself: the session, and the clock that sessions and limits go by."""


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """The site behind a real socket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = make_server("127.0.0.1", port, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    thread.join()


def test_answers_are_as_described_and_nothing_breaks(site: Site, address: str, tmp_path: Path) -> None:
    site.begin()
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", f"{address}/api/v1/openapi.json",
            "-H", f"Authorization: Bearer {site.token('zhao')}", "--phases", "coverage,fuzzing", "--max-examples", "5",
            "--checks", ",".join(CHECKS), "--exclude-path-regex", LEFT_OUT, "--continue-on-failure",
            "--request-timeout", "20", "--no-color", "--seed", "20260928",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "Tested: " in run.stdout
