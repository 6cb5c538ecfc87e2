"""A small process whose register has all that the office's own has: light, rung, supervisor, closing, an official table."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from engine.commands import Actor
from engine.store import tables as t
from tests.web.builder import FORM, START_FORM, TOML, Site, files

REGISTER = """
[parameters.light_yellow_days]
title = "黄灯：剩余工作日"
value = 5
unit = "工作日"
source = "试验"

[parameters.light_yellow_rung]
title = "黄灯：级"
value = 1
unit = "级"
source = "试验"

[parameters.light_red_rung]
title = "红灯：级"
value = 3
unit = "级"
source = "试验"

[register]
title = "名称"
region = "属地"
sector = "行业"
party = "企业"
origin = "来源渠道"
deadline = "整改期限"
supervisor = "督办部门"
closed = "销号日期"
rung = "预警级"
rungs = ["未升级", "催办", "督促函", "通报", "约谈", "曝光"]
alike = ["名称", "部位"]
columns = [
  {key="企业", title="企业名称"}, {key="行业", title="行业"}, {key="属地", title="属地"},
  {key="名称", title="隐患名称", correct=true}, {key="部位", title="部位", correct=true}, {key="发现日期", title="发现日期"},
  {key="来源渠道", title="来源渠道"}, {key="整改期限", title="整改期限"}, {key="督办部门", title="督办部门"},
  {key="经费", title="经费", correct=true}, {key="销号日期", title="销号日期"}, {key="备注", title="备注", correct=true},
]
"""

LEDGER = """
title = "隐患治理台账"
start = "S"
party = "企业"
party_kind = "企业"
party_parent = "属地"
state = "状况"
cutoff = "截止日期"
subtotals = ["小计"]
signatures = ["填表人", "审核人", "负责人"]

[[columns]]
variable = "台账序号"
headers = ["序号"]
kind = "serial"

[[columns]]
variable = "企业"
headers = ["企业（单位）名称"]
kind = "text"
required = true

[[columns]]
variable = "行业"
headers = ["行业领域"]
kind = "sector"
required = true

[[columns]]
variable = "属地"
headers = ["属地"]
kind = "unit"
required = true

[[columns]]
variable = "名称"
headers = ["隐患描述"]
kind = "text"
group = "隐患基本情况"
width = 36
required = true

[[columns]]
variable = "部位"
headers = ["隐患部位"]
kind = "text"
group = "隐患基本情况"

[[columns]]
variable = "发现日期"
headers = ["排查时间"]
kind = "date"

[[columns]]
variable = "来源渠道"
headers = ["来源渠道"]
kind = "text"

[[columns]]
variable = "整改期限"
headers = ["整改期限"]
kind = "limit"
since = "发现日期"

[[columns]]
variable = "督办部门"
headers = ["督办部门"]
kind = "unit"

[[columns]]
variable = "经费"
headers = ["整改资金（万元）"]
kind = "amount"

[[columns]]
variable = "状况"
headers = ["整改情况"]
kind = "text"
out = 'if 销号日期 != null then "已整改" else if 整改期限 < 今天 then "逾期未整改" else "整改中"'

[[columns]]
variable = "销号日期"
headers = ["销号时间"]
kind = "date"

[[columns]]
variable = "备注"
headers = ["备注"]
kind = "text"
"""


def _date(key: str) -> dict[str, Any]:
    return {"type": "datetime", "subtype": "date", "dateLabel": key, "key": key, "id": f"x{key}"}


def _text(key: str) -> dict[str, Any]:
    return {"type": "textfield", "key": key, "id": f"x{key}", "label": key}


def hazard_files() -> dict[str, bytes]:
    """The package's files; its start takes everything the register shows, so that a test says what stands in it."""
    more = [_text("部位"), _date("整改期限"), _text("督办部门"), _text("备注")]
    more += [{"type": "number", "key": key, "id": f"x{key}", "label": key} for key in ("预警级", "经费")]
    start = START_FORM | {"components": [*START_FORM["components"], *more]}
    check = FORM | {"components": [*FORM["components"], _date("销号日期")]}
    said = TOML[: TOML.index("[register]")] + REGISTER + TOML[TOML.index("[number]") :]
    return files() | {
        "process.toml": said.encode(),
        "ledger.toml": LEDGER.encode(),
        "forms/check.json": json.dumps(check, ensure_ascii=False).encode(),
        "forms/enter.json": json.dumps(start, ensure_ascii=False).encode(),
    }


def with_hazards(site: Site) -> Site:
    """The site with this process in force."""
    site.engine.publish(hazard_files(), Actor("zhao", "赵立新"), "台账试验")
    return site


def numbered(site: Site, case: str, number: str) -> str:
    """A case under a number of its own: the tiny process gives none before its end."""
    with site.engine.database.write() as c:
        c.execute(sa.update(t.cases).where(t.cases.c.id == case).values(number=number))
    return case


def later(site: Site, days: int) -> None:
    """The clock goes on."""
    site.engine.clock.at += timedelta(days=days)  # type: ignore[attr-defined]
