"""How things are said on pages 怎么显示: instants in Shanghai, working days left, words for states, values in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from flask import Flask
from markupsafe import Markup

from engine.calendar import WorkCalendar
from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.definitions.naming import called_by_id
from engine.directory import Absence
from engine.errors import CalendarUnknown
from engine.runtime.file_kinds import PICTURES
from engine.values import Months, dumps, plain
from web.context import the_directory, the_moment

CASE_STATES = {
    "open": "办理中",
    "suspended": "已挂起",
    "completed": "已办结",
    "cancelled": "已作废",
    "merged": "已并案",
}
ITEM_STATES = {
    "open": "待办",
    "finished": "已办结",
    "returned": "已退回",
    "taken_back": "已撤回",
    "cancelled": "已撤销",
}
WEEKDAYS = "一二三四五六日"
SOON = 1
"""Working days left from which a limit is shown in orange (rung 0 of the ladder warns then)."""


def moment(value: datetime | None) -> str:
    """2026-10-08 18:00, Shanghai time."""
    return "" if value is None else value.astimezone(SHANGHAI).isoformat(" ", "minutes")[:16]


def day(value: datetime | date | None) -> str:
    """2026-10-08, Shanghai's day."""
    if value is None:
        return ""
    return (value.astimezone(SHANGHAI).date() if isinstance(value, datetime) else value).isoformat()


def long_day(value: datetime) -> str:
    """2026年10月8日 星期四 18:00."""
    here = value.astimezone(SHANGHAI)
    return f"{here.year}年{here.month}月{here.day}日 星期{WEEKDAYS[here.weekday()]} {here:%H:%M}"


@dataclass(frozen=True, slots=True)
class Left:
    """What is left until a limit: a sentence, its tone (`danger` overdue, `warning` soon, `muted`), working days."""

    text: str
    tone: str
    days: int | None


def left(due: datetime | None, now: datetime, calendar: WorkCalendar, *, suspended: bool = False) -> Left:
    """Working days left until `due`, or since it."""
    if due is None:
        return Left("停钟" if suspended else "无时限", "muted", None)
    try:
        days, unit = calendar.between(now, due), "个工作日"
    except CalendarUnknown:
        days, unit = (
            (due.astimezone(SHANGHAI).date() - now.astimezone(SHANGHAI).date()).days,
            "天（日历未确认）",
        )
    if due < now:
        return Left(f"已超 {-days} {unit}" if days < 0 else "今天已过时限", "danger", days)
    if days <= 0:
        return Left("今天到期", "warning", 0)
    return Left(f"还剩 {days} {unit}", "warning" if days <= SOON else "muted", days)


def held_for(since: datetime | None, now: datetime, calendar: WorkCalendar) -> str:
    """How many working days something has been held."""
    if since is None:
        return ""
    try:
        days = calendar.between(since, now)
    except CalendarUnknown:
        days = (now - since).days
    return "不到一个工作日" if days <= 0 else f"{days} 个工作日"


