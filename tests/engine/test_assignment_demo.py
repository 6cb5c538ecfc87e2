"""The demo directory fits the process it serves and the ledger it imports."""

from __future__ import annotations

import tomllib

import pytest

from engine.definitions.compile import compile_package, load_folder
from engine.definitions.model import Package
from engine.directory import Directory, from_data
from tests.engine.ledgers import ROOT, SAMPLE, look

KEY = "major_hazard_supervision"


@pytest.fixture(scope="module")
def demo() -> Directory:
    return from_data(tomllib.loads((ROOT / "processes" / "demo_directory.toml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def process() -> Package:
    package, findings = compile_package(load_folder(ROOT / "processes" / KEY, ROOT / "forms" / KEY))
    assert package is not None, findings
    return package


def test_every_role_of_the_process_is_held_and_every_post_is_of_a_role(
    demo: Directory, process: Package
) -> None:
    assert {post.role for post in demo.posts} == set(process.roles)


def test_there_is_a_demo_account_for_every_role(demo: Directory, process: Package) -> None:
    shown = [p.id for p in demo.people.values() if p.title]
    assert {role for person in shown for role, _ in demo.posts_of(person)} == set(process.roles)
    for person in shown:
        assert "：" in demo.people[person].title


def test_units_named_by_parameters_exist(demo: Directory, process: Package) -> None:
    for name in ("office_unit", "leader_unit"):
        assert process.parameters[name].value in demo.units


def test_duties_can_be_separated_where_a_department_acts(demo: Directory) -> None:
    """Two people at least check and re-check; the office has two who verify each other."""
    for unit in demo.units_with("DB"):
        assert len(demo.members(unit, "DB")) >= 2, unit
    assert len(demo.members("旗安委办", "AWB_JB")) >= 2
    assert len(demo.members("专家组", "ZJ")) >= 3


def test_every_industry_and_place_of_the_ledger_has_someone(demo: Directory) -> None:
    for row in look(SAMPLE.read_bytes(), demo).rows:
        sector, region = row.variables["行业"], row.variables["属地"]
        for role in ("DB", "DB_LD", "SD"):
            found = demo.responsible(role, sector, region)
            assert found is not None and demo.members(found[0], role), (role, sector, region)
        assert row.variables["主办督办部门"] == demo.responsible("DB", sector, region)[0]  # type: ignore[index]


def test_names_are_as_people_have_them(demo: Directory) -> None:
    assert any("·" in p.name for p in demo.people.values())
    assert all(p.account.isascii() and p.account.isalpha() for p in demo.people.values())
    assert len({p.name for p in demo.people.values()}) == len(demo.people)
