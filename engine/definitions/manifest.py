"""process.toml 流程包说明: who owns the package, its roles, parameters, actions, starts, register and number.

Every key is known or a finding names its path. One parameter's value may be changed in place (`set_parameter`),
so that the office edits a number in the browser and the file keeps its comments and order.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.definitions.model import Action, Parameter, Role, Start
from engine.errors import EngineError, Finding, InputInvalid, NotFound
from engine.feel import Expression, compile_expression
from engine.values import Value, check_texts

FILE = "process.toml"
MAX_BYTES = 300_000

_KEY = re.compile(r"[^\W\d]\w{0,59}")
_TEXT, _TEXTS, _VALUE, _COLUMNS = "text", "texts", "value", "columns"
_TABLES: dict[str, dict[str, str]] = {
    "package": {"key": _TEXT, "title": _TEXT, "owner": _TEXT, "main": _TEXT, "description": _TEXT},
    "register": {
        "title": _TEXT,
        "region": _TEXT,
        "sector": _TEXT,
        "party": _TEXT,
        "origin": _TEXT,
        "deadline": _TEXT,
        "supervisor": _TEXT,
        "rung": _TEXT,
        "rungs": _TEXTS,
        "closed": _TEXT,
        "alike": _TEXTS,
        "columns": _COLUMNS,
    },
    "number": {"series": _TEXT, "format": _TEXT},
}
_ENTRIES: dict[str, dict[str, str]] = {
    "roles": {"title": _TEXT, "unit": _TEXT},
    "parameters": {"title": _TEXT, "value": _VALUE, "unit": _TEXT, "source": _TEXT},
    "actions": {"title": _TEXT, "message": _TEXT, "roles": _TEXTS, "form": _TEXT},
    "start": {"title": _TEXT, "roles": _TEXTS, "form": _TEXT},
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "package": ("key", "title", "owner", "main"),
    "roles": ("title",),
    "parameters": ("title", "value", "unit", "source"),
    "actions": ("title", "message", "roles"),
    "start": ("title", "roles"),
    "number": ("series", "format"),
}
_FORMULAS = ("title", "region", "sector", "party", "origin", "deadline", "supervisor", "rung", "closed")


@dataclass
class Manifest:
    """process.toml as read. Only usable where `findings` has no error."""

    key: str = ""
    title: str = ""
    owner: str = ""
    main: str = ""
    roles: dict[str, Role] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    register: dict[str, Any] = field(default_factory=dict)
    """As written: FEEL texts by name, `rungs` the ladder's names from 0 on, `alike` the columns by which doubles are found,
    `columns` a list of `{key, title}`, with `correct` where the office may correct what they say."""
    formulas: dict[str, Expression] = field(default_factory=dict)
    """The register's FEEL texts and roles' units, compiled, by path; for lint."""
    number: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    """Dotted path of a table → its line."""

    def error(self, rule: str, path: str, message: str) -> None:
        """A finding at a dotted path of the file."""
        table = path
        while table and table not in self.lines:
            table = table.rpartition(".")[0]
        self.findings.append(Finding("error", rule, message, FILE, path, self.lines.get(table, 0)))


def read(data: bytes) -> Manifest:
    """process.toml bytes → manifest with findings. Raises nothing."""
    manifest = Manifest()
    if len(data) > MAX_BYTES:
        manifest.error("toml_size", "", "文件超过 300 KB，请精简。")
        return manifest
    try:
        text = data.decode("utf-8-sig")
        raw = tomllib.loads(text, parse_float=Decimal)
        check_texts(raw)
    except UnicodeDecodeError:
        manifest.error("toml_syntax", "", "不是 UTF-8 文字，请以 UTF-8 保存。")
        return manifest
    except (tomllib.TOMLDecodeError, RecursionError, ValueError, ArithmeticError, InputInvalid) as error:
        manifest.error("toml_syntax", "", f"写法有误（{' '.join(str(error).split())[:120]}），请改正。")
        return manifest
    manifest.lines = _lines(text)
    for name, table in raw.items():
        if name in _TABLES:
            if _is_table(manifest, name, table):
                _fields(manifest, name, table, _TABLES[name])
                _take(manifest, name, table)
        elif name in _ENTRIES:
            if _is_table(manifest, name, table):
                for key, entry in table.items():
                    _entry(manifest, name, str(key), entry)
        else:
            known = "、".join([*_TABLES, *_ENTRIES])
            manifest.error("toml_key", name, f"“{name[:60]}”不认识，可用的有：{known}。")
    if not isinstance(raw.get("package"), dict):
        manifest.error("toml_missing", "package", "缺少 [package]，请写 key、title、owner、main。")
    if not isinstance(raw.get("register"), dict) or "title" not in raw["register"]:
        manifest.error(
            "toml_missing", "register.title", "缺少 [register] 的 title，请写一条 FEEL 表达式作为案件标题。"
        )
    return manifest


def _is_table(manifest: Manifest, path: str, table: object) -> bool:
    if isinstance(table, dict):
        return True
    manifest.error("toml_type", path, f"“{path}”应是一张表（[{path}]）。")
    return False


def _fields(manifest: Manifest, path: str, table: Mapping[str, Any], kinds: Mapping[str, str]) -> bool:
    """Check names and types of one table; true when it is whole."""
    good = True
    for name, value in table.items():
        where = f"{path}.{name}"
        kind = kinds.get(name)
        if kind is None:
            manifest.error("toml_key", where, f"“{where[:80]}”不认识，可用的有：{'、'.join(kinds)}。")
        elif not _CHECKS[kind](value):
            manifest.error("toml_type", where, f"“{where[:80]}”应是{_KINDS[kind]}。")
        else:
            continue
        good = False
    for name in _REQUIRED.get(path.partition(".")[0], ()):
        if name not in table:
            manifest.error("toml_missing", f"{path}.{name}", f"“{path[:80]}”缺少 {name}，请补上。")
            good = False
        elif table[name] == "" and kinds[name] == _TEXT:
            manifest.error("toml_missing", f"{path}.{name}", f"“{path[:80]}”的 {name} 是空的，请填写。")
            good = False
    return good


def _is_value(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_value(v) and not isinstance(v, list) for v in value)
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, str | int | bool) and not (isinstance(value, int) and abs(value) >= 10**34)


def _is_columns(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(v, dict)
        and set(v) - {"correct"} == {"key", "title"}
        and all(isinstance(v[part], str) and v[part] for part in ("key", "title"))
        and isinstance(v.get("correct", False), bool)
        for v in value
    )


_CHECKS: dict[str, Callable[[object], bool]] = {
    _TEXT: lambda v: isinstance(v, str),
    _TEXTS: lambda v: isinstance(v, list) and all(isinstance(t, str) and t for t in v),
    _VALUE: _is_value,
    _COLUMNS: _is_columns,
}
_KINDS = {
    _TEXT: "文字",
    _TEXTS: '文字列表，如 ["DB", "SD"]',
    _VALUE: "数、文字或它们的列表",
    _COLUMNS: '列的列表，每列写 {key="…", title="…"}，可以更正的加 correct=true',
}


def _take(manifest: Manifest, name: str, table: dict[str, Any]) -> None:
    if name == "package":
        for part in ("key", "title", "owner", "main"):
            value = table.get(part, "")
            setattr(manifest, part, value if isinstance(value, str) else "")
        if manifest.key and not _KEY.fullmatch(manifest.key):
            manifest.error(
                "toml_value", "package.key", "流程包代码只能用字母、数字和下划线，且不以数字开头。"
            )
    elif name == "register":
        manifest.register = table
        for part in _FORMULAS:
            if isinstance(table.get(part), str) and table[part]:
                _formula(manifest, f"register.{part}", table[part])
        keys = [c["key"] for c in table.get("columns", []) if _is_columns([c])]
        if len(set(keys)) != len(keys):
            manifest.error("toml_value", "register.columns", "台账有重复的列，请删去一个。")
    else:
        manifest.number = {k: v for k, v in table.items() if isinstance(v, str)}
        _number(manifest)


def _number(manifest: Manifest) -> None:
    pattern = manifest.number.get("format", "")
    names = re.findall(r"\{([^{}]*)\}", pattern)
    plain = re.sub(r"\{[^{}]*\}", "", pattern)
    if pattern and (
        "{" in plain or "}" in plain or set(names) - {"series", "year", "number"} or "number" not in names
    ):
        manifest.error(
            "toml_value", "number.format", "编号格式只能含 {series}、{year}、{number}，且必须含 {number}。"
        )


def _formula(manifest: Manifest, path: str, text: str) -> Expression | None:
    source = text.strip().removeprefix("=")
    try:
        found = compile_expression(source)
    except EngineError as error:
        manifest.error("expression_invalid", path, f"“{path}”的表达式“{source[:60]}”有误：{error.message}")
        return None
    manifest.formulas[path] = found
    return found


def _entry(manifest: Manifest, name: str, key: str, entry: object) -> None:
    path = f"{name}.{key}"
    if not _is_table(manifest, path, entry) or not isinstance(entry, dict):
        return
    if name != "start" and not _KEY.fullmatch(key):
        manifest.error(
            "toml_value", path, f"代码“{key[:60]}”只能用字母、汉字、数字和下划线，且不以数字开头。"
        )
        return
    if not _fields(manifest, path, entry, _ENTRIES[name]):
        return
    match name:
        case "roles":
            unit = _formula(manifest, f"{path}.unit", entry["unit"]) if entry.get("unit") else None
            manifest.roles[key] = Role(key, entry["title"], unit)
        case "parameters":
            value: Value = entry["value"]
            manifest.parameters[key] = Parameter(key, entry["title"], value, entry["unit"], entry["source"])
        case "actions":
            manifest.actions[key] = Action(
                key, entry["title"], entry["message"], tuple(entry["roles"]), entry.get("form", "")
            )
        case _:
            manifest.starts[key] = Start(entry["title"], tuple(entry["roles"]), entry.get("form", ""))


_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")


def _lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.fullmatch(line):
            found.setdefault(re.sub(r"[\s\"']", "", match[1]), number)
    return found


# -- editing one number in place -----------------------------------------------------------------------

_VALUE_LINE = re.compile(
    r"(?P<head>[ \t]*value[ \t]*=[ \t]*)(?P<old>.*?)(?P<tail>[ \t]*(?:\r?\n)?)", re.DOTALL
)


def set_parameter(files: Mapping[str, bytes], key: str, value: Value) -> dict[str, bytes]:
    """The same files with `value` of `[parameters.key]` changed, comments and order kept.

    Raises `NotFound` for an unknown parameter, `InputInvalid` for a value that a parameter cannot hold or a table that
    cannot be changed line by line. The result is read again: everything else must be as it was.
    """
    if not _is_value(value):
        raise InputInvalid("参数只能是数、文字或它们的列表。", parameter=key)
    data = files.get(FILE, b"")
    before = read(data)
    if key not in before.parameters:
        raise NotFound(f"流程包中没有参数“{key[:60]}”，请刷新后重试。", parameter=key)
    lines = data.decode("utf-8-sig").splitlines(keepends=True)
    at = _value_line(lines, key)
    if at is None:
        raise InputInvalid(
            f"参数“{key}”的写法不能逐行修改，请在文件中改成 [parameters.{key}] 的形式。", parameter=key
        )
    match = _VALUE_LINE.fullmatch(lines[at])
    if match is None:
        raise InputInvalid(f"参数“{key}”的值不在一行内，请在文件中修改。", parameter=key)
    comment = _comment(match["old"])
    lines[at] = match["head"] + _toml(value) + (f"  {comment}" if comment else "") + match["tail"]
    changed = {**files, FILE: "".join(lines).encode()}
    _verify(data, changed[FILE], key, value)
    return changed


def _value_line(lines: list[str], key: str) -> int | None:
    inside = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("["):
            header = _HEADER.fullmatch(line.rstrip("\r\n"))
            name = re.sub(r"[\s\"']", "", header[1]) if header else ""
            inside = name == f"parameters.{key}"
        elif inside and _VALUE_LINE.fullmatch(line):
            return number
    return None


def _comment(old: str) -> str:
    """The comment behind a value, found by asking TOML where the value ends."""
    for position, letter in enumerate(old):
        if letter == "#":
            try:
                tomllib.loads("value = " + old[:position])
            except tomllib.TOMLDecodeError:
                continue
            return old[position:].rstrip()
    return ""


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, str):
        special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
        letters = (
            special.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c) for c in value
        )
        return '"' + "".join(letters) + '"'
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text if "." in text else text + ".0"
    return str(value)


def _verify(old: bytes, new: bytes, key: str, value: Value) -> None:
    """The new text must be the old one but for this value."""
    try:
        expected = tomllib.loads(old.decode("utf-8-sig"), parse_float=Decimal)
        found = tomllib.loads(new.decode(), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputInvalid(f"参数“{key}”未能写入，请在文件中修改。", parameter=key) from error
    expected["parameters"][key]["value"] = value
    if found != expected:
        raise InputInvalid(f"参数“{key}”未能写入，请在文件中修改。", parameter=key)
