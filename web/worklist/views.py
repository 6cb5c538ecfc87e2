"""我的待办: what I have to do, what waits at my posts, and what I have done."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from engine.errors import InputInvalid
from web import starts
from web.context import the_engine, the_moment, the_packages, who
from web.identity import may
from web.worklist import queries

blueprint = Blueprint("worklist", __name__, template_folder="templates")


@blueprint.get("/worklist")
@may("signed_in")
def index() -> str:
    """我的待办。"""
    me = who()
    with the_engine().read() as c:
        now = the_moment(c).now
        the_packages(c)
        counts = queries.counts(c, me, now)
        tab = request.args.get("tab") or (
            "mine" if counts["mine"] or not counts["unclaimed"] else "unclaimed"
        )
        if tab not in queries.TABS:
            raise InputInvalid("没有这个页签。")
        page = queries.items(c, me, tab, now, after=request.args.get("after", ""))
        notices = queries.notices(c, me, limit=8)
    return render_template(
        "worklist/index.html",
        tab=tab,
        tabs=queries.TABS,
        counts=counts,
        most_counted=queries.MOST_COUNTED,
        page=page,
        notices=notices,
        starts=starts.open_to(me),
    )


@blueprint.get("/notices")
@may("signed_in")
def notices() -> str:
    """消息。"""
    with the_engine().read() as c:
        page = queries.notices(c, who(), after=request.args.get("after", ""), limit=50)
    return render_template("worklist/notices.html", page=page)
