"""Processes and their versions 流程与版本, and the drafts in work."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engine.definitions import compare
from engine.definitions.model import Package
from engine.errors import NotFound
from engine.store import tables as t
from engine.values import plain
from web.context import the_engine

_p = t.packages
_columns = (_p.c.hash, _p.c.key, _p.c.version, _p.c.title, _p.c.published_at, _p.c.published_by, _p.c.note)


def packages(c: sa.Connection) -> list[dict[str, Any]]:
    """The newest version of every process, with how many cases run."""
    newest = sa.select(_p.c.key, sa.func.max(_p.c.version).label("version")).group_by(_p.c.key).subquery()
    statement = sa.select(*_columns).join(
        newest, sa.and_(newest.c.key == _p.c.key, newest.c.version == _p.c.version)
    )
    k = t.cases
    counts: dict[tuple[str, str], int] = {}
    for r in c.execute(
        sa.select(k.c.package_key, k.c.state, sa.func.count().label("n")).group_by(k.c.package_key, k.c.state)
    ):
        counts[r.package_key, r.state] = r.n
    return [
        dict(r._mapping) | {"open": counts.get((r.key, "open"), 0) + counts.get((r.key, "suspended"), 0)}
        for r in c.execute(statement.order_by(_p.c.title))
    ]


def versions(c: sa.Connection, key: str) -> list[dict[str, Any]]:
    """All versions of a process, newest first, with how many open cases each still carries."""
    k = t.cases
    running = (
        sa.select(sa.func.count())
        .where(k.c.package == _p.c.hash, k.c.state.in_(("open", "suspended")))
        .correlate(_p)
        .scalar_subquery()
    )
    rows = c.execute(
        sa.select(*_columns, running.label("open")).where(_p.c.key == key).order_by(_p.c.version.desc())
    )
    found = [dict(r._mapping) for r in rows]
    if not found:
        raise NotFound("没有这个流程。")
    return found


def version(c: sa.Connection, key: str, which: str) -> dict[str, Any]:
    """One version by its hash, its number, or `newest`."""
    statement = sa.select(*_columns).where(_p.c.key == key)
    if which == "newest":
        statement = statement.order_by(_p.c.version.desc()).limit(1)
    elif which.isdecimal() and len(which) < 9:
        statement = statement.where(_p.c.version == int(which))
    else:
        statement = statement.where(_p.c.hash == which)
    row = c.execute(statement).first()
    if row is None:
        raise NotFound("没有这个流程版本。")
    return dict(row._mapping)


def contents(package: Package) -> dict[str, Any]:
    """What a version consists of, as data."""
    return {
        "owner": package.owner,
        "main": package.main,
        "files": [{"path": p, "size": len(d)} for p, d in sorted(package.files.items())],
        "processes": [{"key": p.key, "name": p.name, "file": p.file} for p in package.processes.values()],
        "forms": [{"key": f.key, "title": f.schema.get("title") or f.key} for f in package.forms.values()],
        "decisions": sorted(package.decisions),
        "roles": [{"key": r.key, "title": r.title} for r in package.roles.values()],
        "parameters": [
            {"key": x.key, "title": x.title, "value": plain(x.value), "unit": x.unit, "source": x.source}
            for x in package.parameters.values()
        ],
        "actions": [
            {"key": a.key, "title": a.title, "roles": list(a.roles), "form": a.form}
            for a in package.actions.values()
        ],
        "starts": [
            {"start": k, "title": s.title, "roles": list(s.roles), "form": s.form}
            for k, s in package.starts.items()
        ],
    }


def draft(c: sa.Connection, key: str, person: str) -> Any:
    """The person's own draft of a process; None without one."""
    d = t.drafts
    return c.execute(sa.select(d).where(d.c.package_key == key, d.c.person == person)).first()


def newest_or_none(key: str) -> Package | None:
    """The version in force; None before the first."""
    try:
        return the_engine().newest(key)
    except NotFound:
        return None


def differences(old: Package | None, new: Package) -> list[str]:
    """What a version changes, as sentences for the person who publishes. `old` None: the first version."""
    if old is None:
        return [
            f"首次发布“{new.title}”：{len(new.processes)} 个流程、{len(new.forms)} 张表单、{len(new.parameters)} 个参数"
        ]
    return compare.changes(old, new) if old.hash != new.hash else []
