"""Proving the tree 核验存证树: leaves against facts, the tree over the leaves against checkpoints kept here and elsewhere.

With a checkpoint that was kept elsewhere, everything that stood before it is held fast: an edited fact, a cut tail, a case
that is gone, a chain rewritten consistently, an exchanged order. If the leaves were kept beside it, the case is named also
where leaves and tiles were rewritten along with the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa

from engine.audit import chain, merkle, sequence
from engine.audit.checkpoint import Checkpoint
from engine.audit.verify import OFFICE, Report
from engine.store import settings
from engine.store.tables import archived, cases, checkpoints, facts, leaves, office_facts, tiles

TREE = "tree"
"""How the tree itself is named in a report."""

TOGETHER = 500
"""Kept leaves looked up in one query."""

MOST_NAMED = 100
"""Chains named in one report for leaves that do not fit."""

Kept = Callable[[], Iterator[tuple[int, str, int, bytes]]]
"""Leaves kept elsewhere, in order: position, case, seq, head. Read twice: whether they are the checkpoint's, then to compare."""


def verify_tree(
    connection: sa.Connection, report: Report, *, outside: Checkpoint | None = None, kept: Kept | None = None
) -> None:
    """Add to `report` what does not hold. `outside` is a checkpoint from elsewhere, its signature checked by the caller; `kept`
    the leaves that lay beside it."""
    name = settings.get(connection, [chain.SETTING]).get(chain.SETTING, "sha256")
    digest = chain.hash_function(name)
    _leaves_name_facts(connection, report)
    _archives_are_witnessed(connection, report)
    wanted = [(row.size, row.root, "库内的检查点") for row in connection.execute(_roots)]
    report.checkpoints = len(wanted) + (outside is not None)
    wrong: list[str] = []
    if outside is not None and outside.hash != name:
        wrong.append(f"给出的检查点用的摘要算法是 {outside.hash}，数据库用的是 {name}")
    elif outside is not None:
        wanted.append((outside.size, outside.root, "给出的检查点"))
        if kept is not None:
            wrong += _compare(connection, digest, outside, kept, report)
    wrong += _walk(connection, digest, sorted(wanted), report)
    if wrong:
        report.broken(TREE, 0, f"存证序列：{'；'.join(wrong[:3])}")


def _walk(
    connection: sa.Connection, digest: chain.Hash, wanted: list[tuple[int, bytes, str]], report: Report
) -> list[str]:
    """Build the tree anew from all leaves and hold it against the tiles and, at its sizes, against every checkpoint."""
    wrong: list[str] = []
    tree = merkle.Tree(digest)
    stored = {(r.level, r.position): r.hash for r in connection.execute(sa.select(tiles))}
    query = sa.select(leaves).order_by(leaves.c.position)
    with connection.execute(query, execution_options={"yield_per": 2000}) as result:
        rows = iter(result)
        for size, root, whose in [*wanted, (-1, b"", "")]:
            while tree.size != size and (row := next(rows, None)) is not None:
                if row.position != tree.size:
                    return [*wrong, f"缺少第 {tree.size} 项"]
                leaf = merkle.leaf_hash(digest, sequence.leaf_data(row.case, row.seq, row.head))
                for tile in tree.push(leaf):
                    if stored.pop((tile.level, tile.position), None) != tile.hash:
                        wrong.append(f"第 {tile.level} 层第 {tile.position} 块与其下各项不符")
            if size > tree.size:
                wrong.append(f"只有 {tree.size} 项，而{whose}有 {size} 项")
            elif size == tree.size and root != tree.root():
                wrong.append(f"前 {size} 项的树根与{whose}不符")
    report.leaves = tree.size
    if stored:
        wrong.append("有多余的块")
    return wrong


def _compare(
    connection: sa.Connection, digest: chain.Hash, outside: Checkpoint, kept: Kept, report: Report
) -> list[str]:
    """The leaves kept beside the checkpoint against the facts themselves, whatever the database's own leaves say by now."""
    beside = merkle.Tree(digest)
    for _, case, seq, head in islice(kept(), outside.size):
        beside.push(merkle.leaf_hash(digest, sequence.leaf_data(case, seq, head)))
    if beside.size == 0:
        return []  # the checkpoint was handed out alone
    if beside.size < outside.size or beside.root() != outside.root:
        return ["检查点旁的存证序列文件与检查点不符，没有用来比对"]
    leaves_ = islice(kept(), outside.size)
    while batch := list(islice(leaves_, TOGETHER)):
        there = _hashes(connection, [(case, seq) for _, case, seq, _ in batch])
        lost = [case for _, case, seq, _ in batch if case and (case, seq) not in there]
        away = _archived_ends(connection, lost)
        for _, case, seq, head in batch:
            if (
                (case, seq) not in there
                and case in away
                and (away[case] == (seq, head) or seq < away[case][0])
            ):
                continue  # the case left for an archive; its last leaf is the end it left with
            if there.get((case, seq)) != head and len(report.breaks) < MOST_NAMED:
                report.broken(case or OFFICE, seq, _missing(seq) if (case, seq) not in there else REWRITTEN)
    return []


