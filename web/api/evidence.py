"""Evidence 佐证: the office's rules, and hints at false fixes for those who review."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.commands import JudgeHint
from engine.errors import InputInvalid
from engine.runtime import evidence_rules
from web.api import Room, schemas
from web.api.base import act
from web.case import evidence
from web.context import the_engine, who
from web.identity import may
from web.look import look
from web.sight import case_row

room = Room("api_evidence", __name__, url_prefix="", description="佐证")


@room.route("/evidence/rules", methods=["GET"])
@room.response(200)
@may("signed_in")
def rules() -> dict[str, Any]:
    """可上传的类型、大小，以及照片比对的界限。"""
    with the_engine().read() as c:
        return asdict(evidence_rules.read(c))


@room.route("/evidence/rules", methods=["PUT"])
@room.arguments(schemas.EvidenceBody)
@room.response(200)
@may("office")
def set_rules(body: dict[str, Any]) -> dict[str, Any]:
    """修改佐证设置；没有给出的项不变。"""
    if not body:
        raise InputInvalid("请给出要修改的佐证设置，如 picture_mb、far_metres、kinds。")
    return asdict(evidence_rules.change(the_engine(), body, who().actor))


@room.route("/cases/<string:case>/hints", methods=["GET"])
@room.response(200)
@may("signed_in")
def hints(case: str) -> dict[str, Any]:
    """疑似虚假整改提示：只给复核的人看，提交照片的人看不到。"""
    with the_engine().read() as c:
        case_row(c, who(), case)
        return {"items": evidence.hints(c, who(), look(case, who().actor))}


@room.route("/cases/<string:case>/hints/<string:hint>", methods=["POST"])
@room.arguments(schemas.JudgeBody)
@room.response(200)
@may("signed_in")
def judge(body: dict[str, Any], case: str, hint: str) -> dict[str, Any]:
    """核实（confirmed）或排除（dismissed）一条提示，须写理由。"""
    with the_engine().read() as c:
        case_row(c, who(), case)
    return act(JudgeHint(case, hint, body["verdict"], body["reason"]))
