"""A small office for tests of assignment and handlers: units, people, one process package, and a desk to act at."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from engine import commands as c
from engine import facts as f
from engine.assignment import acting_as
from engine.calendar import Moment
from engine.definitions.forms import read_form
from engine.definitions.model import Action, Package, Parameter, Role, Start
from engine.directory import Directory, from_data
from engine.execution.history import History
from engine.execution.state import Item, State, fold
from engine.feel import compile_expression
from engine.handlers import FileInfo, Setting, decide
from tests.engine.builders import CALENDAR, MONDAY, diagram

OFFICE: dict[str, Any] = {
    "units": [
        {"name": "安委办", "kind": "安委办"},
        {"name": "安委会", "kind": "领导"},
        {"name": "巡察组", "kind": "审计"},
        {"name": "能源局", "kind": "督办部门"},
        {"name": "住建局", "kind": "督办部门"},
        {"name": "水利局", "kind": "督办部门"},
        {"name": "城川镇", "kind": "属地", "region": "城川镇"},
        {"name": "一号矿", "kind": "企业", "parent": "城川镇"},
        {"name": "二号矿", "kind": "企业"},
        {"name": "三号矿", "kind": "企业", "parent": "城川镇"},
    ],
    "people": [
        {"account": "ban", "name": "班布尔", "posts": ["AWB@安委办"]},
        {"account": "bao", "name": "包文", "posts": ["AWB@安委办"]},
        {"account": "zhu", "name": "朱任", "posts": ["FG@安委会"]},
        {"account": "ji", "name": "纪明", "posts": ["SJ@巡察组"]},
        {"account": "neng", "name": "能文", "posts": ["DB@能源局", "HQ@能源局"]},
        {"account": "niu", "name": "牛力", "posts": ["DB@能源局"]},
        {"account": "jian", "name": "简宁", "posts": ["DB@住建局", "HQ@住建局"]},
        {"account": "cheng", "name": "程川", "posts": ["SD@城川镇", "QY@城川镇"]},
        {"account": "kuang", "name": "阿拉腾其木格·呼和", "posts": ["QY@一号矿"]},
        {"account": "old", "name": "退休人", "active": False, "posts": ["DB@水利局"]},
    ],
    "responsibilities": [
        {"sector": "煤矿", "roles": ["DB"], "unit": "能源局", "source": "方案(7)"},
        {"sector": "煤矿", "region": "昂素镇", "roles": ["DB"], "unit": "水利局"},
        {"sector": "施工", "roles": ["DB"], "unit": "住建局"},
        {"region": "城川镇", "roles": ["SD"], "unit": "城川镇"},
    ],
}

DIAGRAM = """
    start S
    start M message=上报
    user A name=登记审核 groups=AWB status=待受理
    user B name=判定 groups=DB form=judge due="workdays(now(), 2)" status=待判定
    user C name=整改 groups=QY returnTo=B status=整改中
    user D name=复查 groups=DB separateFrom=B
    user E name=核查 groups=AWB separateFrom=A,D
    service N topic=case.number
    service T topic=notice.send in:title="\\"已办结\\"" in:unit=企业 in:role="\\"QY\\""
    end Done
    S -> A
    M -> A
    A -> N -> B -> C -> D -> E -> T -> Done
    eventsub X
        start XS message=延期申请 interrupting=false
        user XU name=延期审批 groups=FG
        end XE
        XS -> XU -> XE
