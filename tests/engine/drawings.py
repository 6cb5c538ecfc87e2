"""Small diagrams and packages, drawn in text for the tests of engine/definitions."""

from __future__ import annotations

import json
from typing import Any

from engine.definitions.compile import compile_diagram, compile_package
from engine.errors import Finding

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:bioc="http://bpmn.io/schema/bpmn/biocolor/1.0" xmlns:modeler="http://camunda.org/schema/modeler/1.0"
  id="definitions" targetNamespace="http://duban/tests">
"""

TOML = """# 测试流程包
[package]
key = "sample"
title = "样例"
owner = "旗安委办"
main = "p"

[roles.DB]
title = "承办人"   # 督办部门

[roles.SD]
title = "属地"
unit = "属地"

[parameters.plan_days]
title = "治理方案编制时限"
# 办公室可改
value = 7  # 工作日
unit = "工作日"
source = "测试"

[start.s]
title = "登记"
roles = ["DB"]
form = "F"

[register]
title = "名称"
columns = [{key = "部位", title = "部位"}]
"""

FORM = {
    "schemaVersion": 19,
    "type": "default",
    "title": "表单",
    "components": [{"type": "textfield", "key": "名称", "label": "名称", "validate": {"required": True}}],
}


def element(tag: str, key: str, inside: str = "", **attributes: str) -> str:
    """One BPMN element; `camunda_x` becomes `camunda:x`, a trailing underscore is dropped."""
    pairs = {"id": key, **{k.rstrip("_").replace("camunda_", "camunda:"): v for k, v in attributes.items()}}
    shown = " ".join(f'{k}="{_escaped(v)}"' for k, v in pairs.items())
    return f"<bpmn:{tag} {shown}>{inside}</bpmn:{tag}>\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def start(key: str = "s", inside: str = "", **attributes: str) -> str:
    return element("startEvent", key, inside, **attributes)


def end(key: str = "e", inside: str = "", **attributes: str) -> str:
    return element("endEvent", key, inside, **attributes)


def user(key: str, inside: str = "", **attributes: str) -> str:
    given = {"name": f"任务{key}", "camunda_candidateGroups": "DB", **attributes}
    return element("userTask", key, inside, **given)


def script(key: str, text: str = "1", **attributes: str) -> str:
    given = {"name": f"脚本{key}", "scriptFormat": "feel", "camunda_resultVariable": "x", **attributes}
    return element("scriptTask", key, f"<bpmn:script>{_escaped(text)}</bpmn:script>", **given)


def gateway(kind: str, key: str, **attributes: str) -> str:
    return element(f"{kind}Gateway", key, **{"name": f"{key}？", **attributes})


def flow(source: str, target: str, condition: str | None = None, key: str = "") -> str:
    inside = ""
    if condition is not None:
        inside = f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{_escaped(condition)}</bpmn:conditionExpression>'
    return element("sequenceFlow", key or f"f_{source}_{target}", inside, sourceRef=source, targetRef=target)


def line(*keys: str) -> str:
    """Flows along the keys."""
    return "".join(flow(a, b) for a, b in zip(keys, keys[1:], strict=False))


def properties(**values: str) -> str:
    inside = "".join(f'<camunda:property name="{k}" value="{_escaped(v)}"/>' for k, v in values.items())
    return (
        f"<bpmn:extensionElements><camunda:properties>{inside}</camunda:properties></bpmn:extensionElements>"
    )


def event(kind: str, reference: str = "") -> str:
    attribute = f' {kind}Ref="{reference}"' if reference else ""
    return f"<bpmn:{kind}EventDefinition{attribute}/>"


def timer(kind: str, text: str) -> str:
    return f"<bpmn:timerEventDefinition><bpmn:time{kind}>{_escaped(text)}</bpmn:time{kind}></bpmn:timerEventDefinition>"


def drawing(*parts: str, roots: str = "", process: str = "p", others: str = "") -> bytes:
    """A file with one process (and `others`)."""
    body = f'<bpmn:process id="{process}" name="流程" isExecutable="true">\n{"".join(parts)}</bpmn:process>\n'
    return f"{HEAD}{roots}\n{body}{others}</bpmn:definitions>".encode()


def files(diagram: bytes, toml: str = TOML, **more: bytes) -> dict[str, bytes]:
    """A package around a diagram, with form `F`."""
    given = {"process.toml": toml.encode(), "main.bpmn": diagram, "forms/F.json": form()}
    return {**given, **{k.replace("__", "/"): v for k, v in more.items()}}


def form(*components: dict[str, Any]) -> bytes:
    return json.dumps({**FORM, "components": list(components) or FORM["components"]}).encode()


def package_rules(diagram: bytes, toml: str = TOML) -> dict[str, str]:
    """Rule id → severity of what is found in a package around this diagram."""
    return {
        f.rule: f.severity for f in compile_package(files(diagram, toml))[1] if f.rule != "parameter_unused"
    }


def diagram_findings(*parts: str, roots: str = "", others: str = "") -> list[Finding]:
    return compile_diagram(drawing(*parts, roots=roots, others=others), "main.bpmn")[1]