def _hashes(connection: sa.Connection, wanted: list[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    pairs = orjson.dumps([{"case": case, "seq": seq} for case, seq in wanted if case]).decode()
    query = _PAIRS_POSTGRESQL if connection.dialect.name == "postgresql" else _PAIRS_SQLITE
    found = {(row[0], row[1]): bytes(row[2]) for row in connection.execute(query, {"pairs": pairs})}
    office = [seq for case, seq in wanted if not case]
    if office:
        of_office = sa.select(office_facts.c.seq, office_facts.c.hash).where(office_facts.c.seq.in_(office))
        found |= {("", row.seq): row.hash for row in connection.execute(of_office)}
    return found


def _archived_ends(connection: sa.Connection, ids: list[str]) -> dict[str, tuple[int, bytes]]:
    """Of those cases that are in an archive: number of facts and last hash, as `cases` keeps them."""
    if not ids:
        return {}
    query = sa.select(cases.c.id, cases.c.seq, cases.c.head).join(archived, archived.c.case == cases.c.id)
    return {row.id: (row.seq, row.head) for row in connection.execute(query.where(cases.c.id.in_(ids)))}


def _missing(seq: int) -> str:
    return f"曾登记到第 {seq} 条，现在没有这一条：末尾被删或整个案件被删"


_PAIRS_SQLITE = sa.text(
    'SELECT f."case", f.seq, f.hash FROM json_each(:pairs) AS k CROSS JOIN facts AS f '
    "WHERE f.\"case\" = json_extract(k.value, '$.case') AND f.seq = json_extract(k.value, '$.seq')"
)
_PAIRS_POSTGRESQL = sa.text(
    'SELECT f."case", f.seq, f.hash FROM json_to_recordset(CAST(:pairs AS json)) AS k("case" text, seq int) '
    'JOIN facts AS f ON f."case" = k."case" AND f.seq = k.seq'
)

REWRITTEN = "与存证序列不符：这一条或它之前的记录被整个改写"


def _leaves_name_facts(connection: sa.Connection, report: Report) -> None:
    """Each leaf names a fact that is there with just that hash. The database compares; the hashes themselves were recomputed
    before. Of each chain the first leaf that does not fit is named."""
    for row in _unfitting(connection):
        if len(report.breaks) >= MOST_NAMED:
            return
        report.broken(row.case or OFFICE, row.seq, _missing(row.seq) if row.hash is None else REWRITTEN)


def _archives_are_witnessed(connection: sa.Connection, report: Report) -> None:
    """Each archive has its office fact; of each case in one the last leaf is the end that stays in `cases`, and no fact stays."""
    witnessed = sa.select(office_facts.c.subject).where(office_facts.c.kind == "CasesArchived")
    unknown = sa.select(archived.c.case).where(archived.c.archive.not_in(witnessed)).order_by(archived.c.case)
    for case in connection.execute(unknown.limit(MOST_NAMED)).scalars():
        report.broken(case, 0, "登记为已封存，但没有封存的内务记录")
    last = sa.select(sa.func.max(leaves.c.seq)).where(leaves.c.case == cases.c.id).scalar_subquery()
    there = sa.exists().where(
        leaves.c.case == cases.c.id, leaves.c.seq == cases.c.seq, leaves.c.head == cases.c.head
    )
    unlike = (
        sa.select(cases.c.id, cases.c.seq)
        .join(archived, archived.c.case == cases.c.id)
        .where(sa.or_(~there, last != cases.c.seq))
        .order_by(cases.c.id)
    )
    for row in connection.execute(unlike.limit(MOST_NAMED)):
        report.broken(row.id, row.seq, "已封存的案件，案件登记的末尾与存证序列不符")
    report.away = connection.execute(sa.select(sa.func.count()).select_from(archived)).scalar_one()


def _unfitting(connection: sa.Connection) -> Iterator[Any]:
    of_case = sa.and_(facts.c.case == leaves.c.case, facts.c.seq == leaves.c.seq)
    query = (
        sa.select(leaves.c.case, leaves.c.seq, facts.c.hash)
        .select_from(leaves.outerjoin(facts, of_case))
        .where(leaves.c.case != "", sa.or_(facts.c.hash.is_(None), facts.c.hash != leaves.c.head))
        .where(~sa.exists().where(archived.c.case == leaves.c.case))
        .order_by(leaves.c.position)
        .limit(10 * MOST_NAMED)
    )
    yield from connection.execute(query)
    of_office = (
        sa.select(leaves.c.case, leaves.c.seq, office_facts.c.hash)
        .select_from(leaves.outerjoin(office_facts, office_facts.c.seq == leaves.c.seq))
        .where(
            leaves.c.case == "", sa.or_(office_facts.c.hash.is_(None), office_facts.c.hash != leaves.c.head)
        )
        .order_by(leaves.c.position)
        .limit(1)
    )
    yield from connection.execute(of_office)


_roots = sa.select(checkpoints.c.size, checkpoints.c.root).order_by(checkpoints.c.number)
