"""The product as granian serves it in the benchmarks, and the office and process it is measured with."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Flask

from engine.commands import ENGINE
from engine.directory import Directory, Person, Post, Responsibility, Unit
from engine.runtime import accounts, office
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from tests.engine.builders import xml
from tests.engine.office_builder import CHIEF, KEY, WITHOUT_ACTIONS
from web.app import create_app

STEPS = "ABCD"
YEARS = [2026, 2027]
FOUR = (
    "process trial name=试办\n    start S\n    end E\n"
    + f"    S -> {' -> '.join(STEPS)} -> E\n"
    + "".join(
        f"    user {s} name={s} groups=DB form=opinion\n    boundary {s}1 on={s} interrupting=false duration=PT12H\n"
        f"    end {s}2\n    {s}1 -> {s}2\n"
        for s in STEPS
    )
)
FORM = {
    "schemaVersion": 19,
    "type": "default",
    "id": "opinion",
    "title": "办理意见",
    "components": [
        {"type": "textarea", "key": "意见", "label": "意见", "id": "F1", "validate": {"required": True, "maxLength": 4000}},
        {"type": "radio", "key": "结论", "label": "结论", "id": "F2", "validate": {"required": True},
         "values": [{"label": "同意", "value": "同意"}, {"label": "退回", "value": "退回"}]},
        {"type": "number", "key": "金额", "label": "金额（万元）", "id": "F3", "validate": {"min": 0, "max": 100000}},
    ],
}  # fmt: skip
FILLED = {"意见": "现场情况属实，同意按方案治理。", "结论": "同意", "金额": 12.5}


def prepare(database: str, folder: Path) -> str:
    """Tables, an office and the process in an empty database. Returns a personal token."""
    engine = Engine.open(database, folder)
    files = {
        "process.toml": WITHOUT_ACTIONS.encode(),
        "trial.bpmn": xml(FOUR),
        "forms/opinion.json": json.dumps(FORM).encode(),
    }
    units = [Unit("安委办", "安委办", "安委办"), Unit("能源局", "能源局", "督办部门")]
    people = [Person("anna", "anna", "王建军"), Person("chief", "chief", "陈志远")]
    try:
        office.seed_calendar(engine, YEARS, ENGINE)
        directory = Directory(
            {u.id: u for u in units},
            {p.id: p for p in people},
            (Post("anna", "能源局", "DB"), Post("chief", "安委办", "AWB")),
            (Responsibility("*", "*", "DB", "能源局", "〔2026〕1号"),),
        )
        office.load_directory(engine, directory, ENGINE)
        engine.publish(files, CHIEF, "试验")
        return accounts.make_token(engine, "anna", "bench", ENGINE)[1]
    finally:
        engine.close()


def product() -> Flask:
    """For granian: the product by the environment's settings."""
    settings = Settings.from_environment()
    return create_app(settings.engine(), settings)


__all__ = ["FILLED", "KEY", "prepare", "product"]
