"""Loops 循环与多实例: a standard loop, or a multi-instance with its rounds, results and the events it throws."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from engine.definitions.data import Data
from engine.definitions.events import thrown_events
from engine.definitions.model import OPINION, OUTCOME, Countersign, Event, Loop, Throw, Trigger
from engine.definitions.reading import Node, Reading, boolean, camunda, is_bpmn, local, text_of
from engine.definitions.vocabulary import BPMN, VARIABLE
from engine.feel import Expression

_BEHAVIOR = frozenset({"none", "one", "all", "complex"})
_ATTRIBUTES: Mapping[str, frozenset[str] | None] = {
    "id": None,
    "isSequential": None,
    "behavior": _BEHAVIOR,
    "oneBehaviorEventRef": None,
    "noneBehaviorEventRef": None,
}
_DATA = ("loopDataInputRef", "loopDataOutputRef", "inputDataItem", "outputDataItem")


def read_loop(reading: Reading, node: Node, properties: Mapping[str, str], data: Data) -> Loop | None:
    """The loop of an activity. `properties` are its extension properties, `data` what its data come to."""
    loops = [c for c in node if is_bpmn(c, "multiInstanceLoopCharacteristics", "standardLoopCharacteristics")]
    output = {k: properties.get(k, "") for k in ("outputCollection", "outputElement")}
    if any(output.values()) and not (loops and local(loops[0]) == "multiInstanceLoopCharacteristics"):
        reading.error("unknown_property", node, "outputCollection 和 outputElement 只能用在多实例上。")
    multiple = bool(loops) and local(loops[0]) == "multiInstanceLoopCharacteristics"
    sign = _countersign(reading, node, properties, multiple)
    if not loops:
        return None
    mark = loops[0]
    reading.extensions(mark)
    if local(mark) == "standardLoopCharacteristics":
        return _standard(reading, mark)
    return replace(_multi_instance(reading, node, mark, output, data), sign=sign)


def _multi_instance(reading: Reading, node: Node, mark: Node, output: Mapping[str, str], data: Data) -> Loop:
    reading.attributes(mark, _ATTRIBUTES)
    known = ("loopCardinality", "completionCondition", "complexBehaviorDefinition", *_DATA)
    children = reading.children(mark, *known)
    parts = {local(c): c for c in children}
    collection, variable = _rounds(reading, mark, parts, data)
    results, result = _results(reading, node, parts, output)
    return Loop(
        kind="sequential" if boolean(reading, mark, "isSequential", False) else "parallel",
        collection=collection,
        cardinality=_part(reading, parts, "loopCardinality", "次数"),
        element_variable=variable,
        completion=_part(reading, parts, "completionCondition", "完成条件"),
        output_collection=results,
        output_element=result,
        throws=_throws(reading, node, mark, [c for c in children if is_bpmn(c, "complexBehaviorDefinition")]),
    )


_SIGNING = ("passAt", "veto", "waitForAll", "opinion", "outcome")


def _countersign(
    reading: Reading, node: Node, properties: Mapping[str, str], multiple: bool
) -> Countersign | None:
    """会签: `passAt` makes a multi-instance one; the other four say more about it."""
    given = [name for name in _SIGNING if properties.get(name)]
    if not given:
        return None
    if not multiple:
        reading.error("unknown_property", node, f"{'、'.join(given)} 只能用在会签（多实例）上。")
        return None
    if "passAt" not in given:
        reading.error("loop_sign", node, f"写了 {'、'.join(given)}，会签还要写 passAt（通过比例，如 2/3）。")
        return None
    if not properties.get("outputCollection"):
        reading.error(
            "loop_sign",
            node,
            "会签要把各方意见收进一个列表：请写 outputCollection（如 会签意见）和 outputElement（如 {单位: 会签单位, 意见: form.意见}）。",
        )
    flags = {name: (properties.get(name) or "false").strip().lower() for name in ("veto", "waitForAll")}
    for name, value in flags.items():
        if value not in ("true", "false"):
            reading.error("loop_sign", node, f"{name} 请写 true 或 false。")
    share = reading.formula(node, properties["passAt"], "passAt")
    if share is None:
        return None
    return Countersign(
        share,
        flags["veto"] == "true",
        flags["waitForAll"] == "true",
        (properties.get("opinion") or "").strip() or OPINION,
        reading.variable(node, (properties.get("outcome") or "").strip(), "outcome ") or OUTCOME,
    )


def _standard(reading: Reading, mark: Node) -> Loop:
    """BPMN 2.0.2, 10.3.8: without a condition it goes on until `loopMaximum`; without both it would never end."""
    reading.attributes(mark, {"id": None, "testBefore": None, "loopMaximum": None})
    parts = {local(c): c for c in reading.children(mark, "loopCondition")}
    raw = str(mark.get("loopMaximum") or "").strip()
    maximum = int(raw) if re.fullmatch(r"[1-9]\d{0,8}", raw) else None
    if raw and maximum is None:
        reading.error("attribute_value", mark, "循环上限（loopMaximum）应是正整数。")
    if not raw and "loopCondition" not in parts:
        reading.error("loop_items", mark, "循环没有条件也没有上限，请写 loopCondition。")
    return Loop(
        kind="standard",
        condition=_part(reading, parts, "loopCondition", "循环条件"),
        test_before=boolean(reading, mark, "testBefore", False),
        maximum=maximum,
    )


def _part(reading: Reading, parts: Mapping[str, Node], name: str, what: str) -> Expression | None:
    if name not in parts:
        return None
    return reading.formula(parts[name], reading.expression_child(parts[name]), what)


# -- rounds and results --------------------------------------------------------------------------------


def _rounds(
    reading: Reading, mark: Node, parts: Mapping[str, Node], data: Data
) -> tuple[Expression | None, str]:
    """The collection, be it drawn as `camunda:collection` or as `loopDataInputRef`, and the variable of one element."""
    collection = camunda(mark, "collection")
    variable = reading.variable(mark, camunda(mark, "elementVariable"), "元素变量")
    ways = sum([bool(collection), "loopCardinality" in parts, "loopDataInputRef" in parts])
    if ways != 1:
        (reading.loose if ways else reading.error)(
            "loop_items",
            mark,
            "多实例要写“集合”（camunda:collection 或 loopDataInputRef）或“次数”（loopCardinality）中的一个。",
        )
    item = parts.get("inputDataItem")
    if (variable or item is not None) and not (collection or "loopDataInputRef" in parts):
        reading.error("loop_items", mark, "写了“元素变量”却没有“集合”，请补上 camunda:collection。")
    if variable and item is not None:
        reading.error(
            "loop_items", item, "元素变量写了两次（elementVariable 和 inputDataItem），请只留一个。"
        )
    elif item is not None:
        variable = _item(reading, item)
    if collection:
        return reading.formula(mark, collection, "集合"), variable
    if "loopDataInputRef" in parts:
        return _collection(reading, parts["loopDataInputRef"], data), variable
    return None, variable


def _item(reading: Reading, node: Node) -> str:
    """The variable of an `inputDataItem` or `outputDataItem`: its name where expressions can read it, else its id."""
    reading.attributes(node, dict.fromkeys(("id", "name", "itemSubjectRef", "isCollection")))
    reading.extensions(node)
    name = str(node.get("name") or "").strip()
    return reading.variable(node, name if VARIABLE.fullmatch(name) else str(node.get("id") or ""), "数据项")


def _results(
    reading: Reading, node: Node, parts: Mapping[str, Node], output: Mapping[str, str]
) -> tuple[str, Expression | None]:
    """Where the rounds' results are gathered, and what a round delivers."""
    if bool(output["outputCollection"]) != bool(output["outputElement"]):
        reading.error("loop_output", node, "outputCollection 和 outputElement 要同时写。")
    reference, item = parts.get("loopDataOutputRef"), parts.get("outputDataItem")
    if (reference is None) != (item is None):
        here = reference if reference is not None else item
        assert here is not None
        reading.error("loop_output", here, "loopDataOutputRef 和 outputDataItem 要同时写，请补上另一个。")
    if reference is None or item is None:
        element = output["outputElement"]
        formula = reading.formula(node, element, "outputElement") if element else None
        return reading.variable(node, output["outputCollection"], "outputCollection "), formula
    if output["outputCollection"]:
        reading.error("loop_output", reference, "多实例的结果写了两次，请只留 outputCollection。")
    name = _item(reading, item)
    return _gathered(reading, node, reference), reading.constant(item, f"`{name}`") if name else None


