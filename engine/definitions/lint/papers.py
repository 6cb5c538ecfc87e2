"""Rules about process.toml 流程包说明: its names must exist in the diagrams and forms, and be of use there."""

from __future__ import annotations

from collections.abc import Iterator

from engine.definitions.forms import CHOICES, CHOICES_OF_A_ROLE
from engine.definitions.lint.references import expressions, parameters_read
from engine.definitions.manifest import FILE, Manifest
from engine.definitions.model import Kind, Package, Trigger
from engine.errors import Finding
from engine.feel import Expression

READ_BY_THE_ENGINE = frozenset(
    {
        "suspend_max_days",
        "suspend_roles",
        "cancel_roles",
        "evidence_review",
        "evidence_order",
        "evidence_place",
    }
)
READ_BY_THE_LISTS = frozenset(
    {"duplicate_days", "duplicate_likeness", "light_yellow_days", "light_yellow_rung", "light_red_rung"}
)
"""Parameters that work without standing in an expression."""


def check_manifest(package: Package, about: Manifest) -> list[Finding]:
    """What process.toml names, and what names process.toml."""
    return [
        *_names(package, about),
        *_starts(package, about),
        *_lists(package),
        *_forms(package),
        *_parameters(package, about),
    ]


def _finding(about: Manifest, rule: str, path: str, message: str, severity: str = "error") -> Finding:
    table = path
    while table and table not in about.lines:
        table = table.rpartition(".")[0]
    return Finding(severity, rule, message, FILE, path, about.lines.get(table, 0))


def _names(package: Package, about: Manifest) -> Iterator[Finding]:
    if package.main and package.main not in package.processes:
        message = f"主流程“{package.main[:40]}”不在流程包中，请改正 main 或添加流程图。"
        yield _finding(about, "unknown_main", "package.main", message)
    heard = {
        event.name
        for p in package.processes.values()
        for e in p.elements.values()
        for event in e.events
        if event.trigger is Trigger.MESSAGE and e.kind not in {Kind.THROW, Kind.END, Kind.SEND}
    }
    for key, action in package.actions.items():
        path = f"actions.{key}"
        if action.message not in heard:
            message = (
                f"操作“{action.title}”发出的消息“{action.message[:40]}”没有元素接收，请改正或画消息事件。"
            )
            yield _finding(about, "action_message", path, message)
        if action.form and action.form not in package.forms:
            message = f"操作“{action.title}”的表单“{action.form[:40]}”不存在，请添加或改正。"
            yield _finding(about, "unknown_form", path, message)
        for role in action.roles:
            if role not in package.roles:
                message = f"操作“{action.title}”的岗位“{role[:40]}”不在岗位表中，请添加或改正。"
                yield _finding(about, "unknown_role", path, message)


def _starts(package: Package, about: Manifest) -> Iterator[Finding]:
    main = package.processes.get(package.main)
    for key, start in package.starts.items():
        path = f"start.{key}"
        if main is not None and key not in main.entries:
            message = f"“{start.title}”对应的开始事件“{key[:40]}”不在主流程中，请改正。"
            yield _finding(about, "start_unknown", path, message)
        if start.form and start.form not in package.forms:
            message = f"“{start.title}”的表单“{start.form[:40]}”不存在，请添加或改正。"
            yield _finding(about, "unknown_form", path, message)
        for role in start.roles:
            if role not in package.roles:
                message = f"“{start.title}”的岗位“{role[:40]}”不在岗位表中，请添加或改正。"
                yield _finding(about, "unknown_role", path, message)
    if main is None:
        return
    for key in main.plain_entries:
        if key not in package.starts:
            drawn = main.elements.get(key, main)
            message = (
                f"开始事件“{drawn.name or key}”没有写谁可以登记，无人能从这里开始，请添加 [start.{key}]。"
            )
            yield Finding("warning", "start_nobody", message, main.file, key, drawn.line)


def _forms(package: Package) -> Iterator[Finding]:
    """A form that nothing shows is a leftover, or a key that was mistyped."""
    used = {e.form for p in package.processes.values() for e in p.elements.values()}
    used |= {a.form for a in package.actions.values()} | {s.form for s in package.starts.values()}
    for key, form in package.forms.items():
        if key not in used:
            message = (
                f"表单“{form.title}”（{key}）没有被用到，请删去，或写到任务的表单（camunda:formKey）上。"
            )
            yield Finding("warning", "form_unused", message, form.file)


def _lists(package: Package) -> Iterator[Finding]:
    """`units_<ROLE>` and `people_<ROLE>` of forms name roles of this package."""
    for form in package.forms.values():
        for field in form.fields:
            for one in (field, *field.fields):
                match = CHOICES_OF_A_ROLE.fullmatch(one.choices)
                if match and one.choices not in CHOICES and match["role"] not in package.roles:
                    message = f"“{one.label}”的名单“{one.choices}”中的岗位不在岗位表中，请改正或在 process.toml 中添加。"
                    yield Finding("error", "unknown_role", message, form.file, one.key)


def _parameters(package: Package, about: Manifest) -> Iterator[Finding]:
    """Parameters that decisions, forms and process.toml read must exist; those nothing reads are named."""
    used: set[str] = set()
    for process in package.processes.values():
        for element in process.elements.values():
            for _, expression in expressions(element):
                used.update(parameters_read(expression))
        for flow in process.flows.values():
            used.update(parameters_read(flow.condition) if flow.condition else ())
    elsewhere: list[tuple[str, str, int, Expression]] = [
        *((FILE, path, about.lines.get(path.rpartition(".")[0], 0), e) for path, e in about.formulas.items()),
        *(
            (f.file, field.key, 0, e)
            for f in package.forms.values()
            for field in f.fields
            for e in field.hides
        ),
        *(("", key, d.line, e) for key, d in package.decisions.items() for e in d.expressions()),
    ]
    for file, place, line, expression in elsewhere:
        for key in parameters_read(expression):
            used.add(key)
            if key not in package.parameters:
                message = f"“{place}”的表达式用到参数 p.{key}，但参数表中没有，请添加或改正。"
                yield Finding("error", "unknown_parameter", message, file, place, line)
    for key, parameter in package.parameters.items():
        if key not in used and key not in READ_BY_THE_ENGINE | READ_BY_THE_LISTS:
            message = f"参数“{parameter.title}”（p.{key}）没有被用到，改它不起作用，请删去或在流程中使用。"
            yield _finding(about, "parameter_unused", f"parameters.{key}", message, "warning")
