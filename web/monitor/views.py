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
    with the_engine().read() as c:
        days = queries.stalled_days(c)
        rows = queries.stuck(c, who(), days=days)
    counts = queries.counts(rows)
    if reason in queries.REASONS:
        rows = [r for r in rows if any(x["kind"] == reason for x in r["reasons"])]
    return render_template(
        "monitor/index.html", rows=rows, counts=counts, reason=reason, reasons=queries.REASONS, days=days
    )