def _collection(reading: Reading, reference: Node, data: Data) -> Expression | None:
    """What a `loopDataInputRef` names: a list in a data object or property, or a data input of the activity, whose
    association says where the list comes from."""
    item = reading.items.get(text_of(reference).rpartition(":")[2])
    if item is None:
        return None  # the standard's rules say so
    if item.kind == "dataInput":
        for one in data.taken:
            if one.name == item.name:
                return one.value
    return reading.constant(reference, f"`{item.name}`")


def _gathered(reading: Reading, node: Node, reference: Node) -> str:
    """The variable a `loopDataOutputRef` names: of a data object or property, or where the association of the
    activity's data output leads."""
    item = reading.items.get(text_of(reference).rpartition(":")[2])
    if item is None:
        return ""  # the standard's rules say so
    for one in node:
        ends = {local(end): text_of(end).rpartition(":")[2] for end in one}
        target = reading.items.get(ends.get("targetRef", ""))
        if is_bpmn(one, "dataOutputAssociation") and ends.get("sourceRef") == item.id and target is not None:
            return target.name
    return item.name


def without_gathered(reading: Reading, node: Node, data: Data) -> Data:
    """The data of one round: not the data output that gathers the results of all."""
    marks = node.iterchildren(f"{{{BPMN}}}multiInstanceLoopCharacteristics")
    references = [text_of(c).rpartition(":")[2] for m in marks for c in m if is_bpmn(c, "loopDataOutputRef")]
    names = {reading.items[key].name for key in references if key in reading.items}
    return replace(
        data,
        given=tuple(one for one in data.given if one.source not in names or not one.source),
        outputs=tuple(name for name in data.outputs if name not in names),
    )


