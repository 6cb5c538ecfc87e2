"""Everything a page or a machine may ask about one case 案件: holders, history, papers, variables, marks, explanation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.audit.ledger import Entry
from engine.definitions.model import Kind, Package
from engine.definitions.opinion import form_named
from engine.execution.records import Item
from engine.execution.signing import is_asked
from engine.facts import ElementCompleted, ElementEntered, Fact, from_data
from engine.handlers.work import Work
from engine.store import tables as t
from engine.values import loads, plain
from web import present
from web.context import the_engine

_i = t.work_items


def open_items(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """The open work items, soonest due first."""
    return [dict(r._mapping) for r in c.execute(_open_items, {"b_case": case})]


def closed_items(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """What has been done, newest first."""
    return [dict(r._mapping) for r in c.execute(_closed_items, {"b_case": case})]


_of_case = sa.select(_i).where(_i.c.case == sa.bindparam("b_case"))
_open_items = _of_case.where(_i.c.state == "open").order_by(_i.c.due.is_(None), _i.c.due, _i.c.item)
_closed_items = (
    _of_case.where(_i.c.state != "open").order_by(_i.c.closed_at.desc(), _i.c.item.desc()).limit(500)
)


def files(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """The attached files, newest first, each with the step it came with, also those of cases merged into this one: `merged` is
    the number of such a case."""
    f = t.files
    here = sa.select(t.joined_cases.c.other).where(t.joined_cases.c.case == case)
    statement = (
        sa.select(f, _i.c.name.label("step"), _i.c.unit, _i.c.role, t.cases.c.number, t.cases.c.origin)
        .join(t.cases, t.cases.c.id == f.c.case)
        .outerjoin(_i, sa.and_(_i.c.case == f.c.case, _i.c.item == f.c.item))
        .where(sa.or_(f.c.case == case, f.c.case.in_(here)))
        .order_by(f.c.uploaded_at.desc(), f.c.id)
    )
    found = [dict(r._mapping) for r in c.execute(statement)]
    for row in found:
        number = row.pop("number") or "未编号的案件"
        row["merged"] = number if row["case"] != case else ""
    return found


def joined(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """The cases that were merged into this one 并案, in order."""
    j = t.joined_cases
    statement = (
        sa.select(t.cases.c.id, t.cases.c.number, t.cases.c.title, t.cases.c.origin, j.c.at)
        .join(t.cases, t.cases.c.id == j.c.other)
        .where(j.c.case == case)
        .order_by(j.c.at, t.cases.c.id)
    )
    return [dict(r._mapping) for r in c.execute(statement)]


def incidents(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """Open incidents 异常."""
    n = t.incidents
    statement = sa.select(n).where(n.c.case == case, n.c.resolved_at.is_(None)).order_by(n.c.raised_at)
    return [dict(r._mapping) for r in c.execute(statement)]


def deadlines(c: sa.Connection, case: str) -> list[dict[str, Any]]:
    """Armed timers 时限, the next to fire first."""
    d = t.deadlines
    statement = sa.select(d).where(d.c.case == case).order_by(d.c.due.is_(None), d.c.due, d.c.deadline)
    return [dict(r._mapping) for r in c.execute(statement)]


def facts_of(c: sa.Connection, case: str) -> list[Fact]:
    """All facts of the case, in order."""
    statement = sa.select(t.facts.c.data).where(t.facts.c.case == case).order_by(t.facts.c.seq)
    return [from_data(loads(row.data)) for row in c.execute(statement)]


def marks(state: Any, now: datetime, facts: Iterable[Fact]) -> dict[str, dict[str, Any]]:
    """Per process: where tokens stand, what was completed, what is late, halted, and what fires next."""
    found: dict[str, dict[str, Any]] = {}

    def of(process: str) -> dict[str, Any]:
        return found.setdefault(
            process, {"active": {}, "completed": [], "incident": [], "overdue": [], "next": []}
        )

    places: dict[int, tuple[str, str]] = {}
    for fact in facts:
        if isinstance(fact, ElementEntered):
            places[fact.id] = (fact.process, fact.element)
        elif isinstance(fact, ElementCompleted) and fact.id in places:
            process, element = places[fact.id]
            if element not in of(process)["completed"]:
                of(process)["completed"].append(element)
    for instance in state.instances.values():
        if instance.element and not instance.body and not is_asked(state, instance.id):
            active = of(instance.process)["active"]
            active[instance.element] = active.get(instance.element, 0) + 1
        for gateway, tokens in instance.arrivals.items():
            active = of(instance.process)["active"]
            active[gateway] = active.get(gateway, 0) + len(tokens)
    for item in state.items.values():
        if item.due is not None and item.due < now:
            process, element = places.get(item.id, ("", item.element))
            of(process)["overdue"].append(element)
    for incident in state.incidents.values():
        process, _ = places.get(incident.owner, ("", ""))
        of(process)["incident"].append(incident.element)
    armed = sorted((d for d in state.deadlines.values() if d.due is not None), key=lambda d: d.due)
    for deadline in armed[:1]:
        process, _ = places.get(deadline.owner, (state.process, ""))
        of(process)["next"].append(deadline.element)
    return found


def explain(c: sa.Connection, row: Any, package: Package, now: datetime) -> list[dict[str, str]]:
    """What the case waits for, as sentences: who holds it and why, what is late, what fires next."""
    said: list[dict[str, str]] = []
    engine = the_engine()
    calendar = engine.calendar()
    if row.state == "merged":
        return [
            {
                "tone": "muted",
                "text": f"本案已并入另一案件，于 {present.moment(row.ended_at)} 结束，不再办理。",
            }
        ]
    if row.state in ("completed", "cancelled"):
        end = f"，终点“{row.end}”" if row.end else ""
        return [
            {
                "tone": "muted",
                "text": f"案件{present.CASE_STATES[row.state]}{end}，于 {present.moment(row.ended_at)} 结束。",
            }
        ]
    if row.state == "suspended":
        said.append({"tone": "warning", "text": "案件已挂起，各项时限停钟；恢复后按剩余工作时间继续。"})
    for n in incidents(c, row.id):
        where = present.event_name(package, n["element"])
        said.append(
            {
                "tone": "danger",
                "text": f"“{where}”出现异常：{n['message']}（{present.moment(n['raised_at'])} 起停在这里）。",
            }
        )
    for item in open_items(c, row.id):
        holder = item["unit"] or "没有找到办理单位"
        who = (
            f"{holder} {engine.directory().name_of(item['person'])}"
            if item["person"]
            else f"{holder}（未签收）"
        )
        limit = present.left(item["due"], now, calendar, suspended=row.state == "suspended")
        basis = f"；{item['basis']}" if item["basis"] else ""
        said.append(
            {
                "tone": "danger" if limit.tone == "danger" or not item["unit"] else "info",
                "text": f"“{item['name']}”在{who}，自 {present.moment(item['offered_at'])} 起，{limit.text}{basis}。",
            }
        )
    for d in deadlines(c, row.id)[:1]:
        if d["due"] is not None:
            name = present.event_name(package, d["element"])
            said.append({"tone": "muted", "text": f"接下来：{present.moment(d['due'])} 到“{name}”。"})
    waiting = c.execute(sa.select(t.subscriptions.c.name).where(t.subscriptions.c.case == row.id).distinct())
    heard = {r.name for r in waiting}
    asked = [a.title for a in package.actions.values() if a.message in heard]
    jobs = c.execute(sa.select(t.jobs.c.topic, t.jobs.c.element).where(t.jobs.c.case == row.id)).all()
    said += [
        {"tone": "info", "text": f"自动步骤“{present.event_name(package, j.element)}”等待处理（{j.topic}）。"}
        for j in jobs
    ]
    if not said and heard:
        said.append({"tone": "info", "text": f"等待消息：{'、'.join(sorted(heard))}。"})
    if not said:
        said.append({"tone": "warning", "text": "案件没有等待任何人、时限或消息，请联系安委办管理员。"})
    if asked and row.state != "suspended":
        said.append({"tone": "muted", "text": f"其间有权的单位可以提出：{'、'.join(asked)}。"})
    return said


def variables(
    state: Any, package: Package, file_names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The root variables with their Chinese labels, in the order of the forms, others after; `file_names` are the names
    of files by id."""
    labels = present.labels_of_forms(package.forms.values())
    chosen = present.chosen_of_directory(package.forms.values())
    values = dict(state.root_variables)

    def shown(key: str) -> str:
        by_name = present.named(values[key], chosen.get(key, ""))
        return present.text(present.with_files(by_name, file_names or {}))

    ordered = [k for k in labels if k in values] + [k for k in values if k not in labels]
    return [{"key": k, "label": labels.get(k, k), "value": values[k], "text": shown(k)} for k in ordered]


