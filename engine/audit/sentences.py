"""Facts as sentences 记录的说法: one natural Chinese sentence for every kind of fact.

A `Narrator` is told a case's entries in their order and remembers what the small ids stand for, so that "item 17" becomes
“现场核查”. Facts of pure mechanics (tokens, joins, subscriptions) are marked technical: timelines fold them away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine import facts as f
from engine.audit.ledger import Entry
from engine.clock import SHANGHAI
from engine.commands import Actor
from engine.definitions.model import Package
from engine.definitions.naming import called
from engine.execution.scopes import ITEM_ENDED
from engine.execution.state import AFTER, BEFORE, BESIDE
from engine.values import Value, plain

TECHNICAL: frozenset[type[f.Fact]] = frozenset(
    {
        f.FlowTaken,
        f.ElementEntered,
        f.ElementCompleted,
        f.ElementCancelled,
        f.LoopOpened,
        f.LoopOutput,
        f.ActivitiesEnabled,
        f.TokensWithdrawn,
        f.TokenPutBack,
        f.ScopeReopened,
        f.RoundReopened,
        f.CauseRecalled,
        f.StrandRecalled,
        f.GatewayActivated,
        f.GatewayReset,
        f.VariablesSet,
        f.DeadlineSet,
        f.DeadlineDropped,
        f.Subscribed,
        f.Unsubscribed,
        f.JobOffered,
        f.JobCompleted,
        f.MessageSent,
        f.MessageReceived,
        f.SignalSent,
        f.SignalReceived,
        f.TriggerCame,
        f.EscalationThrown,
        f.CompensationEnded,
    }
)
"""Kinds that say how the diagram was walked through, not what people or clocks did."""

LONGEST_QUOTE = 80
"""Characters of a quoted text after which it is cut."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline."""

    entry: Entry
    text: str
    technical: bool


class Narrator:
    """Tells one case. Entries must come in order, from the first."""

    def __init__(self, package: Package, names: Mapping[str, str] | None = None) -> None:
        """`names` are people's names by id (`directory.people`), for those who are not the entry's own actor."""
        self.people = dict(names or {})
        self.elements = {
            e.id: called(package, e) or e.id for p in package.processes.values() for e in p.elements.values()
        }
        self.title = package.title
        self.roles = {key: role.title for key, role in package.roles.items()}
        self.ids: dict[int, str] = {}  # id → element id
        self.items: dict[int, str] = {}  # id → the item's own name, with what it is about
        self.subscribed: dict[int, str] = {}
        self.incidents: dict[int, str] = {}
        self.notes: dict[int, str] = {}  # comment's number → who wrote it
        self.undoing: dict[int, str] = {}  # items by which others were withdrawn: how
        self.signs: dict[int, int] = {}  # added signer → what it was added to

    def tell(self, entry: Entry) -> Line:
        """The entry as a line, remembering what later entries refer to."""
        fact = entry.fact
        self._remember(fact)
        text = _SENTENCES[type(fact)](self, fact, entry)
        quiet = isinstance(fact, f.NoticeSent) and fact.quiet
        return Line(entry, text, quiet or (type(fact) in TECHNICAL and not _asked(entry)))

    def _remember(self, fact: f.Fact) -> None:
        if isinstance(fact, f.ElementEntered | f.WorkItemOffered | f.JobOffered | f.DeadlineSet):
            self.ids[fact.id] = fact.element
        elif isinstance(fact, f.CompensationThrown) and fact.runner:
            self.ids[fact.runner] = self.ids.get(fact.id, "")
        elif isinstance(fact, f.Subscribed):
            self.ids[fact.id] = fact.element
            self.subscribed[fact.id] = fact.name
        elif isinstance(fact, f.IncidentRaised):
            self.ids[fact.id] = fact.element
            self.incidents[fact.id] = fact.message
        elif isinstance(fact, f.WorkItemTakenBack):
            self.undoing[fact.id] = "撤回"
        if isinstance(fact, f.SignerAdded):
            self.signs[fact.id] = fact.to
        if isinstance(fact, f.SigningReturned):
            self.signs.update(dict.fromkeys(range(fact.first, fact.first + len(fact.signers)), fact.to))
        if isinstance(fact, f.WorkItemOffered) and fact.name:
            self.elements.setdefault(fact.element, fact.name)
            self.items[fact.id] = fact.name

    # -- words ---------------------------------------------------------------------------------------------

    def what(self, id_: int) -> str:
        """“现场核查”: what the id stands for."""
        return f"“{self.items.get(id_) or self.named(self.ids.get(id_, ''))}”"

    def named(self, element: str) -> str:
        return self.elements.get(element, element) or "本步骤"

    def person(self, id_: str, entry: Entry | None = None) -> str:
        if entry is not None and id_ == entry.actor.person and entry.actor.name:
            return entry.actor.name
        return self.people.get(id_, id_)

    def signer(self, fact: f.SignerAdded | f.SignerTakenBack) -> str:
        """Who signs, or need not any more."""
        return f"{self.post(fact.unit, fact.role)}{self.person(fact.person) if fact.person else ''}"

    def post(self, unit: str, role: str) -> str:
        title = self.roles.get(role, role)
        return f"{unit}（{title}）" if unit and title else unit or title or "（未找到）"