# -- events --------------------------------------------------------------------------------------------

_THROWN = frozenset({Trigger.SIGNAL, Trigger.MESSAGE, Trigger.ESCALATION, Trigger.ERROR})


def _throws(reading: Reading, node: Node, mark: Node, complex_: list[Node]) -> tuple[Throw, ...]:
    """`behavior` (BPMN 2.0.2, table 10.30): none: an event with every round; one: with the first; complex: where a
    condition holds, which ends the multi-instance; all: no event."""
    behavior = str(mark.get("behavior") or "all").strip().lower()
    for name in ("one", "none"):
        if mark.get(f"{name}BehaviorEventRef") and behavior != name:
            reading.loose(
                "loop_event", mark, f"写了 {name}BehaviorEventRef，behavior 却不是 {name.title()}，请改正。"
            )
    if behavior != "complex" and complex_:
        reading.loose(
            "loop_event", complex_[0], "写了 complexBehaviorDefinition，behavior 却不是 Complex，请改正。"
        )
    if behavior in ("none", "one"):
        return (Throw(behavior, _referred(reading, node, mark, f"{behavior}BehaviorEventRef")),)
    if behavior != "complex":
        return ()
    if not complex_:
        reading.loose("loop_event", mark, "behavior 是 Complex，请写 complexBehaviorDefinition，或改为 All。")
    return tuple(_complex(reading, node, one) for one in complex_)


def _referred(reading: Reading, node: Node, mark: Node, attribute: str) -> tuple[Event, ...]:
    """The event of `noneBehaviorEventRef` or `oneBehaviorEventRef`. Without one the standard throws a signal: here one
    with the activity's name."""
    reference = str(mark.get(attribute) or "").strip()
    if reference:
        return _allowed(reading, mark, thrown_events(reading, node, reference))
    name = " ".join(str(node.get("name") or node.get("id") or "").split())
    reading.loose(
        "loop_event", mark, f"多实例没有写抛出哪个事件，将抛出信号“{name[:60]}”，请填写 {attribute}。"
    )
    return (Event(Trigger.SIGNAL, name=name),)


def _complex(reading: Reading, node: Node, definition: Node) -> Throw:
    reading.attributes(definition, {"id": None})
    parts = {local(c): c for c in reading.children(definition, "condition", "event")}
    if "condition" not in parts:
        reading.loose("loop_event", definition, "complexBehaviorDefinition 没有写条件，请填写 condition。")
    events: tuple[Event, ...] = ()
    if "event" in parts:
        reading.attributes(parts["event"], {"id": None, "name": None})
        events = _allowed(reading, parts["event"], thrown_events(reading, node, parts["event"]))
    return Throw("complex", events, _part(reading, parts, "condition", "多实例的条件"))


def _allowed(reading: Reading, node: Node, events: list[Event]) -> tuple[Event, ...]:
    for event in events:
        if event.trigger not in _THROWN:
            reading.loose("loop_event", node, "多实例只能抛出信号、消息、升级或错误，请改用其中一种。")
    return tuple(event for event in events if event.trigger in _THROWN)
