"""Who sees which cases: the rule as it was first written, on its rows, against what lists and pages go by now."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import g

from engine import commands as c
from engine.commands import ENGINE, Actor
from engine.directory import ANY, Directory, Person, Post, Responsibility, Unit
from engine.errors import EngineError
from engine.handlers.visibility import sees_all
from engine.runtime import office
from engine.runtime.relay import relay
from engine.store import tables as t
from tests import stores
from tests.web.builder import KEY, Site
from web import sight
from web.identity import Who, levels_of
from web.monitor import queries as monitor
from web.register import queries as register

pytestmark = stores.both

REGIONS = ("上海庙镇", "城川镇", "昂素镇")
SECTORS = ("煤矿", "建筑施工", "燃气")
ENTERPRISES = ("一号煤矿", "二号工地")


def as_first_written(who: Who, directory: Directory) -> sa.ColumnElement[bool]:
    """The condition on `cases` in its plainest words: every row is looked at, the beginning is read from the facts."""
    if sees_all(who.actor, directory):
        return sa.true()
    items, facts, cases, units = t.work_items, t.facts, t.cases, list(who.units)
    ways: list[sa.ColumnElement[bool]] = [
        sa.exists()
        .where(items.c.case == cases.c.id)
        .where(sa.or_(items.c.unit.in_(units), items.c.person == who.person, items.c.closed_by == who.person))
        .correlate(cases),
        sa.exists()
        .where(facts.c.case == cases.c.id, facts.c.seq == 1)
        .where(sa.or_(facts.c.person == who.person, sa.and_(facts.c.person != "", facts.c.unit.in_(units))))
        .correlate(cases),
        cases.c.party.in_(units),
        cases.c.region.in_(units),
    ]
    copies = t.copies
    to_a_post = [sa.and_(copies.c.unit == unit, copies.c.role.in_(("", role))) for role, unit in who.posts]
    ways.append(
        sa.exists()
        .where(copies.c.case == cases.c.id, sa.or_(copies.c.person == who.person, *to_a_post))
        .correlate(cases)
    )
    for role, unit in who.posts:
        for sector in (*SECTORS, ""):
            for region in (*REGIONS, ""):
                line = directory.responsible(role, sector, region)
                if line is not None and line[0] == unit:
                    ways.append(sa.and_(cases.c.sector == sector, cases.c.region == region))
    return sa.or_(*ways)


def random_directory(dice: random.Random) -> Directory:
    """The test office with posts and responsibilities dealt anew; some people have several posts, some none."""
    kinds = {
        "安委办": "安委办",
        "能源局": "督办部门",
        "住建局": "督办部门",
        "应急局": "督办部门",
        "纪检组": "审计",
    }
    units = [Unit(name, name, kind) for name, kind in kinds.items()]
    units += [Unit(name, name, "属地") for name in REGIONS] + [
        Unit(name, name, "企业") for name in ENTERPRISES
    ]
    people = {p: Person(p, p, p) for p in ("wang", "li", "zhao", "qimuge", "liu", "mutu", "gao", "sun", "ji")}
    posts = {Post("zhao", "安委办", "AWB"), Post("ji", "纪检组", "SJ"), Post("wang", "能源局", "DB")}
    posts |= {Post("gao", ENTERPRISES[0], "QY"), Post("sun", ENTERPRISES[1], "QY")}
    for person in ("wang", "li", "liu", "mutu", "gao", "sun"):
        for _ in range(dice.randrange(3)):
            unit = dice.choice(units[1:])
            posts.add(Post(person, unit.id, dice.choice(("DB", "AWB", "SD", "QY"))))
    lines = {
        (sector, region, role): Responsibility(sector, region, role, dice.choice(units[1:4]).id, "试验")
        for sector in (ANY, *SECTORS)
        for region in (ANY, *REGIONS)
        for role in ("DB", "SD")
        if dice.random() < 0.3
        or (region, role) == (REGIONS[0], "SD")  # a form offers the industries named here
    }
    return Directory({u.id: u for u in units}, people, tuple(sorted(posts)), tuple(lines.values()))


def look_around(site: Site, dice: random.Random) -> None:
    """Cases begun, taken, handed on, given back, finished and abandoned by whoever may."""
    people = list(site.engine.directory().people)
    cases: list[str] = []
    for _ in range(120):
        actor = Actor(dice.choice(people), "某人")
        try:
            if len(cases) < 12 and dice.random() < 0.5:
                form = {
                    "名称": "甲",
                    "企业": dice.choice(ENTERPRISES),
                    "行业": dice.choice(SECTORS),
                    "属地": dice.choice(REGIONS),
                }
                cases.append(site.engine.begin(c.StartCase(KEY, form, "S"), actor, package=KEY).case)
                continue
            if not cases:
                continue
            case = dice.choice(cases)
            items = list(site.engine.load(case).items.values())
            if not items:
                continue
            item = dice.choice(items)
            form = {"说明": "已核", "结论": "属实"} if item.element == "A" else {}
            site.engine.execute(
                dice.choice(
                    (
                        c.ClaimItem(case, item.id),
                        c.ClaimItem(case, item.id),
                        c.ReleaseItem(case, item.id, "另有任务"),
                        c.FinishItem(case, item.id, form),
                        c.FinishItem(case, item.id, form),
                        c.ReturnItem(case, item.id, "材料不齐"),
                        c.TransferItem(case, item.id, "由他办理", unit=dice.choice(("能源局", "住建局"))),
                        c.CancelCase(case, "重复登记"),
                        c.CopyCase(case, (dice.choice(people),)),
                        c.CopyCase(
                            case, (), (dice.choice(("@城川镇", "@应急局", "DB@能源局", "SD@昂素镇")),)
                        ),
                        c.MergeCase(case, dice.choice(cases), "同一隐患"),
                    )  # fmt: skip
                ),
                actor,
            )
        except EngineError:
            pass  # who may not, does not
    relay(site.engine, 1000)  # what merged cases say


def everybody(site: Site) -> Iterator[Who]:
    directory = site.engine.directory()
    for person in directory.people:
        posts = tuple(directory.posts_of(person))
        post = posts[0] if posts else ("", "")
        yield Who(person, person, person, posts, post, levels_of(posts, directory), "session")


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 12))])
def test_lists_and_pages_keep_the_rule(site: Site, seed: int) -> None:
    dice = random.Random(seed)
    office.load_directory(site.engine, random_directory(dice), ENGINE)
    look_around(site, dice)
    office.load_directory(
        site.engine, random_directory(dice), ENGINE
    )  # people change posts; what they did stays
    cases, met = t.cases, set[bool]()
    for who in everybody(site):
        with site.app.test_request_context(), site.engine.read() as connection:
            g.who = who
            directory = site.engine.directory()

            def ids(condition: sa.ColumnElement[bool], connection: sa.Connection = connection) -> set[str]:
                return set(connection.execute(sa.select(cases.c.id).where(condition)).scalars())

            right = ids(as_first_written(who, directory))
            met |= {case in right for case in ids(sa.true())}
            assert ids(sight.visible(who)) == right, who.person
            assert ids(sight.among(who)) == right, who.person
            one_by_one = {
                r.id for r in connection.execute(sa.select(cases)) if sight._sees(connection, who, r)
            }
            assert one_by_one == right, who.person
            every = register.Filter()
            now = site.engine.now()
            newest = sa.select(cases.c.id).order_by(cases.c.started_at.desc(), cases.c.id.desc())
            order = [case for case in connection.execute(newest).scalars() if case in right]
            listed: list[str] = []
            after = ""
            while True:
                page = register.cases(connection, who, every, now, after=after, limit=3)
                listed += [row["id"] for row in page.rows]
                after = page.next
                if not after:
                    break
            assert listed == order, who.person
            assert register.total(connection, who, every, now) == len(order)
            narrow = register.Filter(region=REGIONS[0])
            there = ids(sa.and_(cases.c.region == REGIONS[0], as_first_written(who, directory)))
            assert {r["id"] for r in register.cases(connection, who, narrow, now).rows} == there
            assert {r["id"] for r in monitor.stuck(connection, who, days=1).rows} <= right
    assert met == {True, False}
