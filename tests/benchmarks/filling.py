"""A province's worth of rows for the lists: cases, open and finished work items, in one statement a table.

What the lists read is there (cases, work items, deadlines, incidents, the directory); facts and snapshots are not, so no case
can be worked on. The rows are the same in both stores and in every run; a row's number decides everything in it.
"""

from __future__ import annotations

import sqlalchemy as sa

from engine.clock import FixedClock
from engine.commands import ENGINE, Actor
from engine.directory import Directory, Person, Post, Responsibility, Unit
from engine.runtime import office
from engine.runtime.engine import Engine
from engine.store import tables as t
from tests.engine.office_builder import MONDAY
from tests.web.hazards import hazard_files

DEPARTMENTS, TOWNS, ENTERPRISES = 40, 20, 600
WORKER, OFFICE, TOWN, ENTERPRISE, MEMBER = "wang", "zhao", "mutu", "gao", "p5"
"""People who look at lists: with posts in four departments; in the office; in a town; in an enterprise; in one department."""

WORKER_AT = (3, 8, 21, 34)
"""The departments the first of them has a post in."""

WORKERS_SHARE = 2000
"""Of so many items in a row a person with four posts has about a hundred and fifty, of open and of finished ones."""

FINISHED = 5
"""Finished work items for each open one."""


def directory() -> Directory:
    """40 departments, 20 towns, 600 enterprises and the office, somebody in each."""
    units = [Unit("安委办", "安委办", "安委办")]
    units += [Unit(f"第{n}监管局", f"第{n}监管局", "督办部门") for n in range(DEPARTMENTS)]
    units += [Unit(f"第{n}镇", f"第{n}镇", "属地") for n in range(TOWNS)]
    units += [Unit(f"第{n}煤矿", f"第{n}煤矿", "企业", parent=f"第{n % TOWNS}镇") for n in range(ENTERPRISES)]
    role = {"安委办": "AWB", "督办部门": "DB", "属地": "SD", "企业": "QY"}
    people = [Person(f"p{n}", f"p{n}", f"第{n}人") for n in range(len(units))]
    posts = [Post(p.id, u.id, role[u.kind]) for p, u in zip(people, units, strict=True)]
    people += [Person(WORKER, WORKER, "王建军"), Person(OFFICE, OFFICE, "赵立新")]
    people += [Person(TOWN, TOWN, "牧图"), Person(ENTERPRISE, ENTERPRISE, "高建军")]
    posts += [Post(WORKER, f"第{n}监管局", "DB") for n in WORKER_AT]
    posts += [Post(OFFICE, "安委办", "AWB"), Post(TOWN, "第7镇", "SD"), Post(ENTERPRISE, "第77煤矿", "QY")]
    lines = tuple(Responsibility(f"行业{n}", "*", "DB", f"第{n}监管局", "试验") for n in range(DEPARTMENTS))
    return Directory({u.id: u for u in units}, {p.id: p for p in people}, tuple(posts), lines)


def furnish(engine: Engine) -> None:
    """Calendar, directory and package. The clock stands at Monday 28 September 2026, 09:00."""
    assert isinstance(engine.clock, FixedClock) and engine.clock.at == MONDAY
    office.seed_calendar(engine, [2026], ENGINE)
    office.load_directory(engine, directory(), ENGINE)
    engine.publish(hazard_files(), Actor(OFFICE, "赵立新"), "试验")


def fill(engine: Engine, open_items: int) -> int:
    """Rows for `open_items` open work items and five times as many finished. Returns how many rows there are in all.

    As many cases as open items, every other of them ended; two open items a running case.
    """
    package = engine.newest_all()[0]
    with engine.database.write() as connection:
        sqlite = engine.database.is_sqlite
        if not sqlite:  # references and indexes are made at the end, in one go
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        tables = (t.cases, t.work_items, t.deadlines)
        indexes = [index for table in tables for index in table.indexes]
        for index in indexes:
            index.drop(connection)
        if not sqlite:
            connection.exec_driver_sql("DROP INDEX case_words_pairs")
        given = {"package": package.hash, "key": package.key}
        for statement in _statements(open_items, sqlite):
            connection.execute(sa.text(statement), given if ":package" in statement else {})
        for index in indexes:
            index.create(connection)
        if not sqlite:
            connection.exec_driver_sql(_PAIRS)
        count = sum(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables
        )
    if sqlite:
        with engine.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    else:
        with engine.database.glance() as connection:  # not in a transaction
            connection.exec_driver_sql("VACUUM ANALYZE cases, work_items, deadlines, case_words")
    return count


