"""A ledger of any size, truly chained, written in bulk: what verification is measured and attacked on."""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from engine.audit import chain
from engine.facts import NoteAdded, to_data
from engine.runtime.engine import Engine
from engine.store import tables
from engine.values import dumps
from tests.engine.office_builder import MONDAY

FACTS_A_CASE = 40

COLUMNS = [c.name for c in tables.facts.columns]
NAMED = ", ".join(f'"{name}"' for name in COLUMNS)


@dataclass(frozen=True)
class Link:
    """One fact as a row, in the order of the table's columns."""

    row: tuple[Any, ...]

    @property
    def hash(self) -> bytes:
        found: bytes = self.row[-1]
        return found


def chained(case: str, texts: list[str], head: bytes = chain.START) -> Iterator[Link]:
    """A chain that says these texts."""
    digest = chain.hash_function("sha256")
    for seq, text in enumerate(texts, 1):
        at = _instant(seq)
        data = _SHAPE.replace(b"TEXT", text.encode())
        said = ("NoteAdded", "anna", "王建军", "能源局", "DB", f"{case}-{seq}")
        head = chain.link(digest, head, case, seq, at, *said, data)
        yield Link((case, seq, at, *said, data, head))


@functools.cache
def _instant(seq: int) -> str:
    return chain.instant_text(MONDAY + timedelta(minutes=seq))


_SHAPE = dumps(to_data(NoteAdded("TEXT")))


def words(case: str) -> list[str]:
    return [f"第{n}次到现场查看，风机已恢复，照片另附（{case}）" for n in range(1, FACTS_A_CASE + 1)]


def case_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:20]


def fill(engine: Engine, facts: int) -> list[str]:
    """Write so many facts in cases of `FACTS_A_CASE`, with their rows in `cases` and `snapshots`. Returns the cases' ids."""
    ids = [case_id(n) for n in range(facts // FACTS_A_CASE)]
    package = engine.newest_all()[0]
    with engine.database.write() as connection:
        for start in range(0, len(ids), 1000):
            part = ids[start : start + 1000]
            links = {case: list(chained(case, words(case))) for case in part}
            heads = {case: chain_[-1].hash for case, chain_ in links.items()}
            connection.execute(
                sa.insert(tables.cases),
                [
                    {
                        "id": case, "package": package.hash, "package_key": package.key, "state": "open",
                        "started_at": MONDAY, "moved_at": MONDAY, "seq": FACTS_A_CASE, "head": head,
                    }
                    for case, head in heads.items()
                ],
            )  # fmt: skip
            _write(connection, [one.row for chain_ in links.values() for one in chain_])
            rows = [{"case": c, "seq": FACTS_A_CASE, "head": h, "state": b"{}"} for c, h in heads.items()]
            connection.execute(sa.insert(tables.snapshots), rows)
    return ids


def write(connection: sa.Connection, links: list[Link]) -> None:
    _write(connection, [one.row for one in links])


def _write(connection: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" for _ in COLUMNS)
        cursor.executemany(f"INSERT INTO facts ({NAMED}) VALUES ({marks})", rows)
        return
    text = io.StringIO()
    for row in rows:
        cells = (f"\\\\x{cell.hex()}" if isinstance(cell, bytes) else str(cell) for cell in row)
        text.write("\t".join(cells) + "\n")
    with cursor.copy(f"COPY facts ({NAMED}) FROM STDIN") as copy:
        copy.write(text.getvalue())
