"""What the API takes in: marshmallow fields that refuse in Chinese, and the bodies' schemas. Unknown fields are refused."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from engine.directory import KINDS
from engine.handlers.signing import WAYS as SIGNING_WAYS
from engine.handlers.work import SHORTEST_REASON
from engine.runtime.office import ACCOUNT
from engine.runtime.reminders import WAYS
from web.monitor.queries import REASONS

REQUIRED = "必填。"


class Text(fields.String):
    """Text of at most `longest` characters."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "不能为空。",
        "invalid": "应为文字。",
    }

    def __init__(self, longest: int = 200, *, shortest: int = 0, **more: Any) -> None:
        if shortest:
            rule = validate.Length(min=shortest, max=longest, error=f"请填写 {shortest} 到 {longest} 字。")
        else:
            rule = validate.Length(max=longest, error=f"不能超过 {longest} 字。")
        super().__init__(validate=rule, **more)


class Whole(fields.Integer):
    """A whole number within bounds, also written 5.0, as JSON Schema has it; true and false are none."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "不能为空。",
        "invalid": "应为整数。",
        "too_large": "数字过大。",
    }

    def __init__(self, least: int = 0, most: int = 2**31 - 1, **more: Any) -> None:
        super().__init__(validate=validate.Range(least, most, error=f"应在 {least} 到 {most} 之间。"), **more)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        short = isinstance(value, str) and len(value) <= 20  # of a query
        if isinstance(value, bool) or not (isinstance(value, int) or short):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **kwargs)


def reason() -> Text:
    """Why somebody does something; how much of it there must be is the engine's to say, which tells it in its own words."""
    return Text(4000, required=True, metadata={"pattern": rf"\S[\s\S]{{{SHORTEST_REASON - 2},}}\S"})


class YesNo(fields.Boolean):
    """True or false; numbers are neither."""

    default_error_messages = {
        "required": REQUIRED,
        "null": "不能为空。",
        "invalid": "应为 true 或 false。",
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **kwargs)


class Day(fields.Date):
    default_error_messages = {
        "required": REQUIRED,
        "null": "不能为空。",
        "invalid": "应为日期，如 2026-10-08。",
    }


class Instant(fields.AwareDateTime):
    default_error_messages = {
        "required": REQUIRED, "null": "不能为空。", "invalid": "应为带时区的时间，如 2026-10-08T18:00:00+08:00。",
        "invalid_awareness": "时间须带时区。",
    }  # fmt: skip


class Map(fields.Dict):
    default_error_messages = {
        "required": REQUIRED,
        "null": "不能为空。",
        "invalid": "应为对象。",
    }


class Many(fields.List[Any]):
    default_error_messages = {
        "required": REQUIRED,
        "null": "不能为空。",
        "invalid": "应为列表。",
    }


class Body(Schema):
    """A body or a query; what it does not name is refused."""

    error_messages = {"unknown": "不认识这一项。", "type": "应为对象。"}

    class Meta:
        unknown = RAISE


