"""Commands about a case as a whole 案件: begin, import, suspend, resume, cancel, file."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from engine.commands import (
    AttachFile,
    Cancel,
    CancelCase,
    CorrectRegister,
    ImportCase,
    Resume,
    ResumeCase,
    StartCase,
    StartProcess,
    Suspend,
    SuspendCase,
)
from engine.definitions.model import Start
from engine.errors import Conflict, InputInvalid, NotAllowed, NotFound, NotOpen, Suspended
from engine.facts import FileAttached, HistoryImported, RegisterCorrected
from engine.handlers.work import LONGEST_TEXT, Work, reason_given


def start_case(command: StartCase, work: Work) -> None:
    """登记: whoever holds one of the start's roles may begin a case there, with the start's form."""
    element, rule = _start_event(command.start, work)
    held = {role for role, _ in work.directory.posts_of(work.actor.person)}
    if not held & set(rule.roles):
        titles = "、".join(map(work.package.role_title, rule.roles))
        raise NotAllowed(
            f"“{rule.title}”由{titles}办理，您没有这个岗位。" if titles else f"“{rule.title}”不能由人员发起。"
        )
    _must_be_new(work)
    form = work.checked(rule.form, command.form)
    unit = next((u for r, u in work.directory.posts_of(work.actor.person) if r in rule.roles), "")
    if work.actor.role in rule.roles:
        unit = work.actor.unit or unit
    work.advance(
        StartProcess(work.package.main, element, form, work.actor.person, unit, behalf=work.actor.behalf)
    )
    for file in work.files_of(rule.form, form):
        attach(file, 0, work)


def import_case(command: ImportCase, work: Work) -> None:
    """补录: the office brings in a row of an older ledger; the row itself is kept as a fact."""
    if work.actor.person and not work.in_office():
        raise NotAllowed("历史台账由安委办导入，请联系安委办。")
    element, _ = _start_event(command.start, work)
    _must_be_new(work)
    work.advance(StartProcess(work.package.main, element, dict(command.variables)))
    work.say(
        HistoryImported(
            source=command.source, row=dict(command.row), happened=command.happened, note=command.note
        )
    )


def suspend_case(command: SuspendCase, work: Work) -> None:
    """挂起: all clocks stand still, at the longest for as many days as the package allows."""
    work.must_see()
    work.must_hold("suspend_roles", "挂起")
    if work.state.ended:
        raise NotOpen("案件已经结束，不需要挂起。")
    if work.state.suspended:
        raise Suspended("案件已经挂起。")
    reason = reason_given(command.reason, "挂起")
    until, now = command.until, work.moment.now
    if until is not None and until.tzinfo is None:
        raise InputInvalid("挂起的截止时间须带时区。", field="until")
    longest = work.package.parameters.get("suspend_max_days")
    if longest is not None and isinstance(longest.value, int | Decimal):
        if until is None:
            raise InputInvalid(f"请填写挂起到哪一天（最长 {longest.value} 日）。", field="until")
        if until > now + timedelta(days=float(longest.value)):
            raise InputInvalid(f"挂起最长 {longest.value} 日，请把截止时间改早。", field="until")
    if until is not None and until <= now:
        raise InputInvalid("挂起的截止时间须晚于现在。", field="until")
    work.advance(Suspend(reason, until))


def resume_case(command: ResumeCase, work: Work) -> None:
    """恢复: the clocks go on with the working time they had left."""
    work.must_see()
    work.must_hold("suspend_roles", "恢复")
    if work.state.ended:
        raise NotOpen("案件已经结束。")
    if not work.state.suspended:
        raise Conflict("案件没有挂起，不需要恢复。")
    work.advance(Resume(reason_given(command.reason, "恢复")))


def cancel_case(command: CancelCase, work: Work) -> None:
    """作废: the case ends here; everything that was done stays on record."""
    work.must_see()
    work.must_hold("cancel_roles", "作废")
    if work.state.ended:
        raise NotOpen("案件已经结束，不能作废。")
    work.advance(Cancel(reason_given(command.reason, "作废")))


def correct_register(command: CorrectRegister, work: Work) -> None:
    """更正台账: the office puts right what was written down wrongly. What comes out of the work itself (limits, states, who
    supervises, when it was struck off) is changed by that work, never here."""
    work.must_see()
    if not work.in_office():
        raise NotAllowed("台账由安委办更正，请联系安委办。")
    if work.state.ended:
        raise NotOpen("案件已经结束，台账不能再更正。需要说明的，请在案件页添加备注。")
    reason = reason_given(command.reason, "更正")
    columns = {c["key"]: c for c in work.package.register.get("columns", ())}
    present = work.state.root_variables
    changed = {k: v for k, v in command.values.items() if present.get(k) != v}
    if not changed:
        raise InputInvalid("台账已经是这样写的，没有要更正的内容。", field="values")
    for key, value in changed.items():
        if not columns.get(key, {}).get("correct"):
            raise InputInvalid(
                f"“{key[:60]}”由办理过程产生，不能在台账里更正，请在案件中办理。", field="values"
            )
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise InputInvalid(f"“{key[:60]}”超过 {LONGEST_TEXT} 字，请写短一些。", field="values")
        if isinstance(value, list | dict):
            raise InputInvalid(f"“{key[:60]}”应为文字、数或日期。", field="values")
    work.say(RegisterCorrected(changed, {key: present.get(key) for key in changed}, reason))


def attach_file(command: AttachFile, work: Work) -> None:
    """佐证: attach an uploaded file to the case."""
    work.must_write()
    attach(command.file, command.item, work)


def attach(file: str, item: int, work: Work) -> None:
    """Record the file with the case; one that is attached already stays as it is.

    Raises `NotFound` for a file that does not exist or that somebody else uploaded, `Conflict` for one of another case.
    """
    found = work.setting.file(file)
    if found is not None and found.case == work.setting.case:
        return
    if found is None or (found.uploaded_by and work.actor.person and found.uploaded_by != work.actor.person):
        raise NotFound("附件不存在或不是您上传的，请重新上传。", file=file)
    if found.case:
        raise Conflict(f"附件“{found.name}”已属于另一案件，请重新上传。", file=file)
    work.say(
        FileAttached(
            file=found.id,
            name=found.name,
            media_type=found.media_type,
            size=found.size,
            digest=found.digest,
            item=item,
        )
    )


def _start_event(start: str, work: Work) -> tuple[str, Start]:
    """The start event's id, and who may use it; "" means the main process's only plain one."""
    package = work.package
    process = package.processes[package.main]
    if not start:
        plain = process.plain_entries
        if len(plain) != 1:
            raise InputInvalid(f"“{package.title}”有多个登记入口，请选择其中一个。", field="start")
        start = plain[0]
    if start not in process.entries:
        raise NotFound(f"“{package.title}”没有“{start[:60]}”这个登记入口。")
    drawn = process.elements.get(start, process)
    return start, package.starts.get(start, Start(title=drawn.name or "登记"))


def _must_be_new(work: Work) -> None:
    if work.state.started is not None:
        raise Conflict("案件已经立案，不能重复登记。")
