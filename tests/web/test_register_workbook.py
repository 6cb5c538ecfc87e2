"""The register as a workbook, opened again cell by cell; and what happens when it comes back edited."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from engine.audit.rebuild import rebuild
from engine.audit.verify import verify
from tests import stores
from tests.web.builder import Site
from tests.web.hazards import numbered, with_hazards

pytestmark = stores.both

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXPORT = "/register/export.xlsx?package=tiny"


@pytest.fixture
def hazards(site: Site) -> Site:
    """Three cases, entered one after the other on Monday 28 September 2026."""
    made = with_hazards(site)
    given: list[dict[str, Any]] = [
        {"名称": "备用风机停用", "部位": "回风巷", "整改期限": "2026-09-20", "经费": 12.5, "预警级": 2, "督办部门": "能源局"},
        {"名称": "=1+1", "整改期限": "2026-12-31", "来源渠道": "群众举报"},
        {"名称": "脚手架未验收", "备注": "两行\n文字"},
    ]  # fmt: skip
    for n, values in enumerate(given, 7):
        numbered(made, made.begin(**values), f"隐患〔2026〕{n}号")
    return made


def workbook(site: Site, address: str = EXPORT, account: str = "zhao") -> Any:
    answer = site.user(account).get(address)
    assert answer.status_code == 200 and answer.content_type == XLSX, answer.text
    assert len(answer.data) == answer.content_length
    return openpyxl.load_workbook(io.BytesIO(answer.data))


def rows_of(sheet: Any) -> dict[str, list[Any]]:
    """The rows under the head, by case number."""
    rows = (
        [c.date() if isinstance(c, datetime) else c for c in r]
        for r in sheet.iter_rows(min_row=5, values_only=True)
    )
    return {r[14]: r for r in rows if r[14]}


def test_the_official_table_cell_by_cell(hazards: Site) -> None:
    sheet = workbook(hazards).worksheets[0]
    assert sheet["A1"].value == "隐患治理台账"
    assert sheet["A2"].value.startswith("填报单位：安委办　　截止日期：2026年9月28日　　单位：万元")
    assert [c.value for c in sheet[3]] == [
        "序号", "企业（单位）名称", "行业领域", "属地", "隐患基本情况", None, "排查时间", "来源渠道", "整改期限", "督办部门",
        "整改资金（万元）", "整改情况", "销号时间", "备注", "督办系统记录（请勿修改）", None, None, None,
    ]  # fmt: skip
    assert [c.value for c in sheet[4]][4:6] == ["隐患描述", "隐患部位"]
    assert [c.value for c in sheet[4]][14:] == ["案件编号", "当前状态", "灯", "升级处置"]
    assert {str(r) for r in sheet.merged_cells.ranges} >= {
        "A1:R1",
        "A2:R2",
        "E3:F3",
        "O3:R3",
        "A3:A4",
        "N3:N4",
    }
    assert sheet.freeze_panes == "C5" and sheet.print_title_rows == "$1:$4"
    assert (sheet.page_setup.orientation, int(sheet.page_setup.paperSize)) == ("landscape", 8)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToHeight == 0
    assert sheet.column_dimensions["E"].width == 36
    found = rows_of(sheet)
    assert found["隐患〔2026〕7号"][1:] == [
        "一号煤矿", "煤矿", "上海庙镇", "备用风机停用", "回风巷", date(2026, 9, 20), None, date(2026, 9, 20), "能源局",
        12.5, "逾期未整改", None, None, "隐患〔2026〕7号", "核实中", "红", "督促函",
    ]  # fmt: skip
    assert found["隐患〔2026〕8号"][1:9] == [
        "一号煤矿", "煤矿", "上海庙镇", "'=1+1", None, date(2026, 9, 20), None, date(2026, 12, 31),
    ], "no file says that somebody reported"  # fmt: skip
    assert found["隐患〔2026〕9号"][13] == "两行\n文字"
    assert sorted(r[0] for r in found.values()) == [1, 2, 3]
    assert sheet["A8"].value == "填表人：" and sheet["G8"].value == "审核人："
    assert all(c.data_type != "f" for r in sheet.iter_rows() for c in r)


def test_paper_filter_and_reader(hazards: Site) -> None:
    sheet = workbook(hazards, EXPORT + "&paper=A4&light=red", "wang").worksheets[0]
    assert int(sheet.page_setup.paperSize) == 9 and set(rows_of(sheet)) == {"隐患〔2026〕7号"}
    assert rows_of(workbook(hazards, EXPORT, "sun").worksheets[0]) == {}
    assert hazards.user("zhao").get(EXPORT + "&paper=A5").status_code == 400
    every = workbook(hazards, EXPORT + "&layout=all").worksheets[0]
    assert [c.value for c in every[3]][:5] == ["序号", "案件编号", "名称", "灯", "升级处置"]


# -- back again -------------------------------------------------------------------------------------------


def sent_back(site: Site, edit: Callable[[Any], None], account: str = "zhao") -> tuple[str, dict[str, Any]]:
    """The export, edited and uploaded: its file's id and the preview."""
    book = workbook(site)
    edit(book.worksheets[0])
    out = io.BytesIO()
    book.save(out)
    user = site.user(account)
    files = {"file": (io.BytesIO(out.getvalue()), "回导.xlsx")}
    up = user.client.post("/api/v1/files", data=files, headers={"X-CSRF-Token": user.csrf})
    assert up.status_code == 201, up.text
    file = up.json["id"]
    seen = user.get(f"/api/v1/import-ledger/preview?file={file}&package=tiny")
    assert seen.status_code == 200, seen.text
    return file, seen.json


