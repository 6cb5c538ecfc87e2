"""The structural rules of BPMN 2.0.2: every rule refuses a wrong diagram at its element and line, and passes its nearest
right neighbour. The diagrams are `tests/engine/refusals/RULE.wrong.bpmn` and `RULE.right.bpmn`; the line that is wrong ends
with a comment that names the element."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.definitions.checking import check_diagram, check_files
from engine.definitions.compile import compile_diagram
from engine.definitions.lint.table import table
from engine.definitions.standard import ALL, RULES
from engine.errors import Finding
from tests.engine.drawings import TOML, files
from web.cli.main import main

FOLDER = Path(__file__).parent / "refusals"
WRONG = sorted(FOLDER.glob("*.wrong.bpmn"))
RIGHT = sorted(FOLDER.glob("*.right.bpmn"))
LEGAL = sorted((FOLDER / "legal").glob("*.bpmn"))
_MARK = re.compile(r"<!-- wrong: (\S+) -->")


def stem(path: Path) -> str:
    return path.name.removesuffix(".wrong.bpmn").removesuffix(".right.bpmn")


def marked(path: Path) -> tuple[str, int]:
    """The element and the line that a wrong diagram says are wrong."""
    places = [
        (match[1], number)
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if (match := _MARK.search(line))
    ]
    assert len(places) == 1
    return places[0]


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]


@pytest.mark.parametrize("path", WRONG, ids=stem)
def test_wrong_is_refused_by_its_rule_at_its_element_and_line(path: Path) -> None:
    found = errors(check_diagram(path.read_bytes(), path.name))
    assert [(f.rule, f.element, f.line) for f in found] == [(stem(path).partition(".")[0], *marked(path))]
    assert re.search(r"，请[^，].*。$", found[0].message), found[0].message
    assert "{" not in found[0].message


@pytest.mark.parametrize("path", WRONG, ids=stem)
def test_no_advice_on_its_flows_is_given_besides(path: Path) -> None:
    """An element that is in the wrong place is not also said to want a sequence flow or an end event."""
    said = {f.rule for f in check_diagram(path.read_bytes(), path.name) if f.element == marked(path)[0]}
    assert not said & {"unreachable", "implicit_end"}


@pytest.mark.parametrize("path", RIGHT, ids=stem)
def test_its_nearest_right_neighbour_passes(path: Path) -> None:
    assert errors(check_diagram(path.read_bytes(), path.name)) == []


@pytest.mark.parametrize("path", WRONG, ids=stem)
def test_a_package_is_refused_as_well(path: Path) -> None:
    given = files(path.read_bytes(), TOML.replace('main = "p"', 'main = "P"'))
    rule = stem(path).partition(".")[0]
    assert (rule, *marked(path)) in [(f.rule, f.element, f.line) for f in errors(check_files(given))]


@pytest.mark.parametrize("path", WRONG, ids=stem)
def test_what_the_kernel_cannot_bear_is_not_played(path: Path) -> None:
    rule = stem(path).partition(".")[0]
    refused = [f.rule for f in errors(compile_diagram(path.read_bytes(), path.name)[1])]
    assert (rule in refused) is not RULES[rule].plays


def test_every_rule_has_its_pair() -> None:
    assert {stem(p).partition(".")[0] for p in WRONG} == set(RULES)
    assert {stem(p) for p in WRONG} == {stem(p) for p in RIGHT}


def test_the_table_is_what_the_rules_say() -> None:
    """`duban check --rules > docs/rules.md` makes it anew."""
    assert (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8") == table()
    assert [rule for rule in ALL if not re.fullmatch(r"\d+(\.\d+)*", rule.clause)] == []
    assert list(RULES) == [key for key in RULES if re.fullmatch(r"[a-z]+(_[a-z]+)*", key)]


# -- legal files of any tool ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", LEGAL, ids=lambda path: path.name)
def test_a_legal_file_of_any_tool_passes_with_warnings(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--json", str(path)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["severity"] for row in rows} <= {"warning"}
    silent = [
        name
        for name in re.findall(
            r"<!-- not executed: (\S+) -->", path.read_text(encoding="cp1252", errors="ignore")
        )
        if not any(name in row["message"] for row in rows)
    ]
    assert silent == []


def test_what_is_legal_but_unwise_is_warned_of_at_its_element_and_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = FOLDER / "legal" / "unwise.bpmn"
    assert main(["check", "--json", str(path)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {(row["rule"], row["element"], row["line"]) for row in rows}
    wanted = {
        (match[1], match[2], number)
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if (match := re.search(r"<!-- unwise: (\S+) (\S+) -->", line))
    }
    assert len(wanted) == 7 and wanted <= found