class Problem(Schema):
    """A refusal, as RFC 9457 has it: `code` is stable, `detail` a sentence, `errors` sentences by field, `reference` what the
    log calls something unforeseen."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = fields.Dict()
    findings = fields.List(fields.Dict())
    reference = fields.String()
    rows = fields.List(fields.Raw())
    locked_until = fields.String()


class Nothing(Body):
    """A write that needs no body."""


class PageQuery(Body):
    after = Text(500, load_default="", metadata={"description": "上一页的 next"})
    limit = Whole(1, 200, load_default=50)


class SignIn(Body):
    account = Text(100, required=True)
    password = Text(256, load_default="")
    demo = YesNo(load_default=False)


class PostChoice(Body):
    post = Text(260, required=True, metadata={"description": "ROLE@单位"})


class TokenName(Body):
    name = Text(100, shortest=1, required=True)


class PasswordChange(Body):
    old = Text(256, required=True)
    new = Text(256, required=True)


def drafted() -> fields.Integer:
    """The draft that a submitted form grew from, which ends with it."""
    said = "所依据草稿的 revision，提交后这份草稿不再保留；0 为没有"
    return Whole(0, 2**53, load_default=0, metadata={"description": said})


class StartBody(Body):
    package = Text(100, required=True)
    start = Text(100, load_default="")
    form = Map(keys=fields.String(), load_default=dict)
    files = Many(Text(40), load_default=list)
    draft = drafted()


class FinishBody(Body):
    form = Map(keys=fields.String(), load_default=dict)
    files = Many(
        Text(40), load_default=list, validate=validate.Length(max=100, error="一次最多 100 个附件。")
    )


class FormDraftBody(Body):
    data = Map(keys=fields.String(), required=True)
    base = Whole(0, 2**53, load_default=0)


class ReasonBody(Body):
    reason = reason()


class ReturnBody(ReasonBody):
    to = Text(100, load_default="")


class TransferBody(ReasonBody):
    unit = Text(200, load_default="")
    person = Text(40, load_default="")


def until() -> fields.Raw:
    """A day, or an aware instant; how far it may lie the engine says."""
    return fields.Raw(load_default=None, allow_none=True, metadata={
        "description": "日期，或带时区的时间",
        "anyOf": [{"type": "null"}, *({"type": "string", "format": f} for f in ("date", "date-time"))],
    })  # fmt: skip


class SignerBody(ReasonBody):
    way = Text(10, required=True, metadata={"enum": [*SIGNING_WAYS], "description": "并加签、前加签、后加签"})
    signer = Text(300, required=True, metadata={"description": "人员编号，或 ROLE@单位"})
    until = until()


class SuspendBody(ReasonBody):
    until = until()


class ActionBody(Body):
    form = Map(keys=fields.String(), load_default=dict)
    files = Many(Text(40), load_default=list)
    draft = drafted()


class NoteBody(Body):
    text = Text(
        4000, required=True, metadata={"pattern": r"\S", "description": "@姓名 或 @姓名（单位）会通知本人"}
    )
    item = Whole(load_default=0)
    reply = Whole(load_default=0, metadata={"description": "回复第几条评论"})
    copy = YesNo(load_default=False, metadata={"description": "同时抄送给被@而看不到本案的人"})


class CopyBody(Body):
    to = Many(
        Text(300),
        required=True,
        validate=validate.Length(min=1, max=100, error="请选择 1 到 100 个人员或单位。"),
        metadata={"description": "姓名、姓名（单位）、单位、单位（岗位），或 ROLE@单位"},
    )
    note = Text(4000, load_default="")


class CopiesQuery(PageQuery):
    unread = YesNo(load_default=False)
    q = Text(100, load_default="", metadata={"description": "案件编号、案名、企业或抄送说明里的字"})
    package = Text(100, load_default="", metadata={"description": "流程"})
    region = Text(100, load_default="", metadata={"description": "属地"})


class UrgeBody(Body):
    text = Text(4000, required=True, metadata={"pattern": r"\S[\s\S]*\S"})


class UrgingBody(Body):
    a_day = Whole(1, 99, required=True, metadata={"description": "同一人对同一事项每个工作日最多催办几次"})


class MergeBody(ReasonBody):
    into = Text(100, required=True, metadata={"description": "并入哪一案：案件编号或 id"})


class PeopleQuery(Body):
    q = Text(50, load_default="")


class JudgeBody(ReasonBody):
    verdict = Text(12, required=True, metadata={"enum": ["confirmed", "dismissed"]})


class EvidenceBody(Body):
    kinds = Many(Text(10))
    picture_mb = Whole()
    document_mb = Whole()
    video_mb = Whole()
    megapixels = Whole()
    half_hours = Whole()
    similar_percent = Whole()
    unchanged_percent = Whole()
    older_hours = Whole()
    far_metres = Whole()


class FileBody(Body):
    file = Text(40, required=True)
    item = Whole(load_default=0)


UPLOAD = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
                "required": ["file"],
            }
        }
    },
}
"""How an upload is described; it is read as it comes, not by a schema."""


PIECE = {
    "required": True,
    "content": {
        "application/octet-stream": {
            "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
        }
    },
}
"""A piece of a resumable upload. tus calls it application/offset+octet-stream, which is taken as well."""


def _header(name: str, kind: str, said: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": True, "description": said, "schema": {"type": kind}}


UPLOAD_LENGTH = [
    _header("Upload-Length", "integer", "总字节数"),
    _header("Upload-Metadata", "string", "filename 和文件名的 base64，以空格隔开"),
]
UPLOAD_OFFSET = [_header("Upload-Offset", "integer", "这一段从第几字节起")]


class RetryBody(Body):
    variables = Map(keys=fields.String(), load_default=dict)


class RegisterQuery(PageQuery):
    q = Text(100, load_default="")
    package = Text(100, load_default="")
    region = Text(100, load_default="")
    sector = Text(100, load_default="")
    status = Text(40, load_default="")
    state = Text(20, load_default="")
    stock = Text(10, load_default="", metadata={"description": "存量 | 增量"})
    overdue = YesNo(load_default=False)
    light = Text(10, load_default="", metadata={"description": "red | yellow | green"})
    rung = Text(2, load_default="", metadata={"description": "升级处置到第几级"})
    unit = Text(200, load_default="", metadata={"description": "企业、属地，或督办、持有的部门"})
    month = Text(7, load_default="", metadata={"description": "登记年月，如 2026-09"})


class ColumnsBody(Body):
    columns = Many(Text(100), required=True, validate=validate.Length(max=200, error="不能超过 200 列。"))


class CorrectBody(Body):
    values = Map(keys=Text(100), values=fields.Raw(allow_none=True), required=True)
    reason = reason()


class SimilarQuery(Body):
    package = Text(100, required=True)
    party = Text(200, load_default="")
    region = Text(100, load_default="")
    words = Text(500, load_default="", metadata={"description": "部位、隐患名称和描述"})
    case = Text(100, load_default="", metadata={"description": "为哪一案查重，不算它自己"})


class ListsQuery(Body):
    unit = Text(200, load_default="")


class ListBody(Body):
    unit = Text(200, required=True)
    since = Day(load_default=None, allow_none=True, metadata={"description": "销号统计自；不填为当月一日"})
    date = Day(load_default=None, allow_none=True, metadata={"description": "清单日期；不填为今天"})


class TimelineQuery(PageQuery):
    oldest_first = YesNo(load_default=False)


class MonitorQuery(PageQuery):
    reason = Text(20, load_default="", metadata={"enum": ["", *REASONS]})
    days = Whole(1, 999, load_default=None, allow_none=True)


class StalledBody(Body):
    days = Whole(1, 999, required=True)


class AuditQuery(PageQuery):
    technical = YesNo(load_default=True, metadata={"description": "是否含流程内部动作"})
    case = Text(100, load_default="")
    person = Text(100, load_default="")
    kind = Text(40, load_default="")
    since = Day(load_default=None, allow_none=True)
    until = Day(load_default=None, allow_none=True)


class UnitBody(Body):
    id = Text(200, load_default="")
    name = Text(200, shortest=1, required=True)
    kind = Text(20, required=True, metadata={"enum": KINDS})
    parent = Text(200, load_default="")
    code = Text(40, load_default="")
    region = Text(100, load_default="")
    sector = Text(100, load_default="")
    phone = Text(40, load_default="")
    active = YesNo(load_default=True)
    accept_left = YesNo(load_default=False)


class PersonBody(Body):
    account = Text(100, shortest=1, required=True, metadata={"pattern": rf"^{ACCOUNT.pattern}$"})
    name = Text(100, shortest=1, required=True, metadata={"pattern": r"\S"})
    phone = Text(40, load_default="")
    title = Text(200, load_default="")
    active = YesNo(load_default=True)
    posts = Many(Text(260), load_default=None, allow_none=True)
    password = Text(256, load_default="")
    accept_left = YesNo(load_default=False, metadata={"description": "明知有事项将无人可办，仍要这样修改"})


class AbsenceBody(Body):
    first = Day(required=True)
    last = Day(required=True)
    reason = Text(200, required=True, metadata={"pattern": r"\S.*\S"})
    substitute = Text(40, load_default="", metadata={"description": "替岗人；空表示没有"})
    post = Text(260, load_default="", metadata={"description": "ROLE@单位；空表示全部岗位"})


class HandoverBody(ReasonBody):
    successor = Text(40, load_default="", metadata={"description": "接手人；空表示退回岗位"})


class LineBody(Body):
    sector = Text(100, required=True)
    region = Text(100, required=True)
    role = Text(40, required=True)
    unit = Text(200, required=True)
    source = Text(500, load_default="")


class LineKey(Body):
    sector = Text(100, required=True)
    region = Text(100, required=True)
    role = Text(40, required=True)


class DayBody(Body):
    working = YesNo(required=True)
    note = Text(200, load_default="")


class NewDayBody(DayBody):
    day = Day(required=True)


class YearBody(Body):
    confirmed = YesNo(required=True)
    source = Text(500, load_default="")


class HoursBody(Body):
    opens = Text(5)
    closes = Text(5)
    send_from = Text(5)
    send_until = Text(5)


class FilesBody(Body):
    """Files of a package: path → text. With `base`, files that are left out are the base's; null removes one."""

    base = Text(64, load_default="")
    files = Map(keys=fields.String(), required=True)


