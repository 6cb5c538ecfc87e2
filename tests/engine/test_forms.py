"""Forms 表单: what is read, what people may send, and what nobody can break."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import Moment
from engine.clock import SHANGHAI
from engine.definitions.forms import Form, read_form
from engine.definitions.forms.pattern import compile_pattern
from engine.errors import EngineError, InputInvalid
from engine.values import dumps, loads
from tests.engine.builders import CALENDAR

MOMENT = Moment(datetime(2026, 9, 28, 1, 0, tzinfo=UTC), CALENDAR)
FORMS = sorted((Path(__file__).parents[2] / "forms").glob("*/*.json"))


def made(*components: dict[str, Any]) -> Form:
    form, findings = read_form(
        json.dumps({"type": "default", "title": "表", "components": list(components)}).encode(),
        "forms/T.json",
    )
    assert form is not None, findings
    return form


def field(kind: str, key: str = "项", label: str = "整改期限", **more: Any) -> dict[str, Any]:
    return {"type": kind, "path" if kind == "dynamiclist" else "key": key, "label": label, **more}


def rules(component: dict[str, Any]) -> set[str]:
    data = json.dumps({"components": [component]}).encode()
    form, findings = read_form(data, "forms/T.json")
    assert (form is None) == bool(findings)
    return {f.rule for f in findings}


def sent(component: dict[str, Any], value: Any, **more: Any) -> tuple[Any, list[str]]:
    """The clean value and the errors of one field."""
    clean, errors = made(component).validate({"项": value}, {}, MOMENT, **more)
    return clean.get("项"), errors.get("项", [])


YES_NO = [{"label": "是", "value": True}, {"label": "否", "value": False}]
LEVELS = [{"label": "甲", "value": "甲"}, {"label": "乙", "value": "乙"}]
MUST = {"required": True}


@pytest.mark.parametrize(
    ("component", "value", "clean"),
    [
        (field("textfield"), " 通风机 ", "通风机"),
        (field("textfield"), "", None),
        (field("textfield"), None, None),
        (field("textarea", validate={"minLength": 2, "maxLength": 3}), "通风机", "通风机"),
        (field("textfield", validate={"pattern": "^[0-9-]{7,18}$"}), "0477-123456", "0477-123456"),
        (field("number"), 5, 5),
        (field("number"), 5.0, 5),
        (field("number"), 2.5, Decimal("2.5")),
        (field("number"), " 2.50 ", Decimal("2.50")),
        (field("number", validate={"min": 0, "max": 100}), 100, 100),
        (field("number", decimalDigits=2), 0.25, Decimal("0.25")),
        (field("checkbox", validate=MUST), True, True),
        (field("checkbox"), False, False),
        (field("radio", values=YES_NO), False, False),
        (field("radio", values=[{"label": "一", "value": 1}]), 1, 1),
        (field("select", values=LEVELS), "乙", "乙"),
        (field("select", valuesKey="regions"), "城川镇", "城川镇"),
        (field("checklist", values=LEVELS), ["甲", "甲", "乙"], ["甲", "乙"]),
        (field("checklist", values=LEVELS), [], []),
        (field("datetime", subtype="date"), "2026-10-08", date(2026, 10, 8)),
        (field("datetime", subtype="time"), "08:30", time(8, 30)),
        (
            field("datetime", subtype="datetime"),
            "2026-10-08T08:30",
            datetime(2026, 10, 8, 8, 30, tzinfo=SHANGHAI),
        ),
        (
            field("datetime", subtype="datetime"),
            "2026-10-08T00:30Z",
            datetime(2026, 10, 8, 0, 30, tzinfo=UTC),
        ),
        (field("datetime", subtype="date", disallowPassedDates=True), "2026-09-28", date(2026, 9, 28)),
        (field("filepicker", multiple=True), ["a1", "b2", "a1"], ["a1", "b2"]),
        (field("filepicker"), "a1", ["a1"]),
        (
            field("dynamiclist", components=[field("number", "数", "数"), field("textfield", "名", "名")]),
            [{"数": 1, "名": "甲"}, {}],
            [{"数": 1, "名": "甲"}, {}],
        ),
    ],
)
def test_what_is_right_comes_back_as_values(component: dict[str, Any], value: Any, clean: Any) -> None:
    found, errors = sent(component, value)
    assert errors == [] and found == clean and type(found) is type(clean)
    assert loads(dumps(found)) == found


@pytest.mark.parametrize(
    ("component", "value", "sentence"),
    [
        (field("textfield", validate=MUST), None, "“整改期限”为必填项。"),
        (field("textfield", validate=MUST), "  ", "“整改期限”为必填项。"),
        (field("textfield"), 5, "应填写文字"),
        (field("textfield"), "长" * 10_001, "不能超过 10000 个字"),
        (field("textfield", validate={"minLength": 2}), "短", "不能少于 2 个字"),
        (field("textfield", validate={"maxLength": 2}), "长长长", "不能超过 2 个字"),
        (field("textfield", validate={"pattern": "^[0-9]+$"}), "12x", "格式不对"),
        (field("textfield", validate={"pattern": "^[0-9]+$"}), "1" * 1001, "不能超过 1000 个字"),
        (field("textfield", validate={"validationType": "email"}), "x@", "格式不对"),
        (field("number"), True, "应填写数字"),
        (field("number"), "五", "应填写数字"),
        (field("number"), "1e5", "应填写数字"),
        (field("number"), [1], "应填写数字"),
        (field("number", validate={"min": 1}), 0, "不能小于 1"),
        (field("number", validate={"max": 100}), 100.5, "不能大于 100"),
        (field("number", decimalDigits=0), 1.5, "应为整数"),
        (field("number", decimalDigits=1), 1.25, "最多 1 位小数"),
        (field("number"), 1e-300, "小数位数太多"),
        (field("checkbox", validate=MUST), False, "须勾选"),
        (field("checkbox"), "true", "应为是或否"),
        (field("radio", values=YES_NO), 1, "不在选项中"),
        (field("radio", values=[{"label": "一", "value": 1}]), True, "不在选项中"),
        (field("select", values=LEVELS), "丙", "不在选项中"),
        (field("select", values=LEVELS), {"a": 1}, "不在选项中"),
        (field("select", valuesKey="regions"), 5, "请从名单中选择"),
        (field("checklist", values=LEVELS, validate=MUST), [], "为必填项"),
        (field("checklist", values=LEVELS), ["甲", "丙"], "不在选项中"),
        (field("checklist", values=LEVELS), "甲", "列表"),
        (field("datetime", subtype="date"), "2026-02-30", "不是有效的日期"),
        (field("datetime", subtype="date"), "9999-12-31", "不是有效的日期"),
        (field("datetime", subtype="date"), "20261008", "不是有效的日期"),
        (field("datetime", subtype="date"), 5, "应填写日期"),
        (field("datetime", subtype="time"), "25:00", "不是有效的时间"),
        (field("datetime", subtype="datetime"), "2026-10-08", "不是有效的日期时间"),
        (field("datetime", subtype="date", disallowPassedDates=True), "2026-09-27", "不能早于今天"),
        (field("filepicker", validate=MUST, multiple=True), [], "请上传文件"),
        (field("filepicker"), ["../etc/passwd"], "应是已上传的文件"),
        (field("filepicker"), ["a", "b"], "只能上传一个文件"),
        (field("dynamiclist", components=[field("number", "数", "数")]), "x", "应是各行的列表"),
        (
            field("dynamiclist", components=[field("number", "数", "数")]),
            [{"数": 1}, {"数": "x"}],
            "第 2 行：“数”应填写数字",
        ),
        (
            field("dynamiclist", components=[field("number", "数", "数")]),
            [{"多": 1}],
            "第 1 行：表单没有“多”这一项",
        ),
        (field("dynamiclist", components=[field("number", "数", "数")]), [5], "第 1 行：提交的内容"),
        (field("dynamiclist", components=[field("number", "数", "数")]), [{}] * 201, "最多 200 行"),
        (field("dynamiclist", validate=MUST, components=[field("number", "数", "数")]), [], "至少填写一行"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(component: dict[str, Any], value: Any, sentence: str) -> None:
    clean, errors = sent(component, value)
    assert clean is None and len(errors) == 1
    assert sentence in errors[0] and "整改期限" in errors[0]


def test_a_missing_required_field_and_an_unknown_one_are_errors_by_key() -> None:
    form = made(field("textfield", validate=MUST), field("number", "数", "数"))
    clean, errors = form.validate({"多余": 1, "数": 2}, {}, MOMENT)
    assert clean == {} and set(errors) == {"项", "多余"} and "多余" in errors["多余"][0]


def test_an_optional_field_that_is_not_sent_stays_unsaid() -> None:
    assert made(field("textfield"), field("number", "数", "数")).validate({"数": None}, {}, MOMENT) == (
        {"数": None},
        {},
    )


def test_choices_come_from_the_directory() -> None:
    component = field("select", valuesKey="units_DB")
    choices = {"units_DB": [{"label": "能源局", "value": "能源局"}], "regions": ["城川镇"]}
    assert sent(component, "能源局", choices=choices) == ("能源局", [])
    assert sent(component, "别局", choices=choices)[1]
    assert sent(field("select", valuesKey="regions"), "城川镇", choices=choices) == ("城川镇", [])
    assert "名单" in sent(component, "能源局", choices={})[1][0]
    clean, errors = made(component).validate(
        {"项": "别局"}, choices, MOMENT
    )  # the lists may stand in the context
    assert clean == {} and errors


def hidden_when(condition: str, key: str, **more: Any) -> dict[str, Any]:
    return field("textfield", key, key, conditional={"hide": condition}, validate=MUST, **more)


def test_hidden_fields_are_not_required_and_their_values_are_dropped() -> None:
    form = made(
        field("select", "处理", "处理", values=LEVELS),
        hidden_when('=处理 != "乙"', "理由"),
        hidden_when("=理由 = null", "依据"),
    )
    assert form.validate({"处理": "甲", "理由": "x", "依据": "y"}, {}, MOMENT) == ({"处理": "甲"}, {})
    assert set(form.validate({"处理": "乙"}, {}, MOMENT)[1]) == {"理由"}
    assert set(form.validate({"处理": "乙", "理由": "x"}, {}, MOMENT)[1]) == {"依据"}
    assert form.validate({}, {}, MOMENT) == ({}, {})


def test_conditions_see_the_case_below_the_form() -> None:
    form = made(field("number", "数", "数"), hidden_when("=级别 < 3 or 数 = 1", "理由"))
    assert form.validate({"数": 2}, {"级别": 1, "数": 9}, MOMENT) == ({"数": 2}, {})
    assert form.validate({"数": 2}, {"级别": 4, "数": 1}, MOMENT)[1]


def test_a_group_hides_what_is_in_it_and_rows_see_their_own_values() -> None:
    group = {
        "type": "group",
        "label": "组",
        "conditional": {"hide": "=否"},
        "components": [field("textfield", validate=MUST)],
    }
    assert made(group, field("checkbox", "否", "否")).validate({"否": True, "项": "x"}, {}, MOMENT) == (
        {"否": True},
        {},
    )
    rows = field(
        "dynamiclist", "行", "行", components=[field("number", "数", "数"), hidden_when("=数 < 限", "理由")]
    )
    clean, errors = made(rows, field("number", "限", "限")).validate(
        {"限": 5, "行": [{"数": 1, "理由": "x"}, {"数": 7}]}, {}, MOMENT
    )
    assert errors == {"行": ["“行”第 2 行：“理由”为必填项。"]}


def test_disabled_and_read_only_fields_are_ignored_on_input() -> None:
    form = made(
        field("textfield", disabled=True),
        field("number", "数", "数", readonly=True),
        field("textfield", "名", "名"),
    )
    assert form.validate({"项": 5, "数": "x", "名": "甲"}, {}, MOMENT) == ({"名": "甲"}, {})


def test_prefill_leaves_out_what_a_person_must_write() -> None:
    form = made(field("textarea", properties={"neverPrefilled": "true"}), field("textfield", "名", "名"))
    assert form.prefill({"项": "抄来的意见", "名": "甲", "别": 1}) == {"名": "甲"}


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ("form_component", {"type": "iframe"}, {"type": "text", "text": "x"}),
        ("form_component", field("expression"), field("textfield")),
        ("form_key", field("textfield", "a.b"), field("textfield", "a_b")),
        ("form_key", field("textfield", "case"), field("textfield", "案件")),
        ("form_key", field("textfield", "_"), field("textfield", "甲1")),
        ("form_rule", field("textfield", validate={"min": 1}), field("number", validate={"min": 1})),
        (
            "form_rule",
            field("textfield", validate={"minLength": -1}),
            field("textfield", validate={"minLength": 1}),
        ),
        ("form_rule", field("number", validate={"max": "many"}), field("number", validate={"max": "9"})),
        (
            "form_rule",
            field("textfield", validate={"validationType": "iban"}),
            field("textfield", validate={"validationType": "phone"}),
        ),
        (
            "form_pattern",
            field("textfield", validate={"pattern": "(?=x)"}),
            field("textfield", validate={"pattern": "(a+)+$"}),
        ),
        (
            "form_pattern",
            field("textfield", validate={"pattern": "a" * 257}),
            field("textfield", validate={"pattern": "a" * 150}),
        ),
        ("form_options", field("select", values=[]), field("select", values=LEVELS)),
        ("form_options", field("select", values=[{"label": "x"}]), field("select", values=LEVELS)),
        ("form_options", field("select", valuesKey="everyone"), field("select", valuesKey="units_all")),
        ("form_options", field("select", valuesExpression="=x"), field("select", valuesKey="people_FG")),
        (
            "form_condition",
            field("textfield", conditional={"hide": "=x >"}),
            field("textfield", conditional={"hide": "=x > 1"}),
        ),
        (
            "form_condition",
            field("textfield", conditional={"show": "=x"}),
            field("textfield", conditional={}),
        ),
        ("form_subtype", field("datetime", subtype="week"), field("datetime", subtype="time")),
        (
            "form_readonly",
            field("textfield", disabled=True, validate=MUST),
            field("textfield", disabled=True),
        ),
        (
            "form_group_path",
            {"type": "group", "path": "a", "components": []},
            {"type": "group", "components": []},
        ),
        (
            "form_table_empty",
            field("dynamiclist", components=[]),
            field("dynamiclist", components=[field("number")]),
        ),
        (
            "form_prefilled",
            field("textarea", defaultValue="同意", properties={"neverPrefilled": "true"}),
            field("textarea", defaultValue="同意"),
        ),
    ],
)
def test_a_form_the_server_cannot_check_is_refused(
    rule: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    if rule == "form_key" and wrong["key"] == "_":
        wrong = field("textfield", "1甲")
    assert rules(wrong) == {rule}
    assert rules(right) == set()


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"components": 5}', b"\xff", b"[" * 100_000, b" " * 600_000]
)
def test_what_is_no_form_is_refused(data: bytes) -> None:
    form, findings = read_form(data, "forms/T.json")
    assert form is None and findings[0].rule == "form_syntax"


def test_a_key_twice_and_too_much_of_anything_are_refused() -> None:
    def found(*components: Any) -> set[str]:
        return {f.rule for f in read_form(json.dumps({"components": list(components)}).encode(), "T")[1]}

    assert found(field("number"), field("textfield")) == {"form_key_twice"}
    assert found(*(field("number", f"n{i}") for i in range(301))) == {"form_size"}
    nested: dict[str, Any] = field("number")
    for _ in range(8):
        nested = {"type": "group", "components": [nested]}
    assert found(nested) == {"form_depth"}
    assert "form_component" in found(5)


def test_patterns_take_linear_time() -> None:
    for pattern, text in (
        ("(a+)+$", "a" * 30 + "b"),
        ("^(a|a)*$", "a" * 999 + "b"),
        ("^(a?){50}a{50}$", "a" * 60 + "b"),
        ("a*a*a*a*b", "a" * 1000),
    ):
        begun = process_time()
        assert not compile_pattern(pattern).found(text)
        assert process_time() - begun < 0.2
    component = field("textfield", validate={"pattern": "(a+)+$"})
    begun = process_time()
    assert sent(component, "a" * 30 + "!")[1]
    assert process_time() - begun < 0.2


@given(
    st.from_regex(r"([ab]|[.]|\(a\|b\)|[a-b]|\[ab\])([*+?]|\{1,2\})?(a|b\||)\$?", fullmatch=True),
    st.text("ab", max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_patterns_match_as_regular_expressions_do(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).found(text) == bool(re.search(pattern.replace("$", r"\Z"), text))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["甲", "\x00", "\ud800", "2026-10-08", 10**4000, "9" * 9999]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["项", "数", "行", "名", "$date", "x", ""]), inner, max_size=4)
    ),
    max_leaves=12,
)
EVERYTHING = made(
    field("textfield", validate={"required": True, "pattern": "a+"}),
    field("number", "数", "数", validate={"min": 0, "max": 9}, decimalDigits=1),
    field(
        "dynamiclist",
        "行",
        "行",
        components=[field("datetime", "名", "名", subtype="datetime"), hidden_when("=名 > 1", "x")],
    ),
    field("checklist", "名", "名", values=LEVELS, conditional={"hide": "=数 > 项"}),
)


@given(JSON)
@settings(max_examples=250, deadline=None)
def test_any_json_gives_values_or_sentences(data: Any) -> None:
    try:
        clean, errors = EVERYTHING.validate(data, {}, MOMENT)
    except EngineError as refusal:
        assert isinstance(refusal, InputInvalid)
        return
    assert not (clean and errors)
    assert all(isinstance(s, str) and s for found in errors.values() for s in found)
    assert loads(dumps(clean)) == clean


def test_very_deep_data_is_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputInvalid):
        EVERYTHING.validate({"项": deep}, {}, MOMENT)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_json_is_a_form_or_a_finding(data: Any) -> None:
    for schema in (
        data,
        {"components": data},
        {"components": [data, {"type": "textfield", "key": "a", "validate": data}]},
    ):
        form, findings = read_form(json.dumps(schema, ensure_ascii=True, default=str).encode(), "T")
        assert form is not None or findings


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_the_forms_of_the_product_are_read(path: Path) -> None:
    form, findings = read_form(path.read_bytes(), f"forms/{path.name}")
    assert form is not None and findings == []
    assert form.key == path.stem and form.fields


def test_braces_in_a_label_are_letters() -> None:
    component = field("textfield", label="单位{县}{0.x}", validate=MUST)
    assert sent(component, None)[1] == ["“单位{县}{0.x}”为必填项。"]


@pytest.mark.parametrize("name", [{"a": 1}, ["sectors"], 7, True])
def test_a_list_is_named_by_text(name: Any) -> None:
    assert rules(field("select", valuesKey=name)) == {"form_options"}
