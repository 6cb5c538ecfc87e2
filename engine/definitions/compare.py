"""What changed between two versions 版本比较, in sentences the office can check before it publishes.

Only what acts is compared: steps, who does them, limits, forms, conditions, parameters. Moved boxes are no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.definitions.compare_data import element_data, process_data
from engine.definitions.dmn.graph import Decision, InputData, Service
from engine.definitions.forms import Field, Form
from engine.definitions.model import AdHoc, Element, Event, Flow, Kind, Loop, Package, Process
from engine.definitions.vocabulary import EVENTS, GATEWAYS, KIND_TITLES, PEOPLE, TRIGGER_TITLES
from engine.feel import Expression
from engine.values import Value, plain

_LONGEST = 80


def changes(old: Package, new: Package) -> list[str]:
    """Sentences in the order people ask: parameters, roles, processes with their steps, forms, decisions, the rest."""
    return [
        *_parameters(old, new),
        *_roles(old, new),
        *_processes(old, new),
        *_forms(old, new),
        *_decisions(old, new),
        *_around(old, new),
    ]


# -- process.toml --------------------------------------------------------------------------------------


def _parameters(old: Package, new: Package) -> Iterator[str]:
    for key, now in new.parameters.items():
        before = old.parameters.get(key)
        if before is None:
            yield f"新增参数“{now.title}”：{_amount(now.value, now.unit)}"
            continue
        if (before.value, before.unit) != (now.value, now.unit) or type(before.value) is not type(now.value):
            yield f"“{now.title}”由 {_amount(before.value, before.unit)}改为 {_amount(now.value, now.unit)}"
        if before.title != now.title:
            yield f"参数“{before.title}”改名为“{now.title}”"
        if before.source != now.source:
            yield f"“{now.title}”的依据由“{_short(before.source)}”改为“{_short(now.source)}”"
    for key, before in old.parameters.items():
        if key not in new.parameters:
            yield f"删除参数“{before.title}”（原为 {_amount(before.value, before.unit)}）"


def _roles(old: Package, new: Package) -> Iterator[str]:
    for key, now in new.roles.items():
        before = old.roles.get(key)
        if before is None:
            yield f"新增岗位“{now.title}”（{key}）"
        elif before != now:
            if before.title != now.title:
                yield f"岗位“{before.title}”改名为“{now.title}”"
            if _text(before.unit) != _text(now.unit):
                yield f"岗位“{now.title}”的所在单位由{_shown(before.unit, '职责库')}改为{_shown(now.unit, '职责库')}"
    for key, before in old.roles.items():
        if key not in new.roles:
            yield f"删除岗位“{before.title}”（{key}）"


def _around(old: Package, new: Package) -> Iterator[str]:
    for word, before, now in (
        ("标题", old.title, new.title),
        ("主管单位", old.owner, new.owner),
        ("主流程", old.main, new.main),
    ):
        if before != now:
            yield f"流程包{word}由“{before}”改为“{now}”"
    for word, befores, nows in (("操作", old.actions, new.actions), ("登记方式", old.starts, new.starts)):
        yield from _entries(word, befores, nows)
    if dict(old.register) != dict(new.register):
        yield "台账的列或取值有改动"
    if dict(old.number) != dict(new.number):
        yield f"案件编号由“{_number(old)}”改为“{_number(new)}”"


def _number(package: Package) -> str:
    return package.number.get("format", "无").replace("{series}", package.number.get("series", ""))


def _entries(word: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key, now in new.items():
        before = old.get(key)
        if before is None:
            yield f"新增{word}“{now.title}”（{'、'.join(now.roles)}）"
        elif before != now:
            if before.title != now.title:
                yield f"{word}“{before.title}”改名为“{now.title}”"
            if before.roles != now.roles:
                yield f"{word}“{now.title}”的岗位由{'、'.join(before.roles) or '无'}改为{'、'.join(now.roles) or '无'}"
            if before.form != now.form:
                yield f"{word}“{now.title}”的表单由{before.form or '无'}改为{now.form or '无'}"
            if getattr(before, "message", "") != getattr(now, "message", ""):
                yield f"{word}“{now.title}”发出的消息由“{before.message}”改为“{now.message}”"
    for key, before in old.items():
        if key not in new:
            yield f"删除{word}“{before.title}”"


# -- diagrams ------------------------------------------------------------------------------------------


def _processes(old: Package, new: Package) -> Iterator[str]:
    for key, now in new.processes.items():
        before = old.processes.get(key)
        if before is None:
            yield f"新增流程“{now.name}”"
            continue
        prefix = "" if key == new.main else f"流程“{now.name}”："
        for sentence in _process(before, now):
            yield prefix + sentence
    for key, before in old.processes.items():
        if key not in new.processes:
            yield f"删除流程“{before.name}”"


def _process(old: Process, new: Process) -> Iterator[str]:
    if old.name != new.name:
        yield f"流程改名：由“{old.name}”改为“{new.name}”"
    yield from process_data(old, new)
    for key, now in new.elements.items():
        before = old.elements.get(key)
        if before is None:
            yield f"新增{_title(now)}"
        else:
            yield from _element(before, now)
    for key, before in old.elements.items():
        if key not in new.elements:
            yield f"删除{_title(before)}"
    for key, flow in new.flows.items():
        was = old.flows.get(key)
        if was is None:
            yield f"新增连线：{_way(new, flow)}{_when(flow)}"
        else:
            yield from _flow(old, new, was, flow)
    for key, flow in old.flows.items():
        if key not in new.flows:
            yield f"删除连线：{_way(old, flow)}"


def _flow(old: Process, new: Process, before: Flow, now: Flow) -> Iterator[str]:
    if (before.source, before.target) != (now.source, now.target):
        yield f"连线改接：由{_way(old, before)}改为{_way(new, now)}"
    if _text(before.condition) != _text(now.condition):
        yield f"{_way(new, now)}的条件由{_shown(before.condition)}改为{_shown(now.condition)}"


def _element(before: Element, now: Element) -> Iterator[str]:
    name = _title(now)
    if before.kind is not now.kind:
        yield f"{_title(before)}改为{name}"
    elif before.name != now.name:
        yield f"{KIND_TITLES[now.kind]}“{before.name or before.id}”改名为“{now.name or now.id}”"
    if before.scope != now.scope:
        yield f"{name}移到了另一个子流程"
    if before.attached_to != now.attached_to:
        yield f"{name}改为附着在另一个任务上"
    if before.interrupting != now.interrupting:
        yield f"{name}由{_interrupting(before)}改为{_interrupting(now)}"
    if before.event_subprocess != now.event_subprocess:
        yield f"{name}{'改为' if now.event_subprocess else '不再是'}事件子流程"
    if before.transaction != now.transaction:
        yield f"{name}{'改为' if now.transaction else '不再是'}事务"
    if before.for_compensation != now.for_compensation:
        yield f"{name}{'改为' if now.for_compensation else '不再是'}补偿活动"
    if before.handler != now.handler:
        yield f"{name}的补偿活动由{before.handler or '无'}改为{now.handler or '无'}"
    if before.default != now.default:
        yield f"{name}的默认流改变"
    for word, was, to in (
        ("办理岗位", before.groups, now.groups),
        ("办理人", before.assignee, now.assignee),
        ("承办单位", before.unit, now.unit),
        ("事由", before.summary, now.summary),
        ("时限", before.due, now.due),
        ("脚本", before.script, now.script),
        ("激活条件", before.activation, now.activation),
        ("完成条件", _completion(before), _completion(now)),
    ):
        if _text(was) != _text(to):
            shown = (
                (_roles_shown(before, was), _roles_shown(now, to))
                if word == "办理岗位"
                else (_shown(was), _shown(to))
            )
            yield f"{name}的{word}由{shown[0]}改为{shown[1]}"
    for word, once, then in (
        ("表单", before.form, now.form),
        ("执行主题", before.topic, now.topic),
        ("决策表", before.decision, now.decision),
        ("结果变量", before.result_variable, now.result_variable),
        ("结果取法", before.map_decision_result, now.map_decision_result),
        ("调用的流程", before.called, now.called),
    ):
        if once != then:
            yield f"{name}的{word}由{once or '无'}改为{then or '无'}"
    for word, amount, amount_now in (
        ("启动令牌数", before.start_quantity, now.start_quantity),
        ("完成令牌数", before.completion_quantity, now.completion_quantity),
    ):
        if amount != amount_now:
            yield f"{name}的{word}由 {amount} 改为 {amount_now}"
    yield from _ad_hoc(name, before.ad_hoc, now.ad_hoc)
    yield from _event(name, before.event, now.event)
    if (before.instantiate, before.all_events) != (now.instantiate, now.all_events):
        yield f"{name}{'改为启动案件' if now.instantiate else '不再启动案件' if before.instantiate else '等待的方式改变'}"
    yield from _loop(name, before.loop, now.loop)
    for word, befores, nows in (("输入", before.inputs, now.inputs), ("输出", before.outputs, now.outputs)):
        yield from _bindings(name, word, {b.name: b.value for b in befores}, {b.name: b.value for b in nows})
    yield from element_data(name, before, now)
    if (before.passes_all, before.returns_all) != (now.passes_all, now.returns_all):
        yield f"{name}传入传出变量的范围改变"
    for key in sorted({*before.properties, *now.properties} - {"unit", "summary", "correlationKey"}):
        was_text, now_text = before.properties.get(key, ""), now.properties.get(key, "")
        if key in _SWITCHES:
            on = [text.strip().lower() == "true" for text in (was_text, now_text)]
            if on[0] != on[1]:
                yield f"{name}{'改为' if on[1] else '不再'}{_SWITCHES[key]}"
        elif was_text != now_text:
            yield f"{name}的{_PROPERTIES.get(key, key)}由{_quoted(was_text)}改为{_quoted(now_text)}"


_PROPERTIES = {
    "status": "案件状态",
    "separateFrom": "职责分离",
    "returnTo": "可退回到的步骤",
    "copyTo": "办结后抄送",
    "documents": "文书",
    "outputCollection": "汇总变量",
    "outputElement": "汇总内容",
    "passAt": "会签通过比例",
    "opinion": "会签意见字段",
    "outcome": "会签结果变量",
}

_SWITCHES = {"veto": "一票否决", "waitForAll": "等全部签完再下结论"}


def _completion(element: Element) -> Expression | None:
    return element.ad_hoc.completion if element.ad_hoc is not None else None


def _ad_hoc(name: str, before: AdHoc | None, now: AdHoc | None) -> Iterator[str]:
    if (before is None) != (now is None):
        yield f"{name}{'改为' if before is None else '不再是'}自由子流程"
    elif before is not None and now is not None:
        if before.sequential != now.sequential:
            yield f"{name}里的环节由{_order(before)}办理改为{_order(now)}办理"
        if before.cancels != now.cancels:
            yield f"{name}完成时，其余在办环节改为{'撤销' if now.cancels else '办完为止'}"


def _order(how: AdHoc) -> str:
    return "逐个" if how.sequential else "同时"


def _event(name: str, before: Event | None, now: Event | None) -> Iterator[str]:
    if before is None or now is None:
        if before is not now:
            yield f"{name}的触发方式改变"
        return
    if before.trigger is not now.trigger:
        yield f"{name}由{TRIGGER_TITLES[before.trigger]}触发改为{TRIGGER_TITLES[now.trigger]}触发"
        return
    if (before.parallel, len(before.parts)) != (now.parallel, len(now.parts)):
        yield f"{name}由{_triggers(before)}触发改为{_triggers(now)}触发"
        return
    for was_part, now_part in zip(before.parts, now.parts, strict=True):
        yield from _event(name, was_part, now_part)
    if (before.timer, _text(before.when)) != (now.timer, _text(now.when)):
        yield f"{name}的定时由{_shown(before.when)}改为{_shown(now.when)}"
    for word, was, to in (("名称", before.name, now.name), ("代码", before.code, now.code)):
        if was != to:
            yield f"{name}的{TRIGGER_TITLES[now.trigger]}{word}由{_quoted(was)}改为{_quoted(to)}"
    if _text(before.key) != _text(now.key):
        yield f"{name}的关联键由{_shown(before.key)}改为{_shown(now.key)}"
    if before.activity != now.activity:
        yield f"{name}所撤销的活动由{before.activity or '全部'}改为{now.activity or '全部'}"
    if before.waits != now.waits:
        yield f"{name}{'改为' if now.waits else '不再'}等补偿办完再往下走"
    if (before.code_variable, before.message_variable) != (now.code_variable, now.message_variable):
        yield f"{name}记录代码或说明的变量改变"


def _triggers(event: Event) -> str:
    """What triggers a multiple event: any of these, or all of them."""
    return ("、" if event.parallel else "或").join(TRIGGER_TITLES[one.trigger] for one in event.parts)


def _loop(name: str, before: Loop | None, now: Loop | None) -> Iterator[str]:
    if before is None and now is not None:
        yield f"{name}改为多次办理"
    elif before is not None and now is None:
        yield f"{name}改为只办一次"
    elif before is not None and now is not None:
        if before.kind != now.kind:
            words = {"standard": "循环", "parallel": "同时多份", "sequential": "逐份"}
            yield f"{name}由{words[before.kind]}办理改为{words[now.kind]}办理"
        for word, was, to in (
            ("集合", before.collection, now.collection),
            ("次数", before.cardinality, now.cardinality),
            ("完成条件", before.completion, now.completion),
            ("循环条件", before.condition, now.condition),
        ):
            if _text(was) != _text(to):
                yield f"{name}的{word}由{_shown(was)}改为{_shown(to)}"
        if (before.maximum, before.test_before, before.element_variable) != (
            now.maximum,
            now.test_before,
            now.element_variable,
        ):
            yield f"{name}的循环设置改变"
        if _thrown(before) != _thrown(now):
            yield f"{name}每份办结时抛出的事件改变"


def _thrown(loop: Loop) -> list[tuple[object, ...]]:
    return [
        (one.behavior, _text(one.condition), [(e.trigger, e.name, e.code) for e in one.events])
        for one in loop.throws
    ]


def _bindings(
    name: str, word: str, old: Mapping[str, Expression], new: Mapping[str, Expression]
) -> Iterator[str]:
    for key in dict.fromkeys([*new, *old]):
        if _text(old.get(key)) != _text(new.get(key)):
            yield f"{name}的{word}“{key}”由{_shown(old.get(key))}改为{_shown(new.get(key))}"


# -- forms and decisions -------------------------------------------------------------------------------


def _forms(old: Package, new: Package) -> Iterator[str]:
    for key, now in new.forms.items():
        before = old.forms.get(key)
        if before is None:
            yield f"新增表单“{now.title}”（{key}）"
        else:
            yield from _form(before, now)
    for key, before in old.forms.items():
        if key not in new.forms:
            yield f"删除表单“{before.title}”（{key}）"


def _form(before: Form, now: Form) -> Iterator[str]:
    if before.title != now.title:
        yield f"表单“{before.title}”改名为“{now.title}”"
    yield from _fields(f"表单“{now.title}”", before.fields, now.fields)


def _fields(place: str, old: tuple[Field, ...], new: tuple[Field, ...]) -> Iterator[str]:
    befores, nows = {f.key: f for f in old}, {f.key: f for f in new}
    for key, now in nows.items():
        before = befores.get(key)
        if before is None:
            yield f"{place}新增{'必填' if now.required else ''}字段“{now.label}”"
            continue
        if before.label != now.label:
            yield f"{place}的字段“{before.label}”改名为“{now.label}”"
        if before.required != now.required:
            yield f"{place}的字段“{now.label}”改为{'必填' if now.required else '选填'}"
        if before.type != now.type or before.subtype != now.subtype:
            yield f"{place}的字段“{now.label}”换了类型"
        if (before.options, before.choices) != (now.options, now.choices):
            yield f"{place}的字段“{now.label}”的选项有改动"
        if before.hidden_by != now.hidden_by:
            yield f"{place}的字段“{now.label}”的隐藏条件由{_quoted(before.hidden_by)}改为{_quoted(now.hidden_by)}"
        if _limits(before) != _limits(now):
            yield f"{place}的字段“{now.label}”的填写限制有改动"
        if before.never_prefilled != now.never_prefilled:
            yield f"{place}的字段“{now.label}”改为{'不预填' if now.never_prefilled else '可预填'}"
        yield from _fields(f"{place}子表“{now.label}”", before.fields, now.fields)
    for key, before in befores.items():
        if key not in nows:
            yield f"{place}删除字段“{before.label}”"


def _limits(field: Field) -> tuple[object, ...]:
    pattern = field.pattern.text if field.pattern else ""
    return (
        field.min_length,
        field.max_length,
        field.minimum,
        field.maximum,
        field.decimal_digits,
        pattern,
        field.multiple,
        field.no_past,
    )


def _decisions(old: Package, new: Package) -> Iterator[str]:
    for key, now in new.decisions.items():
        before = old.decisions.get(key)
        if before is None:
            yield f"新增决策表“{now.name or key}”"
        elif _logic(before) != _logic(now):
            yield f"决策表“{now.name or key}”的内容有改动"
    for key, before in old.decisions.items():
        if key not in new.decisions:
            yield f"删除决策表“{before.name or key}”"


def _logic(decision: Decision) -> tuple[object, ...]:
    """What a decision says itself, with the knowledge it calls; what other decisions say is told of them."""
    logic: object = decision.logic
    if isinstance(decision.logic, Service):
        logic = (decision.logic.parameters, tuple(one.id for one in decision.logic.outputs))
    requires = tuple(
        (one.path, one.element.type if isinstance(one.element, InputData) else one.element.id)
        for one in decision.requires
    )
    knowledge = {one.key: one for one in decision.knowledge()}
    return (decision.variable, logic, requires, knowledge, decision.type)


# -- words ---------------------------------------------------------------------------------------------


def _title(element: Element) -> str:
    word = "步骤" if element.kind in PEOPLE else KIND_TITLES[element.kind]
    return f"{word}“{element.name or element.id}”"


def _way(process: Process, flow: Flow) -> str:
    ends = []
    for key in (flow.source, flow.target):
        element = process.elements[key]
        shown = element.name or (
            KIND_TITLES[element.kind] if element.kind in GATEWAYS | EVENTS | {Kind.TASK} else key
        )
        ends.append(f"“{shown}”")
    return "→".join(ends)


def _when(flow: Flow) -> str:
    return f"（条件 {_short(flow.condition.text)}）" if flow.condition else ""


def _interrupting(element: Element) -> str:
    return "中断" if element.interrupting else "不中断"


def _text(expression: Expression | None) -> str:
    return expression.text if expression is not None else ""


def _shown(expression: Expression | None, nothing: str = "无") -> str:
    return f"“{_short(expression.text)}”" if expression is not None else nothing


def _roles_shown(element: Element, expression: Expression | None) -> str:
    return "、".join(element.roles) if element.roles else _shown(expression)


def _quoted(text: str) -> str:
    return f"“{_short(text)}”" if text else "无"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _amount(value: Value, unit: str) -> str:
    raw = plain(value)
    text = "、".join(str(v) for v in raw) if isinstance(raw, list) else str(raw)
    return f"{_short(text)} {unit}".strip()
