"""Whatever lies in a file, `duban check` answers with findings and never with a fault of its own: injured drawings, cut bytes,
other encodings, bombs, files of a wrong kind."""

from __future__ import annotations

import json
import random
from pathlib import Path
from time import process_time

import pytest
from lxml import etree

from engine.definitions.checking import check_diagram
from engine.definitions.compile import compile_diagram
from engine.definitions.standard import judge
from engine.definitions.xml import parse
from web.cli.main import main

FOLDER = Path(__file__).parent / "refusals"
DRAWINGS = sorted(FOLDER.rglob("*.bpmn"))
_WORDS = (
    "",
    " ",
    "P",
    "A",
    "nobody",
    "t:A",
    "x:y:z",
    "true",
    "-1",
    "99999999999999999999",
    "=",
    "${x}",
    "\u202e",
    "𝄞",
    "R/PT0S",
)


def injured(data: bytes, dice: random.Random) -> bytes:
    """A drawing with a few things taken away, doubled, moved or overwritten."""
    root = etree.fromstring(data)
    for _ in range(dice.randint(1, 4)):
        nodes = [node for node in root.iter("*") if node is not root]
        if not nodes:
            break
        node, other = dice.choice(nodes), dice.choice(nodes)
        match dice.randrange(7):
            case 0:
                node.getparent().remove(node)
            case 1:
                node.getparent().append(etree.fromstring(etree.tostring(node)))
            case 2 if node not in list(other.iterancestors()) and node is not other:
                other.append(node)
            case 3 if node.attrib:
                del node.attrib[dice.choice(list(node.attrib))]
            case 4 if node.attrib:
                node.set(dice.choice(list(node.attrib)), dice.choice(_WORDS))
            case 5:
                node.text = dice.choice(_WORDS)
            case 6:
                node.tag = other.tag
            case _:
                pass
    return etree.tostring(root)


def cut(data: bytes, dice: random.Random) -> bytes:
    """A file with bytes lost, changed or put in."""
    at, much = dice.randrange(len(data)), dice.randrange(1, 40)
    return dice.choice(
        (
            data[:at],
            data[:at] + data[at + much :],
            data[:at] + dice.randbytes(much) + data[at:],
            data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :],
        )
    )


@pytest.mark.parametrize("seed", range(12))
def test_injured_files_give_findings(seed: int) -> None:
    dice = random.Random(seed)
    for number in range(25):
        data = dice.choice(DRAWINGS).read_bytes()
        data = injured(data, dice) if number % 5 else cut(data, dice)
        findings = check_diagram(data, "图.bpmn")
        assert all(f.message and f.rule and f.file and f.line >= 0 for f in findings), findings
        package, played = compile_diagram(data, "图.bpmn")
        assert package is not None or any(f.severity == "error" for f in played)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "xml_syntax"),
    "zeros": (b"\x00" * 4_000, "xml_syntax"),
    "a zip file": (b"PK\x03\x04" + bytes(range(256)) * 20, "xml_syntax"),
    "JSON": (b'{"definitions": []}', "xml_syntax"),
    "a web page": (b"<html><body/></html>", "not_bpmn"),
    "an entity bomb": (
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>',
        "xml_doctype",
    ),
    "an outside entity": (
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
        "xml_doctype",
    ),
    "a lying encoding": (
        '<?xml version="1.0" encoding="UTF-8"?><a n="安委办"/>'.encode("gb18030"),
        "xml_syntax",
    ),
    "an unknown encoding": (b'<?xml version="1.0" encoding="X-NONE"?><a/>', "xml_syntax"),
    "too much": (b"<a>" + b"<b/>" * 600_000 + b"</a>", "xml_size"),
    "too deep": (b"<a>" * 200 + b"</a>" * 200, "xml_depth"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_by_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, rule = HOSTILE[name]
    (tmp_path / "图.bpmn").write_bytes(data)
    assert main(["check", "--json", str(tmp_path / "图.bpmn")]) == 1
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert set(row) >= {"rule", "severity", "file", "element", "line", "message"}
    assert (row["rule"], row["severity"], row["file"]) == (rule, "error", "图.bpmn")


def test_several_files_and_folders_are_checked_and_one_fault_stops_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = (FOLDER / "quantity.right.bpmn").read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.bpmn").write_bytes(right)
    (tmp_path / "folder" / "c.bpmn").write_bytes((FOLDER / "quantity.wrong.bpmn").read_bytes())
    (tmp_path / "a.bpmn").write_bytes(right)
    (tmp_path / "empty").mkdir()
    given = [str(tmp_path / name) for name in ("empty", "missing.bpmn", "folder", "a.bpmn")]
    assert main(["check", "--json", *given]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {(Path(row["file"]).name, row["rule"]) for row in rows if row["severity"] == "error"}
    assert found == {("empty", "not_found"), ("missing.bpmn", "not_found"), ("c.bpmn", "quantity")}
    assert main(["check", "--json", str(tmp_path / "a.bpmn")]) == 0


def test_a_subprocess_called_like_its_process_is_refused_and_not_walked_for_ever() -> None:
    data = (FOLDER / "data_subprocess.right.bpmn").read_bytes().replace(b'id="U"', b'id="P"')
    rules = {f.rule for f in check_diagram(data, "a.bpmn") if f.severity == "error"}
    assert "duplicate_id" in rules


CROWDS = {
    "handlers": (
        '<task id="t"/>',
        '<boundaryEvent id="b{0}" attachedToRef="t"><compensateEventDefinition/></boundaryEvent>'
        '<association id="a{0}" sourceRef="b{0}" targetRef="t"/>',
    ),
    "links": (
        "",
        '<intermediateThrowEvent id="l{0}"><linkEventDefinition name="a{0}"/></intermediateThrowEvent>'
        '<intermediateCatchEvent id="c{0}"><linkEventDefinition name="a{0}"/></intermediateCatchEvent>',
    ),
    "gateways": (
        '<receiveTask id="t"/>',
        '<eventBasedGateway id="g{0}"/><sequenceFlow id="f{0}" sourceRef="g{0}" targetRef="t"/>',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("crowd", CROWDS)
def test_a_crowd_of_elements_is_judged_in_time(crowd: str) -> None:
    """Linear: twice as many take about twice as long, and 8,000 a few seconds."""
    once, many = CROWDS[crowd]
    text = (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="u"><process id="P">'
        f"{once}{''.join(many.format(number) for number in range(4_000))}</process></definitions>"
    )
    root = parse(text.encode(), "a.bpmn")
    begun = process_time()
    assert judge(root, "a.bpmn")
    assert process_time() - begun < 8
