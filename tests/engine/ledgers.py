"""Workbooks for tests of the ledger import: made from rows, honest or malicious."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl

from engine.calendar import Moment, seed
from engine.definitions.model import Package
from engine.directory import Directory, from_data
from engine.runtime.ledger_preview import Preview, preview
from tests.engine.handling import package

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "processes" / "demo_ledger_2024.xlsx"
LEDGER_TOML = ROOT / "processes" / "major_hazard_supervision" / "ledger.toml"

NOW = datetime(2024, 12, 31, 10, 0, tzinfo=UTC)

HEADERS = ["序号", "企业名称", "行业", "属地", "隐患描述", "判定依据", "发现日期", "来源渠道", "整改期限", "督办部门", "整改资金（万元）", "整改情况", "销号时间", "备注"]  # fmt: skip
GOOD: dict[str, Any] = {
    "序号": 1,
    "企业名称": "一号矿",
    "行业": "煤矿",
    "属地": "城川镇",
    "隐患描述": "通风机停用",
    "判定依据": "《煤矿标准》第八条",
    "发现日期": "2024年3月1日",
    "来源渠道": "执法检查",
    "整改期限": "30日内",
    "督办部门": "能源局、属地政府",
    "整改资金（万元）": 3,
    "整改情况": "逾期未整改",
}


def workbook(
    *rows: dict[str, Any], headers: Sequence[str] = HEADERS, title: str = "台账 截止日期：2024年12月31日"
) -> bytes:
    """A ledger with one header row; each row is `GOOD` with changes."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([title])
    sheet.append(list(headers))
    for n, row in enumerate(rows, 1):
        full = {**GOOD, "序号": n, **row}
        sheet.append([full.get(h) for h in headers])
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """The same workbook with one part replaced or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry.filename, old.read(entry))
        new.writestr(name, content)
    return buffer.getvalue()


def small_office() -> Directory:
    return from_data(
        {
            "units": [
                {"name": "安委办", "kind": "安委办"},
                {"name": "能源局", "kind": "督办部门"},
                {"name": "城川镇", "kind": "属地", "region": "城川镇"},
                {"name": "一号矿", "kind": "企业", "region": "城川镇"},
            ],
            "responsibilities": [{"sector": "煤矿", "roles": ["DB"], "unit": "能源局"}],
        }
    )


def ledger_package(toml: str = "") -> Package:
    """The test package with the real column map (or another)."""
    content = toml.encode() if toml else LEDGER_TOML.read_bytes()
    return replace(package(), files={"ledger.toml": content})


def look(data: bytes, directory: Directory | None = None, made: Package | None = None) -> Preview:
    moment = Moment(NOW, seed([2023, 2024, 2025]))
    return preview(data, "台账.xlsx", made or ledger_package(), directory or small_office(), moment)
