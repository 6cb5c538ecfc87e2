"""What the register says as a table 台账版式: the office's official one (the package's ledger.toml, which also reads it back), or
all columns there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions.model import Package
from engine.directory import Directory
from engine.errors import EngineError
from engine.feel import Expression
from engine.runtime.ledger_map import FILE, Column, LedgerMap, read_map
from engine.runtime.ledger_rows import CASE_NUMBER, OURS
from web import present
from web.cells import Head
from web.register import light
from web.register.queries import columns_of

GROUP = "督办系统记录（请勿修改）"

_DATES = frozenset({"date", "limit"})
_KINDS = {"date": "date", "limit": "date", "amount": "number", "serial": "number"}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Title, unit of amounts, columns, and what they say of a case; the first column is the running number."""

    title: str
    amounts: str
    heads: Sequence[Head]
    values: Callable[[Row], list[Any]]
    held: bool = False
    """Whether it says who holds a case and whether it is overdue."""

    def cells(self, number: int, row: Row) -> list[Any]:
        """The cells of the `number`-th row."""
        return [number, *self.values(row)]


def official(package: Package, directory: Directory, moment: Moment) -> Layout | None:
    """The official table of a package; None for one that has no ledger.toml."""
    if FILE not in package.files:
        return None
    rules = read_map(package.files)
    columns = [c for c in rules.columns if c.kind != "serial"]
    rule = light.rule_of(package, moment)
    holding = present.chosen_of_directory(package.forms.values())
    read = _Reader(package, rules, directory, moment, holding)
    serial = next((c for c in rules.columns if c.kind == "serial"), None)
    first = Head(serial.headers[0] if serial else "序号", width=6, kind="number")
    heads = [Head(c.headers[0], c.group, c.width or 12, _KINDS.get(c.kind, "text")) for c in columns]
    widths = (22, 12, 6, 10)
    ours = [Head(title, GROUP, width) for title, width in zip(OURS, widths, strict=True)]

    def values(row: Row) -> list[Any]:
        shown = rule.of(row)
        return [
            *read.cells(row, columns),
            row["number"],
            row["status"],
            light.LIGHTS[shown][:1] if shown else "",
            light.rung_name(package, row["rung"]),
        ]

    return Layout(rules.title, "万元", [first, *heads, *ours], values)


class _Reader:
    """The official cells of one case, by the columns' own expressions where they have one."""

    def __init__(
        self,
        package: Package,
        rules: LedgerMap,
        directory: Directory,
        moment: Moment,
        holding: Mapping[str, str],
    ) -> None:
        self.rules, self.directory, self.moment, self.holding = rules, directory, moment, holding
        self.dates = {c.variable for c in rules.columns if c.kind in _DATES}
        names = {name for c in rules.columns if c.out is not None for name in c.out.names}
        self.nothing = dict.fromkeys(names | self.dates)
        self.today = moment.now.astimezone(SHANGHAI).date()

    def cells(self, row: Row, columns: Sequence[Column]) -> list[Any]:
        register = row["register"]
        known = {**self.nothing, **register, "今天": self.today, "办理": row["state"], "状态": row["status"]}
        for name in self.dates:
            known[name] = as_day(known[name])
        return [self._cell(column, column.out, known, row) for column in columns]

    def _cell(self, column: Column, out: Expression | None, known: dict[str, Any], row: Row) -> Any:
        value = known.get(column.variable)
        if out is not None:
            try:
                value = out.evaluate(known, self.moment)
            except EngineError:
                value = None  # a ledger is printed all the same
        if value in (None, "") and column.variable == self.rules.party_code:
            unit = self.directory.units.get(row["party"])
            value = unit.code if unit is not None else ""
        if column.kind in _DATES:
            return value if isinstance(value, date) else None
        return present.named(value, self.holding.get(column.variable, ""))


def as_day(value: Any) -> date | None:
    """A register's date, which is text there."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else value
    except ValueError:
        return None


def whole(packages: Sequence[Package], title: str, moment: Moment) -> Layout:
    """Every column of these packages."""
    columns: dict[str, str] = {}
    holding: dict[str, str] = {}
    for package in packages:
        columns |= dict(columns_of(package.register))
        holding |= present.chosen_of_directory(package.forms.values())
    rules = light.rules_of(packages, moment)
    by_key = {p.key: p for p in packages}
    known = (
        Head(CASE_NUMBER, width=22), Head("名称", width=36), Head("灯", width=6), Head("升级处置", width=10), Head("状态"),
        Head("办理情况"), Head("当前持有", width=18), Head("期限", kind="date"), Head("是否超期", width=8),
        Head("立案时间", width=17), Head("结束时间", width=17),
    )  # fmt: skip

    def values(row: Row) -> list[Any]:
        rule = rules.get(row["package_key"])
        shown = rule.of(row) if rule is not None else ""
        register = row["register"]
        return [
            row["number"], row["title"], light.LIGHTS[shown][:1] if shown else "",
            light.rung_name(by_key.get(row["package_key"]), row["rung"]), row["status"],
            present.CASE_STATES.get(row["state"], row["state"]), "、".join(row["holders"]), row["deadline"], row["overdue"],
            present.moment(row["started_at"]), present.moment(row["ended_at"]),
            *(present.named(register.get(k), holding.get(k, "")) for k in columns),
        ]  # fmt: skip

    heads = [Head("序号", width=6, kind="number"), *known]
    heads += [Head(said, width=max(10, min(30, 2 * len(said) + 6))) for said in columns.values()]
    return Layout(title, "", heads, values, held=True)
