"""审计: who did what and when, and the proof that nothing was changed since."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request

from engine.errors import InputInvalid
from web.audit import queries
from web.context import the_engine, who
from web.identity import may

blueprint = Blueprint("audit", __name__, template_folder="templates")


def _day(name: str) -> date | None:
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputInvalid("日期应写成 2026-10-08。") from None


@blueprint.get("/audit")
@may("auditor")
def index() -> str:
    """审计。"""
    a = request.args
    chosen = queries.Filter(
        case=a.get("case", "").strip()[:100], person=a.get("person", "").strip()[:100], kind=a.get("kind", "")[:40],
        since=_day("since"), until=_day("until"), technical="technical" in a,
    )  # fmt: skip
    with the_engine().read() as c:
        page = queries.facts(c, who(), chosen, after=a.get("after", ""))
    return render_template("audit/index.html", f=chosen, page=page, kinds=queries.kinds())


@blueprint.get("/audit/office")
@may("auditor")
def office() -> str:
    """内务记录。"""
    with the_engine().read() as c:
        page = queries.office_facts(c, after=request.args.get("after", ""))
    return render_template("audit/office.html", page=page)


@blueprint.get("/audit/verify")
@may("auditor")
def verify() -> str:
    """核验哈希链（只读）。"""
    return render_template("audit/verify.html", report=queries.verification())
