"""The register as a workbook 导出台账: every case of the filter that one may see, in the official layout or with all columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

import sqlalchemy as sa

from engine.calendar import Moment
from engine.definitions.model import Package
from web import discretion, present
from web.cells import Line, guarded
from web.context import the_directory
from web.identity import Who
from web.register import layout, queries
from web.register.layout import Layout

__all__ = ["MOST_EXPORTED", "export", "guarded"]

MOST_EXPORTED = 200_000
"""Rows of a workbook; what is more is said in its last row."""


def export(
    out: IO[bytes],
    c: sa.Connection,
    who: Who,
    f: queries.Filter,
    packages: Sequence[Package],
    moment: Moment,
    *,
    every_column: bool = False,
    paper: str = "A3",
) -> None:
    """Write the workbook into `out` as the cases are read."""
    asked = [p for p in packages if f.package in ("", p.key)]
    made = (
        layout.official(asked[0], the_directory(), moment) if len(asked) == 1 and not every_column else None
    )
    made = made or layout.whole(asked, "隐患台账", moment)
    note = (
        f"填报单位：{present.unit_name(who.unit)}　　截止日期：{_long(moment)}"
        + (f"　　单位：{made.amounts}" if made.amounts else "")
        + f"　　导出人：{who.name}　　导出时间：{present.moment(moment.now)}"
    )
    from web.sheet import write  # needs a large library, which only workbooks need

    write(out, made.title, note, made.heads, _lines(c, who, f, moment, made), paper=paper)


def _lines(c: sa.Connection, who: Who, f: queries.Filter, moment: Moment, made: Layout) -> Iterator[Line]:
    # A file that leaves the house never says that somebody reported, whoever asks for it.
    abroad = replace(discretion.of(who), reports=False)
    number = 0
    for number, row in enumerate(queries.every(c, who, f, moment.now, held=made.held), 1):
        if number > MOST_EXPORTED:
            yield Line([f"小计：超过 {MOST_EXPORTED} 件，其余未列出，请缩小范围后再导出。"], plain=True)
            break
        yield Line(made.cells(number, abroad.case(row)))
    yield _signatures(len(made.heads))


def _signatures(columns: int) -> Line:
    """填表人、审核人、负责人, spread over the row; the reader of ledgers knows it as no case."""
    cells: list[Any] = [None] * columns
    for part, said in enumerate(("填表人：", "审核人：", "负责人：")):
        cells[part * columns // 3] = said
    return Line(cells, plain=True)


def _long(moment: Moment) -> str:
    today = present.day(moment.now)
    year, month, day = (int(part) for part in today.split("-"))
    return f"{year}年{month}月{day}日"
