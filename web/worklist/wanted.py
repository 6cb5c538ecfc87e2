"""What somebody wants to see of the worklist: a tab, an order, and what it is narrowed to; all of it in the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import urlencode

from engine.errors import InputInvalid

OPEN = {"unclaimed": "待签收", "mine": "待办", "soon": "将到期", "overdue": "超期", "unit": "本单位"}
"""Tabs of open items."""

OF_CASES = frozenset({"begun", "copied"})
"""Tabs whose rows are cases, not items."""

TABS = {**OPEN, "done": "已办", "begun": "我发起", "copied": "抄送我"}

EVERYTHING = "all"
"""What the API lists where no tab is named: what one has and what waits at one's posts."""

SORTS = {"due": "最早到期在前", "received": "最近收到在前", "number": "案号由大到小"}

ORDERED_BY_DUE = frozenset({"soon", "overdue"})
"""Tabs that are a stretch of the order by limits, and are read in that alone."""

NOBODY = "nobody"
"""As `held`: items nobody has taken."""

LONGEST = 100
"""Characters of each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty: everything, soonest due first."""

    tab: str = "mine"
    sort: str = "due"
    q: str = ""  # number, title or party of the case, name of the step
    step: str = ""  # name
    package: str = ""  # key
    region: str = ""
    unit: str = ""
    held: str = ""  # a person, or `NOBODY`

    @property
    def narrowed(self) -> tuple[str, ...]:
        """The names of what it is narrowed by."""
        return tuple(name for name in NARROWING if getattr(self, name))

    @property
    def sorts(self) -> Mapping[str, str]:
        """The orders its tab can be read in."""
        if self.tab in (*OPEN, EVERYTHING) and self.tab not in ORDERED_BY_DUE:
            return SORTS
        return {}

    def but(self, **changes: str) -> Wanted:
        """The same, with these changed; an order that the tab does not have is let go."""
        found = replace(self, **changes)
        return found if found.sort in found.sorts else replace(found, sort="due")

    @property
    def query(self) -> str:
        """As the query of an address: the tab, and what differs from the usual."""
        said = {k: v for k, v in asdict(self).items() if v and (k, v) != ("sort", "due")}
        return urlencode(said)


NARROWING = tuple(f.name for f in fields(Wanted) if f.name not in ("tab", "sort"))


def read(args: Mapping[str, str], tab: str) -> Wanted:
    """From the query of an address. Raises `InputInvalid` for an unknown tab or order, and for words without end."""
    known = {name: args.get(name, "").strip() for name in (*NARROWING, "sort")}
    if tab not in (*TABS, EVERYTHING):
        raise InputInvalid("没有这个页签。")
    if known["sort"] not in ("", *SORTS):
        raise InputInvalid("没有这种排序。可以按时限、收到时间或案号排。")
    for name in NARROWING:
        if len(known[name]) > LONGEST:
            raise InputInvalid(f"查找的内容不能超过 {LONGEST} 字。")
    return Wanted(tab=tab).but(**{**known, "sort": known["sort"] or "due"})
