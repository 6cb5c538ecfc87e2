"""Builds a site for tests: two departments, a town, an enterprise, the office, an auditor; a process with a form."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from engine.clock import FixedClock
from engine.commands import ENGINE, Actor
from engine.directory import Directory, Person, Post, Responsibility, Unit
from engine.runtime import accounts, office
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from engine.store import tables as t
from tests import stores
from tests.engine.builders import xml
from tests.engine.office_builder import MONDAY
from web.app import create_app

KEY = "tiny"
PASSWORD = "Duban-2026-test"

DIAGRAM = """
process tiny name=小流程
    start S name=登记
    user A name=核实 groups=DB form=check due=workdays(now(),3) status=核实中
    user B name=审批 groups=AWB due=workdays(now(),1) status=待审批 separateFrom=A returnTo=A
    service C name=外部登记 topic=outside
    end E name=已办结
    boundary A1 name=逾期提醒 on=A interrupting=false duration=P5D
    end A2
    A1 -> A2
    S -> A -> B -> C -> E
    eventsub K
        start K1 message=延期申请 interrupting=false
        end K2
        K1 -> K2
"""

FORM = {
    "schemaVersion": 19, "type": "default", "id": "check", "title": "核实表",
    "components": [
        {"type": "textfield", "key": "说明", "id": "f1", "label": "核实说明", "validate": {"required": True, "maxLength": 100}},
        {"type": "radio", "key": "结论", "id": "f2", "label": "结论", "validate": {"required": True},
         "values": [{"label": "属实", "value": "属实"}, {"label": "不属实", "value": "不属实"}]},
        {"type": "number", "key": "人数", "id": "f3", "label": "涉及人数", "decimalDigits": 0, "validate": {"min": 0, "max": 1000}},
    ],
}  # fmt: skip

START_FORM = {
    "schemaVersion": 19, "type": "default", "id": "enter", "title": "登记表",
    "components": [
        {"type": "textfield", "key": "名称", "id": "s1", "label": "隐患名称", "validate": {"required": True}},
        {"type": "select", "key": "企业", "id": "s2", "label": "企业", "valuesKey": "units_QY", "validate": {"required": True}},
        {"type": "select", "key": "行业", "id": "s3", "label": "行业", "valuesKey": "sectors", "validate": {"required": True}},
        {"type": "select", "key": "属地", "id": "s4", "label": "属地", "valuesKey": "regions", "validate": {"required": True}},
        {"type": "datetime", "subtype": "date", "dateLabel": "发现日期", "key": "发现日期", "id": "s5"},
        {"type": "textfield", "key": "来源渠道", "id": "s6", "label": "来源渠道"},
    ],
}  # fmt: skip

REGISTERED = {
    "名称": "备用风机停用",
    "企业": "一号煤矿",
    "行业": "煤矿",
    "属地": "上海庙镇",
    "发现日期": "2026-09-20",
}
"""The start form as it is filled in where a test says nothing else."""

TOML = """
[package]
key = "tiny"
title = "小流程"
owner = "安委办"
main = "tiny"

[roles.DB]
title = "督办部门承办人"

[roles.AWB]
title = "安委办经办人"

[roles.QY]
title = "企业经办"
unit = "企业"

[actions.extension]
title = "申请延期"
message = "延期申请"
roles = ["DB"]

[start.S]
title = "登记"
roles = ["DB", "AWB"]
form = "enter"

[parameters.days]
title = "核实时限"
value = 3
unit = "工作日"
source = "试验"

[parameters.stock_until]
title = "存量截止日"
value = "2023-12-31"
unit = "日期"
source = "试验"

[register]
title = "名称"
region = "属地"
sector = "行业"
party = "企业"
origin = "来源渠道"
columns = [ {key="名称", title="隐患名称"}, {key="发现日期", title="发现日期"}, {key="来源渠道", title="来源渠道"} ]

[number]
series = "小"
format = "{series}〔{year}〕{number}号"
"""

PEOPLE = {
    "wang": ("王建军", [("DB", "能源局")]),
    "li": ("李娜", [("DB", "能源局")]),
    "zhao": ("赵立新", [("AWB", "安委办")]),
    "qimuge": ("其木格", [("AWB", "安委办")]),
    "liu": ("刘洋", [("DB", "住建局")]),
    "mutu": ("牧图", [("SD", "上海庙镇")]),
    "gao": ("高建军", [("QY", "一号煤矿")]),
    "sun": ("孙会计", [("QY", "二号工地")]),
    "ji": ("纪晓峰", [("SJ", "纪检组")]),
}  # fmt: skip


def files() -> dict[str, bytes]:
    """The package's files."""
    return {
        "process.toml": TOML.encode(),
        "tiny.bpmn": xml(DIAGRAM),
        "forms/check.json": json.dumps(FORM, ensure_ascii=False).encode(),
        "forms/enter.json": json.dumps(START_FORM, ensure_ascii=False).encode(),
    }


