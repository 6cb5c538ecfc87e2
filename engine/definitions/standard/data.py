"""Data 数据: what an element takes and gives, its sets, and the associations that carry it (BPMN 2.0.2, 10.4)."""

from __future__ import annotations

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.standard.drawing import (
    CATCHING,
    EVENTS,
    SUBPROCESSES,
    THROWING,
    TITLES,
    Drawing,
    children,
    title,
    true,
)
from engine.definitions.standard.rules import Wrong, rule

_ASSOCIATIONS = ("dataInputAssociation", "dataOutputAssociation")


@rule(
    "data_collection",
    "10.4.1",
    "{it}的 isCollection 与它的数据类型“{item}”不一致",
    "两处写成一样",
    plays=True,
)
def data_collection(drawing: Drawing) -> Wrong:
    for node in drawing.all("dataObject", "dataInput", "dataOutput"):
        item = drawing.find(node, node.get("itemSubjectRef"))
        if item is None or not is_bpmn(item, "itemDefinition"):
            continue
        if true(node, "isCollection") != true(item, "isCollection"):
            yield node, {"item": str(item.get("id"))}


@rule(
    "data_subprocess",
    "10.4.1",
    "{it}不能有数据输入输出（ioSpecification）",
    "直接用外层的数据对象，或改画调用活动",
    plays=True,
)
def data_subprocess(drawing: Drawing) -> Wrong:
    for node in drawing.all(*sorted(SUBPROCESSES)):
        if children(node, "ioSpecification"):
            yield node


@rule("data_in_no_set", "10.4.1", "{it}不在任何{set}里", "在{set}中列出它", plays=True)
def data_in_no_set(drawing: Drawing) -> Wrong:
    for tag, holder, reference in (
        ("dataInput", "inputSet", "dataInputRefs"),
        ("dataOutput", "outputSet", "dataOutputRefs"),
    ):
        listed = {
            (one.getparent(), node)
            for one in drawing.all(holder)
            for node in drawing.references(one, reference)
        }
        holders = {one.getparent() for one in drawing.all(holder)}
        for node in drawing.all(tag):
            around = node.getparent()
            if around is None or (around, node) in listed:
                continue
            if local(around) not in EVENTS or around in holders:  # an event may leave its one set out
                yield node, {"set": TITLES[holder]}


@rule(
    "data_set_member",
    "10.4.1",
    "{it}列出的“{name}”属于别的元素",
    "改为同一元素的数据输入（输出）",
    plays=True,
)
def data_set_member(drawing: Drawing) -> Wrong:
    for holder in drawing.all("inputSet", "outputSet"):
        around = holder.getparent()
        for child in children(holder, "dataInputRefs", "dataOutputRefs"):
            named = drawing.find(child, text_of(child))
            if named is not None and local(named).startswith("data") and named.getparent() is not around:
                yield holder, {"name": text_of(child)}


@rule(
    "data_set_optional",
    "10.4.1",
    "{it}的 {tag} 列出的“{name}”不在它的 {main} 里",
    "在 {main} 中也列出，或删去",
    plays=True,
)
def data_set_optional(drawing: Drawing) -> Wrong:
    for holder, main, tags in (
        ("inputSet", "dataInputRefs", ("optionalInputRefs", "whileExecutingInputRefs")),
        ("outputSet", "dataOutputRefs", ("optionalOutputRefs", "whileExecutingOutputRefs")),
    ):
        for node in drawing.all(holder):
            listed = {text_of(one) for one in children(node, main)}
            for child in children(node, *tags):
                if text_of(child) not in listed:
                    yield node, {"tag": local(child), "name": text_of(child), "main": main}


@rule(
    "data_set_pair",
    "10.4.1",
    "{it}指明了“{name}”，“{name}”却没有指明它",
    "两边互相指明，或都删去",
    plays=True,
)
def data_set_pair(drawing: Drawing) -> Wrong:
    for holder, there, back in (
        ("inputSet", "outputSetRefs", "inputSetRefs"),
        ("outputSet", "inputSetRefs", "outputSetRefs"),
    ):
        for node in drawing.all(holder):
            for child in children(node, there):
                other = drawing.find(child, text_of(child))
                if other is not None and node not in drawing.references(other, back):
                    yield node, {"name": text_of(child)}


@rule(
    "data_association_input",
    "10.4.1",
    "{it}把数据送到“{name}”，它是别的元素的数据输入",
    "改为所在元素自己的数据输入",
    plays=True,
)
def data_association_input(drawing: Drawing) -> Wrong:
    for node in drawing.all("dataInputAssociation"):
        for target in drawing.references(node, "targetRef"):
            if is_bpmn(target, "dataInput") and _holder(target) is not node.getparent():
                yield node, {"name": str(target.get("name") or target.get("id"))}


@rule(
    "data_association_into_input",
    "10.4.1",
    "{it}把数据写到“{name}”，它是数据输入，只能读不能写",
    "改为数据对象、属性或流程的数据输出",
    plays=True,
)
def data_association_into_input(drawing: Drawing) -> Wrong:
    for node in drawing.all("dataOutputAssociation"):
        for target in drawing.references(node, "targetRef"):
            if is_bpmn(target, "dataInput"):
                yield node, {"name": str(target.get("name") or target.get("id"))}


