"""The servers that are measured over HTTP, each over a database of its own on the same PostgreSQL, all with the same case
(`competitor.diagram`): four user tasks one after another, a timer of twelve hours armed on each.

A `Contender` knows how to prepare its database, to start, and what its requests and answers look like.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg

from engine.commands import ENGINE
from engine.runtime import accounts
from tests.benchmarks import ours
from tests.benchmarks.http_load import Clients, request
from tests.benchmarks.peers import spiff
from tests.benchmarks.processes import cpu_seconds, family, memory
from tests.benchmarks.server import server
from tests.engine.office_builder import ANNA, KEY
from tests.services import child

WORKERS, THREADS = 2, 8
"""Of the Python servers. Together as many requests at once as there are clients, and as Operaton has connections."""

READY_SECONDS, LEAVE_SECONDS = 120, 15
JAVA_HEAP = "512m"
"""Without a bound the JVM takes a quarter of the machine, and its memory would say nothing."""


@functools.cache
def _environment() -> dict[str, str]:
    """Ours, with compiled modules kept for the second start, as an installation has them."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    folder = tempfile.mkdtemp(prefix="duban-bench-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


class Unavailable(Exception):
    """A peer that this machine cannot run; the text says why."""


class Contender(ABC):
    """One server. `prepare()` once, then `launch()`; `stop()` at the end."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder / type(self).__name__
        self.folder.mkdir(parents=True)
        self.database = server().create()
        self.port = child.free_port()
        self.processes: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def prepare(self) -> None:
        """Tables and process definition. Raises `Unavailable`."""

    @abstractmethod
    def launch(self) -> None:
        """Start the processes; do not wait."""

    @abstractmethod
    def start(self) -> bytes:
        """The request that begins a case."""

    @abstractmethod
    def case_of(self, started: bytes) -> str:
        """The case in the answer to `start`."""

    @abstractmethod
    def find(self, case: str) -> bytes:
        """The request for a case's open tasks."""

    @abstractmethod
    def task_of(self, found: bytes) -> str:
        """The one open task in the answer to `find`."""

    @abstractmethod
    def finish(self, case: str, task: str, form: dict[str, Any]) -> bytes:
        """The request that completes a task with what was filled in."""

    @abstractmethod
    def ended(self) -> int:
        """How many cases have come to their end, by the database."""

    def first_start(self) -> float:
        """Launch, and seconds until the first case is begun durably."""
        begun = time.perf_counter()
        self.launch()
        while True:
            try:
                with Clients(self.port, 1) as clients:
                    clients.ask(self.start())
                return time.perf_counter() - begun
            except (OSError, RuntimeError):
                if time.perf_counter() > begun + READY_SECONDS or self.processes[0].poll() is not None:
                    raise RuntimeError(f"{self.name} does not start:\n{self.log[-2000:]}") from None
                time.sleep(0.01)

    def run(self, command: list[str], **environment: str) -> None:
        """One of its processes."""
        self.processes.append(
            child.start(
                command,
                self.folder / "log",
                end_with=signal.SIGTERM,
                environment={**_environment(), **environment},
            )
        )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def cpu(self) -> float:
        """CPU seconds so far."""
        return sum(cpu_seconds(p.pid) for p in self.processes)

    def memory(self) -> int:
        """Bytes held now."""
        return sum(memory(p.pid) for p in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(LEAVE_SECONDS)
            except (
                subprocess.TimeoutExpired
            ):  # granian may wait for ever for a worker that was told so at its start
                for one in family(process.pid):
                    with suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
                process.wait()
        self.processes.clear()

    def count(self, query: str) -> int:
        with psycopg.connect(server().dsn(self.database)) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


class Ours(Contender):
    """The product, `duban web` and `duban worker`: with token, permissions, form check, ledger and outbox."""

    name = "duban"

    def prepare(self) -> None:
        engine = ours.prepare(self.folder)
        self.token = accounts.make_token(engine, ANNA.person, "bench", ENGINE)[1]
        self.database = str(engine.database.engine.url.database)
        engine.close()

    def launch(self) -> None:
        environment = {
            "DUBAN_DATABASE": server().url(self.database),
            "DUBAN_DATA": str(self.folder),
            "DUBAN_MODE": "production",
            "DUBAN_SECRET": "b" * 40,
            "DUBAN_PROCESSES": str(WORKERS),
            "DUBAN_THREADS": str(THREADS),
        }
        duban = str(Path(sys.executable).with_name("duban"))
        self.run([duban, "web", "--port", str(self.port)], **environment)
        self.run([duban, "worker"], **environment)

    def start(self) -> bytes:
        return request("POST", "/api/v1/cases", {"package": KEY, "form": {}}, token=self.token)

    def case_of(self, started: bytes) -> str:
        return str(orjson.loads(started)["case"])

    def find(self, case: str) -> bytes:
        return request("GET", f"/api/v1/cases/{case}/items", token=self.token)

    def task_of(self, found: bytes) -> str:
        (task,) = (i["item"] for i in orjson.loads(found)["items"] if i["state"] == "open")
        return str(task)

    def finish(self, case: str, task: str, form: dict[str, Any]) -> bytes:
        path = f"/api/v1/cases/{case}/items/{task}/finish"
        return request("POST", path, {"form": form}, token=self.token)

    def ended(self) -> int:
        return self.count("SELECT count(*) FROM cases WHERE state = 'completed'")


class Spiff(Contender):
    """SpiffWorkflow with its state as JSON behind Flask, by the same web server: see `spiff_app`."""

    name = "SpiffWorkflow behind Flask"
    kind = "Competitor"

    def prepare(self) -> None:
        with psycopg.connect(server().dsn(self.database)) as connection:
            connection.execute(spiff.TABLE)

    def launch(self) -> None:
        self.run(
            [
                sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1",
                "--port", str(self.port), "--workers", str(WORKERS), "--blocking-threads", str(THREADS),
                "--log-level", "error", "tests.benchmarks.spiff_app:app",
            ],
            SPIFF_DSN=server().dsn(self.database),
            SPIFF_KIND=self.kind,
        )  # fmt: skip

    def start(self) -> bytes:
        return request("POST", "/cases", {})

    def case_of(self, started: bytes) -> str:
        return str(orjson.loads(started)["case"])

    def find(self, case: str) -> bytes:
        return request("GET", f"/cases/{case}/tasks")

    def task_of(self, found: bytes) -> str:
        (task,) = orjson.loads(found)["open"]
        return str(task["item"])

    def finish(self, case: str, task: str, form: dict[str, Any]) -> bytes:
        return request("POST", f"/cases/{case}/tasks/{task}/finish", {"form": form})

    def ended(self) -> int:
        return self.count("""SELECT count(*) FROM spiff WHERE state ~ '"completed": ?true'""")


class SpiffLean(Spiff):
    """The same with the diagram left out of the JSON."""

    name = "SpiffWorkflow behind Flask, without the diagram in its JSON"
    kind = "Lean"


class Operaton(Contender):
    """Operaton with its REST API, history full, job executor on, without authentication: see the folder `operaton`."""

    name = "Operaton"
    project = Path(__file__).parent / "operaton"
    api = "/engine-rest"

    def prepare(self) -> None:
        """Compile and collect the libraries under `target`, which is kept. It makes its tables itself."""
        for program in ("java", "mvn"):
            if shutil.which(program) is None:
                raise Unavailable(f"there is no {program} on this machine")
        made, sources = self.project / "target" / "made", [p for p in self.project.rglob("*") if p.is_file()]
        newest = max(p.stat().st_mtime for p in sources if "target" not in p.parts)
        if made.exists() and made.stat().st_mtime > newest:
            return
        asked = ["mvn", "-B", "-q", "compile", "dependency:copy-dependencies", "-DincludeScope=runtime",
                 "-DoutputDirectory=target/lib"]  # fmt: skip
        done = subprocess.run(asked, cwd=self.project, capture_output=True, text=True, check=False)
        if done.returncode:
            first = next((s for s in done.stdout.splitlines() if "ERROR" in s), "it ended without a word")
            raise Unavailable(f"Maven could not build it: {first[:300]}")
        made.touch()

    def launch(self) -> None:
        address = f"jdbc:postgresql://127.0.0.1:{server().port}/{self.database}"
        self.run(
            [
                "java", f"-Xmx{JAVA_HEAP}", "-cp", f"{self.project}/target/classes:{self.project}/target/lib/*", "bench.Peer",
                f"--server.port={self.port}", f"--spring.datasource.url={address}", "--spring.datasource.username=duban",
            ]
        )  # fmt: skip

    def start(self) -> bytes:
        return request("POST", f"{self.api}/process-definition/key/four/start", {})

    def case_of(self, started: bytes) -> str:
        return str(orjson.loads(started)["id"])

    def find(self, case: str) -> bytes:
        return request("GET", f"{self.api}/task?processInstanceId={case}")

    def task_of(self, found: bytes) -> str:
        (task,) = orjson.loads(found)
        return str(task["id"])

    def finish(self, case: str, task: str, form: dict[str, Any]) -> bytes:
        kinds = {str: "String", float: "Double"}
        given = {k: {"value": v, "type": kinds[type(v)]} for k, v in form.items()}
        return request("POST", f"{self.api}/task/{task}/complete", {"variables": given})

    def ended(self) -> int:
        return self.count("SELECT count(*) FROM act_hi_procinst WHERE end_time_ IS NOT NULL")
