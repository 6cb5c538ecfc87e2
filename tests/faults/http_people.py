"""People at their browsers while the product is killed under them: each begins cases and finishes items over HTTP, every
command under an Idempotency-Key, and asks again under the same key, at whatever web process answers, until it knows."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SECONDS = 20
"""How long one answer is waited for."""

PATIENCE = 120
"""Seconds after which somebody who has got no answer at all gives up, and the test fails."""


@dataclass
class Asked:
    """One command: who asked what under which key, how often, and what came of it."""

    person: str
    path: str
    key: str
    body: dict[str, Any]
    attempts: int = 0
    lost: int = 0
    """Attempts whose answer never came, or was that the product is out of order."""
    status: int = 0
    case: str = ""
    facts: list[int] = field(default_factory=list)

    @property
    def receipt(self) -> str:
        """The command's id in the ledger, as `web.api.base.command_id` makes it."""
        return hashlib.sha256("\n".join((self.person, self.path, self.key)).encode()).hexdigest()[:40]

    @property
    def done(self) -> bool:
        return 200 <= self.status < 300


class People:
    """Threads of people, and everything they asked."""

    def __init__(self, ports: list[int], tokens: dict[str, str], package: str) -> None:
        self.ports, self.tokens, self.package = ports, tokens, package
        self.asked: list[Asked] = []
        self.cases: list[str] = []
        self.wrong: list[str] = []
        self.refused: Counter[str] = Counter()
        self.stop = threading.Event()
        self.acknowledged = 0
        self._lock = threading.Lock()

    def start(self, number: int, seed: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._go, args=(seed * 100 + n,)) for n in range(number)]
        for thread in threads:
            thread.start()
        return threads

    def _go(self, seed: int) -> None:
        choice, count = random.Random(seed), 0
        try:
            while not self.stop.is_set():
                count += 1
                self._one(choice, f"{seed}-{count}")
        except Exception as error:  # told by the test
            self.wrong.append(f"{seed}-{count}: {error!r}")

    def _one(self, choice: random.Random, key: str) -> None:
        with self._lock:
            case = choice.choice(self.cases) if len(self.cases) >= 12 and choice.random() > 0.05 else ""
        if not case:
            body = {"package": self.package, "start": "S", "form": {}}
            begun = self._command("anna", "/api/v1/cases", key, body, choice)
            if begun.done:
                with self._lock:
                    self.cases.append(begun.case)
            return
        if choice.random() < 0.2 and self._job(choice, key):
            return
        status, seen = self._until_answered("chief", "GET", f"/api/v1/cases/{case}", None, "", choice, None)
        if status != 200:
            self.wrong.append(f"GET {case}: {status} {seen}")
            return
        if not seen["items"]:
            if seen["state"] != "open":
                with self._lock:
                    if case in self.cases:
                        self.cases.remove(case)
            return
        item = choice.choice(seen["items"])
        person = "chief" if item["element"] == "D" else choice.choice(["anna", "ben"])
        path = f"/api/v1/cases/{case}/items/{item['item']}/finish"
        self._command(person, path, key, {"form": {}}, choice)

    def _job(self, choice: random.Random, key: str) -> bool:
        """A program outside takes a job and reports. What it took and lost it can take again when the lock has run out."""
        body = {"topic": "outside", "worker": key, "seconds": 60, "most": 1}
        path = "/api/v1/jobs/fetch-and-lock"
        status, found = self._until_answered("chief", "POST", path, body, "", choice, None)
        if status != 200 or not found["items"]:
            return False
        job = found["items"][0]
        path = f"/api/v1/jobs/{job['case']}/{job['job']}/complete"
        self._command("chief", path, key, {"worker": key, "variables": {}}, choice)
        return True

    def _command(
        self, person: str, path: str, key: str, body: dict[str, Any], choice: random.Random
    ) -> Asked:
        asked = Asked(person, path, key, body)
        with self._lock:
            self.asked.append(asked)
        asked.status, answer = self._until_answered(person, "POST", path, body, key, choice, asked)
        if asked.done:
            asked.case, asked.facts = answer["case"], [f["seq"] for f in answer["facts"]]
            with self._lock:
                self.acknowledged += 1
        elif asked.status in (403, 404, 409):  # another was quicker, or may not
            with self._lock:
                self.refused[str(answer.get("code"))] += 1
        else:
            self.wrong.append(f"{path}: {asked.status} {answer}")
        return asked

    def _until_answered(
        self,
        person: str,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        key: str,
        choice: random.Random,
        asked: Asked | None,
    ) -> tuple[int, Any]:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            port = choice.choice(self.ports)
            if asked is not None:
                asked.attempts += 1
            try:
                status, answer = ask(port, method, path, body, self.tokens[person], key)
            except ConnectionRefusedError:
                time.sleep(0.02)  # certainly not asked
                continue
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                status, answer = 0, None
            if status in (0, 503):
                if asked is not None:
                    asked.lost += 1
                time.sleep(0.02)
                continue
            if status >= 500:
                self.wrong.append(f"{method} {path}: {status} {answer}")
            return status, answer
        raise TimeoutError(f"no answer to {method} {path} within {PATIENCE} s")


def ask(
    port: int, method: str, path: str, body: dict[str, Any] | None, token: str, key: str = ""
) -> tuple[int, Any]:
    """One request over a connection of its own: status and decoded answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if key:
        headers["Idempotency-Key"] = key
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()
