"""What an administrator of the database can do to the record, and what finds it.

The attacker owns the tables: takes the triggers away, makes `cases` and `snapshots` agree, and, where he covers up, builds
leaves and tiles anew and throws the checkpoints away. What he does not have is the folder that checkpoints went to.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.audit import checkpoint, sequence, verify_tree
from engine.audit.verify import Report, verify
from engine.runtime import checkpoints
from engine.runtime.engine import Engine
from engine.store import append_only, tables
from tests import stores
from tests.engine.office_builder import new_office
from tests.faults.many_facts import FACTS_A_CASE, chained, fill, words, write

t = tables.facts

FEW = 4_000
MANY = 1_000_000
SECONDS = 60


def _edit(connection: sa.Connection, case: str) -> None:
    connection.execute(sa.update(t).where(t.c.case == case, t.c.seq == 17).values(person_name="李四"))


def _cut_the_tail(connection: sa.Connection, case: str) -> None:
    connection.execute(sa.delete(t).where(t.c.case == case, t.c.seq > 30))
    head = connection.execute(sa.select(t.c.hash).where(t.c.case == case, t.c.seq == 30)).scalar_one()
    _agree(connection, case, 30, head)


def _delete_the_case(connection: sa.Connection, case: str) -> None:
    for table in (t, tables.snapshots):
        connection.execute(sa.delete(table).where(table.c.case == case))
    connection.execute(sa.delete(tables.cases).where(tables.cases.c.id == case))


def _rewrite(connection: sa.Connection, case: str) -> None:
    texts = words(case)
    texts[11] = "未发现隐患"
    _chain_anew(connection, case, texts)


def _reorder(connection: sa.Connection, case: str) -> None:
    texts = words(case)
    texts[4], texts[5] = texts[5], texts[4]
    _chain_anew(connection, case, texts)


def _chain_anew(connection: sa.Connection, case: str, texts: list[str]) -> None:
    links = list(chained(case, texts))
    connection.execute(sa.delete(t).where(t.c.case == case))
    write(connection, links)
    _agree(connection, case, len(links), links[-1].hash)


def _agree(connection: sa.Connection, case: str, seq: int, head: bytes) -> None:
    k, s = tables.cases, tables.snapshots
    connection.execute(sa.update(k).where(k.c.id == case).values(seq=seq, head=head))
    connection.execute(sa.update(s).where(s.c.case == case).values(seq=seq, head=head))


ATTACKS: dict[str, tuple[Callable[[sa.Connection, str], None], int]] = {
    "a fact edited": (_edit, 17),
    "the tail cut": (_cut_the_tail, FACTS_A_CASE),
    "the case deleted": (_delete_the_case, FACTS_A_CASE),
    "the chain rewritten": (_rewrite, FACTS_A_CASE),
    "facts reordered": (_reorder, FACTS_A_CASE),
}
"""Each with the number of the fact that is named: the first that does not fit, or the last that a checkpoint vouched for."""


def _cover_up(connection: sa.Connection, engine: Engine) -> None:
    for table in (tables.leaves, tables.tiles, tables.checkpoints):
        connection.execute(sa.delete(table))
    k, o = tables.cases, tables.office_facts
    rows = list(connection.execute(sa.select(k.c.id, k.c.seq, k.c.head).order_by(k.c.id)))
    last = connection.execute(sa.select(o.c.seq, o.c.hash).order_by(o.c.seq.desc())).first()
    assert last is not None
    sequence._append(connection, engine.digest, [*rows, ("", last.seq, last.hash)])


class Vouched:
    """An office whose record is in a checkpoint that lies in a folder outside."""

    def __init__(self, engine: Engine, folder: Path, facts: int) -> None:
        self.engine = engine
        self.cases = fill(engine, facts)
        assert checkpoints.make(engine) is not None
        self.file = checkpoints.export(engine, folder)

    @contextmanager
    def attacked(self) -> Iterator[sa.Connection]:
        """A transaction of the attacker's; what he did is undone at the end."""
        with self.engine.database.engine.connect() as connection:
            append_only.unguard(connection)
            yield connection
            connection.rollback()

    def verified(self, connection: sa.Connection, *, with_leaves: bool = True) -> Report:
        report = verify(connection)
        outside = checkpoint.read(self.file.read_text())
        kept = partial(checkpoints.exported_leaves, self.file.parent) if with_leaves else None
        verify_tree.verify_tree(connection, report, outside=outside, kept=kept)
        return report


@pytest.fixture(params=stores.each)
def vouched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vouched]:
    with stores.use(request.param):
        yield Vouched(new_office(tmp_path), tmp_path / "outside", FEW)


def test_attacks_are_found_and_named(vouched: Vouched) -> None:
    """One after the other: each alone, uncovered, covered up, and covered up where only the checkpoint itself was kept."""
    with vouched.engine.read() as connection:
        assert vouched.verified(connection).breaks == []
    case = sorted(vouched.cases)[len(vouched.cases) // 2]
    for name, (attack, seq) in ATTACKS.items():
        with vouched.attacked() as connection:
            attack(connection, case)
            found = vouched.verified(connection, with_leaves=False).breaks
            assert (found[0].case, found[0].seq) == (case, seq), name
            assert len(found) == 1, name
            _cover_up(connection, vouched.engine)
            alone = verify(connection)
            verify_tree.verify_tree(connection, alone)
            if attack is not _edit:
                assert alone.ok, name  # inside the database nothing is left that tells
                only = vouched.verified(connection, with_leaves=False).breaks
                assert [b.case for b in only] == [verify_tree.TREE], name
            found = vouched.verified(connection).breaks
            assert (found[0].case, found[0].seq) == (case, seq), name
            also = set() if attack is _edit else {verify_tree.TREE}  # an edit alone leaves the tree as it was
            assert {b.case for b in found} == {case} | also, name


@pytest.mark.slow
@pytest.mark.parametrize("store", [stores.SQLITE, stores.POSTGRESQL])
def test_five_attacks_on_a_million_facts(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All five at once, on five cases, covered up: five of five in one run of less than a minute."""
    with stores.use(store):
        began = time.monotonic()
        vouched = Vouched(new_office(tmp_path), tmp_path / "outside", MANY)
        filled = time.monotonic() - began
        apart = len(vouched.cases) // len(ATTACKS)
        attacked = dict(zip(ATTACKS, sorted(vouched.cases)[apart // 2 :: apart], strict=True))
        with vouched.attacked() as connection:
            for name, case in attacked.items():
                ATTACKS[name][0](connection, case)
            _cover_up(connection, vouched.engine)
            began = time.monotonic()
            report = vouched.verified(connection)
            took = time.monotonic() - began
    figures = f"{report.facts} facts written in {filled:.0f} s, attacked, verified in {took:.1f} s"
    with capsys.disabled():
        sys.stdout.write(f"\n{store}: {figures}\n")
    wanted = {(case, ATTACKS[name][1]) for name, case in attacked.items()}
    assert {(b.case, b.seq) for b in report.breaks} == wanted | {(verify_tree.TREE, 0)}
    assert MANY - 100 < report.facts < MANY and took < SECONDS
