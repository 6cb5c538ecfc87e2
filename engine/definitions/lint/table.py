"""The rules as people read them 规则表: docs/rules.md, made of the rules themselves (`duban check --rules`)."""

from __future__ import annotations

import re
import sys

from engine.definitions import standard
from engine.definitions.dmn.rules import RULES as DECISIONS
from engine.definitions.lint.rules import RULES as ADVICE

_FIELD = re.compile(r"\{(\w+)\}")
_FIELDS = {
    "allowed": "可用的",
    "attribute": "属性",
    "behavior": "方式",
    "called": "流程",
    "count": "几",
    "data": "数据",
    "definitions": "几",
    "direction": "方向",
    "end": "一端的元素",
    "flow": "顺序流",
    "handler": "活动",
    "id": "编号",
    "incoming": "几",
    "it": "元素",
    "item": "类型",
    "kind": "种类",
    "level": "层",
    "main": "标签",
    "maximum": "几",
    "message": "消息",
    "minimum": "几",
    "name": "名称",
    "need": "属性",
    "node": "元素",
    "one": "泳道",
    "other": "元素",
    "outgoing": "几",
    "place": "位置",
    "property": "属性",
    "set": "集",
    "side": "一边",
    "source": "起点",
    "tag": "标签",
    "target": "终点",
    "text": "内容",
    "trigger": "触发方式",
    "value": "值",
    "wanted": "应有的名称",
    "what": "内容",
}
_SEVERITY = {"error": "错误", "warning": "提醒", "": "—"}

_HEAD = """# What `duban check` says

Made by `duban check --rules`; a test holds this file against the rules.

## What the standard forbids

Clauses are those of BPMN 2.0.2. A lone diagram of any tool is refused for these rules, for what the BPMN schema forbids (rule
`schema`) and for a file that is no safe XML (`xml_…`), and for nothing else. A package is refused for the dialect's rules too
([dialect.md](dialect.md)). Every rule has a wrong diagram and its nearest right neighbour in `tests/engine/refusals`.
Rules that speak of executable processes hold where `isExecutable` is true. `duban play` plays what is marked ▷ nevertheless.
"""

_ADVICE = """
## What the standard allows and people would stumble over

Severity in a package, and in a lone diagram.

| rule | package | alone | about |
|---|---|---|---|
"""

_DECISIONS = """
## Decision models 决策模型

Clauses are those of DMN 1.5. Severity in a package, and in a lone file. Every error has a wrong model and its nearest right
neighbour in `tests/engine/test_decisions_refused.py`.

| rule | clause | package | alone | about |
|---|---|---|---|---|
"""


def table() -> str:
    """Markdown: every rule with its clause, its sentence and its remedy."""
    parts = [_HEAD]
    subject = ""
    for rule in standard.ALL:
        module = rule.check.__module__
        if module != subject:
            subject = module
            title = (sys.modules[module].__doc__ or "").partition(":")[0]
            parts.append(f"\n### {title}\n\n| rule | clause | sentence | remedy |\n|---|---|---|---|\n")
        mark = " ▷" if rule.plays else ""
        parts.append(
            f"| `{rule.key}`{mark} | {rule.clause} | {_shown(rule.says)} | 请{_shown(rule.remedy)} |\n"
        )
    parts.append(_ADVICE)
    for key, advice in ADVICE.items():
        about = " ".join((advice.check.__doc__ or "").split()).partition(". ")[0].rstrip(".")
        parts.append(
            f"| `{key}` | {_SEVERITY[advice.severity]} | {_SEVERITY[advice.diagram]} | {about or key.replace('_', ' ')} |\n"
        )
    parts.append(_DECISIONS)
    for key, one in DECISIONS.items():
        alone = _SEVERITY[one.alone or one.severity]
        parts.append(f"| `{key}` | {one.clause} | {_SEVERITY[one.severity]} | {alone} | {one.says} |\n")
    return "".join(parts)


def _shown(text: str) -> str:
    return _FIELD.sub(lambda match: f"〈{_FIELDS[match[1]]}〉", text).replace("|", "\\|")