def row_of(sheet: Any, number: str) -> int:
    return next(r for r in range(5, sheet.max_row + 1) if sheet.cell(r, 15).value == number)


def confirmed(site: Site, file: str, seen: str, **more: Any) -> Any:
    return site.user("zhao").post(
        "/api/v1/import-ledger", {"file": file, "package": "tiny", "seen": seen, **more}
    )


def test_what_comes_back_unchanged_changes_nothing(hazards: Site) -> None:
    before = {c: len(hazards.engine.facts(c)) for c in cases(hazards)}
    file, seen = sent_back(hazards, lambda sheet: None)
    assert len(seen["returned"]) == 3 and [r["changes"] for r in seen["returned"]] == [[], [], []]
    assert (seen["rows"], seen["problems"], seen["remarks"]) == ([], 0, [])
    answer = confirmed(hazards, file, seen["seen"])
    assert answer.status_code == 201 and (answer.json["imported"], answer.json["corrected"]) == (0, 0)
    assert {c: len(hazards.engine.facts(c)) for c in cases(hazards)} == before


def cases(site: Site) -> dict[str, str]:
    items = site.user("zhao").get("/api/v1/cases").json["items"]
    return {i["id"]: i["number"] for i in items}


def test_edits_are_told_row_by_row_and_made_together(hazards: Site) -> None:
    def edit(sheet: Any) -> None:
        at = row_of(sheet, "隐患〔2026〕7号")
        sheet.cell(at, 6).value, sheet.cell(at, 11).value = "进风巷", 30  # place, money
        new = sheet.max_row + 1
        given = [
            "一号煤矿",
            "煤矿",
            "上海庙镇",
            "皮带机无护罩",
            "主井",
            "2026年9月21日",
            "督导检查",
            "30日内",
        ]
        for column, value in enumerate([4, *given], 1):
            sheet.cell(new, column).value = value

    file, seen = sent_back(hazards, edit)
    changed = next(r for r in seen["returned"] if r["case_number"] == "隐患〔2026〕7号")
    assert changed["changes"] == [
        {"column": "隐患部位", "before": "回风巷", "after": "进风巷", "refused": ""},
        {"column": "整改资金（万元）", "before": "12.5", "after": "30", "refused": ""},
    ]
    assert [r["variables"]["名称"] for r in seen["rows"]] == ["皮带机无护罩"]
    page = hazards.user("zhao").get(f"/register/import?file={file}&package=tiny").text
    assert "将更正 <strong>1</strong> 件" in page and "<del>回风巷</del>" in page
    assert confirmed(hazards, file, "").status_code == 409, "nobody confirms what was not seen"
    assert confirmed(hazards, file, "0" * 64).status_code == 409
    answer = confirmed(hazards, file, seen["seen"])
    assert answer.status_code == 201, answer.text
    assert (answer.json["imported"], answer.json["corrected"]) == (1, 1)
    case = changed["case"]
    shown = hazards.user("zhao").get(f"/api/v1/cases/{case}").json["register"]
    assert (shown["部位"], shown["经费"]) == ("进风巷", 30)
    said = hazards.user("zhao").get(f"/api/v1/cases/{case}/timeline").json["items"][0]["sentence"]
    assert said.startswith(
        "赵立新（安委办）更正台账：部位由“回风巷”改为“进风巷”；经费由“12.5”改为“30”，理由：台账回导：回导.xlsx"
    )
    with hazards.engine.database.read() as c:
        assert verify(c, fold=True).breaks == []
    again = confirmed(hazards, file, "", skip_imported=True)
    assert again.status_code == 201 and (again.json["imported"], again.json["corrected"]) == (0, 0)


