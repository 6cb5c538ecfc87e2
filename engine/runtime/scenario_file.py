"""Scenario files 情景文件: YAML as docs/dialect.md describes it, read strictly, so that a slip of the pen is found.

Only plain YAML is read: no tags, no anchors, no key twice; unknown keys are refused with their place.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import yaml

from engine.clock import SHANGHAI
from engine.errors import InputInvalid
from engine.values import Value, from_outside, plain

DEFAULTS = "defaults.yaml"

STEPS: dict[str, frozenset[str]] = {
    "start": frozenset({"by", "at", "form"}),
    "complete": frozenset({"item", "nth", "by", "form"}),
    "claim": frozenset({"item", "nth", "by"}),
    "release": frozenset({"item", "nth", "by", "reason"}),
    "return": frozenset({"item", "nth", "by", "to", "reason"}),
    "withdraw": frozenset({"item", "nth", "by", "reason"}),
    "transfer": frozenset({"item", "nth", "by", "unit", "person", "reason"}),
    "add_signer": frozenset({"item", "nth", "by", "way", "unit", "role", "person", "reason", "until"}),
    "take_back_signer": frozenset({"item", "nth", "by", "reason", "person", "unit"}),
    "action": frozenset({"action", "by", "form"}),
    "message": frozenset({"name", "key", "variables", "by"}),
    "signal": frozenset({"name", "variables", "by"}),
    "suspend": frozenset({"by", "reason", "until"}),
    "resume": frozenset({"by", "reason"}),
    "cancel": frozenset({"by", "reason"}),
    "correct": frozenset({"by", "variables", "reason"}),
    "note": frozenset({"by", "text", "item", "nth", "reply", "copy"}),
    "copy": frozenset({"by", "for", "note"}),
    "read": frozenset({"by"}),
    "urge": frozenset({"item", "nth", "by", "text"}),
    "merge": frozenset({"by", "into", "reason"}),
    "join": frozenset({"case", "reason", "people", "posts"}),
    "retry": frozenset({"incident", "by", "variables"}),
    "away": frozenset({"who", "from", "until", "reason", "substitute", "post"}),
    "leaves": frozenset({"who"}),
    "hand_over": frozenset({"who", "to", "by", "reason"}),
    "proceed": frozenset({"until", "leave"}),
    "wait": frozenset(),
    "expect": frozenset(
        {
            "open",
            "status",
            "variables",
            "due",
            "at",
            "holder",
            "deadlines",
            "incidents",
            "ended",
            "facts",
            "notices",
            "sees",
            "blind",
            "urged",
            "refused",
        }
    ),
}
"""The steps, and the keys each may have. A step that is asked of the engine may also say `refused: CODE`."""

MAPPINGS = frozenset({"form", "variables", "due", "holder", "deadlines", "urged"})
TEXTS = frozenset(
    {
        "by",
        "at",
        "item",
        "reason",
        "to",
        "unit",
        "role",
        "way",
        "person",
        "action",
        "name",
        "key",
        "text",
        "note",
        "into",
        "case",
        "incident",
        "refused",
        "who",
        "substitute",
        "post",
    }
)
LISTS = frozenset(
    {"open", "incidents", "facts", "notices", "leave", "sees", "blind", "people", "posts", "for"}
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `number` counts from 1; `data` is its mapping (for `wait`, `{"for": text}`)."""

    number: int
    what: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promise of a process. `years` are years whose calendar is taken as the library guesses it; `others` numbers
    of other cases that forms may choose from."""

    file: str
    title: str
    process: str
    now: datetime
    steps: tuple[Step, ...]
    years: tuple[int, ...] = ()
    others: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """Plain YAML only."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise InputInvalid("情景文件不支持 YAML 的引用（*）写法。")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise InputInvalid(f"第 {key_node.start_mark.line + 1} 行：“{key}”写了两次。")
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_yaml(data: bytes, file: str) -> Any:
    """A file's plain YAML. Raises `InputInvalid` with the line."""
    try:
        return yaml.load(data.decode("utf-8-sig"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file} 不是有效的 YAML：{error}") from error


def read_scenario(content: bytes, file: str, process: str = "") -> Scenario:
    """A scenario file's content. Raises `InputInvalid` with the place of what is wrong."""
    where = file.rpartition("/")[2]
    data = load_yaml(content, where)
    _mapping(data, where)
    _only(data, {"title", "process", "now", "steps", "years", "others"}, where)
    for key in ("title", "now", "steps"):
        if key not in data:
            raise InputInvalid(f"{where}：缺少 {key}")
    if not isinstance(data["steps"], list) or not data["steps"]:
        raise InputInvalid(f"{where}：steps 应是步骤的列表")
    return Scenario(
        file=file,
        title=str(data["title"]),
        process=str(data.get("process") or process),
        now=instant(data["now"], f"{where}：now"),
        steps=tuple(_step(row, n, where) for n, row in enumerate(data["steps"], 1)),
        years=tuple(data.get("years", ())),
        others=tuple(map(str, data.get("others", ()))),
    )


def read_defaults(content: bytes) -> dict[str, dict[str, Any]]:
    """`defaults.yaml`: form key → field values that a step need not repeat."""
    data = load_yaml(content, DEFAULTS) or {}
    _mapping(data, DEFAULTS)
    for form, values in data.items():
        _mapping(values, f"{DEFAULTS}：{form}")
    return {str(form): dict(values) for form, values in data.items()}


def _step(row: Any, n: int, file: str) -> Step:
    where = f"{file} 第 {n} 步"
    _mapping(row, where)
    if len(row) != 1:
        raise InputInvalid(f"{where}：一步只能有一项，现有 {'、'.join(map(str, row))}")
    ((what, data),) = row.items()
    if what not in STEPS:
        raise InputInvalid(f"{where}：不认识的步骤“{what}”，可用：{'、'.join(STEPS)}")
    if what == "wait":
        return Step(n, what, {"for": str(data)})
    _mapping(data, f"{where} {what}")
    _only(data, STEPS[what] | ({"refused"} if what != "expect" else set()), f"{where} {what}")
    for key, value in data.items():
        if key in MAPPINGS:
            _mapping(value, f"{where} {what}.{key}")
        if key in LISTS and not isinstance(value, list):
            raise InputInvalid(f"{where} {what}.{key} 应是列表")
        if key in TEXTS and what != "expect" and not isinstance(value, str):
            raise InputInvalid(f"{where} {what}.{key} 应是文字，是 {value} 的请加引号")
    return Step(n, what, data)


def _mapping(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise InputInvalid(f"{where}：应是“名称: 值”的形式")


def _only(data: Mapping[Any, Any], known: frozenset[str] | set[str], where: str) -> None:
    unknown = [str(k) for k in data if k not in known]
    if unknown:
        raise InputInvalid(f"{where}：不认识的项 {'、'.join(unknown)}，可用：{'、'.join(sorted(known))}")


def outside(value: Any) -> Value:
    """A YAML value as it would come from a browser: dates as ISO text, numbers exact."""
    return from_outside(plain(value))


def instant(value: Any, where: str) -> datetime:
    """An instant (UTC) out of Shanghai time: `2026-10-08T08:30`, or a date, which is its 00:00."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InputInvalid(f"{where}：“{value[:40]}”不是时间，应写成 2026-10-08T08:30 的样子") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=SHANGHAI)).astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), SHANGHAI).astimezone(UTC)
    raise InputInvalid(f"{where}：“{value}”不是时间，应写成 2026-10-08T08:30 的样子")


def is_bare_date(value: Any) -> bool:
    """Whether an expected instant is only a date."""
    if isinstance(value, str):
        return re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None
    return isinstance(value, date) and not isinstance(value, datetime)
