"""`duban play` against the semantics of BPMN 2.0.2: every block of `play_conformance.txt` gives exactly its trace."""

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.engine.builders import xml
from web.cli import play as cli

BLOCKS = Path(__file__).with_name("play_conformance.txt").read_text(encoding="utf-8").split("\n## ")[1:]
CASES = {block.partition("\n")[0]: block.partition("\n")[2] for block in BLOCKS}
_MARKS = {"ElementEntered": ">", "ElementCompleted": "", "ElementCancelled": "~"}


def played(
    data: bytes, folder: Path, capsys, options: list[str], answers: str = ""
) -> tuple[int, list[dict]]:
    """Run the command on a file; gives its exit code and the rows it printed."""
    file = folder / "图.bpmn"
    file.write_bytes(data)
    arguments = ["play", str(file), "--now", "2026-09-28T09:00", *options]
    if answers:
        (folder / "answers.json").write_text(answers, encoding="utf-8")
        arguments += ["--answers", str(folder / "answers.json")]
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(arguments)
    code = parsed.run(parsed)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def trace(rows: list[dict]) -> str:
    """The rows as the text file writes them."""
    found: list[str] = []
    for row in rows:
        if row["kind"] == "IncidentRaised":
            found.append(f"!{row['element']}:{row['code']}")
        elif row["kind"] in _MARKS:
            step = _MARKS[row["kind"]] + row["element"]
            if found and row["kind"] == "ElementCompleted" and found[-1] == f">{step}":
                found.pop()
            found.append(step)
    return " ".join(found)


@pytest.mark.parametrize("name", CASES)
def test_trace(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _, expected = CASES[name].strip().rpartition("\n=> ")
    options = re.search(r"^options: (.*)$", text, re.MULTILINE)
    answers = re.search(r"^answers: (.*)$", text, re.MULTILINE)
    drawn = re.sub(r"^(options|answers): .*\n", "", text, flags=re.MULTILINE)
    code, rows = played(
        xml(drawn),
        tmp_path,
        capsys,
        shlex.split(options[1]) if options else [],
        answers[1] if answers else "",
    )
    assert f"{code} {trace(rows)}".strip() == expected


def test_enough_is_said() -> None:
    assert len(CASES) == len(BLOCKS) >= 150
