"""What people do with a step as stories: a case in which a step runs beside two countersigners, so that each is told inside a
parallel block and inside a multi-instance; each story in a file of the folder `desk`. 加签, 减签 and 会签 need a diagram of their
own: their stories stand in tests/engine/test_signing.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.definitions.compile import compile_package
from engine.directory import Directory, from_data
from engine.runtime.scenario import run
from engine.runtime.scenario_file import read_scenario
from tests.engine.handling import OFFICE, package
from tests.engine.office_builder import DIAGRAM as TRIAL
from tests.engine.office_builder import trial_files

FOLDER = Path(__file__).parent / "desk"

DIAGRAM = """
    start S
    user A name=登记审核 groups=AWB
    and F
    user B name=现场核查 groups=DB copyTo=ZJ
    boundary late name=三日未核 on=B interrupting=false duration=P3D
    end reminded
    late -> reminded
    user C name=联合会签 groups=DB each="[\\"能源局\\", \\"住建局\\"]" as=会签单位 unit=会签单位
    and J
    user D name=归档 groups=AWB
    end E name=已归档
    S -> A -> F
    F -> B -> J
    F -> C -> J
    J -> D -> E
"""

FORM: dict[str, Any] = {
    "report": {"描述": "通风机停用", "行业": "煤矿", "属地": "上海庙镇", "企业": "一号矿", "主办": "能源局"}
}


def office() -> Directory:
    """The test office, with people who have nothing to do with the case."""
    people = [
        {"account": "shui", "name": "水清", "posts": ["DB@水利局"]},
        {"account": "wei1", "name": "王伟", "posts": ["DB@水利局"]},
        {"account": "wei2", "name": "王伟", "posts": ["DB@应急局"]},
        {"account": "ying", "name": "应急甲", "posts": ["DB@应急局"]},
        {"account": "jia", "name": "专家甲", "posts": ["ZJ@专家组"]},
        {"account": "er", "name": "二矿长", "posts": ["QY@二号矿"]},
    ]
    units = [{"name": "专家组", "kind": "专家"}, {"name": "应急局", "kind": "督办部门"}]
    return from_data(OFFICE | {"units": [*OFFICE["units"], *units], "people": [*OFFICE["people"], *people]})


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_story(file: Path) -> None:
    story = read_scenario(file.read_bytes(), file.name, "test")
    report = run(story, package(DIAGRAM), office(), FORM)
    assert [str(failure) for failure in report.failures] == []
    assert report.compared > 0  # the second engine has followed it


@pytest.mark.parametrize(("role", "said"), [("AWB", []), ("XX", ["办结后抄送的岗位“XX”不在岗位表中"])])
def test_a_drawn_copy_names_a_role_there_is(role: str, said: list[str]) -> None:
    drawn = TRIAL.replace("returnTo=A", f"returnTo=A copyTo={role}")
    _, findings = compile_package(trial_files(drawn))
    assert [s for s in said if not any(s in f.message for f in findings)] == []
    assert [f for f in findings if f.severity == "error" and not said] == []
