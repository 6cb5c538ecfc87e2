"""Read a form-js schema 读表单: JSON → `Form`, or findings that name the component.

What the server could not check as the browser shows it (an unknown component, rule or list) is a finding: a rule that
only the browser knows is no rule.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import Any

from engine.definitions.forms.form import Field, Form
from engine.definitions.forms.pattern import Pattern, compile_pattern
from engine.definitions.vocabulary import RESERVED
from engine.errors import EngineError, Finding, InputInvalid
from engine.feel import Expression, compile_expression
from engine.values import Value, check_texts

CHOICES = frozenset({"units_all", "sectors", "regions", "cases"})
"""Lists of allowed values that the engine provides at validation time."""

CHOICES_OF_A_ROLE = re.compile(r"(?:units|people)_(?P<role>\w{1,60})")
"""`units_<ROLE>` and `people_<ROLE>`: who holds the role. That the role exists is checked with the package."""

MAX_BYTES = 500_000
MAX_DEPTH = 6
MAX_FIELDS = 300
MAX_CONDITIONS = 20_000
"""Characters of all hide conditions of one form."""

_DISPLAY = frozenset({"text", "separator", "spacer", "image", "button"})
_OPTIONS = frozenset({"radio", "select", "checklist", "taglist"})
_INPUTS = _OPTIONS | {"textfield", "textarea", "number", "checkbox", "datetime", "filepicker"}
_RULES: dict[str, frozenset[str]] = {
    "textfield": frozenset({"required", "minLength", "maxLength", "pattern", "validationType"}),
    "textarea": frozenset({"required", "minLength", "maxLength"}),
    "number": frozenset({"required", "min", "max"}),
    "dynamiclist": frozenset({"required"}),
    **dict.fromkeys(_OPTIONS | {"checkbox", "datetime", "filepicker"}, frozenset({"required"})),
}
_KNOWN_TYPES: dict[str, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "phone": r"^\+?[0-9][0-9 -]{5,18}$",
}
_KEY = re.compile(r"[^\W\d]\w{0,79}")


def read_form(data: bytes, file: str) -> tuple[Form | None, list[Finding]]:
    """form-js JSON → form and findings; no form when a finding is an error. Raises nothing."""
    reader = _Reader(file)
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("文件超过 500 KB")
        schema = json.loads(data.decode("utf-8-sig"))
        check_texts(schema)
    except (ValueError, RecursionError, InputInvalid) as error:
        reason = " ".join(str(error).split())[:100]
        return None, [Finding("error", "form_syntax", f"表单不是有效的 JSON（{reason}），请重新导出。", file)]
    if not isinstance(schema, dict) or not isinstance(schema.get("components"), list):
        return None, [
            Finding(
                "error", "form_syntax", "不是 form-js 表单（缺少 components），请从表单设计器导出。", file
            )
        ]
    key = PurePosixPath(file).stem
    fields = reader.level(schema["components"], (), 0)
    title = schema.get("title")
    form = Form(key, title if isinstance(title, str) and title else key, schema, tuple(fields), file)
    return (None if any(f.severity == "error" for f in reader.findings) else form), reader.findings


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.count = 0
        self.conditions = 0

    def error(self, rule: str, element: str, message: str) -> None:
        if len(self.findings) < 200:
            self.findings.append(Finding("error", rule, message, self.file, element))

    def level(self, components: list[Any], hides: tuple[Expression, ...], depth: int) -> list[Field]:
        """The fields of one level; groups are flattened into it."""
        found: list[Field] = []
        if depth > MAX_DEPTH:
            self.error("form_depth", "", f"表单嵌套超过 {MAX_DEPTH} 层，请拆开。")
            return found
        for component in components:
            if not isinstance(component, dict):
                self.error("form_component", "", "表单组件格式不对，请重新导出。")
                continue
            self.count += 1
            if self.count > MAX_FIELDS:
                self.error("form_size", "", f"表单组件超过 {MAX_FIELDS} 个，请拆成几张表。")
                break
            found += self.component(component, hides, depth)
        seen: set[str] = set()
        for field in found:
            if field.key in seen:
                self.error("form_key_twice", field.key, f"字段“{field.key}”出现两次，请改名。")
            seen.add(field.key)
        return found

    def component(self, raw: dict[str, Any], hides: tuple[Expression, ...], depth: int) -> list[Field]:
        kind = str(raw.get("type", ""))
        place = str(raw.get("key") or raw.get("path") or raw.get("id") or "")[:80]
        label = (
            raw.get("label")
            or raw.get("dateLabel")
            or raw.get("timeLabel")
            or raw.get("key")
            or raw.get("path")
        )
        label = str(label or place)[:200]
        hides = hides + self.hide(raw, place, label)
        if kind in _DISPLAY:
            return []
        if kind == "group":
            if raw.get("path"):
                self.error(
                    "form_group_path", place, f"分组“{label}”不能有路径，请清空路径（字段直接记入表单）。"
                )
            inner = raw.get("components")
            return self.level(inner, hides, depth + 1) if isinstance(inner, list) else []
        if kind not in _INPUTS and kind != "dynamiclist":
            self.error("form_component", place, f"组件“{label}”的类型“{kind[:40]}”不支持，请换成基本组件。")
            return []
        key = raw.get("path" if kind == "dynamiclist" else "key")
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            self.error(
                "form_key", place, f"组件“{label}”的字段名应只含汉字、字母、数字和下划线，且不以数字开头。"
            )
            return []
        if key in RESERVED and depth == 0:
            self.error("form_key", place, f"组件“{label}”的字段名“{key}”是系统保留的名称，请改名。")
            return []
        if raw.get("disabled") is True or raw.get("readonly") is True:
            if self.required(raw):
                self.error("form_readonly", key, f"“{label}”是只读的，却设为必填，请取消其中一项。")
            return [Field(key, "ignored", label)]
        return [self.field(raw, kind, key, label, hides, depth)]

    def field(
        self, raw: dict[str, Any], kind: str, key: str, label: str, hides: tuple[Expression, ...], depth: int
    ) -> Field:
        rules = self.rules(raw, kind, key, label)
        properties = raw.get("properties")
        never = isinstance(properties, dict) and str(properties.get("neverPrefilled", "")).lower() == "true"
        if never and raw.get("defaultValue") not in (None, "", [], False):
            self.error("form_prefilled", key, f"“{label}”须由办理人亲自填写，不能有默认值，请清空默认值。")
        options, choices = self.options(raw, kind, key, label)
        subtype = str(raw.get("subtype") or "date") if kind == "datetime" else ""
        if subtype not in ("", "date", "time", "datetime"):
            self.error(
                "form_subtype", key, f"“{label}”的日期类型“{subtype[:20]}”不支持，请选日期、时间或日期时间。"
            )
        digits = self.whole(raw.get("decimalDigits"), key, label) if kind == "number" else None
        inner: tuple[Field, ...] = ()
        if kind == "dynamiclist":
            components = raw.get("components")
            inner = tuple(self.level(components if isinstance(components, list) else [], (), depth + 1))
            if not inner:
                self.error("form_table_empty", key, f"子表“{label}”没有列，请加上。")
        return Field(
            key=key,
            type=kind,
            label=label,
            required=self.required(raw),
            min_length=self.whole(rules.get("minLength"), key, label),
            max_length=self.whole(rules.get("maxLength"), key, label),
            pattern=self.pattern(rules, key, label),
            minimum=self.number(rules.get("min"), key, label),
            maximum=self.number(rules.get("max"), key, label),
            decimal_digits=digits,
            options=options,
            choices=choices,
            subtype=subtype,
            no_past=raw.get("disallowPassedDates") is True,
            multiple=raw.get("multiple") is True,
            hides=hides,
            fields=inner,
            never_prefilled=never,
        )

    # -- parts -------------------------------------------------------------------------------------

    @staticmethod
    def required(raw: dict[str, Any]) -> bool:
        rules = raw.get("validate")
        return isinstance(rules, dict) and rules.get("required") is True

    def rules(self, raw: dict[str, Any], kind: str, key: str, label: str) -> dict[str, Any]:
        rules = raw.get("validate")
        if rules is None:
            return {}
        if not isinstance(rules, dict):
            self.error("form_rule", key, f"“{label}”的校验规则格式不对，请重新设置。")
            return {}
        for name in rules:
            if name not in _RULES[kind]:
                self.error("form_rule", key, f"“{label}”的校验规则“{str(name)[:40]}”不起作用，请删去。")
        return rules

    def hide(self, raw: dict[str, Any], place: str, label: str) -> tuple[Expression, ...]:
        conditional = raw.get("conditional")
        if conditional is None:
            return ()
        if not isinstance(conditional, dict) or set(conditional) - {"hide"}:
            self.error("form_condition", place, f"“{label}”的条件只支持“隐藏”（hide），请改写。")
            return ()
        text = conditional.get("hide")
        if text in (None, ""):
            return ()
        if not isinstance(text, str):
            self.error("form_condition", place, f"“{label}”的隐藏条件应是 FEEL 表达式。")
            return ()
        self.conditions += len(text)
        if self.conditions > MAX_CONDITIONS:
            self.error("form_size", place, "表单的隐藏条件太多太长，请精简或拆成几张表。")
            return ()
        try:
            return (compile_expression(text.strip().removeprefix("=")),)
        except EngineError as error:
            self.error("form_condition", place, f"“{label}”的隐藏条件“{text[:60]}”有误：{error.message}")
            return ()

    def options(
        self, raw: dict[str, Any], kind: str, key: str, label: str
    ) -> tuple[tuple[Value, ...] | None, str]:
        if kind not in _OPTIONS:
            return None, ""
        if raw.get("valuesExpression"):
            self.error(
                "form_options", key, f"“{label}”的选项不能用表达式，请列出选项或选用系统名单（valuesKey）。"
            )
            return (), ""
        name = raw.get("valuesKey")
        if name:
            if str(name) not in CHOICES and not CHOICES_OF_A_ROLE.fullmatch(str(name)):
                known = "、".join([*sorted(CHOICES), "units_岗位代码", "people_岗位代码"])
                self.error(
                    "form_options", key, f"“{label}”的名单“{str(name)[:40]}”不存在，可用的有：{known}。"
                )
                return (), ""
            return None, str(name)
        values = raw.get("values")
        found: list[Value] = []
        for option in values if isinstance(values, list) else []:
            value = option.get("value") if isinstance(option, dict) else None
            if isinstance(value, float):
                value = Decimal(repr(value))
            if not isinstance(value, str | int | Decimal) or (isinstance(value, str) and not value):
                self.error("form_options", key, f"“{label}”有一个选项没有值，请填写。")
            else:
                found.append(value)
        if not found:
            self.error("form_options", key, f"“{label}”没有选项，请列出选项。")
        return tuple(found), ""

    def pattern(self, rules: dict[str, Any], key: str, label: str) -> Pattern | None:
        kind, text = rules.get("validationType"), rules.get("pattern")
        if kind in _KNOWN_TYPES:
            return compile_pattern(_KNOWN_TYPES[str(kind)])
        if kind not in (None, "", "custom"):
            self.error(
                "form_rule", key, f"“{label}”的校验类型“{str(kind)[:20]}”不支持，请改用格式（pattern）。"
            )
        if text in (None, ""):
            return None
        try:
            return compile_pattern(str(text))
        except EngineError as error:
            self.error("form_pattern", key, f"“{label}”的{error.message}，请改正。")
            return None

    def whole(self, raw: Any, key: str, label: str) -> int | None:
        number = self.number(raw, key, label)
        if number is None:
            return None
        if number != number.to_integral_value() or not 0 <= number <= 1_000_000:
            self.error("form_rule", key, f"“{label}”的限值应是不小于 0 的整数。")
            return None
        return int(number)

    def number(self, raw: Any, key: str, label: str) -> Decimal | None:
        if raw is None or raw == "":
            return None
        try:
            number = (
                Decimal(str(raw))
                if isinstance(raw, int | float | str) and not isinstance(raw, bool)
                else None
            )
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite() or abs(number) >= 10**34:
            self.error("form_rule", key, f"“{label}”的限值应是数。")
            return None
        return number