def processes_of(package: Package, found: dict[str, dict[str, Any]], main: str) -> list[dict[str, str]]:
    """Which diagrams to show: the main process first, then those in which something happened."""
    keys = [main] + [k for k in found if k != main and k in package.processes]
    return [
        {"key": k, "title": package.processes[k].name or k, "file": package.processes[k].file}
        for k in keys
        if k in package.processes
    ]


def form_of(package: Package, key: str) -> dict[str, Any] | None:
    """A form's schema for the island; None when the step has no form."""
    form = form_named(package.forms, key)
    return dict(form.schema) if form is not None else None


def required_files(schema: Mapping[str, Any] | None) -> list[str]:
    """Labels of the photos and files a form asks for, for people to have at hand before they begin. Those that only some answers
    ask for are not among them."""
    found: list[str] = []

    def walk(components: Any) -> None:
        for component in components or ():
            if (component.get("conditional") or {}).get("hide"):
                continue
            if component.get("type") == "filepicker" and (component.get("validate") or {}).get("required"):
                found.append(str(component.get("label") or component.get("key")))
            walk(component.get("components"))

    walk((schema or {}).get("components"))
    return found


NOT_REPEATED = (
    "结论", "意见", "签名", "签字", "批示", "决定", "判定", "结果", "核验", "核实", "确认", "复查", "查验", "坐标",
)  # fmt: skip
"""Words of field keys that are never filled in for a person: a conclusion is the person's own (领域说明 7), and so is what was found on
the spot, by whom and where, when a step is done for a second time."""

