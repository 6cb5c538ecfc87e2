"""管理: units, people, responsibilities, the working calendar."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, render_template, request

from engine.directory import ANY, KINDS
from engine.runtime import evidence_rules, reminders
from engine.runtime.file_kinds import KINDS as KINDS_OF_FILES
from web.admin import queries
from web.context import the_channels, the_engine, who
from web.identity import may

blueprint = Blueprint("admin", __name__, template_folder="templates", url_prefix="/admin")


def _roles() -> dict[str, str]:
    """Role key → title, from the newest packages."""
    return {r.key: r.title for p in the_engine().newest_all() for r in p.roles.values()}


@blueprint.get("/units")
@may("office")
def units() -> str:
    """单位。"""
    directory = the_engine().directory()
    chosen = directory.units.get(request.args.get("unit", ""))
    return render_template(
        "admin/units.html",
        units=list(directory.units.values()),
        chosen=chosen,
        kinds=KINDS,
        adding="new" in request.args,
    )


@blueprint.get("/people")
@may("office")
def people() -> str:
    """人员与岗位。"""
    directory = the_engine().directory()
    rows = [(p, directory.posts_of(p.id)) for p in directory.people.values()]
    chosen = directory.people.get(request.args.get("person", ""))
    return render_template(
        "admin/people.html", rows=rows, chosen=chosen, posts=directory.posts_of(chosen.id) if chosen else [], roles=_roles(),
        units=[u for u in directory.units.values() if u.active], adding="new" in request.args,
    )  # fmt: skip


@blueprint.get("/responsibilities")
@may("office")
def responsibilities() -> str:
    """职责库。"""
    directory = the_engine().directory()
    return render_template(
        "admin/responsibilities.html", lines=directory.responsibilities, roles=_roles(), any=ANY,
        units=[u for u in directory.units.values() if u.active],
        sectors=sorted({r.sector for r in directory.responsibilities}), regions=[u.id for u in directory.units_of_kind("属地")],
    )  # fmt: skip


@blueprint.get("/calendar")
@may("office")
def calendar() -> str:
    """工作日历。"""
    with the_engine().read() as c:
        found = queries.calendar(c)
    years = sorted({d["day"].year for d in found["days"]} | {y["year"] for y in found["years"]}, reverse=True)
    wanted = request.args.get("year", "")
    year = int(wanted) if wanted.isdecimal() and len(wanted) == 4 else the_engine().now().year
    return render_template(
        "admin/calendar.html",
        found=found,
        years=years,
        year=year,
        days=[d for d in found["days"] if d["day"].year == year],
    )


@blueprint.get("/reminders")
@may("office")
def reminders_sent() -> str:
    """提醒：每日汇总、渠道、没有送达的。"""
    with the_engine().read() as c:
        return render_template(
            "admin/reminders.html",
            plan=reminders.plan(c),
            channels=list(the_channels().values()),
            page=queries.undelivered(c, after=request.args.get("after", "")),
        )


@blueprint.get("/evidence")
@may("office")
def evidence() -> str:
    """佐证设置：类型、大小、照片比对的界限。"""
    with the_engine().read() as c:
        rules = evidence_rules.read(c)
    return render_template(
        "admin/evidence.html",
        rules=asdict(rules),
        defaults=asdict(evidence_rules.EvidenceRules()),
        limits=evidence_rules.LIMITS,
        kinds=KINDS_OF_FILES,
    )


@blueprint.get("/account")
@may("signed_in")
def account() -> str:
    """本人：密码、令牌、提醒。"""
    with the_engine().read() as c:
        return render_template(
            "admin/account.html",
            tokens=queries.tokens_of(c, who().person),
            contacts=queries.contacts(c, who().person),
            ways=reminders.WAYS,
            sent=queries.deliveries(c, who().person, limit=10).rows,
        )
