"""Data of a diagram 数据: data objects, properties, inputs and outputs, and the associations that move values between
them (BPMN 2.0.2, 10.4).

A data object is a variable, called by its name (or id), of the process or subprocess it is drawn in. An association is
executed where it says what to do: it ends at a data input, data output or property of the element, or has a
transformation or an assignment. One that is only drawn between a task and a data object stays a drawing. So a data
object that no executed association touches declares no variable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.definitions.model import Binding, Kind
from engine.definitions.reading import Node, Reading, is_bpmn, local, owner, text_of
from engine.definitions.vocabulary import BPMN, RESERVED, VARIABLE

_ROUND = ("inputDataItem", "outputDataItem")
"""What one round of a multi-instance takes and gives (see `loops`)."""

PLACEHOLDER = "__targetRef_placeholder"
"""What modelers call the property they invent where a task has no data input: it only carries the arrow."""

_SCOPES = ("process", "subProcess", "transaction", "adHocSubProcess")
_OWN = ("dataInput", "dataOutput", "property")
_PATH = re.compile(r"=?\s*(?P<root>[^.]+?)(?P<rest>(\s*\.\s*[^.\s]+)*)\s*")


@dataclass(frozen=True, slots=True)
class Item:
    """An item-aware element: the variable that holds its value. `holder` is the id of the element it belongs to."""

    id: str
    name: str
    kind: str  # dataObject, dataStore, dataInput, dataOutput, property
    holder: str


@dataclass(frozen=True, slots=True)
class Data:
    """What an element's data come to. `inputs` and `outputs` name its data inputs and outputs, in the order drawn."""

    taken: tuple[Binding, ...] = ()
    given: tuple[Binding, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


# -- the items of a file -------------------------------------------------------------------------------


def read_items(reading: Reading, root: Node) -> None:
    """Find every item of the file, and which names each process and subprocess declares for itself."""
    found = {str(n.get("id")): n for n in root.iter(f"{{{BPMN}}}*") if n.get("id")}
    shown: dict[str, str] = {}  # a data object is often named only where it is drawn
    for node in found.values():
        if local(node) in ("dataObjectReference", "dataStoreReference"):
            shown.setdefault(_meant(node), str(node.get("name") or ""))
    for id, node in found.items():
        tag = local(node)
        if tag in ("dataObject", "dataStore", *_OWN, *_ROUND) and node.get("name") != PLACEHOLDER:
            name = str(node.get("name") or shown.get(id, ""))
            reading.items[id] = Item(id, _variable(name, id), tag, _holder(node))
    for id, node in found.items():
        if local(node) in ("dataObjectReference", "dataStoreReference"):
            kind = "dataObject" if local(node) == "dataObjectReference" else "dataStore"
            own = Item(id, _variable(str(node.get("name") or ""), id), kind, _holder(node))
            reading.items[id] = reading.items.get(_meant(node), own)
    declared: dict[str, dict[str, None]] = {}
    for item in reading.items.values():
        if item.kind in ("property", "dataOutput") and local(found.get(item.holder, root)) in _SCOPES:
            declared.setdefault(item.holder, {})[item.name] = None
    for node in root.iter(f"{{{BPMN}}}dataInputAssociation", f"{{{BPMN}}}dataOutputAssociation"):
        for item in _touched(reading, node) if _executed(reading, node) else ():
            if item.kind == "dataObject":
                declared.setdefault(item.holder, {})[item.name] = None
    reading.declared.update({holder: tuple(names) for holder, names in declared.items()})


def _meant(node: Node) -> str:
    """The data object or store a reference stands for; itself where it names none."""
    raw = str(node.get("dataObjectRef") or node.get("dataStoreRef") or "").rpartition(":")[2]
    return raw or str(node.get("id"))


def _variable(name: str, id: str) -> str:
    """The name where expressions can read it, else the id."""
    shown = " ".join(name.split())
    readable = all(VARIABLE.fullmatch(word) for word in shown.split(" ")) and shown not in RESERVED
    return shown if shown and readable else id


def _holder(node: Node) -> str:
    """The id of the process, subprocess, task or event an item belongs to."""
    around = node.getparent()
    while around is not None and local(around) in ("ioSpecification", "extensionElements"):
        around = around.getparent()
    return "" if around is None else owner(around)


def _ends(node: Node, tag: str) -> list[str]:
    return [text_of(end).rpartition(":")[2] for end in node if is_bpmn(end, tag) and text_of(end)]


def _ends_outside(reading: Reading, node: Node) -> bool:
    """Whether an association goes to something that is not the element's own."""
    return all(
        reading.items[end].kind != "dataInput" for end in _ends(node, "targetRef") if end in reading.items
    )


def _touched(reading: Reading, node: Node) -> list[Item]:
    ends = (*_ends(node, "sourceRef"), *_ends(node, "targetRef"))
    return [reading.items[end] for end in ends if end in reading.items]


def _executed(reading: Reading, node: Node) -> bool:
    """Whether an association says what to do with a value."""
    if any(is_bpmn(part, "transformation", "assignment") for part in node):
        return True
    sources, targets = _ends(node, "sourceRef"), _ends(node, "targetRef")
    if not sources or not targets or not all(end in reading.items for end in (*sources, *targets)):
        return False
    near = targets if local(node) == "dataInputAssociation" else sources
    return any(reading.items[end].kind in _OWN for end in near)


# -- the data of one element ---------------------------------------------------------------------------


def read_data(reading: Reading, node: Node, kind: Kind) -> Data:
    """Inputs and outputs of an activity or event, and its associations as bindings, in the order drawn."""
    taken: list[Binding] = []
    given: list[Binding] = []
    results: list[Binding] = []  # an end event may fill what its process gives (BPMN 2.0.2, 10.4.1)
    for child in node:
        if is_bpmn(child, "dataInputAssociation") and _executed(reading, child):
            outside = kind is Kind.END and _ends_outside(reading, child)
            (results if outside else taken).extend(_bindings(reading, child))
        elif is_bpmn(child, "dataOutputAssociation") and _executed(reading, child):
            given += _bindings(reading, child)
    if taken and kind in (Kind.START, Kind.CATCH, Kind.BOUNDARY):
        reading.error("data_place", node, "捕获消息的事件没有数据输入，请删去数据输入关联，改用数据输出。")
    if given and kind in (Kind.THROW, Kind.END):
        reading.error("data_place", node, "抛出的事件没有数据输出，请删去数据输出关联，改用数据输入。")
    inputs, outputs = read_signature(reading, node)
    return Data(tuple(taken), (*given, *results), inputs, outputs)


def read_signature(reading: Reading, node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the data inputs and outputs of an element, or of what a process takes and gives when it is called."""
    parts = [part for child in node if is_bpmn(child, "ioSpecification") for part in child]
    sets = [part for part in parts if is_bpmn(part, "inputSet", "outputSet")]
    if any(is_bpmn(p, "whileExecutingInputRefs", "whileExecutingOutputRefs") for s in sets for p in s):
        reading.loose(
            "data_while_executing", node, "数据只在环节开始时取、结束时交，不能在办理中途更新，请删去该设置。"
        )
    for tag in ("inputSet", "outputSet"):
        if sum(is_bpmn(part, tag) for part in sets) > 1:
            reading.loose("data_sets", node, "有几组输入或输出可选时，所有的都会取用，请只留一组。")
    parts += [child for child in node if is_bpmn(child, "dataInput", "dataOutput")]
    return _names(reading, parts, "dataInput"), _names(reading, parts, "dataOutput")


def _names(reading: Reading, parts: list[Node], tag: str) -> tuple[str, ...]:
    ids = [str(part.get("id") or "") for part in parts if is_bpmn(part, tag)]
    return tuple(reading.items[id].name for id in ids if id in reading.items)


def _bindings(reading: Reading, node: Node) -> list[Binding]:
    """What an executed association does: copy, transform or assign (BPMN 2.0.2, 10.4.2)."""
    sources = [reading.items[end] for end in _ends(node, "sourceRef") if end in reading.items]
    targets = [reading.items[end] for end in _ends(node, "targetRef") if end in reading.items]
    if not targets:
        reading.error("data_target", node, "数据关联没有写存到哪里，请连到一个数据对象或数据输入。")
        return []
    target = targets[0]
    for item in (*sources, target):
        if item.kind == "dataStore":
            reading.loose(
                "data_store", node, f"数据存储“{item.name[:40]}”的内容只在本案内有效，请改画数据对象。"
            )
    if not _writable(reading, node, target):
        return []
    found: list[Binding] = []
    transformations = [part for part in node if is_bpmn(part, "transformation")]
    assignments = [part for part in node if is_bpmn(part, "assignment")]
    for part in transformations[:1]:
        value = reading.optional_formula(part, "数据转换")
        found += [Binding(target.name, value)] if value is not None else []
    for part in assignments:
        found += _assignment(reading, part, target)
    if not transformations and not assignments:
        if len(sources) != 1:
            reading.loose(
                "data_sources", node, "数据关联有几个来源时要写转换（transformation），请补写或只留一个来源。"
            )
            return []
        value = reading.constant(node, _quoted(sources[0].name))
        if value is not None:
            output = sources[0].name if sources[0].kind == "dataOutput" else ""
            found.append(Binding(target.name, value, output))
    return found


def _writable(reading: Reading, node: Node, target: Item) -> bool:
    if target.name in RESERVED:
        reading.error("variable_name", node, f"数据“{target.name}”是系统保留的名称，请改名。")
        return False
    return True


def _assignment(reading: Reading, node: Node, target: Item) -> list[Binding]:
    """`from` a FEEL expression `to` the target, or to an entry inside it (`订单.金额`)."""
    parts = {local(child): child for child in reading.children(node, "from", "to")}
    if set(parts) != {"from", "to"}:
        reading.loose("data_assignment", node, "赋值要写来源（from）和目标（to），请补写。")
        return []
    path = _PATH.fullmatch(text_of(parts["to"]))
    if path is None or path["root"].strip("`") not in (target.name, target.id):
        reading.loose(
            "data_assignment",
            parts["to"],
            f"赋值的目标应是“{target.name[:40]}”或其中的一项（如 {target.name[:40]}.金额），请改正。",
        )
        return []
    if reading.optional_formula(parts["from"], "赋值的来源") is None:
        return []
    source = text_of(parts["from"])
    steps = [step.strip() for step in path["rest"].split(".") if step.strip()]
    value = reading.constant(parts["to"], _put(_quoted(target.name), steps, source.removeprefix("=")))
    return [Binding(target.name, value)] if value is not None else []


def _put(base: str, steps: list[str], value: str) -> str:
    """FEEL for `base` with the entry at `steps` changed."""
    if not steps:
        return f"({value})" if value else value
    inner = _put(f"{base}.{steps[0]}", steps[1:], value)
    return f'context put(if {base} = null then {{}} else {base}, "{steps[0]}", {inner})'


def _quoted(name: str) -> str:
    """A name as FEEL reads it whatever it contains, be it a word of FEEL."""
    return f"`{name}`"