_PAIRS = "CREATE INDEX case_words_pairs ON case_words USING gin (duban_pairs(words))"
_WORDS = "INSERT INTO case_words SELECT id, concat_ws(chr(10), title, number, party) FROM cases"


def _statements(open_items: int, sqlite: bool) -> list[str]:
    """The inserts. `n` counts cases, `m` items; what should not go along with another thing is taken from a hash of it."""

    def at(minutes: str) -> str:
        if sqlite:
            return (
                f"strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', '2026-09-28 01:00', ({minutes}) || ' minutes')"
            )
        return f"timestamptz '2026-09-28 01:00+00' + ({minutes}) * interval '1 minute'"

    def mixed(number: str, parts: int) -> str:
        return f"(CAST({number} AS bigint) * 48271 % 2147483647 * 13 / 7 % {parts})"

    def by_kind(*said: str) -> str:  # departments hold six items of ten, towns and enterprises two each
        return "CASE WHEN m % 10 < 6 THEN {} WHEN m % 10 < 8 THEN {} ELSE {} END".format(*said)

    held = [mixed("m", number) for number in (DEPARTMENTS, TOWNS, ENTERPRISES)]
    unit = by_kind(
        *(f"'第' || {n} || '{name}'" for n, name in zip(held, ("监管局", "镇", "煤矿"), strict=True))
    )
    role = by_kind("'DB'", "'SD'", "'QY'")
    first = (1, 1 + DEPARTMENTS, 1 + DEPARTMENTS + TOWNS)  # as `directory` counts people
    member = by_kind(*(f"'p' || ({at} + {n})" for at, n in zip(first, held, strict=True)))

    def series(name: str, count: int, step: int = 1) -> str:
        if sqlite:
            return f"RECURSIVE g({name}) AS (SELECT 0 UNION ALL SELECT {name} + {step} FROM g WHERE {name} < {count - step})"
        return f"g({name}) AS (SELECT generate_series(0, {count - 1}, {step}))"

    def day(days: str) -> str:
        if sqlite:
            return f"date('2026-09-28', ({days}) || ' days')"
        return f"(date '2026-09-28' + CAST({days} AS integer))"

    hazards = ("备用通风机停用、瓦斯监测线路老化", "除尘系统未设置泄爆装置，粉尘清扫制度未落实", "深基坑未按专项方案支护，周边堆载超限",
               "危险货物运输车辆动态监控长期离线", "自动喷水灭火系统瘫痪，消防水泵不能启动", "在用压力容器超期未检且安全阀铅封缺失")  # fmt: skip
    hazard = "CASE n % 6 " + " ".join(f"WHEN {n} THEN '{said}'" for n, said in enumerate(hazards)) + " END"
    # As long as the office's own: the ledger's columns, half of them filled.
    register = f"""'{{"企业":"第' || {mixed("n + 7", ENTERPRISES)} || '煤矿","行业":"行业' || {mixed("n + 5", DEPARTMENTS)} || '","属地":"第'
        || {mixed("n + 3", TOWNS)} || '镇","名称":"' || {hazard} || '","部位":"1' || {mixed("n", 9000)}
        || '工作面","发现日期":"2026-09-01","来源渠道":"督导检查","整改期限":"2026-10-30","督办部门":"第' || {mixed("n + 9", DEPARTMENTS)}
        || '监管局","经费": 12.5,"销号日期": null,"备注":"停产整改，防控措施已落实，属地每日巡查。"}}'"""
    places = ", ".join(map(str, WORKER_AT))
    # What one person has in hand and has done is as much in a small office as in a large one: more than a page.
    share = max(5, open_items // WORKERS_SHARE)
    of_worker = f"m % 10 < 6 AND {mixed('m', DEPARTMENTS)} IN ({places}) AND m % {share} = 0"
    no = "false" if not sqlite else "0"
    nothing = "'\\x00'::bytea" if not sqlite else "x'00'"
    finished = open_items * FINISHED
    words = [] if sqlite else [_WORDS]  # PostgreSQL's triggers are off meanwhile
    # A running case has the even number; one that ended, the odd one. Two years of cases, spread evenly.
    began = f"-(CAST({open_items} - n AS bigint) * 1051200 / {open_items}) - 600"
    case = "'c' || CAST(100000000 + n AS text)"
    done_by = f"CASE WHEN {of_worker} THEN '{WORKER}' ELSE {member} END"
    # As `projection.by_number` would write it; like the instants, in no order with the units.
    numbered = "'鄂前安督字〔0000002026〕第' || CAST(1000000000 + n AS text) || '号'"
    return [
        f"""INSERT INTO cases (id, number, package, package_key, title, state, status, "end", region, sector, party, origin, deadline,
                register, started_at, ended_at, moved_at, seq, head, imported, started_by, started_unit, rung, supervisor, closed_on)
            WITH {series("n", open_items)}
            SELECT {case}, '鄂前安督字〔2026〕第' || n || '号', :package, :key, '第' || {mixed("n", 5000)} || '号工作面备用通风机停用、瓦斯监测线路老化',
                CASE n % 2 WHEN 0 THEN 'open' ELSE 'completed' END, CASE n % 2 WHEN 0 THEN '整改中' ELSE '已归档' END, '',
                '第' || {mixed("n + 3", TOWNS)} || '镇', '行业' || {mixed("n + 5", DEPARTMENTS)}, '第' || {mixed("n + 7", ENTERPRISES)} || '煤矿',
                '督导检查', {day("n % 150 - 30")}, {register}, {at(began)}, CASE n % 2 WHEN 0 THEN NULL ELSE {at(began + " + 500")} END,
                {at(began + " + 400")}, 40, {nothing}, {no}, 'p' || (1 + {mixed("n + 9", DEPARTMENTS)}), '第' || {mixed("n + 9", DEPARTMENTS)} || '监管局',
                CASE WHEN n % 20 = 0 THEN {mixed("n", 6)} ELSE 0 END, '第' || {mixed("n + 9", DEPARTMENTS)} || '监管局',
                CASE n % 2 WHEN 0 THEN NULL ELSE {day("-(n % 700)")} END
            FROM g""",
        *words,
        f"""INSERT INTO work_items ("case", item, element, name, form, state, unit, role, person, basis, due, offered_at, claimed_at,
                closed_at, closed_by, began, by_number)
            WITH {series("m", open_items)},
            h AS (SELECT m, m / 2 * 2 AS n FROM g)
            SELECT {case}, 100 + m % 2, 'A', '核实隐患情况', 'check', 'open', {unit}, {role},
                CASE WHEN {of_worker} THEN '{WORKER}' WHEN m % 5 < 2 THEN {member} ELSE '' END,
                '按职责库办理', CASE WHEN m % 10 = 9 THEN NULL ELSE {at("(" + mixed("m + 11", 20000) + ") - 1000")} END,
                {at(began + " + 300")}, NULL, NULL, '', {at(began)}, {numbered}
            FROM h""",
        f"""INSERT INTO work_items ("case", item, element, name, form, state, unit, role, person, basis, due, offered_at, claimed_at,
                closed_at, closed_by, began)
            WITH {series("m", finished)},
            h AS (SELECT m, m / {FINISHED} AS n FROM g)
            SELECT {case}, m % {FINISHED}, 'A', '核实隐患情况', 'check', 'finished', {unit}, {role}, {done_by},
                '按职责库办理', {at(began + " + 100")}, {at(began)}, {at(began + " + 10")}, {at(began + " + m % 97")}, {done_by}, {at(began)}
            FROM h""",
        f"""INSERT INTO deadlines ("case", deadline, element, name, owner, due)
            WITH {series("n", open_items, 2)}
            SELECT {case}, 1, 'A1', '逾期提醒', 100, {at(mixed("n + 13", 20000) + " + 60")} FROM g""",
    ]  # fmt: skip