def text(value: Any) -> str:
    """One value of a case in a table's cell."""
    if value is None or value == "" or value == []:
        return "—"
    if value is True:
        return "是"
    if value is False:
        return "否"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date | time | Months | timedelta):
        return str(plain(value))
    if isinstance(value, Mapping):
        return "；".join(f"{k}：{text(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return "、".join(text(v) for v in value)
    return str(plain(value))


def labels_of_forms(forms: Iterable[Any]) -> dict[str, str]:
    """Field key → Chinese label, from the schemas of forms."""
    found: dict[str, str] = {}

    def walk(components: Any) -> None:
        for component in components or ():
            if not isinstance(component, Mapping):
                continue
            key = component.get("key") or component.get("path")
            label = component.get("label") or component.get("dateLabel")
            if key and label:
                found.setdefault(str(key), str(label))
            walk(component.get("components"))

    for form in forms:
        walk(form.schema.get("components"))
    return found


def chosen_of_directory(forms: Iterable[Any]) -> dict[str, str]:
    """Field key → `people` or `units`: fields that hold ids of the directory because a form chooses them there."""
    found: dict[str, str] = {}

    def walk(components: Any) -> None:
        for component in components or ():
            if not isinstance(component, Mapping):
                continue
            what = str(component.get("valuesKey") or "").partition("_")[0]
            if what in ("people", "units") and component.get("key"):
                found.setdefault(str(component["key"]), what)
            walk(component.get("components"))

    for form in forms:
        walk(form.schema.get("components"))
    return found


def named(value: Any, what: str) -> Any:
    """An id of the directory, or a list of them, by name."""
    names: dict[str, Callable[[str], str]] = {"people": person_name, "units": unit_name}
    name = names.get(what)
    if name is None or not value:
        return value
    if isinstance(value, list | tuple):
        return [named(one, what) for one in value]
    return name(value) if isinstance(value, str) else value


def with_files(value: Any, names: Mapping[str, str]) -> Any:
    """Ids of uploaded files, alone or in a list, by the files' names."""
    if isinstance(value, list | tuple):
        return [with_files(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def event_name(package: Package, element: str) -> str:
    """What people call a timer: its own name, else that of the step it hangs on or leads to."""
    return called_by_id(package, element) if element else "挂起期满，自动恢复"


def now() -> datetime:
    """The engine's present instant (the demo clock's, in demo mode)."""
    return the_moment().now


def _left_now(due: datetime | None, suspended: bool = False) -> Left:
    here = the_moment()
    return left(due, here.now, here.calendar, suspended=suspended)


def _held_now(since: datetime | None) -> str:
    here = the_moment()
    return held_for(since, here.now, here.calendar)


def person_name(person: str, behalf: str = "") -> str:
    """A person's name by id, and for whom that one stood in (李四代张三); "系统" for the engine itself."""
    name = the_directory().name_of(person) if person else "系统"
    return f"{name}代{the_directory().name_of(behalf)}" if behalf else name


def away(person: str, role: str, unit: str) -> Absence | None:
    """The absence of somebody who is away from a post today and has nobody there to stand in for it."""
    directory = the_directory()
    found = directory.absence_of(person, role, unit) if person else None
    stand_ins = directory.substitutes_of(person, role, unit) if found is not None else []
    return None if any(directory.absence_of(s) is None for s in stand_ins) else found


def unit_name(unit: str) -> str:
    """A unit's present name by id."""
    found = the_directory().units.get(unit)
    return found.name if found else unit


def end_of_day(value: date) -> datetime:
    """The instant a Shanghai day ends."""
    return datetime.combine(value + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)


def start_of_day(value: date) -> datetime:
    """The instant a Shanghai day begins."""
    return datetime.combine(value, time(), SHANGHAI).astimezone(UTC)


def case_path(case: str) -> str:
    """The address of a case's page. Written out, because lists hold a hundred of them and `url_for` searches for each."""
    return f"/cases/{quote(case, safe='')}"


def item_path(case: str, item: int) -> str:
    """The address of a work item's page."""
    return f"/cases/{quote(case, safe='')}/items/{item}"


def size(value: int) -> str:
    """Bytes for people."""
    number = float(value)
    for unit in ("B", "KB", "MB"):
        if number < 1024 or unit == "MB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return ""


def place(row: Any) -> str:
    """Where a picture was taken, in degrees with four places (some ten metres)."""
    north, east = row["latitude"] / 1_000_000, row["longitude"] / 1_000_000
    return f"{'北' if north >= 0 else '南'}纬 {abs(north):.4f}°、{'东' if east >= 0 else '西'}经 {abs(east):.4f}°"


def json_island(value: Any) -> Markup:
    """Data for an island, safe inside `<script type="application/json">`."""
    raw = dumps(plain(value)).decode()
    for sign, written in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        raw = raw.replace(sign, written)
    return Markup(raw)


def install(app: Flask) -> None:
    """Make them filters of the templates."""
    app.jinja_env.filters.update(
        moment=moment,
        day=day,
        long_day=long_day,
        value=text,
        named=named,
        with_files=with_files,
        size=size,
        place=place,
        person=person_name,
        unit=unit_name,
        json=json_island,
        left=_left_now,
        held=_held_now,
        case_state=lambda s: CASE_STATES.get(s, s),
        item_state=lambda s: ITEM_STATES.get(s, s),
        case_path=case_path,
    )
    app.jinja_env.tests["picture"] = PICTURES.__contains__
    app.jinja_env.globals["item_path"] = item_path
    app.jinja_env.globals["away"] = away