@rule(
    "data_association_output",
    "10.4.1",
    "{it}的来源“{name}”是别的元素的数据输出",
    "改为所在元素自己的数据输出",
    plays=True,
)
def data_association_output(drawing: Drawing) -> Wrong:
    for node in drawing.all("dataOutputAssociation"):
        for source in drawing.references(node, "sourceRef"):
            if is_bpmn(source, "dataOutput") and _holder(source) is not node.getparent():
                yield node, {"name": str(source.get("name") or source.get("id"))}


@rule(
    "data_association_from_output",
    "10.4.1",
    "{it}从“{name}”取数据，它是数据输出，只能写不能读",
    "改为数据对象、属性或流程的数据输入",
    plays=True,
)
def data_association_from_output(drawing: Drawing) -> Wrong:
    for node in drawing.all("dataInputAssociation"):
        for source in drawing.references(node, "sourceRef"):
            if is_bpmn(source, "dataOutput"):
                yield node, {"name": str(source.get("name") or source.get("id"))}


@rule(
    "data_association_sources",
    "10.4.1",
    "{it}有 {count} 个来源，却没有写怎样合成一个",
    "只留一个来源，或写 transformation",
    plays=True,
)
def data_association_sources(drawing: Drawing) -> Wrong:
    for node in drawing.all(*_ASSOCIATIONS):
        count = len(children(node, "sourceRef"))
        if count > 1 and not children(node, "transformation"):
            yield node, {"count": str(count)}


@rule(
    "data_association_type",
    "10.4.1",
    "{it}两端的数据类型不同，又没有写怎样转换",
    "改为同一数据类型，或写 transformation",
    plays=True,
)
def data_association_type(drawing: Drawing) -> Wrong:
    for node in drawing.all(*_ASSOCIATIONS):
        if children(node, "transformation", "assignment"):
            continue
        sources = [drawing.item(one) for one in drawing.references(node, "sourceRef")]
        targets = [drawing.item(one) for one in drawing.references(node, "targetRef")]
        if len(sources) != 1 or len(targets) != 1:
            continue
        one, other = sources[0], targets[0]
        if one is not None and other is not None and not same_structure(one, other):
            yield node


@rule(
    "data_event_count",
    "10.5.1",
    "{it}有 {definitions} 种触发方式，却有 {data} 个数据{side}",
    "每种触发方式对应一个",
    plays=True,
)
def data_event_count(drawing: Drawing) -> Wrong:
    for tags, kind, side in ((THROWING, "dataInput", "输入"), (CATCHING, "dataOutput", "输出")):
        for node in drawing.nodes(*sorted(tags)):
            count, definitions = len(children(node, kind)), len(drawing.definitions(node))
            if count and count != definitions:
                yield node, {"definitions": str(definitions), "data": str(count), "side": side}


@rule("data_event_type", "10.5.1", "{it}的{data}与它的{what}的数据类型不同", "改为同一数据类型", plays=True)
def data_event_type(drawing: Drawing) -> Wrong:
    carried = {
        "messageEventDefinition": ("messageRef", "itemRef", "消息"),
        "errorEventDefinition": ("errorRef", "structureRef", "错误"),
        "escalationEventDefinition": ("escalationRef", "structureRef", "升级"),
        "signalEventDefinition": ("signalRef", "structureRef", "信号"),
    }
    for tags, kind in ((THROWING, "dataInput"), (CATCHING, "dataOutput")):
        for node in drawing.nodes(*sorted(tags)):
            definitions, data = drawing.definitions(node), children(node, kind)
            for definition, one in zip(definitions, data, strict=False):
                if local(definition) not in carried:
                    continue
                reference, attribute, what = carried[local(definition)]
                named = drawing.find(definition, definition.get(reference))
                theirs = None if named is None else drawing.item(named, attribute)
                mine = drawing.item(one)
                if theirs is not None and mine is not None and not same_structure(theirs, mine):
                    yield node, {"data": title(one), "what": what}


@rule(
    "data_reference_missing",
    "10.4.1",
    "{it}没有写它是哪个{what}",
    "填写 {attribute}，或重新画一个",
    plays=True,
)
def data_reference_missing(drawing: Drawing) -> Wrong:
    for node in drawing.all("dataObjectReference"):
        if not str(node.get("dataObjectRef") or "").strip():
            yield node, {"what": "数据对象", "attribute": "dataObjectRef"}


@rule(
    "data_reference_name",
    "10.4.1",
    "{it}的名称应是“{wanted}”：所引用数据对象的名称，方括号里写状态",
    "改名，或删去名称",
    plays=True,
)
def data_reference_name(drawing: Drawing) -> Wrong:
    """The naming convention of the standard, where a drawing has all three names."""
    for node in drawing.all("dataObjectReference"):
        behind = drawing.find(node, node.get("dataObjectRef"))
        states = [str(one.get("name") or "").strip() for one in children(node, "dataState")]
        name = " ".join(str(node.get("name") or "").split())
        base = "" if behind is None else " ".join(str(behind.get("name") or "").split())
        if not name or not base or not any(states):
            continue
        wanted = f"{base} [{states[0].strip('[] ')}]"
        if name not in {base, wanted}:
            yield node, {"wanted": wanted}


def same_structure(one: Node, other: Node) -> bool:
    """True for the same item definition, or for two that name the same structure."""
    if one is other:
        return True
    first, second = (str(item.get("structureRef") or "").strip() for item in (one, other))
    return bool(first) and first == second


def _holder(data: Node) -> Node | None:
    """The activity, event or process that a data input or output belongs to."""
    around = data.getparent()
    return around.getparent() if around is not None and is_bpmn(around, "ioSpecification") else around
