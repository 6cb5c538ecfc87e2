"""What may follow what 链接: in the API's description each answer says which calls its ids lead to (OpenAPI's links), so that
other programs, and our tests, find their way from a start to the case, its items, and what is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from apispec import BasePlugin
from werkzeug.routing import Rule

BODY, PATH = "$response.body#/", "$request.path."
"""Where an id is found: in the answer, or in the address it was asked at."""

Ids = dict[str, str]


class Link(NamedTuple):
    """After `source` has answered with `status`, `target` can be called with these `ids` in its address (or, where it has none
    of that name, in its query) and this in its `body`. One that names the same source and target as an earlier one stands in
    its place."""

    source: str
    status: int
    target: str
    ids: Ids
    body: dict[str, Any] | None = None


def _path(*names: str) -> Ids:
    """The same ids as in the address just asked."""
    return {name: PATH + name for name in names}


def _body(**places: str) -> Ids:
    """Ids by the place in the answer that holds them."""
    return {name: BODY + place for name, place in places.items()}


CASES: tuple[tuple[str, int, Ids], ...] = (
    ("cases.begin", 201, _body(case="case")),
    ("cases.register_page", 200, _body(case="items/0/id")),
    ("cases.show", 200, _path("case")),
    ("cases.suspend", 200, _path("case")),
    ("items.finish", 200, _path("case")),
    ("worklist.page", 200, _body(case="items/0/case")),
)
"""Answers that name a case."""

OF_A_CASE = (
    "cases.show", "cases.items", "cases.timeline", "cases.variables", "cases.marks", "cases.explain", "cases.files",
    "cases.note", "talk.list_copies", "talk.send_copies", "talk.read_copies", "talk.people", "talk.merge", "cases.list_actions", "cases.suspend", "cases.resume", "cases.cancel", "cases.incidents",
)  # fmt: skip
"""What can be asked of a case, and done with it, by its id alone."""

ITEMS: tuple[tuple[str, int, Ids], ...] = (
    ("cases.begin", 201, _body(case="case", item="open/0/item")),
    ("cases.show", 200, _path("case") | _body(item="items/0/item")),
    ("cases.items", 200, _path("case") | _body(item="items/0/item")),
    ("worklist.page", 200, _body(case="items/0/case", item="items/0/item")),
    ("items.claim", 200, _path("case", "item")),
    ("items.release", 200, _path("case", "item")),
    ("items.transfer", 200, _path("case", "item")),
    ("items.finish", 200, _path("case") | _body(item="open/0/item")),
    ("items.send_back", 200, _path("case") | _body(item="open/0/item")),
    ("items.show", 200, _path("case", "item")),
)
"""Answers that name an open item."""

OF_AN_ITEM = (
    "items.show", "items.claim", "items.release", "items.finish", "items.send_back", "items.transfer", "items.candidates",
    "items.withdraw",
    "talk.urge",
    "items.signers", "items.take_back",
)  # fmt: skip

JOBS = ("jobs.complete", "jobs.fail", "jobs.extend", "jobs.unlock", "jobs.error")

VERSION = _body(key="key", which="hash")

OTHERS = (
    Link("items.show", 200, "items.finish", _path("case", "item"), {"form": BODY + "data", "files": []}),
    Link("items.show", 200, "items.send_back", _path("case", "item"), {"to": BODY + "targets/0/id"}),
    Link("items.candidates", 200, "items.transfer", _path("case", "item"), {"unit": "", "person": BODY + "people/0/id"}),
    Link("items.signers", 200, "items.add_signer", _path("case", "item"), _body(way="ways/0/key", signer="signers/0/id")),
    Link("cases.list_starts", 200, "cases.show_start", _body(package="items/0/package", start="items/0/start")),
    Link("cases.show_start", 200, "cases.begin", {}, _body(package="package", start="start")),
    Link("cases.list_starts", 200, "cases.begin", {}, _body(package="items/0/package", start="items/0/start")),
    Link("cases.list_actions", 200, "cases.show_action", _path("case") | _body(action="items/0/key")),
    Link("cases.list_actions", 200, "cases.do_action", _path("case") | _body(action="items/0/key")),
    Link("cases.show_action", 200, "cases.do_action", _path("case", "action"), {"form": BODY + "data", "files": []}),
    Link("cases.incidents", 200, "cases.retry", _path("case") | _body(incident="items/0/incident")),
    Link("files.upload", 201, "files.info", _body(file="id")),
    Link("files.upload", 201, "files.download", _body(file="id")),
    Link("cases.files", 200, "files.download", _body(file="items/0/id")),
    Link("session.make_token", 201, "session.revoke_token", _body(token="id")),
    Link("packages.list_packages", 200, "packages.versions", _body(key="items/0/key")),
    Link("packages.list_packages", 200, "packages.version", _body(key="items/0/key", which="items/0/hash")),
    Link("packages.versions", 200, "packages.version", _path("key") | _body(which="items/0/hash")),
    Link("packages.versions", 200, "packages.compare", _path("key") | _body(which="items/0/hash", against="items/0/hash")),
    Link("packages.publish", 201, "packages.version", VERSION),
    Link("packages.set_parameters", 201, "packages.version", VERSION),
    Link("packages.version", 200, "packages.save_draft", _path("key"), _body(base="hash")),
    Link("packages.save_draft", 200, "packages.read_draft", _path("key")),
    Link("packages.read_draft", 200, "packages.save_draft", _path("key"), _body(base="base", revision="revision")),
    Link("packages.read_draft", 200, "packages.check", _path("key"), _body(files="files")),
    Link("packages.save_draft", 200, "packages.drop_draft", _path("key")),
    Link("directory.add_unit", 201, "directory.change_unit", _body(unit="id")),
    Link("directory.add_person", 201, "directory.change_person", _body(person="id")),
    Link("calendar.add_day", 201, "calendar.set_day", _body(day="day")),
    Link("calendar.add_day", 201, "calendar.clear_day", _body(day="day")),
    Link("audit.facts", 200, "cases.timeline", _body(case="items/0/case")),
    Link("monitor.stuck", 200, "cases.explain", _body(case="items/0/case")),
)  # fmt: skip


def all_links() -> Iterator[Link]:
    """Every link of the description."""
    for source, status, ids in CASES:
        yield from (Link(source, status, target, ids) for target in OF_A_CASE if target != source)
    for source, status, ids in ITEMS:
        yield from (Link(source, status, target, ids) for target in OF_AN_ITEM if target != source)
    job = _body(case="items/0/case", job="items/0/job")
    worker = {"worker": "$request.body#/worker"}
    yield from (Link("jobs.fetch", 200, target, job, worker) for target in JOBS)
    yield from OTHERS


def operation_id(endpoint: str) -> str:
    """The name of an operation in the description: `cases_begin` for Flask's `api_cases.begin`."""
    return endpoint.removeprefix("api_").replace(".", "_")


class Links(BasePlugin):
    """Writes the names and the links into the description, operation by operation."""

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **told: Any
    ) -> None:
        rule: Rule = told["rule"]
        here = rule.endpoint.removeprefix("api_")
        for operation in (operations or {}).values():
            operation["operationId"] = operation_id(rule.endpoint)
            for link in all_links():
                if link.source == here:
                    _write(operation, link)


def _write(operation: dict[str, Any], link: Link) -> None:
    said: dict[str, Any] = {"operationId": operation_id(link.target), "parameters": link.ids}
    if link.body is not None:
        said["requestBody"] = link.body
    answer = operation["responses"][link.status]
    answer.setdefault("links", {})[operation_id(link.target)] = said
