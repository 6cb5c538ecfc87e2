"""What differs between two versions of a package 版本差异, as sentences for the person who publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.definitions.model import Element, Kind, Package
from engine.feel import Expression
from web import present

_KINDS = {
    Kind.START: "开始事件", Kind.END: "结束事件", Kind.CATCH: "等待事件", Kind.THROW: "发出事件", Kind.BOUNDARY: "边界事件",
    Kind.USER: "人工任务", Kind.MANUAL: "人工任务", Kind.SERVICE: "自动任务", Kind.SEND: "发送任务", Kind.RECEIVE: "等待任务",
    Kind.RULE: "决策任务", Kind.SCRIPT: "计算任务", Kind.EXCLUSIVE: "分支", Kind.PARALLEL: "并行", Kind.INCLUSIVE: "多选分支",
    Kind.EVENT_GATEWAY: "事件分支", Kind.SUBPROCESS: "子流程", Kind.CALL: "调用流程", Kind.TASK: "任务",
}  # fmt: skip

_WATCHED = (
    ("name", "名称"), ("groups", "办理岗位"), ("assignee", "指定办理人"), ("due", "时限"), ("form", "表单"), ("unit", "办理单位"),
    ("topic", "自动任务"), ("decision", "决策表"), ("script", "计算式"), ("called", "调用的流程"), ("event", "事件"), ("loop", "多人或循环"),
    ("inputs", "输入"), ("outputs", "输出"), ("default", "默认去向"), ("interrupting", "是否中断"), ("properties", "扩展属性"),
)  # fmt: skip


def between(old: Package | None, new: Package) -> list[str]:
    """Sentences, the weightiest first. `old` None: the first version."""
    if old is None:
        return [f"首次发布“{new.title}”：{len(new.processes)} 个流程、{len(new.forms)} 张表单、{len(new.parameters)} 个参数。"]
    if old.hash == new.hash:
        return []
    said = _parameters(old, new)
    for key in sorted({*old.processes, *new.processes}):
        said += _process(old, new, key)
    said += _named("表单", {k: _shape(f.schema) for k, f in old.forms.items()}, {k: _shape(f.schema) for k, f in new.forms.items()})
    said += _named("决策表", _files(old, ".dmn"), _files(new, ".dmn"))
    said += _titled("岗位", old.roles, new.roles)
    said += _titled("申请", old.actions, new.actions)
    said += _titled("登记入口", old.starts, new.starts)
    if not said:
        paths = [p for p in sorted({*old.files, *new.files}) if old.files.get(p) != new.files.get(p)]
        said = [f"文件“{p}”有改动（排版、说明或场景）。" for p in paths]
    return said


def _parameters(old: Package, new: Package) -> list[str]:
    said: list[str] = []
    for key, after in new.parameters.items():
        before = old.parameters.get(key)
        if before is None:
            said.append(f"新增参数“{after.title}”：{present.text(after.value)} {after.unit}。")
        elif before.value != after.value:
            said.append(
                f"参数“{after.title}”由 {present.text(before.value)} 改为 {present.text(after.value)} {after.unit}。"
            )
    said += [f"删除参数“{p.title}”。" for k, p in old.parameters.items() if k not in new.parameters]
    return said


def _process(old: Package, new: Package, key: str) -> list[str]:
    before, after = old.processes.get(key), new.processes.get(key)
    if before is None and after is not None:
        return [f"新增流程“{after.name or key}”。"]
    if before is not None and after is None:
        return [f"删除流程“{before.name or key}”。"]
    assert before is not None and after is not None
    said: list[str] = []
    where = f"流程“{after.name or key}”："
    for id, element in after.elements.items():
        was = before.elements.get(id)
        if was is None:
            said.append(f"{where}新增{_KINDS.get(element.kind, '环节')}“{element.name or id}”。")
            continue
        changed = [title for attribute, title in _WATCHED if _say(getattr(was, attribute)) != _say(getattr(element, attribute))]
        if was.kind != element.kind:
            changed.insert(0, "类型")
        if changed:
            said.append(f"{where}“{element.name or id}”改了{'、'.join(changed)}{_detail(was, element, changed)}。")
    said += [
        f"{where}删除{_KINDS.get(e.kind, '环节')}“{e.name or id}”。" for id, e in before.elements.items() if id not in after.elements
    ]
    for id, flow in after.flows.items():
        was_flow = before.flows.get(id)
        if was_flow is None:
            if flow.source in before.elements and flow.target in before.elements:
                said.append(f"{where}新增连线“{_name(after.elements, flow.source)}”到“{_name(after.elements, flow.target)}”。")
        elif (was_flow.source, was_flow.target) != (flow.source, flow.target):
            said.append(f"{where}连线改为“{_name(after.elements, flow.source)}”到“{_name(after.elements, flow.target)}”。")
        elif _say(was_flow.condition) != _say(flow.condition):
            said.append(
                f"{where}“{_name(after.elements, flow.source)}”到“{_name(after.elements, flow.target)}”的条件改为"
                f"“{_say(flow.condition) or '无条件'}”。"
            )
    for id, flow in before.flows.items():
        if id not in after.flows and flow.source in after.elements and flow.target in after.elements:
            said.append(f"{where}删除连线“{_name(after.elements, flow.source)}”到“{_name(after.elements, flow.target)}”。")
    return said


def _detail(was: Element, element: Element, changed: list[str]) -> str:
    if changed == ["时限"]:
        return f"，由“{_say(was.due) or '无'}”改为“{_say(element.due) or '无'}”"
    if changed == ["名称"]:
        return f"，原名“{was.name}”"
    if changed == ["办理岗位"]:
        return f"，由“{_say(was.groups) or '无'}”改为“{_say(element.groups) or '无'}”"
    return ""


def _name(elements: Mapping[str, Element], id: str) -> str:
    return elements[id].name or id if id in elements else id


def _say(value: Any) -> str:
    """Anything of a definition as comparable text: expressions by what was written."""
    if value is None:
        return ""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, Mapping):
        return ";".join(f"{k}={_say(v)}" for k, v in sorted(value.items()))
    if isinstance(value, list | tuple):
        return "|".join(_say(v) for v in value)
    if hasattr(value, "__dataclass_fields__"):
        return ";".join(f"{k}={_say(getattr(value, k))}" for k in value.__dataclass_fields__)
    return str(value)


def _shape(schema: Any) -> str:
    return repr(schema)


def _files(package: Package, suffix: str) -> dict[str, Any]:
    return {p: data for p, data in package.files.items() if p.endswith(suffix)}


def _named(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    said = [f"新增{what}“{k}”。" for k in new if k not in old]
    said += [f"删除{what}“{k}”。" for k in old if k not in new]
    said += [f"{what}“{k}”有改动。" for k in new if k in old and old[k] != new[k]]
    return said


def _titled(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    said = [f"新增{what}“{v.title}”。" for k, v in new.items() if k not in old]
    said += [f"删除{what}“{v.title}”。" for k, v in old.items() if k not in new]
    said += [f"{what}“{v.title}”有改动。" for k, v in new.items() if k in old and _say(old[k]) != _say(v)]
    return said