_REPEATED_TYPES = frozenset({"textfield", "textarea", "number", "select", "taglist", "dynamiclist"})


def _ones_own(component: Mapping[str, Any]) -> bool:
    """Whether only the person who does the step may say this: by its key, or because the form says so."""
    properties = component.get("properties") or {}
    said = str(properties.get("neverPrefilled", "")).lower() == "true"
    return said or any(word in _key(component) for word in NOT_REPEATED)


def _key(component: Mapping[str, Any]) -> str:
    """Under which name the component's value is submitted; "" for what is only shown."""
    return str(component.get("key") or component.get("path") or "")


def _said_again(component: Mapping[str, Any], value: Any) -> Any:
    """The value as a field may begin with it: rows without what is the person's own in them."""
    if component.get("type") != "dynamiclist" or not isinstance(value, list):
        return plain(value)
    may = {_key(c) for c in component.get("components") or () if _may_repeat(c)}
    return [{k: plain(v) for k, v in row.items() if k in may} for row in value if isinstance(row, Mapping)]


def _may_repeat(component: Mapping[str, Any]) -> bool:
    return component.get("type") in _REPEATED_TYPES and _key(component) != "" and not _ones_own(component)


def prefill(
    schema: dict[str, Any] | None,
    values: Mapping[str, Any],
    before: Mapping[str, Any],
    choices: Any,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the form starts with.

    The lists its selects name; the case's values its conditions read; the case's own value where a field chooses from
    the directory; what the same unit had filled in when the step came back to it (`before`); and what the diagram hands
    to this very item (`given`, its input parameters: a letter's draft) — but never conclusions.
    """
    data: dict[str, Any] = {}
    own: set[str] = set()
    texts: list[str] = []

    def walk(components: Any, in_row: bool = False) -> None:
        for component in components or ():
            key, source = _key(component), component.get("valuesKey")
            texts.extend(_expressions(component))
            if source and source in choices:
                data[source] = plain(choices[source])
            if key:
                own.add(key)
                if source and key in values and not in_row:
                    data[key] = plain(values[key])
                if not in_row and _may_repeat(component):
                    found = (given or {}).get(key)
                    found = before.get(key) if found is None else found
                    if found is not None:
                        data[key] = _said_again(component, found)
            walk(component.get("components"), in_row or component.get("type") == "dynamiclist")

    walk((schema or {}).get("components"))
    read = "\n".join(texts)
    data.update({k: plain(v) for k, v in values.items() if k in read and k not in own and k not in data})
    return data


def chooses_cases(package: Package, item: Item) -> bool:
    """Whether the item's form chooses from the cases: it is the step that looks for doubles 查重."""
    form = package.forms.get(item.form)
    return form is not None and any(field.choices == "cases" for field in form.fields)


def given(work: Work, item: int) -> dict[str, Any]:
    """What the diagram hands to an open item: the values of its input parameters."""
    names = {binding.name for binding in work.element(item).inputs}
    here = work.state.instances[item].variables or {}
    return {k: v for k, v in here.items() if k in names}


def _expressions(component: Mapping[str, Any]) -> list[str]:
    """FEEL texts of a component: its condition and every property that begins with `=`."""
    found: list[str] = []
    for value in component.values():
        if isinstance(value, str) and value.startswith("="):
            found.append(value)
        elif isinstance(value, Mapping):
            found += _expressions(value)
    return found


def filled_before(c: sa.Connection, case: str, element: str, unit: str) -> dict[str, Any]:
    """What this unit filled in when the step was last finished in this case."""
    statement = (
        sa.select(t.facts.c.data)
        .where(t.facts.c.case == case, t.facts.c.kind == "WorkItemCompleted", t.facts.c.unit == unit)
        .order_by(t.facts.c.seq.desc())
        .limit(50)
    )
    for row in c.execute(statement):
        data = loads(row.data)
        if data.get("element") == element:
            return dict(data.get("form") or {})
    return {}


def user_tasks(package: Package) -> dict[str, str]:
    """Element id → name of every task that people do."""
    return {
        e.id: e.name or e.id
        for p in package.processes.values()
        for e in p.elements.values()
        if e.kind in (Kind.USER, Kind.MANUAL)
    }


def keys_filled_by(entries: Iterable[Entry], units: Iterable[str]) -> set[str]:
    """Keys of the variables that people of these units have filled in."""
    mine, found = set(units), set[str]()
    for entry in entries:
        if entry.actor.unit in mine:
            found |= set(getattr(entry.fact, "form", None) or getattr(entry.fact, "variables", None) or {})
    return found
