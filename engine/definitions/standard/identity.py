"""Ids and references 编号与引用: every id once, every reference to something that exists and is of the right kind."""

from __future__ import annotations

from engine.definitions.reading import Node, is_bpmn, local, text_of
from engine.definitions.standard.drawing import (
    ACTIVITIES,
    CALLABLE,
    EVENT_DEFINITIONS,
    FLOW_NODES,
    ITEM_AWARE,
    TITLES,
    Drawing,
)
from engine.definitions.standard.rules import Wrong, rule

_ANY = frozenset[str]()
_ATTRIBUTES: dict[str, dict[str, frozenset[str]]] = {
    "association": {"sourceRef": _ANY, "targetRef": _ANY},
    "boundaryEvent": {"attachedToRef": ACTIVITIES},
    "callChoreography": {
        "calledChoreographyRef": frozenset({"choreography", "globalChoreographyTask"}),
        "initiatingParticipantRef": frozenset({"participant"}),
    },
    "choreographyTask": {"initiatingParticipantRef": frozenset({"participant"})},
    "compensateEventDefinition": {"activityRef": ACTIVITIES},
    "conversationLink": {"sourceRef": _ANY, "targetRef": _ANY},
    "correlationPropertyBinding": {"correlationPropertyRef": frozenset({"correlationProperty"})},
    "correlationPropertyRetrievalExpression": {"messageRef": frozenset({"message"})},
    "correlationSubscription": {"correlationKeyRef": frozenset({"correlationKey"})},
    "dataObjectReference": {"dataObjectRef": frozenset({"dataObject"})},
    "dataStoreReference": {"dataStoreRef": frozenset({"dataStore"})},
    "errorEventDefinition": {"errorRef": frozenset({"error"})},
    "escalationEventDefinition": {"escalationRef": frozenset({"escalation"})},
    "group": {"categoryValueRef": frozenset({"categoryValue"})},
    "ioBinding": {
        "inputDataRef": frozenset({"dataInput", "inputSet"}),
        "outputDataRef": frozenset({"dataOutput", "outputSet"}),
        "operationRef": frozenset({"operation"}),
    },
    "lane": {"partitionElementRef": _ANY},
    "message": {"itemRef": frozenset({"itemDefinition"})},
    "messageEventDefinition": {"messageRef": frozenset({"message"})},
    "messageFlow": {"sourceRef": _ANY, "targetRef": _ANY, "messageRef": frozenset({"message"})},
    "multiInstanceLoopCharacteristics": {
        "oneBehaviorEventRef": EVENT_DEFINITIONS,
        "noneBehaviorEventRef": EVENT_DEFINITIONS,
    },
    "participant": {"processRef": frozenset({"process"})},
    "process": {"definitionalCollaborationRef": frozenset({"collaboration"})},
    "receiveTask": {"messageRef": frozenset({"message"}), "operationRef": frozenset({"operation"})},
    "resourceParameterBinding": {"parameterRef": frozenset({"resourceParameter"})},
    "sendTask": {"messageRef": frozenset({"message"}), "operationRef": frozenset({"operation"})},
    "serviceTask": {"operationRef": frozenset({"operation"})},
    "signalEventDefinition": {"signalRef": frozenset({"signal"})},
    "subChoreography": {"initiatingParticipantRef": frozenset({"participant"})},
    **{
        tag: {"itemSubjectRef": frozenset({"itemDefinition"})}
        for tag in ("dataObject", "dataStore", "property")
    },
    **{tag: {"itemSubjectRef": frozenset({"itemDefinition"})} for tag in ("dataInput", "dataOutput")},
    **{tag: {"itemSubjectRef": frozenset({"itemDefinition"})} for tag in ("inputDataItem", "outputDataItem")},
    **{tag: {"structureRef": frozenset({"itemDefinition"})} for tag in ("error", "escalation", "signal")},
}
"""References written as attributes: tag → attribute → the kinds they may name (none given: any)."""

