"""XML, schema and BPMN reading: what is read, and that nothing drawn is ignored silently."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from engine.definitions import bpmn, schema, xml
from engine.definitions.compile import compile_diagram
from engine.definitions.model import Kind, Trigger
from engine.errors import DefinitionRefused, Finding
from tests.engine.drawings import (
    HEAD,
    diagram_findings,
    drawing,
    element,
    end,
    event,
    flow,
    line,
    properties,
    script,
    start,
    timer,
    user,
)

SAMPLES = Path(__file__).parent / "bpmn"
ROOTS = (
    '<bpmn:message id="m" name="来信"/><bpmn:signal id="sig" name="信号"/><bpmn:error id="err" errorCode="E1"/>'
    '<bpmn:escalation id="esc" escalationCode="U1"/>'
)


def errors(findings: list[Finding]) -> set[str]:
    return {f.rule for f in findings if f.severity == "error"}


# -- XML -----------------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>'


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "xml_syntax"),
        (b"\x00\x01", "xml_syntax"),
        (b"<a><b></a>", "xml_syntax"),
        (b"<!DOCTYPE a><a/>", "xml_doctype"),
        (f"{BOMB}<a>&y;</a>".encode(), "xml_doctype"),
        (f'<?xml version="1.0" encoding="UTF-16"?>{BOMB}<a>&y;</a>'.encode("utf-16"), "xml_doctype"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "xml_doctype"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml_doctype"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "xml_encoding"),
        (b"<a>" * 31 + b"</a>" * 31, "xml_depth"),
        (b"<a>" * 3000 + b"</a>" * 3000, "xml_syntax"),
        (b"<a>" + b" " * xml.MAX_BYTES + b"</a>", "xml_size"),
        (b"<a>" + b"<b/>" * (xml.MAX_ELEMENTS + 1) + b"</a>", "xml_size"),
    ],
)
def test_unsafe_or_broken_xml_is_refused(data: bytes, rule: str) -> None:
    begun = process_time()
    with pytest.raises(DefinitionRefused) as refusal:
        xml.parse(data, "x.bpmn")
    (finding,) = refusal.value.fields["findings"]
    assert finding.rule == rule and finding.file == "x.bpmn"
    assert process_time() - begun < 1
    assert bpmn.read(data, "x.bpmn") == ({}, [finding])


def test_plain_xml_keeps_lines_in_every_encoding() -> None:
    for encoding in ("utf-8", "utf-16", "gb18030"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n<a>\n<b n="隐"/></a>'
        root = xml.parse(text.encode(encoding), "x")
        assert (root[0].get("n"), root[0].sourceline) == ("隐", 3)


def test_depth_of_thirty_is_read() -> None:
    assert xml.parse(b"<a>" * 30 + b"</a>" * 30, "x").tag == "a"


# -- schema --------------------------------------------------------------------------------------------


def test_the_schema_tolerates_extensions_and_names_element_and_line() -> None:
    good = drawing(start(), user("t", properties(status="办理中")), end(), line("s", "t", "e"))
    assert schema.check(good, "a.bpmn") == []
    (finding,) = schema.check(good.replace(b'id="t"', b'id="1 t"').replace(b"camunda:x", b""), "a.bpmn")[:1]
    assert (finding.rule, finding.file) == ("schema", "a.bpmn") and finding.line == 9
    (finding,) = schema.check(drawing(start(), element("boundaryEvent", "b")), "a.bpmn")
    assert finding.element == "b" and "attachedToRef" in finding.message


def test_a_large_diagram_is_checked_within_a_second() -> None:
    keys = [f"t{i}" for i in range(300)]
    big = drawing(start(), *(user(k) for k in keys), end(), line("s", *keys, "e"))
    schema.check(big, "warm.bpmn")
    begun = process_time()
    assert schema.check(big, "a.bpmn") == []
    package, findings = compile_diagram(big, "a.bpmn")
    assert package is not None and not findings
    assert process_time() - begun < 1


# -- what is read --------------------------------------------------------------------------------------


def test_every_part_of_a_user_task_is_read() -> None:
    task = user(
        "t",
        properties(status="整改中", separateFrom="u", unit="企业", returnTo="u"),
        name="整改\n 与进展",
        camunda_candidateGroups="DB, SD@上海庙镇",
        camunda_assignee="=登记人",
        camunda_dueDate="workdays(today(), 5)",
        camunda_formKey="T16",
    )
    package, findings = compile_diagram(
        drawing(start(), user("u"), task, end(), line("s", "u", "t", "e")), "a.bpmn"
    )
    assert package is not None and not findings
    read = package.processes["p"].elements["t"]
    assert (read.kind, read.name, read.scope, read.form) == (Kind.USER, "整改 与进展", "p", "T16")
    assert read.roles == ("DB", "SD@上海庙镇") and read.groups is not None
    assert read.assignee is not None and read.assignee.names == {"登记人"}
    assert read.due is not None and read.due.text == "workdays(today(), 5)"
    assert (
        read.unit is not None and read.properties["status"] == "整改中" and read.names("returnTo") == ("u",)
    )
    assert read.incoming == ("f_u_t",) and [f.id for f in read.outgoing] == ["f_t_e"]


def test_scopes_loops_boundaries_calls_and_lanes_are_read() -> None:
    mark = (
        '<bpmn:multiInstanceLoopCharacteristics isSequential="true" camunda:collection="各单位" '
        'camunda:elementVariable="单位"><bpmn:completionCondition>nrOfCompletedInstances > 1</bpmn:completionCondition>'
        "</bpmn:multiInstanceLoopCharacteristics>"
    )
    inside = start("is") + user("it") + end("ie", event("escalation", "esc")) + line("is", "it", "ie")
    handler = start("hs", event("message", "m"), isInterrupting="false") + end("he") + line("hs", "he")
    call_mapping = (
        '<bpmn:extensionElements><camunda:in variables="all"/><camunda:in source="部位" target="位置"/>'
        '<camunda:out sourceExpression="级别 + 1" target="预警级"/></bpmn:extensionElements>'
    )
    body = (
        '<bpmn:laneSet id="ls"><bpmn:lane id="l1" name="督办部门"><bpmn:flowNodeRef>s</bpmn:flowNodeRef>'
        '<bpmn:childLaneSet id="c"><bpmn:lane id="l2" name="承办人"><bpmn:flowNodeRef>w</bpmn:flowNodeRef></bpmn:lane>'
        "</bpmn:childLaneSet></bpmn:lane></bpmn:laneSet>"
        + start()
        + element(
            "subProcess",
            "w",
            properties(outputCollection="意见", outputElement="form")
            + mark
            + inside
            + element("subProcess", "h", handler, name="收信", triggeredByEvent="true"),
            name="会签",
        )
        + element("boundaryEvent", "b", event("escalation", "esc"), attachedToRef="w", cancelActivity="false")
        + element("callActivity", "c1", call_mapping, name="调用", calledElement="q")
        + end()
        + end("e2")
        + line("s", "w", "c1", "e")
        + line("b", "e2")
    )
    other = (
        f'<bpmn:process id="q" isExecutable="true">{start("qs")}{end("qe")}{line("qs", "qe")}</bpmn:process>'
    )
    package, findings = compile_diagram(drawing(body, roots=ROOTS, others=other), "a.bpmn")
    assert package is not None and not errors(findings)
    assert set(package.processes) == {"p", "q"} and package.main == "p"
    elements = package.processes["p"].elements
    work, call, boundary = elements["w"], elements["c1"], elements["b"]
    assert (work.start, work.event_subprocesses, work.boundary, work.lane) == ("is", ("h",), ("b",), "承办人")
    assert work.loop is not None and work.loop.kind == "sequential" and work.loop.element_variable == "单位"
    assert work.loop.output_collection == "意见" and work.loop.completion is not None
    assert elements["it"].scope == "w" and elements["hs"].scope == "h" and not elements["hs"].interrupting
    assert boundary.event is not None and (boundary.event.trigger, boundary.event.code) == (
        Trigger.ESCALATION,
        "U1",
    )
    assert not boundary.interrupting and boundary.attached_to == "w"
    assert call.passes_all and not call.returns_all and call.called == "q"
    assert [b.name for b in call.inputs] == ["位置"] and [b.name for b in call.outputs] == ["预警级"]
    assert elements["s"].lane == "督办部门"


@pytest.mark.parametrize(
    ("kind", "text", "source"),
    [
        ("Date", "2026-10-08T08:30", 'date and time("2026-10-08T08:30")'),
        ("Date", "2026-10-08", 'date("2026-10-08")'),
        ("Date", "=workdays(today(), 5)", "workdays(today(), 5)"),
        ("Duration", "PT2H", 'duration("PT2H")'),
        ("Cycle", "R3/PT1H", '"R3/PT1H"'),
        ("Cycle", "R/P1D", '"R/P1D"'),
    ],
)
def test_timers_are_feel_inside(kind: str, text: str, source: str) -> None:
    drawn = drawing(start("s", timer(kind, text)), end(), line("s", "e"))
    processes, findings = bpmn.read(drawn, "a.bpmn")
    read = processes["p"].elements["s"].event
    assert not findings and read is not None and read.when is not None
    assert (read.timer, read.when.text) == (kind.lower(), source)


def test_decoration_is_legal() -> None:
    assert not diagram_findings(
        '<bpmn:documentation>说明</bpmn:documentation><bpmn:textAnnotation id="n"><bpmn:text>注</bpmn:text>'
        '</bpmn:textAnnotation><bpmn:association id="as" sourceRef="t" targetRef="n"/><bpmn:group id="g"/>'
        '<bpmn:dataObject id="d"/><bpmn:dataObjectReference id="dr" dataObjectRef="d"/>',
        start("s", **{"bioc:stroke": "#000"}),
        user(
            "t", "<bpmn:documentation>要点</bpmn:documentation>", **{"camunda_modelerTemplate": "duban.task"}
        ),
        end(),
        line("s", "t", "e"),
        others='<bpmn:collaboration id="k"><bpmn:participant id="pa" name="本级" processRef="p"/>'
        '<bpmn:participant id="pb" name="企业"/><bpmn:messageFlow id="mf" sourceRef="pb" targetRef="t"/></bpmn:collaboration>',
    )


def test_outgoing_order_is_the_drawn_one() -> None:
    gate = element(
        "exclusiveGateway",
        "g",
        "<bpmn:outgoing>f2</bpmn:outgoing><bpmn:outgoing>f1</bpmn:outgoing>",
        default="f1",
    )
    drawn = drawing(
        start(),
        gate,
        end(),
        end("e2"),
        line("s", "g"),
        flow("g", "e", key="f1"),
        flow("g", "e2", "x", key="f2"),
    )
    assert [f.id for f in bpmn.read(drawn, "a")[0]["p"].elements["g"].outgoing] == ["f2", "f1"]


# -- what is refused -----------------------------------------------------------------------------------

STRAIGHT = line("s", "t", "e") + start() + end()


def boundary(inside: str, **attributes: str) -> str:
    return (
        STRAIGHT
        + user("t")
        + end("e2")
        + line("b", "e2")
        + element("boundaryEvent", "b", inside, attachedToRef="t", **attributes)
    )


def loop(inside: str = "", attributes: str = "") -> str:
    return STRAIGHT + user(
        "t",
        f"<bpmn:multiInstanceLoopCharacteristics {attributes}>{inside}</bpmn:multiInstanceLoopCharacteristics>",
    )


def extended(inside: str) -> str:
    return STRAIGHT + user("t", f"<bpmn:extensionElements>{inside}</bpmn:extensionElements>")


REFUSED: dict[str, tuple[str, str]] = {
    "ad-hoc order": (
        "attribute_value",
        STRAIGHT + element("adHocSubProcess", "t", user("x"), ordering="any"),
    ),
    "no token to begin": ("quantity", STRAIGHT + user("t", startQuantity="0")),
    "half a token": ("quantity", STRAIGHT + user("t", completionQuantity="1.5")),
    "too many tokens": ("token_quantity", STRAIGHT + user("t", completionQuantity="101")),
    "complex gateway asked twice": (
        "activation_twice",
        STRAIGHT
        + element("complexGateway", "t", 2 * "<bpmn:activationCondition>x > 1</bpmn:activationCondition>"),
    ),
    "condition missing": ("condition_missing", boundary("<bpmn:conditionalEventDefinition/>")),
    "link without target": (
        "link_target",
        STRAIGHT + element("intermediateThrowEvent", "t", '<bpmn:linkEventDefinition name="x"/>'),
    ),
    "link thrown and led on": (
        "link_flow",
        start()
        + end()
        + element("intermediateThrowEvent", "t", '<bpmn:linkEventDefinition name="x"/>')
        + element("intermediateCatchEvent", "c", '<bpmn:linkEventDefinition name="x"/>')
        + line("s", "t", "e")
        + line("c", "e"),
    ),
    "two targets of a link": (
        "link_twice",
        STRAIGHT
        + element("intermediateCatchEvent", "c", '<bpmn:linkEventDefinition name="x"/>')
        + element("intermediateCatchEvent", "d", '<bpmn:linkEventDefinition name="x"/>'),
    ),
    "link as boundary event": ("event_position", boundary('<bpmn:linkEventDefinition name="x"/>')),
    "potential owner": ("unknown_element", STRAIGHT + user("t", "<bpmn:potentialOwner/>")),
    "foreign element": ("unknown_element", STRAIGHT + user("t", '<z:x xmlns:z="urn:z"/>')),
    "foreign extension": (
        "foreign_extension",
        extended('<z:x xmlns:z="http://camunda.org/schema/zeebe/1.0"/>'),
    ),
    "listener": ("unknown_element", extended('<camunda:taskListener class="x"/>')),
    "form data": ("unknown_element", extended("<camunda:formData/>")),
    "script input": (
        "unknown_element",
        extended(
            '<camunda:inputOutput><camunda:inputParameter name="a"><camunda:script scriptFormat="x"/></camunda:inputParameter></camunda:inputOutput>'
        ),
    ),
    "foreign attribute": ("unknown_attribute", STRAIGHT + user("t", **{"z": "1"})),
    "candidate users": ("unknown_attribute", STRAIGHT + user("t", camunda_candidateUsers="x")),
    "java class": ("unknown_attribute", STRAIGHT + element("serviceTask", "t", camunda_class="x")),
    "async": ("unknown_attribute", STRAIGHT + user("t", camunda_asyncBefore="true")),
    "follow up": ("unknown_attribute", STRAIGHT + user("t", camunda_followUpDate="x")),
    "javascript": ("attribute_value", STRAIGHT + script("t", scriptFormat="javascript")),
    "instantiating receive in a subprocess": (
        "instantiate_place",
        STRAIGHT
        + element("subProcess", "t", element("receiveTask", "r", messageRef="m", instantiate="true")),
    ),
    "boolean": ("attribute_value", boundary(timer("Duration", "PT1H"), cancelActivity="maybe")),
    "called by expression": (
        "attribute_value",
        STRAIGHT + element("callActivity", "t", calledElement="${x}"),
    ),
    "juel": ("expression_language", STRAIGHT + user("t", camunda_dueDate="${due}")),
    "juel group": ("expression_language", STRAIGHT + user("t", camunda_candidateGroups="${x}")),
    "python": (
        "expression_language",
        STRAIGHT
        + user("t")
        + element(
            "sequenceFlow",
            "f",
            '<bpmn:conditionExpression language="python">x</bpmn:conditionExpression>',
            sourceRef="t",
            targetRef="e",
        ),
    ),
    "broken feel": ("expression_invalid", STRAIGHT + user("t", camunda_dueDate="workdays(")),
    "empty condition": ("expression_empty", STRAIGHT + user("t") + flow("t", "e", "", key="f")),
    "unknown property": ("unknown_property", STRAIGHT + user("t", properties(colour="red"))),
    "misplaced property": (
        "unknown_property",
        STRAIGHT + script("t").replace("<bpmn:script>", properties(unit="x") + "<bpmn:script>"),
    ),
    "property twice": (
        "duplicate_property",
        extended(
            '<camunda:properties><camunda:property name="status" value="a"/><camunda:property name="status" value="b"/></camunda:properties>'
        ),
    ),
    "empty property": ("property_empty", STRAIGHT + user("t", properties(status=""))),
    "output without loop": (
        "unknown_property",
        STRAIGHT + user("t", properties(outputCollection="x", outputElement="y")),
    ),
    "timer end": (
        "event_position",
        STRAIGHT + user("t") + end("z", timer("Duration", "PT1H")) + line("t", "z"),
    ),
    "error throw": (
        "event_position",
        STRAIGHT + element("intermediateThrowEvent", "t", event("error", "err")),
    ),
    "none catch": ("event_position", STRAIGHT + element("intermediateCatchEvent", "t")),
    "none boundary": ("event_position", boundary("")),
    "terminate boundary": ("event_position", boundary("<bpmn:terminateEventDefinition/>")),
    "non-interrupting error": ("error_interrupts", boundary(event("error", "err"), cancelActivity="false")),
    "timer without body": ("timer_missing", boundary("<bpmn:timerEventDefinition/>")),
    "cron": ("timer_text", boundary(timer("Cycle", "0 0 9 * * ?"))),
    "plain text timer": ("timer_text", boundary(timer("Duration", "5 days"))),
    "impossible date": ("timer_text", boundary(timer("Date", "2026-02-30T08:30"))),
    "key without message": (
        "unknown_property",
        STRAIGHT
        + element(
            "sendTask", "t", properties(correlationKey="x"), camunda_type="external", camunda_topic="x"
        ),
    ),
    "mixed duration": ("timer_text", boundary(timer("Duration", "P1M2D"))),
    "message without name": ("message_missing", boundary("<bpmn:messageEventDefinition/>")),
    "unknown message": ("unknown_reference", boundary(event("message", "zz"))),
    "throw without code": ("error_missing", STRAIGHT + user("t") + end("z", event("error")) + line("t", "z")),
    "receive without message": ("message_missing", STRAIGHT + element("receiveTask", "t")),
    "half external": ("external_task", STRAIGHT + element("serviceTask", "t", camunda_topic="x")),
    "rule without decision": ("decision_missing", STRAIGHT + element("businessRuleTask", "t")),
    "call without target": ("call_missing", STRAIGHT + element("callActivity", "t")),
    "loop without items": ("loop_items", loop()),
    "loop with both": (
        "loop_items",
        loop("<bpmn:loopCardinality>2</bpmn:loopCardinality>", 'camunda:collection="x"'),
    ),
    "loop behaviour without an event": (
        "loop_event",
        loop("<bpmn:loopCardinality>2</bpmn:loopCardinality>", 'behavior="One"'),
    ),
    "loop data twice": (
        "loop_items",
        loop("<bpmn:loopDataInputRef>x</bpmn:loopDataInputRef>", 'camunda:collection="x"'),
    ),
    "unconnected flow": ("flow_end_missing", STRAIGHT + user("t") + flow("t", "nowhere")),
    "boundary on gateway": (
        "boundary_host",
        STRAIGHT
        + element("exclusiveGateway", "t")
        + element("boundaryEvent", "b", timer("Duration", "PT1H"), attachedToRef="t"),
    ),
    "subprocess without a beginning": ("subprocess_start", STRAIGHT + element("subProcess", "t")),
    "reserved variable": ("variable_name", STRAIGHT + script("t", camunda_resultVariable="p")),
    "unreadable variable": ("variable_name", STRAIGHT + script("t", camunda_resultVariable="整改-期限")),
    "reserved element variable": (
        "variable_name",
        loop("", 'camunda:collection="x" camunda:elementVariable="item"'),
    ),
    "computed data flow to nowhere": (
        "data_target",
        STRAIGHT + user("t", "<bpmn:dataInputAssociation><bpmn:assignment/></bpmn:dataInputAssociation>"),
    ),
    "same id twice": ("duplicate_id", STRAIGHT + user("t") + user("t")),
    "catch with inputs": (
        "binding_place",
        STRAIGHT
        + element(
            "intermediateCatchEvent",
            "t",
            '<bpmn:extensionElements><camunda:inputOutput><camunda:inputParameter name="a">1</camunda:inputParameter></camunda:inputOutput></bpmn:extensionElements>'
            + event("message", "m"),
        ),
    ),
}


POOLS = (
    '<bpmn:collaboration id="col"><bpmn:participant id="own" processRef="p"/><bpmn:participant id="other"/>{}'
    "</bpmn:collaboration>"
)
JOINED = {
    "a message flow to another pool": ("", '<bpmn:messageFlow id="f" sourceRef="t" targetRef="other"/>', ""),
    "a message flow to nothing": (
        "unknown_reference",
        '<bpmn:messageFlow id="f" sourceRef="t" targetRef="zz"/>',
        "",
    ),
    "a message flow without an end": ("message_flow_missing", '<bpmn:messageFlow id="f" sourceRef="t"/>', ""),
    "a message flow inside a pool": (
        "message_flow_pool",
        '<bpmn:messageFlow id="f" sourceRef="s" targetRef="t"/>',
        "",
    ),
    "a message flow to the pool around": (
        "message_flow_pool",
        '<bpmn:messageFlow id="f" sourceRef="t" targetRef="own"/>',
        "",
    ),
    "data that exist": (
        "",
        "",
        '<bpmn:dataObject id="d"/><bpmn:dataObjectReference id="r" dataObjectRef="d"/>',
    ),
    "data that do not exist": (
        "unknown_reference",
        "",
        '<bpmn:dataObjectReference id="r" dataObjectRef="d"/>',
    ),
    "a note on nothing": ("unknown_reference", "", '<bpmn:association id="a" sourceRef="t" targetRef="zz"/>'),
    "a lane with nothing": (
        "unknown_reference",
        "",
        '<bpmn:laneSet id="ls"><bpmn:lane id="l"><bpmn:flowNodeRef>zz</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>',
    ),
}


@pytest.mark.parametrize("case", JOINED)
def test_the_reading_parts_are_joined_to_what_exists(case: str) -> None:
    rule, flows, drawn = JOINED[case]
    data = drawing(drawn, STRAIGHT, user("t"), roots=POOLS.format(flows))
    found = [f for f in bpmn.read(data, "a.bpmn")[1] if f.severity == "error"]
    assert [f.rule for f in found] == ([rule] if rule else [])
    assert all(f.element and f.line and "请" in f.message for f in found)


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_kernel_does_not_execute_is_refused_with_a_remedy(case: str) -> None:
    rule, body = REFUSED[case]
    findings = bpmn.read(drawing(body, roots=ROOTS), "a.bpmn")[1]
    found = [f for f in findings if f.rule == rule and f.severity == "error"]
    assert found, findings
    assert all(f.line > 1 and f.element and f.file == "a.bpmn" for f in found)
    assert all(
        "请" in f.message
        or "只能" in f.message
        or "可用" in f.message
        or "要" in f.message
        or "还缺" in f.message
        for f in found
    ), found


@pytest.mark.parametrize(
    ("roots", "rule"),
    [
        ('<bpmn:message id="m2"/>', "message_name"),
        ('<bpmn:message id="m2" name="${x}"/>', "message_name"),
        ('<bpmn:error id="e9"/>', "error_code"),
        ('<bpmn:escalation id="e9"/>', "escalation_code"),
        ('<bpmn:choreography id="c"/>', "unknown_element"),
        ('<bpmn:resource id="r" name="x"/>', "unknown_element"),
        ('<bpmn:import namespace="x" location="y" importType="z"/>', "unknown_element"),
        (
            '<bpmn:collaboration id="c"><bpmn:participant id="x" processRef="none"/></bpmn:collaboration>',
            "unknown_reference",
        ),
    ],
)
def test_roots_are_checked(roots: str, rule: str) -> None:
    assert rule in errors(bpmn.read(drawing(STRAIGHT, user("t"), roots=roots), "a.bpmn")[1])


def test_what_is_no_bpmn_is_refused() -> None:
    assert errors(bpmn.read(b"<a/>", "a")[1]) == {"not_bpmn"}
    assert errors(bpmn.read(f"{HEAD}</bpmn:definitions>".encode(), "a")[1]) == {"no_process"}


def test_at_most_five_hundred_nodes() -> None:
    keys = [f"t{i}" for i in range(500)]
    assert "too_many_nodes" in errors(bpmn.read(drawing(start(), *(script(k) for k in keys)), "a")[1])


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.bpmn")), ids=lambda p: p.stem)
def test_samples_are_whole(path: Path) -> None:
    assert schema.check(path.read_bytes(), path.name) == []
    package, findings = compile_diagram(path.read_bytes(), path.name)
    assert package is not None, findings
