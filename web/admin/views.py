"""管理: units, people, who is away, handing over, responsibilities, the working calendar."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, make_response, render_template, request, send_file

from engine.clock import SHANGHAI
from engine.directory import ANY, KINDS, Absence, Directory
from engine.errors import NotFound
from engine.runtime import absences, evidence_rules, handover, reminders
from engine.runtime.file_kinds import KINDS as KINDS_OF_FILES
from engine.runtime.handover import RESULTS
from web.admin import queries
from web.cells import Head, Line
from web.context import the_channels, the_engine, the_moment, who
from web.identity import may
from web.present import day, person_name, unit_name

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
    alone: tuple[int, list[handover.Line]] = (0, [])
    if chosen is not None and chosen.active:
        with the_engine().read() as c:
            alone = handover.left_alone(c, directory, handover.without(directory, unit=chosen.id))
    return render_template(
        "admin/units.html",
        units=list(directory.units.values()),
        chosen=chosen,
        kinds=KINDS,
        adding="new" in request.args,
        alone=alone[0],
        lines=alone[1],
        roles=_roles(),
    )


@blueprint.get("/people")
@may("office")
def people() -> str:
    """人员与岗位。"""
    directory = the_engine().directory()
    rows = [(p, directory.own_posts(p.id)) for p in directory.people.values()]
    chosen = directory.people.get(request.args.get("person", ""))
    more: dict[str, Any] = {"alone": 0, "lines": [], "in_hand": 0}
    if chosen is not None and chosen.active:
        with the_engine().read() as c:
            count, lines = handover.left_alone(c, directory, handover.without(directory, person=chosen.id))
            in_hand = len(handover.in_hand(c, chosen.id, directory))
        more = {"alone": count, "lines": lines, "in_hand": in_hand} | _away(
            chosen.id, directory, by_office=True
        )
    return render_template(
        "admin/people.html", rows=rows, chosen=chosen, posts=directory.own_posts(chosen.id) if chosen else [], roles=_roles(),
        units=[u for u in directory.units.values() if u.active], adding="new" in request.args, coming=_coming(directory), **more,
    )  # fmt: skip


def _coming(directory: Directory) -> dict[str, list[Absence]]:
    """Present and coming absences by person."""
    found: dict[str, list[Absence]] = {}
    for absence in directory.absences:
        found.setdefault(absence.person, []).append(absence)
    return found


def _away(person: str, directory: Directory, *, by_office: bool) -> dict[str, Any]:
    """What the form of absences shows of a person: those entered, and who may stand in somewhere."""
    units = dict.fromkeys(u for _, u in directory.own_posts(person))
    may_stand_in = [
        (p, "、".join(dict.fromkeys(directory.units[u].name for _, u in directory.own_posts(p.id))))
        for p in directory.people.values()
        if p.active
        and p.id != person
        and any(not absences.why_not(directory, u, p.id, by_office=by_office) for u in units)
    ]
    return {
        "absences": [a for a in directory.absences if a.person == person],
        "colleagues": may_stand_in,
        "today": the_moment().now.astimezone(SHANGHAI).date(),
        "post_to": f"/api/v1/directory/people/{quote(person, safe='')}/absences"
        if by_office
        else "/api/v1/directory/my-absences",
        "delete_from": "/api/v1/directory/absences" if by_office else "/api/v1/directory/my-absences",
    }


@blueprint.get("/people/<string:person>/handover")
@may("office")
def hand_over(person: str) -> str:
    """移交其名下事项。"""
    directory = the_engine().directory()
    found = directory.people.get(person)
    if found is None:
        raise NotFound("没有这个人员。")
    with the_engine().read() as c:
        lines = handover.in_hand(c, person, directory)
    wanted = {line.role for line in lines if not handover.of_another(line, person)}
    successors = [
        (p, "、".join(dict.fromkeys(directory.units[u].name for _, u in directory.own_posts(p.id))))
        for p in directory.people.values()
        if p.id != person
        and wanted <= {r for r, _ in directory.own_posts(p.id)}
        and directory.absence_of(p.id) is None
    ]
    return render_template(
        "admin/handover.html", person=found, lines=lines, successors=successors, roles=_roles()
    )


@blueprint.get("/handovers")
@may("office")
def handovers() -> str:
    """办理过的移交。"""
    with the_engine().read() as c:
        return render_template("admin/handovers.html", rows=queries.handovers(c))


@blueprint.get("/handovers/<string:handover>")
@may("office")
def handed_over(handover: str) -> Response:
    """交接清单：可以打印、签字。办理中每两秒刷新。"""
    with the_engine().read() as c:
        asked, lines = queries.handover(c, handover)
    page = make_response(
        render_template("admin/handed_over.html", asked=asked, lines=lines, results=RESULTS, roles=_roles())
    )
    if asked["done_at"] is None:
        page.headers["Refresh"] = "2"
    return page


@blueprint.get("/handovers/<string:handover>/list.xlsx")
@may("office")
def handover_workbook(handover: str) -> Response:
    """交接清单（xlsx）。"""
    from web.sheet import write  # needs a large library, which only workbooks need

    with the_engine().read() as c:
        asked, lines = queries.handover(c, handover)
    roles = _roles()
    heads = [
        Head("序号", width=6, kind="number"), Head("案件编号", width=24), Head("案件", width=36), Head("事项", width=18),
        Head("岗位", width=30), Head("时限", width=12, kind="date"), Head("办理结果", width=30),
    ]  # fmt: skip
    body = [
        Line([
            x["position"], x["number"], x["title"], _listed(x), f"{unit_name(x['unit'])} · {roles.get(x['role'], x['role'])}",
            x["due"], "：".join(t for t in (RESULTS[x["result"]], x["said"]) if t),
        ])
        for x in lines
    ]  # fmt: skip
    signed = Line(["移交人：", None, "接手人：", None, "监交人：", None, "日期："], plain=True)
    to = person_name(asked["successor"]) if asked["successor"] else "（退回岗位）"
    note = (
        f"移交人：{person_name(asked['person'])}　　接手人：{to}　　移交日期：{day(asked['at'])}　　"
        f"共 {len(lines)} 件　　事由：{asked['reason']}　　经办：{asked['asked_name']}"
    )
    out = io.BytesIO()
    write(out, "工作交接清单", note, heads, [*body, Line([], plain=True), signed], paper="A4")
    out.seek(0)
    return send_file(
        out,
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        as_attachment=True,
        download_name=f"工作交接清单-{person_name(asked['person'])}.xlsx",
    )


def _listed(line: dict[str, str]) -> str:
    """The item's name with what is said of it: who does it for whom 代, and that its case is suspended 挂起."""
    said = [f"{person_name(line['holder'], line['behalf'])}办"] if line["behalf"] else []
    said += ["案件挂起"] if line["suspended"] else []
    return line["name"] + (f"（{'，'.join(said)}）" if said else "")


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
    """本人：离岗与替岗、密码、令牌、提醒。"""
    me, directory = who(), the_engine().directory()
    with the_engine().read() as c:
        return render_template(
            "admin/account.html",
            tokens=queries.tokens_of(c, me.person),
            contacts=queries.contacts(c, me.person),
            ways=reminders.WAYS,
            sent=queries.deliveries(c, me.person, limit=10).rows,
            posts=me.own_posts,
            roles=_roles(),
            name=me.name,
            standing=me.standing,
            **_away(me.person, directory, by_office=False),
        )
