"""What a case waits for 为什么停在这里: open items and who holds them, what fires next and when, messages awaited,
joins, incidents. Data for pages and the API; `str()` of a record is its Chinese sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions import naming
from engine.definitions.model import Element, Kind, Package, Process
from engine.errors import EngineError
from engine.execution.marking import State
from engine.execution.records import ROOT, Instance, Item
from engine.execution.run import CONDITION
from engine.execution.signing import awaited
from engine.values import plain


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing the case waits for.

    `kind`: `item`, `job`, `deadline`, `message`, `signal`, `condition`, `join`, `compensation`, `incident`, `suspended`. `who` is the unit, post or
    person that has to act ("" for none), `since` and `due` are instants (UTC), `next` names what follows a timer.
    """

    kind: str
    text: str
    id: int = 0
    element: str = ""
    name: str = ""
    who: str = ""
    since: datetime | None = None
    due: datetime | None = None
    next: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def explain(package: Package, state: State, moment: Moment) -> list[Waiting]:
    """Everything the case waits for, incidents first, then people, then clocks, soonest first."""
    if not state.open:
        return []
    found = [_incident(package, state, id) for id in state.incidents]
    if state.suspended:
        until = next((d.due for d in state.deadlines.values() if d.owner == 0), None)
        text = (
            "案件已挂起，时限停止计算"
            + (f"，最迟 {_shown(until)} 自动恢复" if until else "，须人工恢复")
            + "。"
        )
        found.append(Waiting("suspended", text, due=until))
    items = sorted(state.items.values(), key=lambda i: (i.due is None, i.due or i.offered, i.id))
    found += [_item(package, state, item, moment) for item in items]
    found += [_job(package, state, id) for id in state.jobs]
    found += _deadlines(package, state, moment)
    found += [_subscription(package, state, id) for id in state.subscriptions]
    found += _joins(package, state)
    found += _compensations(package, state)
    return found


# -- the parts -----------------------------------------------------------------------------------------


def _incident(package: Package, state: State, id: int) -> Waiting:
    incident = state.incidents[id]
    element = drawn(package, state, incident.owner, incident.element)
    name = _name(package, element) or incident.element
    return Waiting("incident", f"“{name}”出现异常，停在这里：{incident.message}", id, incident.element, name)


def _item(package: Package, state: State, item: Item, moment: Moment) -> Waiting:
    role = _role(package, item.role)
    groups = "、".join(_role(package, one.partition("@")[0]) for one in item.groups)
    who = item.person or (f"{item.unit}（{role}）" if item.unit and role else item.unit) or groups
    name = item.name or item.element
    text = f"等待{who}办理“{name}”" if who else f"“{name}”等待办理，没有指定承办岗位"
    if item.due is not None:
        text += f"，期限 {_shown(item.due)}{_left(item.due, moment)}"
    if awaited(state, item.id):
        text += "，收到加签人的意见后才能办结"
    return Waiting("item", text + "。", item.id, item.element, name, who, item.offered, item.due)


def _role(package: Package, key: str) -> str:
    role = package.roles.get(key)
    return role.title if role is not None else key


def _job(package: Package, state: State, id: int) -> Waiting:
    job = state.jobs[id]
    name = _name(package, drawn(package, state, id, job.element)) or job.element
    tried = f"，已失败 {job.failures} 次" if job.failures else ""
    return Waiting(
        "job", f"等待自动步骤“{name}”（{job.topic}）完成{tried}。", id, job.element, name, job.topic
    )


def _deadlines(package: Package, state: State, moment: Moment) -> list[Waiting]:
    found = []
    running = [d for d in state.deadlines.values() if d.due is not None and d.owner]
    for one in sorted(running, key=lambda d: (d.due, d.id)):
        assert one.due is not None
        element = drawn(package, state, one.owner, one.element)
        name = _name(package, element) or one.element
        follows = _follows(package, state, one.owner, element)
        text = f"{_shown(one.due)}{_left(one.due, moment)}触发“{name}”"
        if follows:
            text += "，接着是" + "、".join(f"“{f}”" for f in follows)
        if element is not None and element.kind is Kind.BOUNDARY and element.interrupting:
            host = state.instances[one.owner]
            text += f"，并停止“{_name(package, drawn(package, state, host.id, host.element))}”"
        found.append(Waiting("deadline", text + "。", one.id, one.element, name, due=one.due, next=follows))
    return found


def _subscription(package: Package, state: State, id: int) -> Waiting:
    one = state.subscriptions[id]
    element = drawn(package, state, one.owner, one.element)
    name = _name(package, element) or one.element
    follows = _follows(package, state, one.owner, element)
    if one.what == CONDITION:
        text = f"“{name}”在等条件“{one.name}”{'先不再成立，然后再' if one.key else ''}成立。"
        return Waiting(one.what, text, one.id, one.element, name, next=follows)
    what = "消息" if one.what == "message" else "信号"
    settled = one.key or _settled(state, one.owner) if one.what == "message" else ""
    key = f"（关联键 {settled}）" if settled else ""
    return Waiting(
        one.what, f"“{name}”在等{what}“{one.name}”{key}。", one.id, one.element, name, next=follows
    )


