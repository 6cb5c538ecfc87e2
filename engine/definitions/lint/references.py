"""Rules about names 引用: processes, roles, forms, decisions, parameters and elements that must exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.definitions.lint.rules import Remarks, rule, title
from engine.definitions.model import Element, Kind, Package, Process, Trigger
from engine.definitions.vocabulary import ACTIVITIES, PEOPLE
from engine.feel import Expression

_TEXT = re.compile(r'"(?:\\.|[^"\\])*"')
_PARAMETER = re.compile(r"(?<![\w.])p\s*\.\s*([^\W\d]\w*)")


def expressions(element: Element) -> Iterator[tuple[str, Expression]]:
    """Every expression of an element with what it is for, in Chinese."""
    for binding in element.inputs:
        yield f"输入参数“{binding.name}”", binding.value
    for binding in element.outputs:
        yield f"输出参数“{binding.name}”", binding.value
    loop = element.loop
    parts = [
        ("候选岗位", element.groups),
        ("办理人", element.assignee),
        ("时限", element.due),
        ("承办单位", element.unit),
        ("事由", element.summary),
        ("脚本", element.script),
        ("关联键", next((event.key for event in element.events if event.key), None)),
        *(("条件" if e.trigger is Trigger.CONDITIONAL else "定时", e.when) for e in element.events),
        ("集合", loop.collection if loop else None),
        ("次数", loop.cardinality if loop else None),
        ("完成条件", loop.completion if loop else None),
        ("会签的通过比例", loop.sign.share if loop and loop.sign else None),
        ("循环条件", loop.condition if loop else None),
        ("outputElement", loop.output_element if loop else None),
    ]
    for what, expression in parts:
        if expression is not None:
            yield what, expression


def parameters_read(expression: Expression) -> list[str]:
    """Keys of the parameters (`p.key`) an expression reads."""
    if "p" not in expression.names | expression.possible_names:
        return []
    return _PARAMETER.findall(_TEXT.sub('""', expression.text))


@rule("unknown_parameter", diagram="")
def unknown_parameter(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        for what, expression in expressions(element):
            for key in parameters_read(expression):
                if key not in package.parameters:
                    yield (
                        element,
                        f"{title(element)}的{what}用到参数 p.{key}，但参数表中没有，请在 process.toml 中添加或改正。",
                    )
    expected = [one for values in process.expects.values() for one in values.values()]
    for expression in [*expected, *process.correlation.paths.values()]:
        for key in parameters_read(expression):
            if key not in package.parameters:
                yield (
                    process,
                    f"消息关联的“{expression.text[:60]}”用到参数 p.{key}，但参数表中没有，请添加或改正。",
                )
    for flow in process.flows.values():
        for key in parameters_read(flow.condition) if flow.condition else ():
            if key not in package.parameters:
                yield (
                    flow,
                    f"条件“{flow.condition.text[:60] if flow.condition else ''}”用到参数 p.{key}，但参数表中没有，请添加或改正。",
                )


@rule("unknown_role", diagram="")
def unknown_role(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        for role in element.roles:
            key = role.partition("@")[0].strip()
            if key not in package.roles:
                yield (
                    element,
                    f"{title(element)}的候选岗位“{key[:40]}”不在岗位表中，请在 process.toml 中添加或改正。",
                )
        for group in element.names("copyTo"):
            key = group.partition("@")[0].strip()
            if key not in package.roles:
                yield element, f"{title(element)}办结后抄送的岗位“{key[:40]}”不在岗位表中，请改正 copyTo。"


@rule("no_one_to_do_it", diagram="warning")
def no_one_to_do_it(process: Process, package: Package) -> Remarks:
    """A step that people do says who."""
    for element in process.elements.values():
        if element.kind in PEOPLE and element.groups is None and element.assignee is None:
            yield element, f"{title(element)}没有写由谁办理，请填写候选岗位（camunda:candidateGroups）。"


@rule("unknown_form", diagram="")
def unknown_form(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.form and element.form not in package.forms:
            yield (
                element,
                f"{title(element)}的表单“{element.form[:40]}”不存在，请添加 forms/{element.form[:40]}.json 或改正。",
            )


@rule("unknown_decision")
def unknown_decision(process: Process, package: Package) -> Remarks:
    for element in process.elements.values():
        if element.decision and element.decision not in package.decisions:
            yield element, f"{title(element)}的决策表“{element.decision[:40]}”不存在，请添加或改正。"


@rule("call_unknown")
def call_unknown(process: Process, package: Package) -> Remarks:
    """The called process is in the package and can be entered by a plain start."""
    for element in process.elements.values():
        if element.kind is not Kind.CALL or not element.called:
            continue
        target = package.processes.get(element.called)
        if target is None:
            yield element, f"{title(element)}调用的流程“{element.called[:40]}”不在流程包中，请添加或改正。"
        elif not target.plain_entries:
            yield element, f"{title(element)}调用的流程“{target.name}”没有空开始事件，请给它画一个。"


@rule("call_cycle", diagram="warning")
def call_cycle(process: Process, package: Package) -> Remarks:
    """A process never calls itself, not even through others."""
    for element in process.elements.values():
        if element.kind is not Kind.CALL:
            continue
        waiting, seen = [element.called], set()
        while waiting:
            key = waiting.pop()
            if key == process.key:
                yield (
                    element,
                    f"{title(element)}绕回调用了本流程“{process.name}”，会无穷嵌套，请改为循环或另设流程。",
                )
                break
            if key in seen or key not in package.processes:
                continue
            seen.add(key)
            waiting += [e.called for e in package.processes[key].elements.values() if e.kind is Kind.CALL]


@rule("return_target")
def return_target(process: Process, package: Package) -> Remarks:
    """退回 goes to another activity of the same scope or of one around it."""
    for element in process.elements.values():
        for key in element.names("returnTo"):
            target = process.elements.get(key)
            if target is None:
                yield element, f"{title(element)}可退回到“{key[:40]}”，但没有这个元素，请改正 returnTo。"
            elif target.scope not in _around(process, element):
                yield (
                    element,
                    f"{title(element)}可退回到{title(target)}，但它不在同一层或外层，请改正 returnTo。",
                )
            elif element.for_compensation or target.for_compensation:
                yield (
                    element,
                    f"{title(element)}不能退回到{title(target)}，补偿活动只在撤销时办理，请改正 returnTo。",
                )
            elif target.kind not in ACTIVITIES or target.event_subprocess or target.id == element.id:
                yield element, f"{title(element)}不能退回到{title(target)}，请改为之前的一个任务。"


def _around(process: Process, element: Element) -> Iterator[str]:
    """The scopes an element is drawn in, the innermost first."""
    while True:
        yield element.scope
        if element.scope not in process.elements:
            return
        element = process.elements[element.scope]


@rule("separate_target")
def separate_target(process: Process, package: Package) -> Remarks:
    """职责分离 names tasks that people do, of this process or of one that stands in the same case, or a start event
    (who began the case). A task that names itself is done by another person each round (several experts)."""
    for element in process.elements.values():
        for key in element.names("separateFrom"):
            found = [p.elements[key] for p in package.processes.values() if key in p.elements]
            if not found:
                yield (
                    element,
                    f"{title(element)}要与“{key[:40]}”由不同的人办理，但没有这个元素，请改正 separateFrom。",
                )
            elif all(e.kind not in PEOPLE and e.kind is not Kind.START for e in found):
                yield (
                    element,
                    f"{title(element)}要与{title(found[0])}由不同的人办理，但它不由人办理，请改正 separateFrom。",
                )
