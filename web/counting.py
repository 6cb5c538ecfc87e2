"""How a limit is counted 时限怎么算的: the working days left, or since, in words, with the holidays between and day by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from engine.calendar import CalendarDay, WorkCalendar
from engine.clock import SHANGHAI
from engine.errors import CalendarUnknown
from web.present import WEEKDAYS, left

EACH_DAY = 15
"""Up to so many working days are told one by one, more as runs [P]."""

NAMED = 2
"""Holidays named in the line itself; more are told day by day [P]."""


MOVED = "休息日"
"""How the calendar's first contents call a day that is free because another one is worked on."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A sentence, its tone (`danger`, `warning`, `muted`), what was skipped ("" where only weekends were), and the days:
    (from when to when, what they count for)."""

    text: str
    tone: str
    aside: str = ""
    days: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The days in one line, for who points at the sentence."""
        return "；".join(f"{when} {what}" for when, what in self.days)


def counted(
    due: datetime | None, now: datetime, calendar: WorkCalendar, *, soon: int, suspended: bool = False
) -> Counted:
    """Working days from today to the day of `due`, or since that; `soon` of them or fewer are a warning."""
    if suspended:
        return Counted("案件已挂起，时限停钟", "muted")
    if due is None:
        return Counted("无时限", "muted")
    local, today = due.astimezone(SHANGHAI), now.astimezone(SHANGHAI).date()
    if local.date() == today:
        if due < now:
            return Counted(f"今天 {local:%H:%M} 已到期", "danger")
        return Counted(f"今天 {local:%H:%M} 到期", "warning")
    try:
        days = calendar.days_between(today, local.date())
    except CalendarUnknown:
        plain = left(due, now, calendar)
        return Counted(plain.text, plain.tone)
    count = sum(one.working for one in days)
    if due < now:
        text = f"已超 {count} 个工作日" if count else "已超期，不足 1 个工作日"
        tone = "danger"
    else:
        text = f"还剩 {count} 个工作日" if count else f"{_short(local.date())} 到期，其间没有工作日"
        tone = "warning" if count <= soon else "muted"
    return Counted(text, tone, _aside(days), tuple(_told(days)))


def _aside(days: Sequence[CalendarDay]) -> str:
    """The holidays that were skipped, each with the weekend beside it, and the make-up days that count."""
    skipped = []
    for working, run in groupby(days, key=lambda one: one.working):
        whole = list(run)
        if not working and (names := _names(whole)):
            skipped.append(f"{_span(whole)} {names}")
    made_up = [_short(one.day) for one in days if one.working and one.note]
    said = []
    if skipped:
        said.append(f"跳过 {'、'.join(skipped[:NAMED])}{'等' if len(skipped) > NAMED else ''}")
    if made_up:
        said.append(f"{'、'.join(made_up[:NAMED])}{'等' if len(made_up) > NAMED else ''} 调休上班")
    return "，".join(said)


def _told(days: Sequence[CalendarDay]) -> Iterable[tuple[str, str]]:
    """Day by day: which working day each is, and why the others are none."""
    each = sum(one.working for one in days) <= EACH_DAY
    number = 0
    for (working, note), run in groupby(days, key=lambda one: (one.working, one.note if one.working else "")):
        whole = list(run)
        if not working:
            yield _span(whole), f"{_names(whole) or '周末'}，不计"
        elif each:
            for one in whole:
                number += 1
                yield _span([one]), f"第 {number} 个工作日{f'（{note}）' if note else ''}"
        else:
            first, number = number + 1, number + len(whole)
            which = f"{first}–{number}" if number > first else str(first)
            yield _span(whole), f"第 {which} 个工作日{f'（{note}）' if note else ''}"


def _names(run: Iterable[CalendarDay]) -> str:
    """The feasts of a run of free days, without how each of the days came to be free."""
    names = dict.fromkeys(one.note.partition("（")[0] for one in run if one.note)
    feasts = [name for name in names if name != MOVED]
    return "、".join(feasts or names)


def _span(run: Sequence[CalendarDay]) -> str:
    """10/1–10/8, or 9/29 周二."""
    first, last = run[0].day, run[-1].day
    return (
        f"{_short(first)} 周{WEEKDAYS[first.weekday()]}"
        if first == last
        else f"{_short(first)}–{_short(last)}"
    )


def _short(day: date) -> str:
    return f"{day.month}/{day.day}"
