"""The data words of the text form of `builders`, written as BPMN.

Lines in a process or `sub`: `data ID name=NAME` (a data object, named where it is drawn), `property ID`, and in a process
`input ID`, `output ID` (what it takes and gives when it is called).

Words of an element: `take:NAME=DATA` (a data input copied from a data object or property), `take:NAME="=FEEL"` (computed),
`give:NAME=DATA` (a data output copied), `give:NAME="DATA = FEEL"` (computed), `give:NAME="DATA.a.b := FEEL"` (assigned).
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

_FORMAL = 'xsi:type="bpmn:tFormalExpression"'
SCOPE_KINDS = ("data", "property", "input", "output")


def scope_data(lines: list[tuple[str, str, str]]) -> str:
    """Kind, id and name of the data lines of one scope → XML."""
    inputs = "".join(_io("dataInput", id, name) for kind, id, name in lines if kind == "input")
    outputs = "".join(_io("dataOutput", id, name) for kind, id, name in lines if kind == "output")
    text = _specification(inputs, outputs) if inputs or outputs else ""
    for kind, id, name in lines:
        if kind == "property":
            text += f'<bpmn:property id="{id}" name={quoteattr(name or id)}/>'
        elif kind == "data":
            text += (
                f'<bpmn:dataObject id="{id}"/><bpmn:dataObjectReference id="{id}_ref" dataObjectRef="{id}"'
            )
            text += f" name={quoteattr(name)}/>" if name else "/>"
    return text


def element_data(id: str, kind: str, words: dict[str, str], known: dict[str, str]) -> str:
    """Take the data words of an element out of `words` and write them. `known`: id → kind of all data lines."""
    takes = {w.partition(":")[2]: words.pop(w) for w in list(words) if w.startswith("take:")}
    gives = {w.partition(":")[2]: words.pop(w) for w in list(words) if w.startswith("give:")}
    if not takes and not gives:
        return ""
    inputs = "".join(_io("dataInput", f"{id}_in_{n}", n) for n in takes)
    outputs = "".join(_io("dataOutput", f"{id}_out_{n}", n) for n in gives)
    event = kind in ("start", "end", "catch", "throw", "boundary")
    text = inputs + outputs if event else _specification(inputs, outputs)
    for name, source in takes.items():
        inside = f"<bpmn:targetRef>{id}_in_{name}</bpmn:targetRef>"
        if source.startswith("="):
            inside += f"<bpmn:transformation {_FORMAL}>{escape(source)}</bpmn:transformation>"
        else:
            inside = f"<bpmn:sourceRef>{_end(source, known)}</bpmn:sourceRef>{inside}"
        text += f"<bpmn:dataInputAssociation>{inside}</bpmn:dataInputAssociation>"
    for name, drawn in gives.items():
        text += _output(f"{id}_out_{name}", drawn, known)
    return text


def _output(source: str, drawn: str, known: dict[str, str]) -> str:
    inside = f"<bpmn:sourceRef>{source}</bpmn:sourceRef>"
    assigned = re.fullmatch(r"(?P<to>(?P<target>[^.\s]+)\S*) := (?P<from>.*)", drawn)
    computed = re.fullmatch(r"(?P<target>\S+) = (?P<from>.*)", drawn)
    match = assigned or computed
    target = match["target"] if match else drawn
    inside += f"<bpmn:targetRef>{_end(target, known)}</bpmn:targetRef>"
    if assigned:
        inside += (
            f"<bpmn:assignment><bpmn:from {_FORMAL}>{escape(assigned['from'])}</bpmn:from>"
            f"<bpmn:to {_FORMAL}>{assigned['to']}</bpmn:to></bpmn:assignment>"
        )
    elif computed:
        inside += f"<bpmn:transformation {_FORMAL}>{escape(computed['from'])}</bpmn:transformation>"
    return f"<bpmn:dataOutputAssociation>{inside}</bpmn:dataOutputAssociation>"


def _end(id: str, known: dict[str, str]) -> str:
    return f"{id}_ref" if known.get(id) == "data" else id


def _io(tag: str, id: str, name: str) -> str:
    return f'<bpmn:{tag} id="{id}" name={quoteattr(name or id)}/>'


def _specification(inputs: str, outputs: str) -> str:
    return f"<bpmn:ioSpecification>{inputs}{outputs}<bpmn:inputSet/><bpmn:outputSet/></bpmn:ioSpecification>"