def test_what_the_work_decides_is_refused_and_nothing_is_half_written(hazards: Site) -> None:
    def edit(sheet: Any) -> None:
        seven, eight = row_of(sheet, "隐患〔2026〕7号"), row_of(sheet, "隐患〔2026〕8号")
        sheet.cell(seven, 6).value = "进风巷"
        sheet.cell(eight, 9).value = date(2027, 3, 1)  # the limit
        sheet.cell(row_of(sheet, "隐患〔2026〕9号"), 15).value = "隐患〔2026〕99号"

    file, seen = sent_back(hazards, edit)
    told = {r["case_number"]: r["changes"] for r in seen["returned"]}
    assert told["隐患〔2026〕8号"] == [
        {
            "column": "整改期限",
            "before": "2026-12-31",
            "after": "2027-03-01",
            "refused": "由办理过程产生，请在案件中办理",
        }
    ]
    assert "台账中没有编号为“隐患〔2026〕99号”的案件" in told["隐患〔2026〕99号"][0]["refused"]
    refused = confirmed(hazards, file, seen["seen"])
    assert refused.status_code == 400 and "没有写入任何内容" in refused.json["detail"]
    seven = next(c for c, number in cases(hazards).items() if number == "隐患〔2026〕7号")
    assert hazards.user("zhao").get(f"/api/v1/cases/{seven}").json["register"]["部位"] == "回风巷"
    done = confirmed(hazards, file, seen["seen"], skip_bad_rows=True)
    assert done.status_code == 201 and done.json["corrected"] == 1
    shown = hazards.user("zhao").get(f"/api/v1/cases/{seven}").json
    assert shown["register"]["部位"] == "进风巷"
    with hazards.engine.database.write() as c:
        rebuild(c, hazards.engine.package, hazards.engine.calendar())
    assert hazards.user("zhao").get(f"/api/v1/cases/{seven}").json["register"] == shown["register"]


def test_only_the_office_corrects_and_only_what_may_be(hazards: Site) -> None:
    case = next(iter(cases(hazards)))
    body = {"values": {"部位": "主井"}, "reason": "登记时写错了地方"}
    assert hazards.user("wang").post(f"/api/v1/cases/{case}/correct", body).status_code == 403
    refused = hazards.user("zhao").post(
        f"/api/v1/cases/{case}/correct", body | {"values": {"整改期限": "2027-01-01"}}
    )
    assert refused.status_code == 400 and "由办理过程产生" in refused.json["detail"]
    assert hazards.user("zhao").post(f"/api/v1/cases/{case}/correct", body).status_code == 200
    same = hazards.user("zhao").post(f"/api/v1/cases/{case}/correct", body)
    assert same.status_code == 400 and "没有要更正的内容" in same.json["detail"]