def _settled(state: State, owner: int) -> str:
    """The correlation keys that messages have settled for whoever waits, in words."""
    keys: dict[str, str] = {}
    while owner:
        instance = state.instances[owner]
        for key, values in (instance.keys or {}).items():
            keys.setdefault(key, "、".join(str(plain(value)) for value in values))
        owner = instance.scope
    return "；".join(keys.values())


def _joins(package: Package, state: State) -> list[Waiting]:
    found = []
    for scope in state.instances.values():
        for gateway, tokens in scope.arrivals.items():
            if gateway in (scope.activated or ()):
                continue
            process = inside(package, scope)
            element = process.elements[gateway]
            come = {flow for flow, _, _ in tokens}
            sources = (process.elements[process.flows[f].source] for f in element.incoming if f not in come)
            missing = tuple(name for source in sources if (name := naming.called(package, source)))
            name = naming.called(package, element)
            if element.start_quantity > 1:
                text = f"“{name or gateway}”要到 {element.start_quantity} 路才开始，已到 {len(tokens)} 路。"
                found.append(Waiting("join", text, scope.id, gateway, name or gateway))
                continue
            text = f"{f'“{name}”' if name else '几路'}汇合：已到 {len(come)} 路，还在等" + (
                "、".join(f"“{m}”" for m in missing) or "其余各路"
            )
            found.append(Waiting("join", text + "。", scope.id, gateway, name or gateway, next=missing))
        for gateway, taken in (scope.activated or {}).items():
            found.append(_activated(package, inside(package, scope), scope, gateway, taken))
    return found


def _activated(
    package: Package, process: Process, scope: Instance, gateway: str, taken: list[str]
) -> Waiting:
    """A complex gateway that has gone on before all had come."""
    element = process.elements[gateway]
    come = {*taken, *(flow for flow, _, _ in scope.arrivals.get(gateway, ()))}
    sources = (process.elements[process.flows[f].source] for f in element.incoming if f not in come)
    missing = tuple(name for source in sources if (name := naming.called(package, source)))
    name = naming.called(package, element)
    text = f"{f'“{name}”' if name else '复杂网关'}已凭 {len(taken)} 路放行，等" + (
        "、".join(f"“{m}”" for m in missing) or "其余各路"
    )
    return Waiting("join", text + "有了结果才复位。", scope.id, gateway, name or gateway, next=missing)


def _compensations(package: Package, state: State) -> list[Waiting]:
    """Throwing events that wait until what they have undone is undone; what each has undone waits on its own."""
    found = []
    for undoing in state.undoing.values():
        one = state.instances[undoing.id]
        if undoing.queue is None or undoing.phase:
            continue
        element = drawn(package, state, one.id, one.element)
        name = _name(package, element) or one.element
        left = tuple(
            _name(package, drawn(package, state, record.scope, record.element)) or record.element
            for id in undoing.queue
            if (record := state.compensable.get(id)) is not None
        )
        text = f"“{name}”正在等撤销办完" + (
            f"，其后还要撤销{'、'.join(f'“{n}”' for n in left)}" if left else ""
        )
        found.append(Waiting("compensation", text + "。", one.id, one.element, name, next=left))
    return found


# -- looking things up ---------------------------------------------------------------------------------


def inside(package: Package, scope: Instance) -> Process:
    """The process that runs inside a scope."""
    process = package.processes[scope.process]
    if scope.element:
        element = process.elements[scope.element]
        if element.kind is Kind.CALL and not scope.body:
            return package.processes.get(element.called, process)
    return process


def drawn(package: Package, state: State, owner: int, element: str) -> Element | None:
    """The element as drawn: on the owner itself, attached to it, or inside it."""
    instance = state.instances.get(owner)
    if instance is None:
        return None
    here = package.processes[instance.process].elements.get(element)
    if here is not None and (owner == ROOT or here.kind is not Kind.START):
        return here
    return inside(package, instance).elements.get(element)


def _follows(package: Package, state: State, owner: int, element: Element | None) -> tuple[str, ...]:
    if element is None:
        return ()
    instance = state.instances[owner]
    process = package.processes[instance.process]
    if element.kind is Kind.START or element.id not in process.elements:
        process = inside(package, instance)
    following = (naming.called(package, process.elements[flow.target]) for flow in element.outgoing)
    return tuple(name for name in following if name)  # nameless mechanics tell nobody anything


def _name(package: Package, element: Element | None) -> str:
    return "" if element is None else naming.called(package, element) or element.id


def _shown(instant: datetime) -> str:
    local = instant.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"


def _left(due: datetime, moment: Moment) -> str:
    try:
        days = moment.calendar.between(moment.now, due)
    except EngineError:
        return ""
    if due <= moment.now:
        return f"（已超期 {-days} 个工作日）" if days < 0 else "（已超期，不足 1 个工作日）"
    return f"（还剩 {days} 个工作日）" if days else "（今天）"