def _asked(entry: Entry) -> bool:
    """A message that a person brought: an action of theirs (延期申请 …), not the engine telling itself something."""
    fact = entry.fact
    return isinstance(fact, f.MessageReceived) and bool(entry.actor.person) and fact.name != ITEM_ENDED


def who(actor: Actor) -> str:
    """王建军（能源局）; 系统 for the engine itself."""
    name = actor.name or actor.person or "系统"
    return f"{name}（{actor.unit}）" if actor.unit else name


def moment_text(at: datetime | None) -> str:
    """2026年10月8日 08:30, Shanghai time; 无 for none."""
    if at is None:
        return "无"
    local = at.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"


def quoted(text: str) -> str:
    """A text of a person, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"


def _because(reason: str) -> str:
    return f"，理由：{quoted(reason)}" if reason.strip() else ""


def _read(value: Value) -> str:
    """A value as one reads it."""
    if value is None:
        return "空"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(map(_read, value)) or "空"
    if isinstance(value, Mapping):
        return "；".join(f"{key}：{_read(inner)}" for key, inner in value.items()) or "空"
    return str(plain(value))


def _listed(values: Mapping[str, Value]) -> str:
    """甲＝1，乙＝2: a few variables, for technical lines."""
    shown = [f"{key}＝{quoted(_read(value))}" for key, value in list(values.items())[:4]]
    more = f" 等 {len(values)} 项" if len(values) > 4 else ""
    return "，".join(shown) + more if shown else "无内容"


def timeline(
    entries: Iterable[Entry], package: Package, names: Mapping[str, str] | None = None
) -> list[Line]:
    """All entries of a case as lines."""
    narrator = Narrator(package, names)
    return [narrator.tell(entry) for entry in entries]


def sentence(
    fact: f.Fact, package: Package, names: Mapping[str, str] | None = None, actor: Actor | None = None
) -> str:
    """One fact alone as a sentence. Facts that only carry an id of an earlier one are told less well than by a `Narrator`."""
    now = datetime.fromtimestamp(0, SHANGHAI)
    return Narrator(package, names).tell(Entry("", 1, now, fact, actor or Actor(), "")).text


# -- one function a kind -----------------------------------------------------------------------------------


def _started(n: Narrator, x: f.CaseStarted, e: Entry) -> str:
    return f"{who(e.actor)}立案，按流程“{n.title}”办理"


def _completed_case(n: Narrator, x: f.CaseCompleted, e: Entry) -> str:
    return f"案件办结，结果：{n.named(x.end)}"


def _cancelled_case(n: Narrator, x: f.CaseCancelled, e: Entry) -> str:
    return f"{who(e.actor)}将案件作废{_because(x.reason)}"


def _suspended(n: Narrator, x: f.CaseSuspended, e: Entry) -> str:
    until = f"，最迟至{moment_text(x.until)}" if x.until else ""
    return f"{who(e.actor)}将案件挂起{until}{_because(x.reason)}"


def _resumed(n: Narrator, x: f.CaseResumed, e: Entry) -> str:
    return f"{who(e.actor)}恢复案件办理{_because(x.reason)}"


def _status(n: Narrator, x: f.StatusChanged, e: Entry) -> str:
    return f"案件状态变为“{x.status}”"


def _variables(n: Narrator, x: f.VariablesSet, e: Entry) -> str:
    return f"记下：{_listed(x.values)}"


def _flow(n: Narrator, x: f.FlowTaken, e: Entry) -> str:
    return f"沿连线 {x.flow} 前进" + (f"，在“{n.named(x.waits_at)}”等待汇合" if x.waits_at else "")


def _entered(n: Narrator, x: f.ElementEntered, e: Entry) -> str:
    return f"进入“{n.named(x.element)}”" + (f"（第 {x.loop} 轮）" if x.loop else "")


def _completed(n: Narrator, x: f.ElementCompleted, e: Entry) -> str:
    return f"{n.what(x.id)}完成"


def _cancelled(n: Narrator, x: f.ElementCancelled, e: Entry) -> str:
    return f"{n.what(x.id)}被中止"


def _loop(n: Narrator, x: f.LoopOpened, e: Entry) -> str:
    return f"{n.what(x.id)}{'依次' if x.sequential else '同时'}展开 {len(x.items)} 份"


def _output(n: Narrator, x: f.LoopOutput, e: Entry) -> str:
    return f"{n.what(x.id)}收到第 {x.index + 1} 份结果"


def _enabled(n: Narrator, x: f.ActivitiesEnabled, e: Entry) -> str:
    if x.closing:
        return f"{n.what(x.id)}的完成条件成立，不再开始新的环节"
    if not x.elements:
        return f"{n.what(x.id)}里的环节都已开始"
    return f"{n.what(x.id)}还要依次办理" + "、".join(f"“{n.named(one)}”" for one in x.elements)


def _activated(n: Narrator, x: f.GatewayActivated, e: Entry) -> str:
    return f"复杂网关“{n.named(x.element)}”已到 {len(x.flows)} 路，先行放行，其余各路到齐后复位"


def _reset(n: Narrator, x: f.GatewayReset, e: Entry) -> str:
    late = f"，收下晚到的 {len(x.flows)} 路" if x.flows else ""
    return f"复杂网关“{n.named(x.element)}”复位{late}"


def _offered(n: Narrator, x: f.WorkItemOffered, e: Entry) -> str:
    due = f"，限{moment_text(x.due)}前办结" if x.due else ""
    return f"产生待办“{x.name or n.named(x.element)}”{due}"


def _routed(n: Narrator, x: f.WorkItemRouted, e: Entry) -> str:
    if not x.unit:
        return f"{n.what(x.id)}没有找到承办单位：{x.basis}"
    person = n.person(x.person) if x.person else ""
    return f"{n.what(x.id)}派给{n.post(x.unit, x.role)}{person}，依据：{x.basis}"


def _claimed(n: Narrator, x: f.WorkItemClaimed, e: Entry) -> str:
    if x.person == e.actor.person:
        return f"{who(e.actor)}签收了{n.what(x.id)}"
    return f"{n.what(x.id)}由{n.person(x.person)}签收"


def _released(n: Narrator, x: f.WorkItemReleased, e: Entry) -> str:
    return f"{who(e.actor)}退签了{n.what(x.id)}{_because(x.reason)}"


def _transferred(n: Narrator, x: f.WorkItemTransferred, e: Entry) -> str:
    to = n.post(x.unit, x.role) if x.unit else ""
    person = n.person(x.person) if x.person else ""
    target = f"{to}{person}" if to and person else to or person
    return f"{who(e.actor)}将{n.what(x.id)}转办给{target}{_because(x.reason)}"


def _finished(n: Narrator, x: f.WorkItemCompleted, e: Entry) -> str:
    return f"{who(e.actor)}办结了{n.what(x.id) if x.id in n.items else f'“{n.named(x.element)}”'}"


def _returned(n: Narrator, x: f.WorkItemReturned, e: Entry) -> str:
    return f"{who(e.actor)}将{n.what(x.id)}退回到“{n.named(x.to)}”{_because(x.reason)}"


def _taken_back(n: Narrator, x: f.WorkItemTakenBack, e: Entry) -> str:
    return f"{who(e.actor)}撤回了已办结的{n.what(x.id)}{_because(x.reason)}"


def _withdrawn(n: Narrator, x: f.WorkItemWithdrawn, e: Entry) -> str:
    whom = n.person(x.person) if x.person else x.unit
    what, why = n.what(x.id), f"因{n.what(x.by)}{n.undoing.get(x.by, '退回')}"
    if x.done:
        return f"{why}，{whom}已办结的{what}作废，办到这一步时重新办理" if whom else f"{why}，{what}作废"
    return f"{why}，{whom}的待办{what}随之撤销" if whom else f"{why}，待办{what}随之撤销"


def _tokens_withdrawn(n: Narrator, x: f.TokensWithdrawn, e: Entry) -> str:
    return f"“{n.named(x.gateway)}”前等待汇合的 {len(x.flows)} 路收回"


def _put_back(n: Narrator, x: f.TokenPutBack, e: Entry) -> str:
    return f"沿连线 {x.flow} 已到的一路重新在“{n.named(x.gateway)}”等待汇合"


def _reopened(n: Narrator, x: f.ScopeReopened, e: Entry) -> str:
    return f"{n.what(x.id)}重新打开"


def _recalled(n: Narrator, x: f.CauseRecalled | f.StrandRecalled, e: Entry) -> str:
    return f"{n.what(x.id)}引起的一路重新继续"


def _round_reopened(n: Narrator, x: f.RoundReopened, e: Entry) -> str:
    return f"{n.what(x.id)}收回第 {x.index + 1} 份结果"


_WAYS = {BESIDE: "并加签", BEFORE: "前加签（征求意见）", AFTER: "后加签"}


def _signer_added(n: Narrator, x: f.SignerAdded, e: Entry) -> str:
    due = f"，限{moment_text(x.due)}前" if x.due else ""
    return (
        f"{who(e.actor)}在{n.what(x.to)}{_WAYS.get(x.way, '加签')}，加{n.signer(x)}{due}{_because(x.reason)}"
    )


def _signer_taken_back(n: Narrator, x: f.SignerTakenBack, e: Entry) -> str:
    return f"{who(e.actor)}减签，{n.signer(x)}不再签{n.what(n.signs.get(x.id, x.id))}{_because(x.reason)}"


def _signing_returned(n: Narrator, x: f.SigningReturned, e: Entry) -> str:
    to = f"{n.post(x.unit, x.role)}{n.person(x.person) if x.person else ''}" if x.unit else "原办理人"
    return f"{who(e.actor)}后加签不同意，{n.what(x.to)}退回{to}重新办理，办结后再签{_because(x.reason)}"


def _signing_decided(n: Narrator, x: f.SigningDecided, e: Entry) -> str:
    how = f"：{x.outcome}（{x.stands}）" if x.outcome else ""
    return f"{n.what(x.id)}会签已有结论{how}，未签的 {len(x.items)} 方不用再签"


def _due(n: Narrator, x: f.DueMoved, e: Entry) -> str:
    if x.due is None:
        return f"{n.what(x.id)}停止计时"
    return f"{n.what(x.id)}的办理期限改为{moment_text(x.due)}"


def _job(n: Narrator, x: f.JobOffered, e: Entry) -> str:
    return f"自动步骤“{n.named(x.element)}”开始（{x.topic}）"


def _job_done(n: Narrator, x: f.JobCompleted, e: Entry) -> str:
    return f"自动步骤{n.what(x.id)}完成，结果：{_listed(x.result)}"


def _job_failed(n: Narrator, x: f.JobFailed, e: Entry) -> str:
    left = f"，还将重试 {x.retries_left} 次" if x.retries_left > 0 else "，不再重试"
    return f"自动步骤{n.what(x.id)}失败：{quoted(x.reason)}{left}"


def _incident(n: Narrator, x: f.IncidentRaised, e: Entry) -> str:
    return f"“{n.named(x.element)}”发生异常，案件停在这里：{x.message}"


def _resolved(n: Narrator, x: f.IncidentResolved, e: Entry) -> str:
    return f"{who(e.actor)}处理了{n.what(x.id)}的异常"


def _deadline(n: Narrator, x: f.DeadlineSet, e: Entry) -> str:
    if not x.element:
        return f"挂起最迟到{moment_text(x.due)}自动恢复"
    return f"时限“{n.named(x.element)}”定在{moment_text(x.due)}"


def _passed(n: Narrator, x: f.DeadlinePassed, e: Entry) -> str:
    if not n.ids.get(x.id):
        return "挂起期满"
    return f"时限{n.what(x.id)}到时"


def _dropped(n: Narrator, x: f.DeadlineDropped, e: Entry) -> str:
    return f"时限{n.what(x.id)}撤销"


def _moved(n: Narrator, x: f.DeadlineMoved, e: Entry) -> str:
    if x.due is None:
        return f"时限{n.what(x.id)}停止计时"
    return f"时限{n.what(x.id)}改到{moment_text(x.due)}"


def _subscribed(n: Narrator, x: f.Subscribed, e: Entry) -> str:
    if x.what == "condition":
        return f"“{n.named(x.element)}”等待条件“{x.name}”{'不再' if x.key else ''}成立"
    what = "消息" if x.what == "message" else "信号"
    return f"“{n.named(x.element)}”等待{what}“{x.name}”" + (f"（{x.key}）" if x.key else "")


def _unsubscribed(n: Narrator, x: f.Unsubscribed, e: Entry) -> str:
    return f"{n.what(x.id)}不再等待“{n.subscribed.get(x.id, '')}”"


def _message(n: Narrator, x: f.MessageReceived, e: Entry) -> str:
    if _asked(e):
        return f"{who(e.actor)}提出“{x.name}”"
    return f"收到消息“{x.name}”"


def _message_sent(n: Narrator, x: f.MessageSent, e: Entry) -> str:
    return f"发出消息“{x.name}”" + (f"（{x.key}）" if x.key else "")


def _signal(n: Narrator, x: f.SignalReceived, e: Entry) -> str:
    return f"收到信号“{x.name}”"


def _trigger_came(n: Narrator, x: f.TriggerCame, e: Entry) -> str:
    return f"“{n.named(x.element)}”等待的各项{'已经到齐' if x.complete else '到了一项'}"


def _signal_sent(n: Narrator, x: f.SignalSent, e: Entry) -> str:
    return f"发出信号“{x.name}”"


def _error(n: Narrator, x: f.ErrorThrown, e: Entry) -> str:
    caught = f"，转到“{n.named(x.caught_by)}”处理" if x.caught_by else "，流程中没有处理它的分支"
    message = f"（{quoted(x.message)}）" if x.message else ""
    return f"{n.what(x.id)}报告错误 {x.code}{message}{caught}"


def _escalation(n: Narrator, x: f.EscalationThrown, e: Entry) -> str:
    caught = f"，转到“{n.named(x.caught_by)}”" if x.caught_by else ""
    return f"{n.what(x.id)}上报 {x.code}{caught}"


def _compensation(n: Narrator, x: f.CompensationThrown, e: Entry) -> str:
    if not x.activities:
        what = f"“{n.named(x.activity)}”" if x.activity else "已办的步骤"
        return f"{n.what(x.id)}要求撤销{what}，没有已办完需要撤销的"
    steps = "、".join(n.what(one) for one in x.activities[:6])
    return f"{n.what(x.id)}要求依次撤销{steps}{'等' if len(x.activities) > 6 else ''}"


def _undoing(n: Narrator, x: f.CompensationBegan, e: Entry) -> str:
    by = f"，由“{n.named(x.handler)}”办理" if x.handler else ""
    return f"开始撤销已办的{n.what(x.id)}{by}"


def _undone(n: Narrator, x: f.CompensationEnded, e: Entry) -> str:
    return f"{n.what(x.id)}的撤销结束"


def _transaction(n: Narrator, x: f.TransactionCancelled, e: Entry) -> str:
    return f"事务{n.what(x.id)}取消，其中未办完的停止办理"


def _correlation_key(n: Narrator, x: f.CorrelationKeySet, e: Entry) -> str:
    return f"此后的消息按“{x.name}”（{'、'.join(str(plain(one)) for one in x.values)}）认定属于本案"


def _number(n: Narrator, x: f.NumberGiven, e: Entry) -> str:
    return f"编号：{x.text}"


def _file(n: Narrator, x: f.FileAttached, e: Entry) -> str:
    step = f"，用于{n.what(x.item)}" if x.item in n.ids else ""
    return f"{who(e.actor)}上传了“{x.name}”{step}"


def _hint(n: Narrator, x: f.HintJudged, e: Entry) -> str:
    verdict = {"confirmed": "核实", "dismissed": "排除"}.get(x.verdict, x.verdict)
    return f"{who(e.actor)}{verdict}了疑似虚假整改提示：{x.said}理由：{quoted(x.reason)}"


def _note(n: Narrator, x: f.NoteAdded, e: Entry) -> str:
    n.notes[x.number] = e.actor.name or n.person(e.actor.person)
    to = n.notes.get(x.reply, "") if x.reply else ""
    about = f"（{n.what(x.item)}）" if x.item in n.ids else ""
    return (
        f"{who(e.actor)}{f'回复{to}' if to else '备注' if not x.number else '评论'}{about}：{quoted(x.text)}"
    )


def _copied(n: Narrator, x: f.CaseCopied, e: Entry) -> str:
    to = n.person(x.person) if x.person else n.post(x.unit, x.role)
    by = f"“{n.named(x.element)}”办结后自动" if x.element else who(e.actor)
    return f"{by}抄送给{to}" + (f"：{quoted(x.note)}" if x.note else "")


def _copy_read(n: Narrator, x: f.CopyRead, e: Entry) -> str:
    return f"{who(e.actor)}已阅知"


def _urged(n: Narrator, x: f.WorkItemUrged, e: Entry) -> str:
    held = n.person(x.person) if x.person else ""
    return f"{who(e.actor)}催办{n.what(x.id)}（{x.unit}{held}）：{quoted(x.text)}"


def _corrected(n: Narrator, x: f.RegisterCorrected, e: Entry) -> str:
    said = "；".join(
        f"{key}由“{quoted(_read(x.before.get(key)))}”改为“{quoted(_read(value))}”"
        for key, value in x.values.items()
    )
    return f"{who(e.actor)}更正台账：{said}{_because(x.reason)}"


def _merged(n: Narrator, x: f.CaseMerged, e: Entry) -> str:
    if x.passes:
        return f"晚到的并案材料转给案件{x.number or x.into}"
    return f"{who(e.actor)}将本案并入案件{x.number or x.into}，本案到此结束{_because(x.reason)}"


def _joined(n: Narrator, x: f.CaseJoined, e: Entry) -> str:
    return f"案件{x.number or x.other}并入本案，材料和可见范围随之并入{_because(x.reason)}"


def _notice(n: Narrator, x: f.NoticeSent, e: Entry) -> str:
    to = n.person(x.person) if x.person else n.post(x.unit, x.role)
    return f"通知{to}：{quoted(x.title)}"


def _imported(n: Narrator, x: f.HistoryImported, e: Entry) -> str:
    note = f"（{quoted(x.note)}）" if x.note else ""
    return f"{who(e.actor)}补录：来自{x.source}{note}"


_SENTENCES: dict[type[f.Fact], Callable[[Narrator, Any, Entry], str]] = {
    f.CaseStarted: _started,
    f.CaseCompleted: _completed_case,
    f.CaseCancelled: _cancelled_case,
    f.CaseSuspended: _suspended,
    f.CaseResumed: _resumed,
    f.StatusChanged: _status,
    f.VariablesSet: _variables,
    f.FlowTaken: _flow,
    f.ElementEntered: _entered,
    f.ElementCompleted: _completed,
    f.ElementCancelled: _cancelled,
    f.LoopOpened: _loop,
    f.LoopOutput: _output,
    f.ActivitiesEnabled: _enabled,
    f.GatewayActivated: _activated,
    f.GatewayReset: _reset,
    f.WorkItemOffered: _offered,
    f.WorkItemRouted: _routed,
    f.WorkItemClaimed: _claimed,
    f.WorkItemReleased: _released,
    f.WorkItemTransferred: _transferred,
    f.WorkItemCompleted: _finished,
    f.WorkItemReturned: _returned,
    f.WorkItemTakenBack: _taken_back,
    f.WorkItemWithdrawn: _withdrawn,
    f.TokensWithdrawn: _tokens_withdrawn,
    f.TokenPutBack: _put_back,
    f.ScopeReopened: _reopened,
    f.RoundReopened: _round_reopened,
    f.SignerAdded: _signer_added,
    f.SignerTakenBack: _signer_taken_back,
    f.SigningReturned: _signing_returned,
    f.SigningDecided: _signing_decided,
    f.CauseRecalled: _recalled,
    f.StrandRecalled: _recalled,
    f.DueMoved: _due,
    f.JobOffered: _job,
    f.JobCompleted: _job_done,
    f.JobFailed: _job_failed,
    f.IncidentRaised: _incident,
    f.IncidentResolved: _resolved,
    f.DeadlineSet: _deadline,
    f.DeadlinePassed: _passed,
    f.DeadlineDropped: _dropped,
    f.DeadlineMoved: _moved,
    f.Subscribed: _subscribed,
    f.Unsubscribed: _unsubscribed,
    f.MessageReceived: _message,
    f.MessageSent: _message_sent,
    f.SignalReceived: _signal,
    f.SignalSent: _signal_sent,
    f.TriggerCame: _trigger_came,
    f.ErrorThrown: _error,
    f.EscalationThrown: _escalation,
    f.CompensationThrown: _compensation,
    f.CompensationBegan: _undoing,
    f.CompensationEnded: _undone,
    f.TransactionCancelled: _transaction,
    f.CorrelationKeySet: _correlation_key,
    f.NumberGiven: _number,
    f.FileAttached: _file,
    f.HintJudged: _hint,
    f.NoteAdded: _note,
    f.CaseCopied: _copied,
    f.CopyRead: _copy_read,
    f.WorkItemUrged: _urged,
    f.RegisterCorrected: _corrected,
    f.CaseMerged: _merged,
    f.CaseJoined: _joined,
    f.NoticeSent: _notice,
    f.HistoryImported: _imported,
}
"""Every kind of fact; a test holds this against `facts.KINDS`."""