_CHILDREN: dict[str, dict[str, frozenset[str]]] = {
    "correlationPropertyRef": {"*": frozenset({"correlationProperty"})},
    "choreographyRef": {"*": frozenset({"choreography", "globalChoreographyTask"})},
    "dataInputRefs": {"*": frozenset({"dataInput"})},
    "dataOutputRefs": {"*": frozenset({"dataOutput"})},
    "endPointRef": {"*": frozenset({"endPoint"})},
    "errorRef": {"operation": frozenset({"error"})},
    "eventDefinitionRef": {"*": EVENT_DEFINITIONS},
    "flowNodeRef": {"*": FLOW_NODES},
    "inMessageRef": {"*": frozenset({"message"})},
    "inputSetRefs": {"*": frozenset({"inputSet"})},
    "interfaceRef": {"*": frozenset({"interface"})},
    "loopDataInputRef": {"*": ITEM_AWARE},
    "loopDataOutputRef": {"*": ITEM_AWARE},
    "messageFlowRef": {"*": frozenset({"messageFlow"})},
    "operationRef": {"messageEventDefinition": frozenset({"operation"})},
    "optionalInputRefs": {"*": frozenset({"dataInput"})},
    "optionalOutputRefs": {"*": frozenset({"dataOutput"})},
    "outMessageRef": {"*": frozenset({"message"})},
    "outputSetRefs": {"*": frozenset({"outputSet"})},
    "participantRef": {"*": frozenset({"participant"})},
    "innerParticipantRef": {"*": frozenset({"participant"})},
    "outerParticipantRef": {"*": frozenset({"participant"})},
    "resourceRef": {"*": frozenset({"resource"})},
    "supportedInterfaceRef": {"*": frozenset({"interface"})},
    "whileExecutingInputRefs": {"*": frozenset({"dataInput"})},
    "whileExecutingOutputRefs": {"*": frozenset({"dataOutput"})},
    "sourceRef": {"dataInputAssociation": ITEM_AWARE, "dataOutputAssociation": ITEM_AWARE},
    "targetRef": {"dataInputAssociation": ITEM_AWARE, "dataOutputAssociation": ITEM_AWARE},
    "source": {"linkEventDefinition": frozenset({"linkEventDefinition"})},
    "target": {"linkEventDefinition": frozenset({"linkEventDefinition"})},
}
"""References written as the text of a child: the child's tag → its parent's tag (`*`: any) → the kinds."""

_TYPES = frozenset({"structureRef"})
"""Attributes that some tools fill with a type of their own instead of an item definition: only their kind is judged."""


@rule(
    "duplicate_id",
    "8.3.1",
    "编号“{id}”用了两次，引用它时不知道指的是哪一个",
    "把其中一个改名",
)
def duplicate_id(drawing: Drawing) -> Wrong:
    for node in drawing.twice:
        yield node, {"id": str(node.get("id"))}


@rule("element_id", "8.3.1", "{it}没有编号（id），别处无法引用它", "填写一个不重复的编号")
def element_id(drawing: Drawing) -> Wrong:
    """An id may be left out where nothing can refer to the element: a sequence flow that nobody lists."""
    for node in drawing.all("process", *sorted(FLOW_NODES)):
        if not str(node.get("id") or "").strip():
            yield node


@rule(
    "unknown_reference",
    "8.3.1",
    "引用的“{name}”（{attribute}）不在此文件中",
    "改为已有的元素，或删去这个引用",
)
def unknown_reference(drawing: Drawing) -> Wrong:
    for node, attribute, name, _ in _references(drawing):
        if attribute in _TYPES or drawing.foreign(node, name):
            continue
        if drawing.find(node, name) is None:
            yield node, {"name": name.rpartition(":")[2], "attribute": attribute}
    for node in drawing.all("callActivity"):
        name = str(node.get("calledElement") or "").strip()
        if not name or drawing.find(node, name) is not None or drawing.foreign(node, name):
            continue
        if not drawing.all("import") and not drawing.of_engine():
            yield node, {"name": name.rpartition(":")[2], "attribute": "calledElement"}


@rule(
    "reference_kind",
    "8.3.1",
    "引用的“{name}”（{attribute}）是{kind}，这里应是{allowed}",
    "改为引用正确种类的元素",
)
def reference_kind(drawing: Drawing) -> Wrong:
    found = [*_references(drawing)]
    found += [
        (node, "calledElement", str(node.get("calledElement")), CALLABLE)
        for node in drawing.all("callActivity")
        if node.get("calledElement")
    ]
    for node, attribute, name, allowed in found:
        named = drawing.find(node, name)
        if named is None or not allowed or not is_bpmn(named) or local(named) in allowed:
            continue
        if local(node) == "boundaryEvent":  # said by `boundary_host`
            continue
        shown = "、".join(dict.fromkeys(TITLES.get(tag, tag) for tag in sorted(allowed)))
        kind = TITLES.get(local(named), local(named))
        yield node, {"name": name, "attribute": attribute, "kind": kind, "allowed": shown}


def _references(drawing: Drawing) -> list[tuple[Node, str, str, frozenset[str]]]:
    """Every reference of the file: where it stands, how it is called, what it names, what it may name."""
    found: list[tuple[Node, str, str, frozenset[str]]] = []
    for tag, attributes in _ATTRIBUTES.items():
        for node in drawing.by_tag.get(tag, ()):
            for attribute, allowed in attributes.items():
                if str(node.get(attribute) or "").strip():
                    found.append((node, attribute, str(node.get(attribute)).strip(), allowed))
    for tag, parents in _CHILDREN.items():
        for node in drawing.by_tag.get(tag, ()):
            parent = node.getparent()
            kinds = parents.get("*") or (parents.get(local(parent)) if parent is not None else None)
            if kinds is not None and text_of(node):
                found.append((node, tag, text_of(node), kinds))
    return found
