"""Activities 活动: quantities, loops, calls, scripts, ad-hoc subprocesses, who performs (BPMN 2.0.2, 10.3)."""

from __future__ import annotations

import re

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.standard.data import same_structure
from engine.definitions.standard.drawing import (
    ACTIVITIES,
    CHOREOGRAPHY,
    Drawing,
    children,
    title,
    true,
)
from engine.definitions.standard.rules import Wrong, rule

_LOOP_EXTENSIONS = frozenset({"loopCharacteristics", "collection", "elementVariable"})


@rule("quantity", "10.3", "{it}的 {attribute} 写了“{value}”，至少应为 1", "改为 1 或更大的整数")
def quantity(drawing: Drawing) -> Wrong:
    for node in drawing.all(*sorted(ACTIVITIES)):
        for attribute in ("startQuantity", "completionQuantity"):
            raw = node.get(attribute)
            if raw is not None and not re.fullmatch(r"\s*\+?0*[1-9]\d*\s*", str(raw)):
                yield node, {"attribute": attribute, "value": str(raw)}


@rule(
    "receive_instantiates", "10.3.3", "{it}用来启动流程，不能有流入的顺序流", "删去连线，或取消 instantiate"
)
def receive_instantiates(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("receiveTask"):
        if true(node, "instantiate") and drawing.incoming.get(node):
            yield node


@rule(
    "script_format",
    "10.3.3",
    "{it}有脚本，却没有写脚本格式",
    "填写 scriptFormat（本系统用 feel）",
    plays=True,
)
def script_format(drawing: Drawing) -> Wrong:
    for node in drawing.all("scriptTask", "globalScriptTask"):
        name = "scriptFormat" if is_bpmn(node, "scriptTask") else "scriptLanguage"
        if any(text_of(one) for one in children(node, "script")) and not str(node.get(name) or "").strip():
            yield node


# -- loops ---------------------------------------------------------------------------------------------


@rule("loop_twice", "10.3.8", "{it}写了 {count} 种循环", "只留一种")
def loop_twice(drawing: Drawing) -> Wrong:
    for node in drawing.all(*sorted(ACTIVITIES)):
        count = len(children(node, "multiInstanceLoopCharacteristics", "standardLoopCharacteristics"))
        if count > 1:
            yield node, {"count": str(count)}


@rule(
    "loop_items",
    "10.3.8",
    "可执行流程的{it}是多实例，没有写次数也没有写集合",
    "填写次数（loopCardinality）或集合（loopDataInputRef、camunda:collection）之一",
)
def loop_items(drawing: Drawing) -> Wrong:
    for node, loop in _multiple(drawing):
        given = children(loop, "loopCardinality", "loopDataInputRef") or any(
            "}" in str(name) and str(name).rpartition("}")[2] in _LOOP_EXTENSIONS for name in loop.attrib
        )
        extended = any(
            str(one.tag).rpartition("}")[2] in _LOOP_EXTENSIONS
            for one in loop.iterdescendants()
            if not is_bpmn(one)
        )
        if not given and not extended:
            yield node


@rule(
    "loop_data",
    "10.3.8",
    "{it}的 {tag} 指的“{name}”不是它自己的{kind}",
    "改为它的 ioSpecification 中的一项",
    plays=True,
)
def loop_data(drawing: Drawing) -> Wrong:
    """Of a task: its own data input or output. A subprocess has none; it names what is around it."""
    for node, loop in _multiple(drawing):
        if is_bpmn(node, "subProcess", "transaction", "adHocSubProcess"):
            continue
        for tag, kind, shown in (
            ("loopDataInputRef", "dataInput", "数据输入"),
            ("loopDataOutputRef", "dataOutput", "数据输出"),
        ):
            for reference in children(loop, tag):
                named = drawing.find(reference, text_of(reference))
                own = {one for spec in children(node, "ioSpecification") for one in children(spec, kind)}
                if named is not None and named not in own:
                    yield node, {"tag": tag, "name": text_of(reference), "kind": shown}


@rule(
    "loop_item_type",
    "10.3.8",
    "{it}的 {tag} 与所遍历集合的数据类型不同",
    "改为集合中单个元素的数据类型",
    plays=True,
)
def loop_item_type(drawing: Drawing) -> Wrong:
    for node, loop in _multiple(drawing):
        for tag, reference in (
            ("inputDataItem", "loopDataInputRef"),
            ("outputDataItem", "loopDataOutputRef"),
        ):
            single, whole = children(loop, tag), drawing.references(loop, reference)
            if not single or not whole:
                continue
            one, many = drawing.item(single[0]), drawing.item(whole[0])
            if true(single[0], "isCollection") or (
                one is not None and many is not None and not same_structure(one, many)
            ):
                yield node, {"tag": tag}


@rule(
    "loop_behavior",
    "10.3.8",
    "{it}的多实例写了 behavior={behavior}，却没有写 {need}",
    "补上，或删去 behavior",
    plays=True,
)
def loop_behavior(drawing: Drawing) -> Wrong:
    for node, loop in _multiple(drawing, executable=False):
        behavior = str(loop.get("behavior") or "").strip()
        need = {
            "None": ("noneBehaviorEventRef", loop.get("noneBehaviorEventRef")),
            "One": ("oneBehaviorEventRef", loop.get("oneBehaviorEventRef")),
            "Complex": ("complexBehaviorDefinition", children(loop, "complexBehaviorDefinition")),
        }.get(behavior)
        if need is not None and not need[1] and drawing.executable(node):
            yield node, {"behavior": behavior, "need": need[0]}


# -- ad-hoc --------------------------------------------------------------------------------------------


@rule("ad_hoc_empty", "10.3.5", "{it}里面没有活动", "至少画一个任务", plays=True)
def ad_hoc_empty(drawing: Drawing) -> Wrong:
    for node in drawing.all("adHocSubProcess"):
        if not children(node, *sorted(ACTIVITIES)):
            yield node


@rule(
    "ad_hoc_event", "10.3.5", "{it}里面不能有{what}", "删去，自由子流程里的活动由办理人决定先后", plays=True
)
def ad_hoc_event(drawing: Drawing) -> Wrong:
    for node in drawing.all("adHocSubProcess"):
        for child in children(node, "startEvent", "endEvent", *sorted(CHOREOGRAPHY)):
            yield child, {"it": title(node), "what": title(child)}


# -- calls ---------------------------------------------------------------------------------------------


@rule("call_missing", "10.3.6", "可执行流程的{it}没有写被调用的流程", "填写 calledElement")
def call_missing(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("callActivity"):
        if not drawing.executable(node) or str(node.get("calledElement") or "").strip():
            continue
        extended = any(not is_bpmn(one) for one in node.iterdescendants())
        if not extended and not any("}" in str(name) for name in node.attrib):
            yield node


@rule(
    "call_start",
    "10.5.2",
    "{it}调用的{called}有开始事件，但没有不需触发的（空）开始事件",
    "给被调用的流程画一个空开始事件",
    plays=True,
)
def call_start(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("callActivity"):
        called = drawing.find(node, node.get("calledElement"))
        if called is None or not is_bpmn(called, "process"):
            continue
        starts = children(called, "startEvent")
        if starts and all(_triggered(one) for one in starts):
            yield node, {"called": title(called)}


@rule(
    "call_interface",
    "10.3.6",
    "{it}的数据输入输出与被调用的{called}不一致（{what}）",
    "让两边的 ioSpecification 一一对应",
    plays=True,
)
def call_interface(drawing: Drawing) -> Wrong:
    for node in drawing.nodes("callActivity"):
        called = drawing.find(node, node.get("calledElement"))
        if called is None or drawing.of_engine():
            continue
        for tag, what in (
            ("dataInput", "数据输入"),
            ("dataOutput", "数据输出"),
            ("inputSet", "输入集"),
            ("outputSet", "输出集"),
        ):
            mine, theirs = _specified(node, tag), _specified(called, tag)
            if len(mine) != len(theirs) or (tag.startswith("data") and not _match(drawing, mine, theirs)):
                yield node, {"called": title(called), "what": what}
                break


# -- people --------------------------------------------------------------------------------------------


@rule(
    "resource_assignment",
    "10.3.1",
    "{it}的人员同时写了 resourceRef 和 resourceAssignmentExpression",
    "只留一个",
    plays=True,
)
def resource_assignment(drawing: Drawing) -> Wrong:
    for role in drawing.all("resourceRole", "performer", "humanPerformer", "potentialOwner"):
        if children(role, "resourceRef") and children(role, "resourceAssignmentExpression"):
            around = role.getparent()
            yield role if around is None else (role, {"it": title(around)})


@rule(
    "resource_parameter",
    "10.3.1",
    "{it}的人员参数“{name}”不是所引用人员资源的参数",
    "改为该资源的 resourceParameter",
    plays=True,
)
def resource_parameter(drawing: Drawing) -> Wrong:
    for binding in drawing.all("resourceParameterBinding"):
        role = binding.getparent()
        parameter = drawing.find(binding, binding.get("parameterRef"))
        if role is None or parameter is None or not is_bpmn(parameter, "resourceParameter"):
            continue
        resources, around = drawing.references(role, "resourceRef"), role.getparent()
        if resources and parameter.getparent() not in resources and around is not None:
            yield binding, {"it": title(around), "name": str(parameter.get("name") or parameter.get("id"))}


def _multiple(drawing: Drawing, executable: bool = True) -> list[tuple[Node, Node]]:
    return [
        (node, loop)
        for node in drawing.nodes(*sorted(ACTIVITIES))
        if not executable or drawing.executable(node)
        for loop in children(node, "multiInstanceLoopCharacteristics")
    ]


def _triggered(start: Node) -> bool:
    return any(local(child).endswith(("EventDefinition", "eventDefinitionRef")) for child in start)


def _specified(node: Node, tag: str) -> list[Node]:
    return [one for spec in children(node, "ioSpecification") for one in children(spec, tag)]


def _match(drawing: Drawing, mine: list[Node], theirs: list[Node]) -> bool:
    """One by one, in any order, of the same item."""
    left = [drawing.item(one) for one in theirs]
    for one in mine:
        item = drawing.item(one)
        fits = (
            at
            for at, other in enumerate(left)
            if other is item or other is None or item is None or same_structure(other, item)
        )
        found = next(fits, None)
        if found is None:
            return False
        del left[found]
    return True
