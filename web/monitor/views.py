"""监控: which case is stuck, who holds it, since when, why, and what happens next."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from web.context import the_engine, who
from web.identity import may
from web.monitor import queries

blueprint = Blueprint("monitor", __name__, template_folder="templates")


@blueprint.get("/monitor")
@may("signed_in")
def index() -> str:
    """监控。"""
    reason = request.args.get("reason", "")
    reason = reason if reason in queries.REASONS else ""
    with the_engine().read() as c:
        days = queries.stalled_days(c)
        found = queries.stuck(c, who(), reason=reason, days=days, after=request.args.get("after", ""))
    return render_template(
        "monitor/index.html",
        found=found,
        reason=reason,
        reasons=queries.REASONS,
        days=days,
        urges_a_day=the_engine().urges_a_day(),
        page=queries.PAGE,
    )
