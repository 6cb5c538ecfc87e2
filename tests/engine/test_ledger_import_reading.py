"""Reading an office's ledger: the sample cell by cell, every style of cell, every problem, and hostile files."""

from __future__ import annotations

import json
import random
import tomllib
import zipfile
from collections import Counter
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from engine.directory import Directory, from_data
from engine.errors import InputInvalid
from engine.runtime import ledger_cells as cells
from engine.runtime import workbook as books
from engine.runtime.ledger_cells import Unreadable
from engine.runtime.ledger_map import read_map
from engine.runtime.ledger_preview import Preview
from tests.engine.ledgers import LEDGER_TOML, ROOT, SAMPLE, ledger_package, look, saved, with_part, workbook


def demo_directory() -> Directory:
    return from_data(tomllib.loads((ROOT / "processes" / "demo_directory.toml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def sample() -> Preview:
    return look(SAMPLE.read_bytes(), demo_directory())


class TestSample:
    def test_rows_subtotals_and_signatures(self, sample: Preview) -> None:
        assert len(sample.rows) == 60
        assert (sample.subtotals, sample.signatures) == (2, 1)
        assert [row.serial for row in sample.rows] == list(range(1, 61))
        assert [row.number for row in sample.rows] == [*range(5, 30), *range(31, 56), *range(57, 67)]
        assert sample.cutoff == date(2024, 12, 31)
        assert sample.remarks == ["工作表“说明”没有台账表头，未读取"]
        assert sample.problems == []

    def test_states(self, sample: Preview) -> None:
        assert sample.states == {"整改中": 15, "逾期未整改": 10, "已延期": 10, "已销号": 25}

    def test_every_remark(self, sample: Preview) -> None:
        expected = json.loads(
            (Path(__file__).parent / "data" / "ledger-2024-remarks.json").read_text(encoding="utf-8")
        )
        assert {str(row.serial): row.remarks for row in sample.rows} == expected

    def test_remarks_by_kind_against_the_cells_themselves(self, sample: Preview) -> None:
        """Counted again from the raw workbook, without the reader."""
        sheet = openpyxl.load_workbook(SAMPLE).worksheets[0]
        rows = [r for r in sheet.iter_rows(min_row=5, values_only=True) if isinstance(r[0], int)]
        assert len(rows) == 60
        remarks = [remark for row in sample.rows for remark in row.remarks]

        def said(text: str) -> int:
            return sum(text in remark for remark in remarks)

        assert said("缺统一社会信用代码") == sum(r[2] is None for r in rows) == 10
        assert said("同标准") == sum(str(r[6]).startswith("同标准") for r in rows)
        assert said("起算为") == sum(str(r[12]).endswith("日内") for r in rows)
        assert said("是约数") == sum(str(r[14]).startswith("约") for r in rows)
        assert said("“8万”按 8 万元记") == sum(r[14] == "8万" for r in rows)
        assert said("附件没有随台账提供") == sum(r[17] == "详见附件" for r in rows)
        assert said("备注为存量，但") == sum(r[17] == "存量" for r in rows)  # all of 2024
        assert said("未作合并") == sum(str(r[17]).startswith("与序号") for r in rows)
        assert said("已延期，但") == sum(r[15] == "已延期" for r in rows)

    def test_one_row_whole(self, sample: Preview) -> None:
        assert sample.rows[8].variables == {
            "台账序号": 9,
            "企业": "鄂托克前旗恒二源精细化工有限公司",
            "统一社会信用代码": "91150623BQ7HHQGAL2",
            "行业": "危险化学品",
            "属地": "城川镇",
            "隐患描述": "涉及硝化工艺的装置未实现自动化控制，紧急停车系统被旁路",
            "隐患名称": "涉及硝化工艺的装置未实现自动化控制，紧急停车系统被旁路",
            "判定依据": "《化工和危险化学品生产经营单位重大生产安全事故隐患判定标准（试行）》第四条",
            "部位": "3号楼",
            "发现日期": date(2024, 11, 11),
            "来源渠道": "群众举报",
            "整改责任人": "马志刚",
            "联系电话": "13029997207",
            "整改期限": date(2025, 5, 10),
            "督办部门": ["应急管理局"],
            "主办督办部门": "应急管理局",
            "协办单位": [],
            "经费": 30,
            "判定结论": "重大",
            "判定标准": "化工和危险化学品生产经营单位重大生产安全事故隐患判定标准（试行）",
            "条款": "第四条",
            "补录状态": "已延期",
            "延期次数": 1,
            "销号日期": None,
            "台账备注": None,
        }

    def test_the_original_is_kept(self, sample: Preview) -> None:
        original = sample.rows[5].original
        assert (original["排查时间"], original["整改资金（万元）"], original["判定依据"]) == (
            "2024/05/26",
            "8万",
            "同标准第八条",
        )

    def test_dates_in_five_styles(self, sample: Preview) -> None:
        found = [sample.rows[i].variables["发现日期"] for i in (0, 1, 5, 16)]
        assert found == [date(2024, 1, 22), date(2024, 10, 15), date(2024, 5, 26), date(2024, 2, 9)]
        assert sample.rows[1].variables["整改期限"] == date(2025, 4, 13)

    def test_units(self, sample: Preview) -> None:
        first = sample.rows[0].variables
        assert first["主办督办部门"] == "住房和城乡建设局" and first["协办单位"] == ["上海庙镇"]
        assert first["停产"] is True

    def test_new_enterprises(self, sample: Preview) -> None:
        known = demo_directory().units
        named = {row.variables["企业"] for row in sample.rows}
        assert {u.id for u in sample.new_units} == named - known.keys()
        mine = next(u for u in sample.new_units if u.id == "内蒙古长城四矿业有限公司")
        assert (mine.kind, mine.parent, mine.region, mine.sector, mine.code) == (
            "企业", "城川镇", "城川镇", "煤矿", "91150623EN0CAGK9GB",
        )  # fmt: skip

    def test_digests_are_distinct_and_ignore_the_serial(self, sample: Preview) -> None:
        assert len({row.digest for row in sample.rows}) == 60
        one, two = look(workbook({})), look(workbook({"序号": 7}))
        assert one.rows[0].digest == two.rows[0].digest


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "found"),
        [
            (date(2024, 2, 29), date(2024, 2, 29)),
            ("2024年1月22日", date(2024, 1, 22)),
            ("2024 年 1 月 2 日", date(2024, 1, 2)),
            ("2024/05/26", date(2024, 5, 26)),
            ("2024.2.9", date(2024, 2, 9)),
            ("2024-02-09", date(2024, 2, 9)),
            (None, None),
        ],
    )
    def test_dates(self, cell: Any, found: date | None) -> None:
        assert cells.read_date(cell) == found

    @pytest.mark.parametrize(
        "cell", ["2024年13月1日", "2023.2.29", "近期", 45000, "24/5/6", date(1024, 1, 1), "2924年1月1日"]
    )
    def test_no_dates(self, cell: Any) -> None:
        with pytest.raises(Unreadable):
            cells.read_date(cell)

    def test_limits(self) -> None:
        since = date(2024, 5, 30)
        assert cells.read_limit("30日内", since)[0] == date(2024, 6, 29)
        assert cells.read_limit("15天内", since)[0] == date(2024, 6, 14)
        assert cells.read_limit("2024.7.6", since) == (date(2024, 7, 6), "")
        with pytest.raises(Unreadable, match="从发现日期起算"):
            cells.read_limit("30日内", None)

    @pytest.mark.parametrize(
        ("cell", "amount", "remarked"),
        [
            (3, 3, False),
            (Decimal("12.5"), Decimal("12.5"), False),
            ("150", 150, False),
            ("8万", 8, True),
            ("8.5万元", Decimal("8.5"), True),
            ("约30", 30, True),
            ("30左右", 30, True),
            ("80000元", 8, True),
            (None, None, False),
        ],
    )
    def test_amounts(self, cell: Any, amount: Any, remarked: bool) -> None:
        value, remark = cells.read_amount(cell)
        assert value == amount and bool(remark) is remarked

    @pytest.mark.parametrize("cell", [-1, "若干", "3到5"])
    def test_no_amounts(self, cell: Any) -> None:
        with pytest.raises(Unreadable):
            cells.read_amount(cell)

    def test_standards(self) -> None:
        assert cells.standard_of("《煤矿标准（试行）》第八条") == "《煤矿标准（试行）》"
        assert cells.same_standard("同标准第八条") == "第八条"
        assert cells.same_standard("GB 35181-2017 6.3") is None
        assert cells.parts_of_standard("《煤矿标准（试行）》第八条") == ("煤矿标准（试行）", "第八条")
        assert cells.parts_of_standard("GB 35181-2017 7.1.4") == ("GB 35181-2017", "7.1.4")
        assert cells.parts_of_standard("同标准第八条") == ("", "第八条")
        assert cells.parts_of_standard("有关规定") == ("", "有关规定")


class TestProblems:
    @pytest.mark.parametrize(
        ("change", "column", "reason"),
        [
            ({"发现日期": "近期"}, "发现日期", "不是日期"),
            ({"发现日期": None}, "发现日期", "没有填写"),
            ({"企业名称": None}, "企业名称", "没有填写"),
            ({"整改期限": "尽快"}, "整改期限", "不是日期"),
            ({"属地": "外地"}, "属地", "不在单位列表中"),
            ({"督办部门": "能源局、没有局"}, "督办部门", "“没有局”不在单位列表中"),
            ({"整改情况": "不清楚"}, "整改情况", "不在 整改中、"),
            ({"来源渠道": "听说"}, "来源渠道", "不在 "),
            ({"整改资金（万元）": "若干"}, "整改资金（万元）", "不是金额"),
            ({"序号": "甲"}, "序号", "不是序号"),
            ({"整改情况": "已整改"}, "销号日期", "没有销号时间"),
        ],
    )
    def test_a_problem_names_row_column_and_reason(
        self, change: dict[str, Any], column: str, reason: str
    ) -> None:
        made = look(workbook({}, change))
        assert [row.good for row in made.rows] == [True, False]
        problem = next(p for p in made.problems if p.column == column)
        assert problem.row == 4 and reason in problem.reason
        assert str(problem).startswith(f"第 4 行“{column}”：")

    def test_the_same_row_twice(self) -> None:
        made = look(workbook({}, {"隐患描述": "另一处"}, {}))
        assert [str(p) for p in made.problems] == ["第 5 行“整行”：与第 3 行内容完全相同"]

    @pytest.mark.parametrize(
        ("change", "remark"),
        [
            ({"整改期限": "2024.2.1"}, "整改期限早于发现日期"),
            ({"整改情况": "已整改", "销号时间": "2024.2.1"}, "销号时间早于发现日期"),
            ({"整改情况": "整改中", "销号时间": "2024.3.2"}, "有销号时间而整改情况不是已整改"),
            ({"整改情况": "整改中"}, "整改期限已过，整改情况仍填整改中"),
            ({"发现日期": "2025.1.1"}, "发现日期晚于台账截止日期"),
            ({"行业": "航天"}, "在职责库中没有对应的单位"),
            ({"备注": "注意"}, "备注“注意”没有对应的含义"),
            ({"备注": "与序号9重复"}, "没有这个序号"),
            ({"备注": "与序号1重复", "隐患描述": "同一企业另一处"}, "同一企业，请核对后合并"),
        ],
    )
    def test_contradictions_are_remarks(self, change: dict[str, Any], remark: str) -> None:
        made = look(workbook({}, {"隐患描述": "第二处", **change}))
        assert made.problems == []
        assert any(remark in said for said in made.rows[1].remarks), made.rows[1].remarks

    def test_a_duplicate_of_the_same_enterprise_is_marked(self) -> None:
        made = look(workbook({}, {"隐患描述": "又一处", "备注": "与序号1重复；存量"}))
        assert made.rows[1].variables["疑似重复序号"] == 1 and made.rows[1].variables["存量标志"] is True

    def test_a_serial_twice(self) -> None:
        made = look(workbook({"序号": 1}, {"序号": 1, "隐患描述": "另一处"}))
        assert all("序号1在台账中出现 2 次" in row.remarks for row in made.rows)

    def test_an_enterprise_in_two_places(self) -> None:
        office = from_data(
            {
                "units": [
                    {"name": "能源局", "kind": "督办部门"},
                    {"name": "城川镇", "kind": "属地"},
                    {"name": "昂素镇", "kind": "属地"},
                ]
            }
        )
        made = look(workbook({"企业名称": "新矿"}, {"企业名称": "新矿", "属地": "昂素镇"}), office)
        assert [u.id for u in made.new_units] == ["新矿"]
        assert "属于城川镇，本行属地为昂素镇" in "".join(made.rows[1].remarks)


class TestShape:
    def test_missing_columns_are_named(self) -> None:
        from tests.engine.ledgers import HEADERS

        less = [h for h in HEADERS if h not in ("行业", "属地")]
        with pytest.raises(InputInvalid, match="缺少 行业领域、属地 列"):
            look(workbook({}, headers=less))

    def test_no_ledger_at_all(self) -> None:
        with pytest.raises(InputInvalid, match="没有读到“重大事故隐患台账”的数据"):
            look(saved(openpyxl.Workbook()))

    def test_unknown_columns_are_kept_with_the_original(self) -> None:
        from tests.engine.ledgers import HEADERS

        made = look(workbook({"领导批示": "速办"}, headers=[*HEADERS, "领导批示"]))
        assert "领导批示 列没有对应的内容，只随原文保留" in made.remarks[0]
        assert made.rows[0].original["领导批示"] == "速办"

    def test_sums_and_signatures_in_other_words(self) -> None:
        book = openpyxl.load_workbook(BytesIO(workbook({}, {"隐患描述": "二"})))
        sheet = book.worksheets[0]
        sheet.append(["合计：2条"])
        sheet.append([None, "审核人：王建军"])
        made = look(saved(book))
        assert (len(made.rows), made.subtotals, made.signatures) == (2, 1, 1)


class TestHostile:
    def refused(self, data: bytes, says: str) -> None:
        with pytest.raises(InputInvalid, match=says):
            look(data)

    def test_no_workbook(self) -> None:
        self.refused(b"", "不是 .xlsx")
        self.refused(b"\xd0\xcf\x11\xe0" + b"0" * 600, "不是 .xlsx")
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as empty:
            empty.writestr("hello.txt", "hello")
        self.refused(buffer.getvalue(), "无法读取")

    def test_a_bomb_is_refused_before_it_is_opened(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(*_: object, **__: object) -> None:
            raise AssertionError("opened")

        monkeypatch.setattr(openpyxl, "load_workbook", never)
        self.refused(with_part(workbook({}), "xl/media/image.bin", b"0" * 20_000_000), "压缩率异常")
        monkeypatch.setattr(books, "LARGEST_CONTENT", 1_000)
        self.refused(workbook({}), "展开后过大")
        monkeypatch.setattr(books, "LARGEST_FILE", 10)
        self.refused(workbook({}), "请拆分")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_document_types_are_refused(self, encoding: str) -> None:
        text = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode(encoding)
        self.refused(with_part(workbook({}), "docProps/app.xml", text), "文档类型声明")

    def test_a_merged_range_over_the_whole_sheet_is_harmless(self) -> None:
        data = workbook({})
        with zipfile.ZipFile(BytesIO(data)) as parts:
            sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        bomb = sheet.replace(
            "</sheetData>", '</sheetData><mergeCells count="1"><mergeCell ref="A20:XFD1048576"/></mergeCells>'
        )
        assert len(look(with_part(data, "xl/worksheets/sheet1.xml", bomb.encode())).rows) == 1

    def test_a_cell_at_the_end_of_the_world(self) -> None:
        book = openpyxl.load_workbook(BytesIO(workbook({})))
        book.worksheets[0].cell(row=1_048_576, column=1, value="远")
        self.refused(saved(book), "超过 20000 行")

    def test_too_many_columns_are_cut(self) -> None:
        book = openpyxl.load_workbook(BytesIO(workbook({})))
        book.worksheets[0].cell(row=3, column=16_384, value="远")
        assert len(look(saved(book)).rows) == 1

    def test_formulas_are_text_or_nothing(self) -> None:
        assert look(workbook({"备注": '=HYPERLINK("http://x")'})).rows[0].original["备注"] is None


def spoiled(chance: random.Random) -> bytes:
    """The sample with a few bytes changed, cut out or doubled: in the zip, or in one of its parts."""
    whole = SAMPLE.read_bytes()
    with zipfile.ZipFile(BytesIO(whole)) as parts:
        name = chance.choice([*parts.namelist(), *["xl/worksheets/sheet1.xml"] * 4])
        content = bytearray(whole if chance.random() < 0.4 else parts.read(name))
        in_part = len(content) != len(whole)
    for _ in range(chance.randint(1, 6)):
        at, how = chance.randrange(len(content)), chance.random()
        if how < 0.5:
            content[at] = chance.randrange(256)
        elif how < 0.75:
            del content[at : at + chance.randint(1, 40)]
        else:
            content[at:at] = content[at : at + chance.randint(1, 60)]
    return with_part(whole, name, bytes(content)) if in_part else bytes(content)


@pytest.mark.slow
def test_a_damaged_file_is_read_or_refused_never_more() -> None:
    chance = random.Random(20241231)
    directory, outcomes = demo_directory(), Counter[str]()
    for _ in range(150):
        try:
            look(spoiled(chance), directory)
        except InputInvalid:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
    assert outcomes["refused"] > 50 and outcomes["read"] > 5


class TestMap:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (("title = ", "colour = 1\ntitle = "), "不认识的项 colour"),
            (('kind = "serial"', 'kind = "dance"'), "不认识的类型“dance”"),
            (('start = "Start_import"', ""), "缺少必要的项"),
            (('party = "企业"', 'party = "没有"'), "没有一列对应变量“没有”"),
            (("[[columns]]", "[[columns"), "写法有误"),
        ],
    )
    def test_a_wrong_map_is_refused(self, change: tuple[str, str], says: str) -> None:
        text = LEDGER_TOML.read_text(encoding="utf-8").replace(*change, 1)
        with pytest.raises(InputInvalid, match=says):
            look(workbook({}), made=ledger_package(text))

    def test_a_package_without_a_map(self) -> None:
        with pytest.raises(InputInvalid, match="没有 ledger.toml"):
            read_map({})

    def test_variables_counted_once(self) -> None:
        columns = read_map({"ledger.toml": LEDGER_TOML.read_bytes()}).columns
        assert max(Counter(c.variable for c in columns).values()) == 1