"""


def form(key: str, *components: dict[str, Any]) -> Any:
    """A form-js form out of its components."""
    schema = {"type": "default", "id": key, "components": list(components), "schemaVersion": 19}
    made, findings = read_form(json.dumps(schema).encode(), f"{key}.json")
    assert made is not None, findings
    return replace(made, key=key)


def text(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "textfield", "key": key, "label": key, "id": key, **more}


def package(drawn: str = DIAGRAM, **parameters: Any) -> Package:
    """The test package: roles by variable, by responsibility table and by the only unit that has them."""
    required = {"validate": {"required": True}}
    return replace(
        diagram(drawn),
        key="test",
        title="试验流程",
        roles={
            "AWB": Role("AWB", "安委办经办人"),
            "FG": Role("FG", "分管领导"),
            "DB": Role("DB", "督办部门承办人", compile_expression("主办")),
            "HQ": Role("HQ", "会签部门", None),
            "SD": Role("SD", "属地"),
            "QY": Role("QY", "企业经办", compile_expression("企业")),
        },
        starts={"S": Start("登记", ("QY", "DB"), "report"), "M": Start("上报", ("AWB",))},
        actions={"extension": Action("extension", "申请延期", "延期申请", ("QY",), "extension")},
        register={"title": "描述", "region": "属地", "sector": "行业", "party": "企业"},
        number={"series": "试", "format": "{series}〔{year}〕{number}号"},
        parameters={k: Parameter(k, k, v, "", "") for k, v in parameters.items()},
        forms={
            "report": form(
                "report",
                text("描述", **required),
                text("行业"),
                text("属地"),
                text("主办"),
                {
                    "type": "select",
                    "key": "企业",
                    "label": "企业",
                    "id": "qy",
                    "valuesKey": "units_QY",
                    **required,
                },
                {"type": "filepicker", "key": "照片", "label": "照片", "id": "zp", "multiple": True},
            ),
            "judge": form("judge", text("结论", **required)),
            "extension": form("extension", text("理由", **required)),
        },
    )


REPORT: dict[str, Any] = {"描述": "通风机停用", "行业": "煤矿", "属地": "城川镇", "企业": "一号矿"}


class Desk:
    """A case acted on by people, on a virtual clock. Every step proves that the facts fold to the state."""

    def __init__(self, made: Package | None = None, office: dict[str, Any] | None = None) -> None:
        self.package = made or package()
        self.directory: Directory = from_data(office or OFFICE)
        self.now: datetime = MONDAY
        self.state = State()
        self.facts: list[f.Fact] = []
        self.new: list[f.Fact] = []
        self.files: dict[str, FileInfo] = {}
        self.given: dict[tuple[str, int], int] = {}

    def number(self, series: str, year: int) -> int:
        self.given[series, year] = self.given.get((series, year), 0) + 1
        return self.given[series, year]

    def do(self, command: c.Command, by: str = "") -> Desk:
        """Decide a command by a person (account), or by the engine."""
        actor = acting_as(by, self.directory) if by else c.ENGINE
        setting = Setting(
            self.package,
            self.directory,
            Moment(self.now, CALENDAR),
            actor,
            "case",
            self.number,
            self.files.get,
            history=lambda package: History(package, self.facts),
        )
        try:
            self.new = decide(command, self.state, setting)
        except Exception:
            self.state = fold(self.facts)
            raise
        self.facts += self.new
        assert fold(self.facts) == self.state
        return self

    def start(self, by: str = "neng", **form: Any) -> Desk:
        return self.do(c.StartCase("test", {**REPORT, **form}, "S"), by)

    def finish(self, element: str, by: str, **form: Any) -> Desk:
        return self.do(c.FinishItem("case", self.item(element).id, form), by)

    def until(self, element: str) -> Desk:
        """Through the process by the usual people until the element is open."""
        usual = {
            "A": ("ban", {}),
            "B": ("neng", {"结论": "重大"}),
            "C": ("kuang", {}),
            "D": ("niu", {}),
            "E": ("bao", {}),
        }
        if self.state.started is None:
            self.start()
        for step, (by, form) in usual.items():
            if step == element:
                break
            self.finish(step, by, **form)
        return self

    def item(self, element: str) -> Item:
        return next(i for i in self.state.items.values() if i.element == element)

    def wait(self, **length: Any) -> Desk:
        self.now += timedelta(**length)
        return self

    def kinds(self) -> list[str]:
        return [fact.kind for fact in self.new]

    @property
    def incidents(self) -> list[tuple[str, str]]:
        return [(i.element, i.code) for i in self.state.incidents.values()]
