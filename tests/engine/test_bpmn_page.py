"""docs/bpmn.md is whole and true: every element of the standard's schema stands there once, and every test it names is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import SpiffWorkflow.bpmn.parser
from lxml import etree

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "bpmn.md").read_text(encoding="utf-8")
SCHEMA = Path(SpiffWorkflow.bpmn.parser.__file__).parent / "schema" / "Semantic.xsd"
ROW = re.compile(r"^\| `(\w+)` \|[^|]+\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
DOES = {"executed", "read", "shown", "warned", "no diagram"}


def schema_elements() -> set[str]:
    root = etree.parse(SCHEMA).getroot()
    return {e.get("name") for e in root.findall("{http://www.w3.org/2001/XMLSchema}element")}


def test_every_element_of_the_schema_stands_there_once() -> None:
    abstract = re.findall(r"`(\w+)`", PAGE.partition("## Abstract")[2])
    named = Counter([row[0] for row in ROW.findall(PAGE)] + abstract)
    assert set(named) == schema_elements()
    assert [name for name, times in named.items() if times > 1] == []


def test_every_row_says_what_is_done_and_where_the_standard_says_so() -> None:
    rows = ROW.findall(PAGE)
    assert {does.strip() for _, does, *_ in rows} <= DOES
    assert all(re.fullmatch(r"\d+(\.\d+)*(, \d+(\.\d+)*)*", clause.strip()) for *_, clause, _ in rows)


def is_there(file: str, test: str) -> bool:
    """Whether a file has a test of that name; in the traces a block has it as its heading."""
    path = HERE / file
    if not path.exists():
        return False
    text = path.read_text(encoding="utf-8")
    return f"\n## {test}\n" in text if file.endswith(".txt") else f"\ndef {test}(" in text


def test_every_test_named_is_there_and_everything_executed_names_one() -> None:
    missing = []
    for element, does, _, _, tests in ROW.findall(PAGE):
        named = re.findall(r"`([\w/]+\.(?:py|txt))::([^`]+)`", tests)
        if does.strip() == "executed" and not named:
            missing.append(f"{element}: no test")
        missing += [f"{element}: {file}::{test}" for file, test in named if not is_there(file, test)]
    assert missing == []
