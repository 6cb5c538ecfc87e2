"""Cases 案件: begin, list, look at from every side, suspend, resume, cancel, note, act, deal with incidents."""

from __future__ import annotations

from typing import Any

from engine.audit import ledger
from engine.commands import (
    AddNote,
    AttachFile,
    CallAction,
    CancelCase,
    CorrectRegister,
    ResumeCase,
    RetryIncident,
    StartCase,
    SuspendCase,
)
from engine.errors import NotAllowed, NotFound
from engine.runtime import form_drafts
from engine.values import from_outside, plain
from web import discretion, history, starts
from web.api import Room, schemas
from web.api.base import act, until
from web.case import queries, signing
from web.context import the_engine, who
from web.identity import may
from web.look import actions, choices, look, looked_at_again, powers
from web.register import queries as register
from web.sight import case_row

room = Room("api_cases", __name__, url_prefix="", description="案件与台账")


def _seen(case: str) -> Any:
    """The case's row, or `NotFound`."""
    with the_engine().read() as c:
        return case_row(c, who(), case)


@room.route("/starts", methods=["GET"])
@room.response(200)
@may("signed_in")
def list_starts() -> dict[str, Any]:
    """本人可以登记的入口。"""
    return {"items": starts.open_to(who())}


@room.route("/starts/<string:package>/<string:start>", methods=["GET"])
@room.response(200)
@may("signed_in")
def show_start(package: str, start: str) -> dict[str, Any]:
    """一个登记入口的表单和可选项。"""
    return starts.form_of(who(), package, start)


@room.route("/cases", methods=["POST"])
@room.arguments(schemas.StartBody)
@room.response(201)
@may("signed_in")
def begin(body: dict[str, Any]) -> dict[str, Any]:
    """登记立案。附件随后附到案件上。"""
    made = act(StartCase(body["package"], body["form"], body["start"]))
    for file in body["files"]:
        the_engine().execute(AttachFile(made["case"], file), who().actor)
    if body["draft"]:
        draft = form_drafts.of_start(who().person, body["package"], body["start"])
        form_drafts.discard(the_engine(), draft, upto=body["draft"])
    return made


@room.route("/cases", methods=["GET"])
@room.arguments(schemas.RegisterQuery, location="query")
@room.response(200)
@may("signed_in")
def register_page(query: dict[str, Any]) -> dict[str, Any]:
    """台账：本人看得到的案件，按条件筛选，新的在前。"""
    engine, after, limit = the_engine(), query.pop("after"), query.pop("limit")
    chosen = register.Filter(**query)
    with engine.read() as c:
        page = register.cases(c, who(), chosen, engine.now(), after=after, limit=limit)
    reader = discretion.of(who())
    return {"items": [reader.case(r) for r in page.rows], "next": page.next}


@room.route("/cases/<string:case>", methods=["GET"])
@room.response(200)
@may("signed_in")
@looked_at_again
def show(case: str) -> dict[str, Any]:
    """案件概况：台账列、持有人、未结待办、异常、本人可做的操作。"""
    with the_engine().read() as c:
        row = case_row(c, who(), case)
        work = look(case, who().actor)
        reader = discretion.of(who())
        return reader.case(register.as_row(row)) | {
            "items": reader.items(queries.open_items(c, case)),
            "incidents": reader.incidents(queries.incidents(c, case), work.package),
            "deadlines": reader.deadlines(queries.deadlines(c, case), work.package),
            "actions": actions(work),
            "may": powers(work),
        }


@room.route("/cases/<string:case>/items", methods=["GET"])
@room.response(200)
@may("signed_in")
def items(case: str) -> dict[str, Any]:
    """全部步骤：未结在前，已办在后。"""
    with the_engine().read() as c:
        case_row(c, who(), case)
        return {
            "items": discretion.of(who()).items(queries.open_items(c, case) + queries.closed_items(c, case))
        }


@room.route("/cases/<string:case>/timeline", methods=["GET"])
@room.arguments(schemas.TimelineQuery, location="query")
@room.response(200)
@may("signed_in")
def timeline(query: dict[str, Any], case: str) -> dict[str, Any]:
    """办理过程：一句话一件事，technical 为流程内部动作。"""
    engine = the_engine()
    with engine.read() as c:
        row: Any = case_row(c, who(), case)
        package = engine.package(row.package)
        page = history.timeline(
            c,
            case,
            package,
            after=query["after"],
            limit=query["limit"],
            newest_first=not query["oldest_first"],
            discretion=discretion.of(who()),
        )
        return page.data()


@room.route("/cases/<string:case>/variables", methods=["GET"])
@room.response(200)
@may("signed_in")
def variables(case: str) -> dict[str, Any]:
    """案件内容：字段名、标签、值。"""
    _seen(case)
    work = look(case, who().actor)
    reader = discretion.of(who())
    columns = [c["key"] for c in work.package.register.get("columns", ())]
    own = queries.keys_filled_by(the_engine().facts(case), reader.units)
    return {"items": reader.variables(queries.variables(work.state, work.package), columns, own)}


@room.route("/cases/<string:case>/marks", methods=["GET"])
@room.response(200)
@may("signed_in")
def marks(case: str) -> dict[str, Any]:
    """流程图标记：每个流程里走到哪、办过哪、超期、异常、下一个时限。"""
    engine = the_engine()
    with engine.read() as c:
        case_row(c, who(), case)
        found = queries.marks(engine.load(case), engine.now(), queries.facts_of(c, case))
    return {"processes": discretion.of(who()).marks(found, engine.package_of(case))}


