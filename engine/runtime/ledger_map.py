"""The column map of a ledger import 台账列对照: `ledger.toml` of a process package, read strictly.

The engine knows kinds of columns (dates, amounts, lists of units …); what they mean to the office is data.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.errors import InputInvalid
from engine.feel import Expression, compile_expression
from engine.runtime.ledger_cells import header_of
from engine.values import Value

FILE = "ledger.toml"

KINDS = frozenset(
    {
        "serial",
        "text",
        "code",
        "digits",
        "sector",
        "unit",
        "units",
        "standard",
        "date",
        "limit",
        "amount",
        "choice",
        "notes",
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: any of `headers` → `variable`, read as `kind`.

    `length` of a code or number; `fill_by` takes an empty value from another row with the same value there;
    `same_by` finds the standard that "同标准" means; `since` is where a limit counts from; `first` and `others`
    receive parts of a list of units, `aliases` name units by another variable; `values` translates choices, and
    `sets` gives further variables for a translated choice; `also` is another variable with the same value;
    `title` and `clause` receive the two parts of a cited standard.

    When the ledger is written, `headers[0]` stands under the merged header `group`, `width` characters wide; `out` says
    the cell in FEEL over the register's columns, 今天, 状态 and 办理, where it is not the variable itself.
    """

    variable: str
    headers: tuple[str, ...]
    kind: str
    required: bool = False
    length: int = 0
    fill_by: str = ""
    same_by: str = ""
    since: str = ""
    first: str = ""
    others: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    also: str = ""
    title: str = ""
    clause: str = ""
    group: str = ""
    width: int = 0
    out: Expression | None = None


@dataclass(frozen=True, slots=True)
class NoteRule:
    """What a remark in the notes column means. `text` may hold `{n}`, the serial of another row."""

    text: str
    set: Mapping[str, Value] = field(default_factory=dict)
    remark: str = ""
    same_as: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.text).replace(r"\{n\}", r"(\d{1,6})"))


@dataclass(frozen=True, slots=True)
class Check:
    """A contradiction: when the expression is true, the remark goes with the row, or the problem refuses it."""

    when: Expression
    remark: str = ""
    problem: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class LedgerMap:
    """The whole map. `start` is the start event at which imported cases begin, `constants` variables of every row."""

    title: str
    start: str
    party: str
    state: str
    columns: tuple[Column, ...]
    party_kind: str = ""
    party_parent: str = ""
    party_sector: str = ""
    party_code: str = ""
    cutoff: str = ""
    constants: Mapping[str, Value] = field(default_factory=dict)
    subtotals: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    notes: tuple[NoteRule, ...] = ()
    checks: tuple[Check, ...] = ()

    def column_of(self, header: str) -> Column | None:
        """The column a (normalised) header belongs to."""
        return next((c for c in self.columns if header in map(header_of, c.headers)), None)


def read_map(files: Mapping[str, bytes]) -> LedgerMap:
    """The map of a package. Raises `InputInvalid` where the package has none or it is wrong."""
    if FILE not in files:
        raise InputInvalid(f"该流程包没有 {FILE}，不能导入历史台账。")
    try:
        data = tomllib.loads(files[FILE].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{FILE} 写法有误：{error}") from error
    given = dict(_known(data, LedgerMap, FILE))
    given["columns"] = tuple(_column(row, n) for n, row in enumerate(data.get("columns", ()), 1))
    given["notes"] = tuple(
        NoteRule(**_known(row, NoteRule, f"{FILE} 第 {n} 条备注"))
        for n, row in enumerate(data.get("notes", ()), 1)
    )
    given["checks"] = tuple(_check(row, n) for n, row in enumerate(data.get("checks", ()), 1))
    for name in ("subtotals", "signatures"):
        given[name] = tuple(data.get(name, ()))
    try:
        made = LedgerMap(**given)
    except TypeError as error:
        raise InputInvalid(f"{FILE} 缺少必要的项：{error}") from error
    variables = {c.variable for c in made.columns}
    for name in (made.party, made.state):
        if name not in variables:
            raise InputInvalid(f"{FILE}：没有一列对应变量“{name}”")
    return made


def _column(row: Mapping[str, Any], n: int) -> Column:
    where = f"{FILE} 第 {n} 列"
    given = dict(_known(row, Column, where))
    if row.get("kind") not in KINDS:
        raise InputInvalid(f"{where}：不认识的类型“{row.get('kind')}”")
    given["headers"] = tuple(row.get("headers", ()))
    if "out" in row:
        given["out"] = compile_expression(row["out"])
    return Column(**given)


def _check(row: Mapping[str, Any], n: int) -> Check:
    where = f"{FILE} 第 {n} 条检查"
    given = dict(_known(row, Check, where))
    given["when"] = compile_expression(row["when"])
    return Check(**given)


def _known(row: Mapping[str, Any], cls: type, where: str) -> Mapping[str, Any]:
    unknown = sorted(set(row) - {f.name for f in fields(cls)})
    if unknown:
        raise InputInvalid(f"{where}：不认识的项 {'、'.join(unknown)}")
    return row