def directory() -> Directory:
    units = [
        Unit("安委办", "安委办", "安委办"), Unit("能源局", "能源局", "督办部门"), Unit("住建局", "住建局", "督办部门"),
        Unit("上海庙镇", "上海庙镇", "属地"), Unit("城川镇", "城川镇", "属地"), Unit("一号煤矿", "一号煤矿", "企业"),
        Unit("二号工地", "二号工地", "企业"), Unit("纪检组", "纪检组", "审计"),
    ]  # fmt: skip
    posts = tuple(Post(p, unit, role) for p, (_, held) in PEOPLE.items() for role, unit in held)
    lines = (
        Responsibility("煤矿", "*", "DB", "能源局", "〔2024〕2号"),
        Responsibility("建筑施工", "*", "DB", "住建局", "〔2024〕2号"),
    )
    people = {p: Person(p, p, name, title=f"{name}的演示账号") for p, (name, _) in PEOPLE.items()}
    return Directory({u.id: u for u in units}, people, posts, lines)


@dataclass
class Site:
    """An app, its engine, and signed-in browsers by account."""

    app: Flask
    engine: Engine
    host: FixedClock
    mine: str = ""
    theirs: str = ""
    _users: dict[str, User] = field(default_factory=dict)

    def user(self, account: str) -> User:
        """The account's browser, signed in (one a test)."""
        if account not in self._users:
            self._users[account] = User(self.app).sign_in(account)
        return self._users[account]

    def stranger(self) -> User:
        """A browser nobody has signed in with."""
        return User(self.app)

    def token(self, account: str) -> str:
        return accounts.make_token(self.engine, account, "测试", ENGINE)[1]

    def begin(self, account: str = "wang", **form: Any) -> str:
        """A fresh case, by the API."""
        begun = {"package": KEY, "start": "S", "form": REGISTERED | form}
        answer = self.user(account).post("/api/v1/cases", begun)
        assert answer.status_code == 201, answer.text
        return str(answer.json["case"])

    def item(self, case: str, element: str) -> int:
        """The open item of an element."""
        return next(i.id for i in self.engine.load(case).items.values() if i.element == element)


class User:
    """A browser: cookies, and the CSRF token its pages carry."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.csrf = ""

    def sign_in(self, account: str, password: str = PASSWORD) -> User:
        answer = self.client.post("/api/v1/session", json={"account": account, "password": password})
        assert answer.status_code == 201, answer.text
        self.csrf = answer.json["csrf_token"]
        return self

    def get(self, url: str, **more: Any) -> TestResponse:
        return self.client.get(url, **more)

    def send(self, method: str, url: str, body: Any = None, **headers: str) -> TestResponse:
        given = {"X-CSRF-Token": self.csrf} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.open(url, method=method, json={} if body is None else body, headers=given)

    def post(self, url: str, body: Any = None, **headers: str) -> TestResponse:
        return self.send("POST", url, body, **headers)

    def put(self, url: str, body: Any = None, **headers: str) -> TestResponse:
        return self.send("PUT", url, body, **headers)

    def page_token(self, url: str) -> str:
        """The CSRF token in a page's head."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.get(url).text)
        assert found
        return found[1]


class _Compiled(BytecodeCache):
    """Templates as this process compiled them once, for every site after the first."""

    def __init__(self) -> None:
        self.code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.code:
            bucket.bytecode_from_string(self.code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.code[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = _Compiled()


def make_office(folder: Path) -> None:
    """The data of a fresh site, in `folder` (and in the database it names); made once and copied by `copy_office`."""
    engine = Engine.open(stores.url_in(folder), folder, FixedClock(MONDAY))
    office.seed_calendar(engine, [2026], ENGINE)
    office.load_directory(engine, directory(), ENGINE)
    with engine.database.write() as c:  # a real argon2id digest, at a cost that suits a hundred sign-ins
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        c.execute(sa.update(t.people).values(password=cheap))
    engine.publish(files(), Actor("zhao", "赵立新"), "试验")
    engine.close()


def copy_office(office: Path, folder: Path) -> Path:
    """A copy of an office's data, with a database of its own."""
    shutil.copytree(office, folder, ignore=shutil.ignore_patterns(stores.REMEMBERED))
    if (office / stores.REMEMBERED).exists():
        stores.copy_in(folder, stores.url_in(office).rsplit("/", 1)[1])
    return folder


def open_site(folder: Path, mode: str = "demo") -> Site:
    """The site on a folder's data. The engine's clock stands at Monday 28 September 2026, 09:00; sessions go by `host`."""
    url = stores.url_in(folder)
    engine = stores.closing(Engine.open(url, folder, FixedClock(MONDAY)))
    stores.off_the_disk(engine.database)
    app = create_app(engine, Settings(folder, url, 8000, mode, "s" * 40))
    app.jinja_env.bytecode_cache = TEMPLATES
    app.config["SESSION_CLOCK"] = FixedClock(MONDAY)
    app.extensions["duban.sign_ins"].most = sys.maxsize  # all browsers here have one address
    return Site(app, engine, app.config["SESSION_CLOCK"])


__all__ = ["KEY", "PASSWORD", "PEOPLE", "Site", "User", "copy_office", "files", "make_office", "open_site"]
