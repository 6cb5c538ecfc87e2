"""隐患台账: the register, its export, starting a case, importing an older ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, render_template, request

from engine.errors import NotFound
from web import discretion, present, starts
from web.context import the_engine, the_moment, the_packages, who
from web.identity import may
from web.register import ledger, queries

blueprint = Blueprint("register", __name__, template_folder="templates")

MOST_EXPORTED = 20_000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _filter() -> queries.Filter:
    a = request.args
    names = ("q", "package", "region", "sector", "status", "state", "stock")
    return queries.Filter(
        **{n: a.get(n, "").strip()[:100] for n in names}, overdue=a.get("overdue") in ("1", "on", "true")
    )


@blueprint.get("/register")
@may("signed_in")
def index() -> str:
    """隐患台账。"""
    engine, me, chosen = the_engine(), who(), _filter()
    with engine.read() as c:
        now = the_moment(c).now
        the_packages(c)
        return render_template(
            "register/index.html",
            f=chosen,
            page=queries.cases(c, me, chosen, now, after=request.args.get("after", "")),
            total=queries.total(c, me, chosen, now),
            most_counted=queries.MOST_COUNTED,
            options=queries.options(c, me, now),
            titles={p.key: p.title for p in the_packages()},
            starts=starts.open_to(me),
        )


@blueprint.get("/register/export.xlsx")
@may("signed_in")
def export() -> Response:
    """导出台账。"""
    from web.register.export import workbook  # needs a large library, which only this page needs

    engine, me, chosen = the_engine(), who(), _filter()
    now = engine.now()
    # A file that leaves the house never says that somebody reported, whoever asks for it.
    abroad = replace(discretion.of(me), reports=False)
    rows: list[dict[str, Any]] = []
    after = ""
    with engine.read() as c:
        while len(rows) < MOST_EXPORTED:
            page = queries.cases(c, me, chosen, now, after=after, limit=200)
            rows += [abroad.case(r) for r in page.rows]
            after = page.next
            if not after:
                break
    columns: dict[str, str] = {}
    holding: dict[str, str] = {}
    for package in engine.newest_all():
        if not chosen.package or package.key == chosen.package:
            columns |= dict(queries.columns_of(package.register))
            holding |= present.chosen_of_directory(package.forms.values())
    headers = [
        "案件编号",
        "名称",
        "状态",
        "办理情况",
        "当前持有",
        "期限",
        "是否超期",
        "立案时间",
        "结束时间",
        *columns.values(),
    ]
    body = (
        [
            r["number"], r["title"], r["status"], present.CASE_STATES.get(r["state"], r["state"]), "、".join(r["holders"]),
            r["deadline"], r["overdue"], present.moment(r["started_at"]), present.moment(r["ended_at"]),
            *(present.named(r["register"].get(k), holding.get(k, "")) for k in columns),
        ]
        for r in rows
    )  # fmt: skip
    note = f"导出人：{me.name}（{me.unit}）　导出时间：{present.moment(now)}　共 {len(rows)} 条"
    data = workbook("隐患台账", note, headers, body)
    name = f"ledger-{present.day(now)}.xlsx"
    return Response(
        data,
        content_type=_XLSX,
        headers={
            "Content-Disposition": f"attachment; filename={name}; filename*=UTF-8''%E9%9A%90%E6%82%A3%E5%8F%B0%E8%B4%A6-{present.day(now)}.xlsx"
        },
    )


@blueprint.get("/register/new")
@may("signed_in")
def new() -> str:
    """登记：选择入口。"""
    return render_template("register/new.html", starts=starts.open_to(who()))


@blueprint.get("/register/new/<string:package>/<string:start>")
@may("signed_in")
def begin(package: str, start: str) -> str:
    """登记：填表。"""
    found = starts.form_of(who(), package, start)
    props = {
        "schema": found["schema"],
        "data": found["data"],
        "submitUrl": "/api/v1/cases",
        "filesUrl": "/api/v1/files",
        "nextUrl": "/cases/{case}",
        "readonly": False,
        "submitLabel": "登记",
        "extra": {"package": package, "start": start},
    }
    return render_template("register/begin.html", found=found, props=props)


@blueprint.get("/register/import")
@may("office")
def bring_in() -> str:
    """导入历史台账：选择文件，预览，确认。"""
    packages = [p for p in the_engine().newest_all() if starts.starts_of(p)]
    file, package = request.args.get("file", ""), request.args.get("package", "")
    made, before = None, set[int]()
    if file:
        if not any(p.key == package for p in packages):
            if len(packages) != 1:
                raise NotFound("请选择要导入到哪个流程。")
            package = packages[0].key
        made, before = ledger.preview(who(), file, package)
    return render_template(
        "register/import.html", packages=packages, file=file, package=package, made=made, before=before
    )
