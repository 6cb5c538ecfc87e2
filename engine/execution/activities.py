"""Activities 活动: work of people and machines, decisions, scripts, and the scopes other elements run in."""

from __future__ import annotations

from datetime import datetime

from engine.definitions.decisions import Table
from engine.definitions.model import Element, Kind, Trigger
from engine.definitions.vocabulary import RESERVED, VARIABLE
from engine.execution import adhoc, data, timers
from engine.execution.arming import arm_event_subprocesses
from engine.execution.context import Context
from engine.execution.elements import behaviour, leave
from engine.execution.events import payload_of, send_message
from engine.execution.run import Halt, Run
from engine.execution.starting import begin_inside
from engine.execution.state import Instance
from engine.facts import JobOffered, WorkItemOffered
from engine.values import Value


@behaviour(Kind.TASK, Kind.EXCLUSIVE, Kind.PARALLEL, Kind.INCLUSIVE)
def _pass(run: Run, instance: Instance, element: Element) -> None:
    leave(run, instance)


# -- people --------------------------------------------------------------------------------------------


@behaviour(Kind.USER, Kind.MANUAL)
def _offer(run: Run, instance: Instance, element: Element) -> None:
    now = run.moment.now
    groups: tuple[str, ...] = element.roles
    if element.groups is not None:
        groups = _groups(run, instance, element)
    assignee = ""
    if element.assignee is not None:
        found = run.value(element.assignee, instance)
        if found is not None and not isinstance(found, str):
            raise Halt("expression_failed", f"办理人“{element.assignee.text}”没有得到人员编号。")
        assignee = found or ""
    due = None
    added = run.state.signers.get(instance.id)  # one more of a 会签
    if added is not None:
        groups, assignee, due = (f"{added.role}@{added.unit}",), "", added.due
    if element.due is not None and due is None:
        due = _due(run, instance, element, now)
    name = _titled(run, instance, element)
    run.emit(WorkItemOffered(instance.id, element.id, name, groups, now, assignee, due, element.form))


LONGEST_SUMMARY = 200
"""Characters of an item's 事由 after which it is cut: it is a line of a list."""


def _titled(run: Run, instance: Instance, element: Element) -> str:
    """The item's name: the step's, followed by what this very item is about."""
    if element.summary is None:
        return element.name
    found = run.value(element.summary, instance)
    if found is not None and not isinstance(found, str):
        raise Halt("expression_failed", f"事由“{element.summary.text}”没有得到文字。")
    about = " ".join((found or "").split())[:LONGEST_SUMMARY]
    return f"{element.name}：{about}" if about and element.name else about or element.name


def _groups(run: Run, instance: Instance, element: Element) -> tuple[str, ...]:
    assert element.groups is not None
    found = run.value(element.groups, instance)
    if isinstance(found, str):
        found = found.split(",")
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Halt("expression_failed", f"候选岗位“{element.groups.text}”没有得到岗位名称。")
    return tuple(one.strip() for one in found if one.strip())


def _due(run: Run, instance: Instance, element: Element, now: datetime) -> datetime | None:
    assert element.due is not None
    item = {
        "id": instance.id,
        "element": element.id,
        "name": element.name,
        "due": None,
        "offered": now,
    }
    found = run.value(element.due, instance, {"item": item})
    if found is None:
        return None
    due = timers.instant(run, found)
    if due is None:
        raise Halt("expression_failed", f"办理期限“{element.due.text}”没有得到日期时间。")
    return due


# -- machines ------------------------------------------------------------------------------------------


@behaviour(Kind.SERVICE, Kind.SEND)
def _work(run: Run, instance: Instance, element: Element) -> None:
    event = element.event
    if not element.topic and event is not None and event.trigger is Trigger.MESSAGE:
        send_message(run, instance, event, payload_of(instance, element))
        leave(run, instance)
        return
    run.emit(JobOffered(instance.id, element.id, element.topic, payload_of(instance, element)))


@behaviour(Kind.SCRIPT)
def _script(run: Run, instance: Instance, element: Element) -> None:
    if element.script is None:
        leave(run, instance)
        return
    found = run.value(element.script, instance)
    if name := data.result_name(element, found):
        leave(run, instance, {name: found})
    elif isinstance(found, dict):
        leave(run, instance, found)
    else:
        raise Halt(
            "expression_failed",
            f"脚本“{element.name or element.id}”没有写结果变量，结果也不是一组“名称: 值”。",
        )


@behaviour(Kind.RULE)
def _decide(run: Run, instance: Instance, element: Element) -> None:
    if element.topic or not element.decision:  # a lone diagram may leave the decision to whoever answers
        _work(run, instance, element)
        return
    decision = run.package.decisions.get(element.decision)
    if decision is None:
        raise Halt("expression_failed", f"流程包中没有决策表“{element.decision}”。")
    found = run.decide(decision, Context(run, instance.id))
    logic = decision.logic
    many = (
        logic.gives_a_list
        if isinstance(logic, Table)
        else element.map_decision_result in ("collectEntries", "resultList")
    )
    rows = found if many and isinstance(found, list) else [] if found is None else [found]
    value = _mapped(rows, element)
    if name := data.result_name(element, value):
        leave(run, instance, {name: value})
    elif value is None or isinstance(value, dict):
        leave(run, instance, value)
    elif VARIABLE.fullmatch(decision.variable) and decision.variable not in RESERVED:
        leave(run, instance, {decision.variable: value})
    else:
        name = element.name or element.id
        raise Halt("expression_failed", f"决策“{name}”没有写结果变量，结果也不是一组“名称: 值”。")


def _mapped(rows: list[Value], element: Element) -> Value:
    """`mapDecisionResult`: the shape in which a decision's result is kept. A row of one output is its value."""
    how = element.map_decision_result
    if how in ("singleEntry", "singleResult"):
        if len(rows) > 1:
            name = element.name or element.id
            raise Halt("expression_failed", f"决策“{name}”得出 {len(rows)} 条结果，流程图要求只有一条。")
        one = rows[0] if rows else None
        return _entry(one) if how == "singleEntry" else one
    if how == "collectEntries":
        return [_entry(row) for row in rows]
    return rows


def _entry(row: Value) -> Value:
    if not isinstance(row, dict):
        return row
    if len(row) == 1:
        return next(iter(row.values()))
    raise Halt("expression_failed", "决策结果有多个输出，不能只取一个值，请改用“单条结果”。")


# -- scopes --------------------------------------------------------------------------------------------


@behaviour(Kind.SUBPROCESS, Kind.CALL)
def _open(run: Run, instance: Instance, element: Element) -> None:
    process, _ = run.inside(instance)
    if element.ad_hoc is not None:
        arm_event_subprocesses(run, instance)
        if element.ad_hoc.begins:
            adhoc.begin(run, instance, process, element)
        else:
            leave(run, instance)
        return
    begin_inside(run, instance, process, element)