@room.route("/cases/<string:case>/explain", methods=["GET"])
@room.response(200)
@may("signed_in")
def explain(case: str) -> dict[str, Any]:
    """案件在等什么：谁持有、从何时起、为什么、接下来什么到时。"""
    engine = the_engine()
    with engine.read() as c:
        row: Any = case_row(c, who(), case)
        said = queries.explain(c, row, engine.package(row.package), engine.now())
        reader, work = discretion.of(who()), look(case, who().actor)
        found = signing.signings(ledger.entries_of(c, case), work, reader) if row.state == "open" else []
        return {"items": reader.explanation(said + signing.sentences(found, work))}


@room.route("/cases/<string:case>/files", methods=["GET"])
@room.response(200)
@may("signed_in")
def files(case: str) -> dict[str, Any]:
    """案件的附件。"""
    with the_engine().read() as c:
        case_row(c, who(), case)
        return {"items": discretion.of(who()).files(queries.files(c, case))}


@room.route("/cases/<string:case>/files", methods=["POST"])
@room.arguments(schemas.FileBody)
@room.response(201)
@may("signed_in")
def attach(body: dict[str, Any], case: str) -> dict[str, Any]:
    """把已上传的文件附到案件。"""
    _seen(case)
    return act(AttachFile(case, body["file"], body["item"]))


@room.route("/cases/<string:case>/correct", methods=["POST"])
@room.arguments(schemas.CorrectBody)
@room.response(200)
@may("signed_in")
def correct(body: dict[str, Any], case: str) -> dict[str, Any]:
    """更正台账：改正写错的内容，只限流程允许更正的列。"""
    _seen(case)
    values = {str(key): from_outside(value) for key, value in body["values"].items()}
    return act(CorrectRegister(case, values, body["reason"]))


@room.route("/cases/<string:case>/notes", methods=["POST"])
@room.arguments(schemas.NoteBody)
@room.response(201)
@may("signed_in")
def note(body: dict[str, Any], case: str) -> dict[str, Any]:
    """评论。文中 @姓名 的人会收到通知；看不到本案的，要先抄送，或勾选 copy。"""
    _seen(case)
    return act(AddNote(case, body["text"], body["item"], body["reply"], copy=body["copy"]))


@room.route("/cases/<string:case>/actions", methods=["GET"])
@room.response(200)
@may("signed_in")
def list_actions(case: str) -> dict[str, Any]:
    """本人现在可以提出的申请。"""
    _seen(case)
    return {"items": actions(look(case, who().actor))}


@room.route("/cases/<string:case>/actions/<string:action>", methods=["GET"])
@room.response(200)
@may("signed_in")
def show_action(case: str, action: str) -> dict[str, Any]:
    """一项申请的表单和可选项。"""
    _seen(case)
    work = look(case, who().actor)
    found = work.package.actions.get(action)
    if found is None:
        raise NotFound(f"“{work.package.title}”没有这项申请。")
    schema = queries.form_of(work.package, found.form)
    data = queries.prefill(schema, dict(work.state.root_variables), {}, choices(work))
    data = discretion.of(who()).text(data)
    return {"key": found.key, "title": found.title, "schema": schema, "data": data}


@room.route("/cases/<string:case>/actions/<string:action>", methods=["POST"])
@room.arguments(schemas.ActionBody)
@room.response(200)
@may("signed_in")
def do_action(body: dict[str, Any], case: str, action: str) -> dict[str, Any]:
    """提出申请。"""
    _seen(case)
    made = act(CallAction(case, action, body["form"]))
    for file in body["files"]:
        the_engine().execute(AttachFile(case, file), who().actor)
    if body["draft"]:
        draft = form_drafts.of_action(who().person, case, action)
        form_drafts.discard(the_engine(), draft, upto=body["draft"])
    return made


@room.route("/cases/<string:case>/suspend", methods=["POST"])
@room.arguments(schemas.SuspendBody)
@room.response(200)
@may("signed_in")
def suspend(body: dict[str, Any], case: str) -> dict[str, Any]:
    """挂起。"""
    _seen(case)
    return act(SuspendCase(case, body["reason"], until(body["until"])))


@room.route("/cases/<string:case>/resume", methods=["POST"])
@room.arguments(schemas.ReasonBody)
@room.response(200)
@may("signed_in")
def resume(body: dict[str, Any], case: str) -> dict[str, Any]:
    """恢复。"""
    _seen(case)
    return act(ResumeCase(case, body["reason"]))


@room.route("/cases/<string:case>/cancel", methods=["POST"])
@room.arguments(schemas.ReasonBody)
@room.response(200)
@may("signed_in")
def cancel(body: dict[str, Any], case: str) -> dict[str, Any]:
    """作废。"""
    _seen(case)
    return act(CancelCase(case, body["reason"]))


@room.route("/cases/<string:case>/incidents", methods=["GET"])
@room.response(200)
@may("signed_in")
def incidents(case: str) -> dict[str, Any]:
    """未处理的异常。"""
    with the_engine().read() as c:
        row: Any = case_row(c, who(), case)
        package = the_engine().package(row.package)
        return {"items": discretion.of(who()).incidents(queries.incidents(c, case), package)}


@room.route("/cases/<string:case>/incidents/<int(max=2147483647):incident>/retry", methods=["POST"])
@room.arguments(schemas.RetryBody)
@room.response(200)
@may("signed_in")
def retry(body: dict[str, Any], case: str, incident: int) -> dict[str, Any]:
    """改正有关内容后，从停住的地方重试。"""
    _seen(case)
    if not powers(look(case, who().actor))["retry"]:
        raise NotAllowed("异常由安委办处理，请联系安委办。")
    return act(RetryIncident(incident, plain(body["variables"])), case=case)
