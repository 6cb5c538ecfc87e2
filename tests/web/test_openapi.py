"""The API against its own description, by schemathesis: thousands of made-up requests, none of which may break it or be
taken against the schema, and every answer as it is described. Once request by request, and once along the description's
links, from an answer to the calls its ids lead to: begin, claim, finish, hand over, suspend, cancel, in every order."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Response, request, request_finished
from werkzeug.serving import make_server

from engine.commands import Actor
from tests import stores
from tests.engine.builders import xml
from tests.web.builder import Site
from web.api.links import all_links

pytest.importorskip("schemathesis", reason="schemathesis is not installed (requirements-dev)")
pytestmark = stores.both

WORK = "/cases|/starts|/items|/jobs"
"""Addresses of the work on cases; its chains are longer than the others'."""

REACHED = {
    "cases.begin", "cases.show", "cases.items", "cases.timeline", "cases.explain", "cases.marks", "cases.note",
    "cases.suspend", "cases.resume", "cases.cancel", "items.show", "items.candidates", "items.claim", "items.release",
    "items.finish", "jobs.fetch", "jobs.complete",
}  # fmt: skip
"""What the chains have to have done, or they prove little. Handing over, sending back and actions are mostly done too."""

CALLS, ROUNDS = 2000, 8
"""How many calls there are in chains at least, and in how many rounds at most: a round ends when its chains cannot be repeated
exactly any more, which in an office they sometimes cannot."""

CONFIGURATION = """
[dictionaries]
topics.values = ["outside"]
packages.values = ["easy"]
starts.values = ["S"]

[parameters]
"body.topic" = { dictionary = "topics", probability = 0.9 }
"body.package" = { dictionary = "packages", probability = 0.9 }
"body.start" = { dictionary = "starts", probability = 0.9 }

[phases.stateful]
max-steps = 30
link-calibration = false
inference = { algorithms = [] }

[generation]
allow-x00 = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]
"""
"""Of the chains. What could not be guessed is told: a topic, a process, its start. NUL is another test's (`test_nul`). That a
request which the description allows is well received cannot be asked of an office: it is refused for what stands in the
case, in the form, in the directory."""

LEFT_OUT = "demo/clock|me/password|api/v1/session"
"""Addresses that would end the run itself: the session, and the clock that sessions and limits go by."""

DIAGRAM = """
process easy name=便民流程
    start S name=登记
    and F
    user A name=承办 groups=AWB
    user B name=复核 groups=AWB returnTo=A form=remark
    service C name=外部登记 topic=outside
    and J
    end E name=已办结
    S -> F -> A -> B -> J -> E
    F -> C -> J
    eventsub K
        start K1 message=补充材料 interrupting=false
        end K2
        K1 -> K2
"""

TOML = """
[package]
key = "easy"
title = "便民流程"
owner = "安委办"
main = "easy"

[roles.AWB]
title = "安委办经办人"

[actions.more]
title = "补充材料"
message = "补充材料"
roles = ["AWB"]

[start.S]
title = "登记"
roles = ["AWB"]

[register]
title = '"便民事项"'
columns = []
"""


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


def publish_open_one(site: Site) -> None:
    """A process that whoever knows only the description can follow to its end: no form has a field that must be filled."""
    remark = {"schemaVersion": 19, "type": "default", "id": "remark", "title": "意见",
              "components": [{"type": "textfield", "key": "意见", "id": "r1", "label": "意见"}]}  # fmt: skip
    files = {
        "process.toml": TOML.encode(),
        "easy.bpmn": xml(DIAGRAM),
        "forms/remark.json": json.dumps(remark, ensure_ascii=False).encode(),
    }
    site.engine.publish(files, Actor("zhao", "赵立新"), "试验")


def schemathesis(address: str, site: Site, folder: Path, *words: str) -> str:
    """What a run of it says, which has to find nothing."""
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", f"{address}/api/v1/openapi.json",
            "-H", f"Authorization: Bearer {site.token('zhao')}", "--exclude-path-regex", LEFT_OUT, "--continue-on-failure",
            "--request-timeout", "20", "--no-color", *words,
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "Tested: " in run.stdout
    return run.stdout


@pytest.mark.slow
def test_answers_are_as_described_and_nothing_breaks(site: Site, address: str, tmp_path: Path) -> None:
    """Every shape of a body on PostgreSQL, which is the stricter of the stores (ranges of numbers, NUL); what is made up on both."""
    site.begin()
    phases = "fuzzing" if site.engine.database.is_sqlite else "coverage,fuzzing"
    schemathesis(
        address, site, tmp_path, "--phases", phases, "--max-examples", "10", "--checks", "all",
        "--exclude-checks", "positive_data_acceptance", "--seed", "20260928",
    )  # fmt: skip


@pytest.mark.slow
def test_along_the_links(site: Site, address: str, tmp_path: Path) -> None:
    """Chains of up to thirty calls, each with the ids of an earlier answer; all checks."""
    publish_open_one(site)
    site.begin()
    answered: Counter[tuple[str, int]] = Counter()

    def count(_: object, response: Response, **__: object) -> None:
        answered[(request.endpoint or "").removeprefix("api_"), response.status_code // 100] += 1

    request_finished.connect(count, site.app)
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    for seed in range(ROUNDS):
        where = ("--include-path-regex", WORK) if seed % 4 else ("--exclude-path-regex", f"{LEFT_OUT}|{WORK}")
        said = schemathesis(
            address, site, tmp_path, "--phases", "stateful", "--checks", "all", "--max-examples", "60", *where,
            "--seed", str(seed),
        )  # fmt: skip
        assert "✅ Stateful" in said, said[-3000:]
        done = {name for name, status in answered if status == 2}
        if seed and sum(answered.values()) >= CALLS and done >= REACHED:
            break
    print(f"{sum(answered.values())} calls in {seed + 1} rounds, {len(done)} operations done")  # noqa: T201
    assert sum(answered.values()) >= CALLS and not REACHED - done


def test_every_link_leads_somewhere(site: Site) -> None:
    """Its operation is there, under one name only, and takes the ids that the link brings."""
    described = site.user("zhao").get("/api/v1/openapi.json").json["paths"]
    operations = [
        (operation, {p["name"] for p in [*path.get("parameters", ()), *operation.get("parameters", ())]})
        for path in described.values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    takes = {operation["operationId"]: names for operation, names in operations}
    assert len(takes) == len(operations)
    links = [
        link
        for operation, _ in operations
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) == len({(link.source, link.target) for link in all_links()})
    assert [link for link in links if not set(link["parameters"]) <= takes[link["operationId"]]] == []
