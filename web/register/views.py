"""隐患台账: the register, its export, starting a case, importing an older ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import date
from typing import IO
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request

from engine.calendar import Moment
from engine.errors import InputInvalid, NotFound
from web import discretion, present, starts
from web.context import the_engine, the_moment, the_packages, who
from web.identity import Who, may
from web.register import columns, issued, ledger, light, lines, lists, queries

blueprint = Blueprint("register", __name__, template_folder="templates")

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _filter() -> queries.Filter:
    a = request.args
    names = (f.name for f in fields(queries.Filter) if f.name != "overdue")
    return queries.Filter(
        **{n: a.get(n, "").strip()[:100] for n in names}, overdue=a.get("overdue") in ("1", "on", "true")
    )


@blueprint.get("/register")
@may("signed_in")
def index() -> str:
    """隐患台账：清单。"""
    engine, me, chosen = the_engine(), who(), _filter()
    after = request.args.get("after", "")
    with engine.read() as c:
        moment = the_moment(c)
        packages = the_packages(c)
        page = queries.cases(c, me, chosen, moment.now, after=after)
        total, offered = queries.overview(c, me, chosen, moment.now, page, whole=not after)
        every = columns.offered(p for p in packages if chosen.package in ("", p.key))
        shown = columns.chosen(c, me.person, every)
    reader = discretion.of(me)
    rungs = {
        number: name for p in packages for number, name in enumerate(p.register.get("rungs", ())) if number
    }
    return render_template(
        "register/index.html",
        f=chosen,
        rows=lines.lines(map(reader.case, page.rows), packages, moment),
        next=page.next,
        total=total,
        most_counted=queries.MOST_COUNTED,
        options=offered,
        lights=light.LIGHTS,
        rungs=rungs,
        every=every,
        shown=shown,
        titles={p.key: p.title for p in packages},
        starts=starts.open_to(me),
    )


@blueprint.get("/register/export.xlsx")
@may("signed_in")
def export() -> Response:
    """导出台账：官方版式，layout=all 时为全部列；paper 为 A3 或 A4，横向。"""
    from web.register import export as exporting  # needs a large library, which only workbooks need

    engine, me, chosen = the_engine(), who(), _filter()
    everything, paper = request.args.get("layout") == "all", _paper()
    with engine.read() as c:
        packages, moment = the_packages(c), the_moment(c)

        def fill(out: IO[bytes]) -> None:
            exporting.export(out, c, me, chosen, packages, moment, every_column=everything, paper=paper)

        return _workbook(fill, "隐患台账", f"ledger-{present.day(moment.now)}.xlsx")


def _paper() -> str:
    asked = request.args.get("paper", "A3")
    if asked not in ("A3", "A4"):
        raise InputInvalid("纸张请选 A3 或 A4。", field="paper")
    return asked


def _workbook(fill: Callable[[IO[bytes]], None], title: str, name: str) -> Response:
    """A workbook, which is written to a file first: a failure on the way is an error, never half a workbook."""
    made = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the answer)
    try:
        fill(made)
    except BaseException:
        made.close()
        raise
    size = made.tell()
    made.seek(0)
    said = quote(f"{title}-{name.removesuffix('.xlsx').partition('-')[2]}.xlsx")
    answer = Response(_pieces(made), content_type=_XLSX)
    answer.call_on_close(made.close)
    answer.headers["Content-Disposition"] = f"attachment; filename={name}; filename*=UTF-8''{said}"
    answer.content_length = size
    return answer


def _pieces(made: IO[bytes]) -> Iterator[bytes]:
    with made:
        while piece := made.read(1 << 16):
            yield piece


@blueprint.get("/register/lists")
@may("signed_in")
def unit_list() -> str:
    """照单销号：一个单位的隐患清单，和已经出具的清单。"""
    engine, me = the_engine(), who()
    unit = request.args.get("unit", "").strip()[:200]
    with engine.read() as c:
        moment = the_moment(c)
        made = lists.of(c, me, unit, _days(moment), moment, the_packages(c)) if unit else None
        before = issued.shown(c, me, made.unit if made else "")
    issues = made is not None and made.rows and not made.more and issued.may_issue(me)
    return render_template(
        "register/list.html", made=made, unit=unit, units=lists.choices(me), issued=before, issues=issues
    )


@blueprint.get("/register/lists/<string:listed>")
@may("signed_in")
def issued_list(listed: str) -> str:
    """照单销号：一份出具的清单。"""
    with the_engine().read() as c:
        made = issued.of(c, who(), listed, the_moment(c), the_packages(c))
    return render_template("register/list.html", made=made)


@blueprint.get("/register/lists/<string:listed>/list.xlsx")
@may("signed_in")
def issued_list_workbook(listed: str) -> Response:
    """一份出具的清单，工作簿。"""
    me = who()
    with the_engine().read() as c:
        made = issued.of(c, me, listed, the_moment(c), the_packages(c))
    return _list_workbook(made, me)


@blueprint.get("/register/lists.xlsx")
@may("signed_in")
def unit_list_workbook() -> Response:
    """照单销号清单，工作簿。"""
    engine, me = the_engine(), who()
    unit = request.args.get("unit", "").strip()[:200]
    with engine.read() as c:
        moment = the_moment(c)
        found = lists.of(c, me, unit, _days(moment), moment, the_packages(c))
    return _list_workbook(found, me)


def _list_workbook(made: lists.UnitList, me: Who) -> Response:
    title, name = f"{made.name}隐患清单{made.number}", f"list-{made.until.isoformat()}.xlsx"
    return _workbook(lambda out: lists.write(out, made, me), title, name)


def _days(moment: Moment) -> tuple[date, date]:
    """First day and day of the list, from the address."""
    given = {name: request.args.get(name) or None for name in ("since", "date")}
    try:
        since, until = (date.fromisoformat(day) if day else None for day in given.values())
    except ValueError:
        raise InputInvalid("清单日期应写成 2026-09-28 的样子。", field="date") from None
    return lists.days_of(since, until, moment)


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
        "draftUrl": f"/api/v1/starts/{package}/{start}/draft",
        "endsDraft": True,
        "filesUrl": "/api/v1/files",
        "nextUrl": "/cases/{case}",
        "readonly": False,
        "submitLabel": "登记",
        "extra": {"package": package, "start": start},
    }
    registered = the_engine().newest(package).register
    likely = {
        "url": "/api/v1/register/similar",
        "package": package,
        "party": registered.get("party", ""),
        "region": registered.get("region", ""),
        "alike": list(registered.get("alike", ())),
    }
    return render_template("register/begin.html", found=found, props=props, likely=likely)


@blueprint.get("/register/import")
@may("office")
def bring_in() -> str:
    """导入历史台账：选择文件，预览，确认。"""
    packages = [p for p in the_engine().newest_all() if starts.starts_of(p)]
    file, package = request.args.get("file", ""), request.args.get("package", "")
    found = None
    if file:
        if not any(p.key == package for p in packages):
            if len(packages) != 1:
                raise NotFound("请选择要导入到哪个流程。")
            package = packages[0].key
        found = ledger.preview(who(), file, package)
    return render_template("register/import.html", packages=packages, file=file, package=package, found=found)