class DraftBody(FilesBody):
    revision = Whole(load_default=0, metadata={"description": "所改草稿的修订号，0 表示新建"})


class PublishBody(FilesBody):
    note = Text(2000, load_default="")


class ParametersBody(Body):
    values = Map(keys=fields.String(), required=True)
    base = Text(64, load_default="")
    note = Text(2000, load_default="")


class ClockBody(Body):
    to = Text(40, required=True, metadata={"description": "next_deadline | next_working_day | 带时区的时间"})


class FetchBody(Body):
    topic = Text(100, required=True)
    worker = Text(60, required=True)
    seconds = Whole(1, 86400, load_default=60)
    most = Whole(1, 100, load_default=1)


class JobDoneBody(Body):
    worker = Text(60, required=True)
    variables = Map(keys=fields.String(), load_default=dict)


class JobFailedBody(Body):
    worker = Text(60, required=True)
    reason = Text(4000, required=True)
    retries = Whole(
        0, 100, load_default=None, allow_none=True, metadata={"description": "还可重试几次；缺省为少一次"}
    )
    wait = Whole(
        0,
        30 * 86400,
        load_default=None,
        allow_none=True,
        metadata={"description": "多少秒后重试；缺省逐次加长"},
    )


class JobExtendBody(Body):
    worker = Text(60, required=True)
    seconds = Whole(1, 86400, required=True)


class JobUnlockBody(Body):
    worker = Text(60, required=True)


class JobErrorBody(JobDoneBody):
    error = Text(100, required=True)
    message = Text(4000, load_default="")


class ImportQuery(Body):
    file = Text(40, required=True, metadata={"description": "先用 POST /files 上传的工作簿"})
    package = Text(100, required=True)


class ImportBody(ImportQuery):
    seen = Text(64, load_default="", metadata={"description": "预览中的 seen：确认的就是预览过的更正"})
    skip_bad_rows = YesNo(load_default=False)
    skip_imported = YesNo(load_default=False)


class ContactBody(Body):
    address = Text(required=True)
    way = fields.String(required=True, validate=validate.OneOf(WAYS, error=f"应为 {'、'.join(WAYS)} 之一。"))


class RemindersBody(Body):
    digest_at = Text(5, required=True, metadata={"pattern": r"^([01]\d|2[0-3]):[0-5]\d$"})
    attempts = Whole(1, 50, required=True)
