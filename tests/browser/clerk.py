"""A person at work by the product's own interface 接口, without a window: what a journey in the browser finds when it begins."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.browser.answers import PACKAGE, answers

# Who finishes which step, in the order the process offers them; the fields that differ from the default answers.
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("zhaolixin", "T02", {}),
    ("zhangwei", "T03", {}),
    ("zhangwei", "T04", {}),
    ("zhaolixin", "T05", {"级别": "旗政府"}),
    ("wangjianguo", "T06", {}),
    ("aodengaoqier", "T07", {}),
    ("chenzhiyuan", "T08", {}),
    ("qimuge", "T09", {}),
    ("zhaolixin", "T10", {}),
    ("mutu", "T11", {}),
    ("batu", "T12", {}),
    ("zhangwei", "T12b", {}),
    ("liuyang", "T12b", {}),
    ("mutu", "T12b", {}),
    ("batu", "T13", {}),
    ("zhangwei", "T14", {}),
    ("liuyang", "T14h", {}),
    ("zhaolixin", "T15", {}),
    ("gaojianjun", "T16", {"完成百分比": 100, "整改是否完成": True}),
    ("batu", "T20", {}),
    ("zhangwei", "T21", {}),
    ("liuyang", "T22", {}),
    ("zhaolixin", "T23", {}),
    ("chenzhiyuan", "T24", {}),
    ("qimuge", "T25", {}),
    ("zhaolixin", "T26", {}),
    ("mutu", "T26s", {}),
    ("zhaolixin", "T28", {}),
]


class Clerk:
    """One account, signed in."""

    def __init__(self, address: str, account: str) -> None:
        self._address = address
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._token = ""
        me = self.ask("POST", "/session", {"account": account, "demo": True})
        self._token = me["csrf_token"]
        self._units = {post["unit"] for post in me["posts"]}

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request; a refusal fails with what the product says."""
        data = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        return self._send(method, path, data, "application/json")

    def _send(self, method: str, path: str, data: bytes | None, kind: str) -> Any:
        headers = {"Accept": "application/json", "Content-Type": kind, "X-CSRF-Token": self._token}
        request = urllib.request.Request(f"{self._address}/api/v1{path}", data, headers, method=method)
        try:
            with self._browser.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{method} {path}: {refusal.code} {refusal.read().decode()}") from refusal

    def today(self) -> date:
        """The product's day."""
        return datetime.fromisoformat(self.ask("GET", "/demo/clock")["now"]).date()

    def upload(self, path: Path) -> str:
        """A file of this person's, not yet of any case; gives its id."""
        line = b"--part--of--a--form"
        head = f'Content-Disposition: form-data; name="file"; filename="{path.name}"'.encode()
        body = b"\r\n".join((b"--" + line, head, b"", path.read_bytes(), b"--" + line + b"--", b""))
        made = self._send("POST", "/files", body, f"multipart/form-data; boundary={line.decode()}")
        return str(made["id"])

    def register(self, title: str, photo: Path, **changed: Any) -> str:
        """登记 of a hazard of this name; gives the case's id."""
        form = self._filled("T01", photo, {"隐患名称": title, **changed})
        made = self.ask("POST", "/cases", {"package": PACKAGE, "start": "Start_self", "form": form})
        return str(made["case"])

    def claim(self, case: str, element: str) -> None:
        """签收 of the open step."""
        self.ask("POST", f"/cases/{case}/items/{self.item(case, element)}/claim", {})

    def finish(self, case: str, element: str, photo: Path, **changed: Any) -> None:
        """办结 of the open step, with the default answers and `changed` on top."""
        item = f"/cases/{case}/items/{self.item(case, element)}"
        form = self._filled(self.ask("GET", item)["form_key"], photo, changed)
        self.ask("POST", f"{item}/finish", {"form": form})

    def item(self, case: str, element: str) -> int:
        """The number of the open step, the one of this person's unit where several are."""
        items = [i for i in self.ask("GET", f"/cases/{case}")["items"] if i["element"] == element]
        return int(min(items, key=lambda i: i["unit"] not in self._units)["item"])

    def _filled(self, form: str, photo: Path, changed: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._sent(v) for key, v in answers(form, self.today(), photo, **changed).items()}

    def _sent(self, value: Any) -> Any:
        """The value as a form sends it: files as the ids they were uploaded under."""
        if isinstance(value, Path):
            return self.upload(value)
        if isinstance(value, list):
            return [self._sent(v) for v in value]
        if isinstance(value, Mapping):
            return {k: self._sent(v) for k, v in value.items()}
        return value


def until(element: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The steps before this one."""
    for step in STEPS:
        if step[1] == element:
            return
        yield step
    raise AssertionError(f"no step {element}")
