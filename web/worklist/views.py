"""我的待办: what I have to do, what waits at my posts, what I have done and begun."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response, redirect, render_template, request

from engine.errors import InputInvalid
from web import starts
from web.context import the_engine, the_moment, the_packages, who
from web.counting import counted
from web.identity import Who, may
from web.worklist import begun, copied, limits, offered, queries, saved
from web.worklist import notices as messages
from web.worklist.wanted import OPEN, TABS, Wanted, read
from web.worklist.wants import wants

blueprint = Blueprint("worklist", __name__, template_folder="templates")


@blueprint.get("/worklist")
@may("signed_in")
def index() -> str | Response:
    """我的待办。"""
    me = who()
    with the_engine().read() as c:
        moment = the_moment(c)
        the_packages(c)
        set_ = limits.read(c)
        span = queries.Span(moment.now, limits.soon_until(moment, set_.soon_days))
        kept = saved.of(c, me.person)
        if not request.args and (query := _first(kept)):
            return redirect(f"/worklist?{query}")  # type: ignore[return-value]
        counts = queries.counts(c, me, span)
        usual = "mine" if counts["mine"] or not counts["unclaimed"] else "unclaimed"
        wanted = read(request.args, request.args.get("tab") or usual)
        if wanted.tab not in TABS:
            raise InputInvalid("没有这个页签。")
        page = _page(c, me, wanted, span)
        notices = messages.notices(c, me, limit=8)
    if wanted.tab in OPEN:
        for row in page.rows:
            row["wants"] = wants(row["package"], row["element"], row["form"])
            row["limit"] = counted(
                row["due"], moment.now, moment.calendar, soon=set_.soon_days,
                suspended=row["case_state"] == "suspended",
            )  # fmt: skip
    return render_template(
        "worklist/index.html",
        wanted=wanted,
        tabs=TABS,
        counts=counts,
        most_counted=queries.MOST_COUNTED,
        looked_through=queries.LOOKED_THROUGH,
        page=page,
        filters=offered.filters(me, wanted),
        together=offered.together(me, wanted.tab),
        kept=kept,
        limits=set_,
        notices=notices,
        starts=starts.open_to(me),
    )


def _page(c: sa.Connection, me: Who, wanted: Wanted, span: queries.Span) -> queries.Found:
    after = request.args.get("after", "")
    if wanted.tab == "copied":
        return copied.copies(c, me, wanted, after=after)
    if wanted.tab == "begun":
        return begun.cases(c, me, wanted, after=after)
    return queries.items(c, me, wanted, span, after=after)


def _first(kept: list[dict[str, object]]) -> str:
    """The filter that the page opens with; "" without one, or where it can no longer be understood."""
    query = next((str(one["query"]) for one in kept if one["first"]), "")
    try:
        return saved.wanted_of(query).query if query else ""
    except InputInvalid:
        return ""


@blueprint.get("/notices")
@may("signed_in")
def notices() -> str:
    """消息。"""
    with the_engine().read() as c:
        page = messages.notices(c, who(), after=request.args.get("after", ""), limit=50)
    return render_template("worklist/notices.html", page=page)
