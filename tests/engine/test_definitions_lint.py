"""Every rule of lint with a wrong diagram and its nearest right neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.compile import compile_package
from engine.definitions.lint import RULES
from tests.engine.drawings import (
    TOML,
    drawing,
    element,
    end,
    event,
    files,
    flow,
    gateway,
    line,
    package_rules,
    properties,
    script,
    start,
    timer,
    user,
)

ROOTS = (
    '<bpmn:message id="m" name="来信"/><bpmn:error id="err" errorCode="E1"/>'
    '<bpmn:escalation id="esc" escalationCode="U1"/>'
)
CATCH = element("intermediateCatchEvent", "c", timer("Duration", "PT1H"))
CATCH2 = element("intermediateCatchEvent", "c2", event("message", "m"))
STRAIGHT = start() + user("t") + end()


def sub(key: str, inside: str, **attributes: str) -> str:
    return element("subProcess", key, inside, **{"name": f"子流程{key}", **attributes})


def inner(task: str = "it", last: str = "") -> str:
    """A straight line inside a subprocess."""
    return start("is") + user(task) + (last or end("ie")) + line("is", task, "ie")


def loop(inside: str = "", **attributes: str) -> str:
    shown = "".join(f' {k.replace("camunda_", "camunda:")}="{v}"' for k, v in attributes.items())
    return f"<bpmn:multiInstanceLoopCharacteristics{shown}>{inside}</bpmn:multiInstanceLoopCharacteristics>"


def process(key: str, inside: str) -> str:
    return f'<bpmn:process id="{key}" isExecutable="true">{inside}</bpmn:process>'


def called(key: str) -> str:
    """A diagram body that calls process `key`."""
    return (
        start() + element("callActivity", "t", name="调用", calledElement=key) + end() + line("s", "t", "e")
    )


Q = process("q", start("qs") + user("qt") + end("qe") + line("qs", "qt", "qe"))
EVENT_SUB = start("xs", event("message", "m")) + user("xt") + end("xe") + line("xs", "xt", "xe")
SPLIT = start() + gateway("exclusive", "g", default="f_g_b") + user("a") + user("b") + end() + line("s", "g")
SPLIT += line("a", "e") + line("b", "e")
WAIT = start() + gateway("eventBased", "g") + CATCH + CATCH2 + user("t") + end() + line("s", "g", "c", "e")

UNDOABLE = (
    user("a")
    + element("boundaryEvent", "b", event("compensate"), attachedToRef="a")
    + user("u", isForCompensation="true")
    + element("association", "ba", sourceRef="b", targetRef="u")
)


def deal(last: str) -> str:
    """A transaction that ends so, and what follows its cancel event."""
    inside = element("transaction", "u", inner(last=last), name="事务")
    cancelled = element("boundaryEvent", "b", event("cancel"), attachedToRef="u")
    return start() + inside + cancelled + user("z") + end() + line("s", "u", "e") + line("b", "z", "e")


# rule → (wrong, right); a case is a body, or (body, roots, other processes)
Drawn = str | tuple[str, str] | tuple[str, str, str]
CASES: dict[str, tuple[Drawn, Drawn]] = {
    "flow_doubled": (
        STRAIGHT + line("s", "t", "e") + flow("t", "e", key="again"),
        STRAIGHT + line("s", "t", "e"),
    ),
    "none_start_count": (
        (
            STRAIGHT + line("s", "t", "e"),
            "",
            f'<bpmn:process id="q">{user("a")}{user("b")}{line("a", "b", "a")}</bpmn:process>',
        ),
        (STRAIGHT + line("s", "t", "e"), "", '<bpmn:process id="q"/>'),
    ),
    "none_start_twice": (
        STRAIGHT + start("s2") + line("s", "t", "e") + line("s2", "t"),
        (STRAIGHT + start("s2", event("message", "m")) + line("s", "t", "e") + line("s2", "t"), ROOTS),
    ),
    "implicit_start": (user("t") + end() + line("t", "e"), STRAIGHT + line("s", "t", "e")),
    "gateway_condition": (
        SPLIT + flow("g", "a") + flow("g", "b"),
        SPLIT + flow("g", "a", "x > 1") + flow("g", "b"),
    ),
    "gateway_default": (
        SPLIT.replace('default="f_g_b"', "") + flow("g", "a", "x > 1") + flow("g", "b", "x < 2"),
        SPLIT + flow("g", "a", "x > 1") + flow("g", "b"),
    ),
    "loop_cardinality": tuple(  # type: ignore[dict-item]
        start()
        + user("t", loop(f"<bpmn:loopCardinality>{n}</bpmn:loopCardinality>"))
        + end()
        + line("s", "t", "e")
        for n in (101, 100)
    ),
    "zero_cycle": tuple(  # type: ignore[dict-item]
        STRAIGHT
        + element("boundaryEvent", "b", timer("Cycle", text), attachedToRef="t", cancelActivity="false")
        + line("s", "t", "e")
        + line("b", "e")
        for text in ("R/PT0S", "R/PT1S")
    ),
    "unlabelled": (
        start() + user("t", name="") + end() + line("s", "t", "e"),
        STRAIGHT + line("s", "t", "e"),
    ),
    "abstract_task": (
        start() + element("task", "t", name="办") + end() + line("s", "t", "e"),
        start()
        + element("manualTask", "t", name="办", camunda_candidateGroups="DB")
        + end()
        + line("s", "t", "e"),
    ),
    "external_topic": (
        start() + element("serviceTask", "t", name="发") + end() + line("s", "t", "e"),
        start()
        + element("serviceTask", "t", name="发", camunda_type="external", camunda_topic="x")
        + end()
        + line("s", "t", "e"),
    ),
    "unreachable": (
        STRAIGHT + user("u") + line("s", "t", "e") + line("u", "e"),
        STRAIGHT + user("u") + line("s", "t", "u", "e"),
    ),
    "no_end_reachable": (
        start() + user("t") + user("u") + line("s", "t", "u", "t"),
        start()
        + user("t")
        + user("u")
        + element("boundaryEvent", "b", timer("Duration", "PT1H"), attachedToRef="t")
        + end()
        + line("s", "t", "u", "t")
        + line("b", "e"),
    ),
    "global_task_unused": (
        (STRAIGHT + line("s", "t", "e"), '<bpmn:globalTask id="q" name="核"/>'),
        (called("q"), '<bpmn:globalTask id="q" name="核"/>'),
    ),
    "implicit_end": (start() + user("t") + line("s", "t"), STRAIGHT + line("s", "t", "e")),
    "automatic_loop": (
        SPLIT
        + script("z")
        + flow("g", "a", "x > 1")
        + flow("g", "b")
        + flow("g", "z", "x > 2")
        + line("z", "g"),
        SPLIT
        + user("z")
        + flow("g", "a", "x > 1")
        + flow("g", "b")
        + flow("g", "z", "x > 2")
        + line("z", "g"),
    ),
    "undone_never": (
        start() + UNDOABLE + end() + line("s", "a", "e"),
        start() + UNDOABLE + end(inside=event("compensate")) + line("s", "a", "e"),
    ),
    "cancel_never": (deal(end("ie")), deal(end("ie", event("cancel")))),
    "code_uncaught": (
        (
            start() + sub("u", inner(last=end("ie", event("error", "err")))) + end() + line("s", "u", "e"),
            ROOTS,
        ),
        (
            start()
            + sub("u", inner(last=end("ie", event("error", "err"))))
            + end()
            + line("s", "u", "e")
            + element("boundaryEvent", "b", event("error", "err"), attachedToRef="u")
            + line("b", "e"),
            ROOTS,
        ),
    ),
    "unknown_parameter": (
        start() + user("t", camunda_dueDate="workdays(today(), p.plan_day)") + end() + line("s", "t", "e"),
        start()
        + user("t", camunda_dueDate='workdays(today(), if "p.none" = "" then 1 else p.plan_days)')
        + end()
        + line("s", "t", "e"),
    ),
    "unknown_role": (
        start() + user("t", camunda_candidateGroups="DB, XX@某局") + end() + line("s", "t", "e"),
        start() + user("t", camunda_candidateGroups="DB, SD@某局") + end() + line("s", "t", "e"),
    ),
    "no_one_to_do_it": (
        start() + user("t", camunda_candidateGroups="") + end() + line("s", "t", "e"),
        start()
        + user("t", camunda_candidateGroups="", camunda_assignee="=登记人")
        + end()
        + line("s", "t", "e"),
    ),
    "unknown_form": (
        start() + user("t", camunda_formKey="G") + end() + line("s", "t", "e"),
        start() + user("t", camunda_formKey="F") + end() + line("s", "t", "e"),
    ),
    "unknown_decision": (
        start()
        + element("businessRuleTask", "t", name="查表", camunda_decisionRef="none")
        + end()
        + line("s", "t", "e"),
        STRAIGHT + line("s", "t", "e"),
    ),
    "call_unknown": ((called("q"), ""), (called("q"), "", Q)),
    "call_cycle": (
        (
            called("q"),
            "",
            process(
                "q",
                start("qs")
                + element("callActivity", "qt", name="回", calledElement="p")
                + end("qe")
                + line("qs", "qt", "qe"),
            ),
        ),
        (called("q"), "", Q),
    ),
    "return_target": (
        start() + user("t") + user("u", properties(returnTo="t, x")) + end() + line("s", "t", "u", "e"),
        start() + user("t") + user("u", properties(returnTo="t")) + end() + line("s", "t", "u", "e"),
    ),
    "separate_target": (
        start() + user("t") + user("u", properties(separateFrom="e")) + end() + line("s", "t", "u", "e"),
        start() + user("t") + user("u", properties(separateFrom="s,t")) + end() + line("s", "t", "u", "e"),
    ),
}


def rules_of(drawn: Drawn) -> dict[str, str]:
    body, roots, others = ((drawn, "", "") if isinstance(drawn, str) else (*drawn, "", ""))[:3]
    return package_rules(drawing(body, roots=roots, others=others))


def test_every_rule_has_its_pair() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", CASES)
def test_wrong_is_found(rule: str) -> None:
    assert rules_of(CASES[rule][0]).get(rule) == RULES[rule].severity


@pytest.mark.parametrize("rule", CASES)
def test_right_neighbour_has_no_remark_of_the_rule(rule: str) -> None:
    found = rules_of(CASES[rule][1])
    assert rule not in found
    assert "error" not in found.values()


@pytest.mark.parametrize("rule", CASES)
def test_a_remark_names_its_element_and_line_and_what_to_do(rule: str) -> None:
    drawn = CASES[rule][0]
    body, roots, others = ((drawn, "", "") if isinstance(drawn, str) else (*drawn, "", ""))[:3]
    for finding in compile_package(files(drawing(body, roots=roots, others=others)))[1]:
        if finding.rule == rule:
            assert finding.file == "main.bpmn" and finding.element and finding.line > 1
            assert finding.message.endswith(("。", "）。"))
            assert "请" in finding.message


@pytest.mark.parametrize(
    ("share", "found"),
    [("p.plan_share / 100", {"unknown_parameter": "error"}), ("p.plan_days / 100", {})],
)
def test_the_share_of_a_countersign_reads_parameters_that_exist(share: str, found: dict[str, str]) -> None:
    """A wrong one would stop the case only when the first has signed; one that nothing else reads is in use."""
    collected = properties(outputCollection="会签意见", outputElement="form", passAt=share)
    each = loop(camunda_collection="=[1, 2]", camunda_elementVariable="单位")
    assert (
        package_rules(drawing(start() + user("t", collected + each) + end() + line("s", "t", "e"))) == found
    )


PAPERS: dict[str, tuple[str, str]] = {
    "unknown_main": ('main = "p"', 'main = "zz"'),
    "start_unknown": ("[start.s]", "[start.zz]"),
    "unknown_form": ('form = "F"', 'form = "zz"'),
    "unknown_role": ('roles = ["DB"]', 'roles = ["zz"]'),
    "unknown_parameter": ('unit = "属地"', 'unit = "p.zz"'),
    "action_message": (
        "[register]",
        '[actions.a]\ntitle = "申请"\nmessage = "没人听"\nroles = ["DB"]\n[register]',
    ),
    "parameter_unused": ("", ""),
    "form_unused": ('form = "F"', ""),
    "start_nobody": ('[start.s]\ntitle = "登记"\nroles = ["DB"]\nform = "F"\n', ""),
}


@pytest.mark.parametrize("rule", PAPERS)
def test_process_toml_names_what_exists(rule: str) -> None:
    diagram = drawing(STRAIGHT + line("s", "t", "e"))
    old, new = PAPERS[rule]
    assert rule in {f.rule for f in compile_package(files(diagram, TOML.replace(old, new, 1)))[1]}
    used = drawing(
        start() + user("t", camunda_dueDate="workdays(today(), p.plan_days)") + end() + line("s", "t", "e")
    )
    assert not compile_package(files(used))[1]


def test_every_rule_is_written_down() -> None:
    dialect = (Path(__file__).parents[2] / "docs" / "dialect.md").read_text(encoding="utf-8")
    assert [r for r in [*RULES, *PAPERS] if f"`{r}`" not in dialect] == []
