"""Older ledgers 历史台账: preview an uploaded workbook, then import all of it."""

from __future__ import annotations

from typing import Any

from web.api import Room, schemas
from web.context import who
from web.identity import may
from web.register import ledger

room = Room("api_ledger", __name__, url_prefix="/import-ledger", description="历史台账导入")


@room.route("/preview", methods=["GET"])
@room.arguments(schemas.ImportQuery, location="query")
@room.response(200)
@may("office")
def preview(query: dict[str, Any]) -> dict[str, Any]:
    """预览：每行会成为什么案件，哪些单元格读不懂及原因。什么也不写入。"""
    return ledger.as_data(ledger.preview(who(), query["file"], query["package"]))


@room.route("", methods=["POST"])
@room.arguments(schemas.ImportBody)
@room.response(201)
@may("office")
def confirm(body: dict[str, Any]) -> dict[str, Any]:
    """导入。从本系统导出的行更正原案件（seen 为预览给出的值），其余的行成为新案件。有读不懂或不能更正的内容时整批不导入，
    除非选择跳过。"""
    found = ledger.preview(who(), body["file"], body["package"])
    report = ledger.confirm(
        found,
        who().actor,
        seen=body["seen"],
        skip_bad_rows=body["skip_bad_rows"],
        skip_imported=body["skip_imported"],
    )
    return {
        "cases": {str(k): v for k, v in report.cases.items()},
        "imported": len(report.cases),
        "corrected": len(found.changed),
        "new_units": report.new_units,
        "left_out": report.left_out,
        "there_before": report.there_before,
    }
