"""Packages: process.toml, files in and out, hashes, editing one number, and what changed between two versions."""

from __future__ import annotations

import io
import random
import tomllib
import warnings
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from lxml import etree

from engine.definitions import manifest
from engine.definitions.checking import check_files
from engine.definitions.compare import changes
from engine.definitions.compile import (
    compile_package,
    load_folder,
    package_hash,
    set_parameter,
    unzip_files,
    zip_files,
)
from engine.definitions.model import Package
from engine.errors import DefinitionRefused, EngineError, InputInvalid, NotFound
from tests.engine.drawings import (
    FORM,
    TOML,
    drawing,
    element,
    end,
    files,
    flow,
    form,
    gateway,
    line,
    properties,
    script,
    start,
    timer,
    user,
)

ROOT = Path(__file__).parents[2]
MAIN = "major_hazard_supervision"


def body(due: str = "workdays(today(), p.plan_days)", **attributes: str) -> bytes:
    return drawing(
        start(), user("t", camunda_dueDate=due, camunda_formKey="F", **attributes), end(), line("s", "t", "e")
    )


def compiled(given: dict[str, bytes]) -> Package:
    package, findings = compile_package(given)
    assert package is not None, findings
    return package


# -- compile -------------------------------------------------------------------------------------------


def test_a_package_is_whole() -> None:
    given = files(body())
    package = compiled(given)
    assert (package.key, package.main, package.owner) == ("sample", "p", "旗安委办")
    assert package.hash == package_hash(given) and package.files == given
    assert package.values() == {"plan_days": 7}
    assert package.starts["s"].roles == ("DB",) and package.starts["s"].form == "F"
    assert package.roles["SD"].unit is not None and package.roles["DB"].unit is None
    assert set(package.forms) == {"F"}
    assert check_files(given) == []


def test_the_hash_is_of_paths_and_contents_only() -> None:
    given = files(body())
    assert package_hash(dict(reversed(given.items()))) == package_hash(given)
    assert package_hash({"a": b"bc"}) != package_hash({"ab": b"c"}) != package_hash({"a": b"b", "c": b""})
    assert len(package_hash({})) == 64


def test_findings_of_every_file_come_together_errors_first() -> None:
    given = files(
        drawing(start(), user("t", name="", camunda_class="x"), end(), line("s", "t", "e")),
        TOML.replace('unit = "工作日"', "colour = 1"),
        forms__G=b"{",
    )
    given["forms/G.json"] = given.pop("forms/G")
    given["notes.txt"] = b""
    package, findings = compile_package(given)
    assert package is None
    assert {f.file for f in findings if f.severity == "error"} == {
        "main.bpmn",
        "process.toml",
        "forms/G.json",
        "notes.txt",
    }
    severities = [f.severity for f in findings]
    assert severities == sorted(severities)


@pytest.mark.parametrize(
    "path", ["\ud800.bpmn", "a\u202eb.bpmn", "../a.bpmn", "forms/a/b.json", ".bpmn", "x.exe", "a\x00.dmn"]
)
def test_a_path_that_is_none_is_a_finding(path: str) -> None:
    package, findings = compile_package({**files(body()), path: b""})
    assert package is None and "package_file" in {f.rule for f in findings}


def test_calls_upon_calls_are_judged_in_linear_time() -> None:
    def caller(key: str, called: str) -> str:
        calls = [element("callActivity", f"{key}_{i}", name="调用", calledElement=called) for i in (1, 2, 3)]
        ids = [f"{key}_s", *(f"{key}_{i}" for i in (1, 2, 3)), f"{key}_e"]
        return f'<bpmn:process id="{key}">{start(ids[0])}{"".join(calls)}{end(ids[-1])}{line(*ids)}</bpmn:process>'

    chain = "".join(caller(f"q{i}", f"q{i + 1}") for i in range(40))
    last = f'<bpmn:process id="q40">{start("z_s")}{script("z")}{end("z_e")}{line("z_s", "z", "z_e")}</bpmn:process>'
    begun = process_time()
    found = compile_package(
        files(
            drawing(
                start(),
                element("callActivity", "t", name="调用", calledElement="q0"),
                end(),
                line("s", "t", "e"),
                others=chain + last,
            )
        )
    )[1]
    assert process_time() - begun < 2
    assert not [f for f in found if f.severity == "error"]


def test_causes_are_said_and_consequences_are_not() -> None:
    given = files(body())
    for path, rule in (
        ("forms/F.json", "form_syntax"),
        ("main.bpmn", "xml_syntax"),
        ("process.toml", "toml_syntax"),
    ):
        assert {f.rule for f in compile_package({**given, path: b"{"})[1]} - {"toml_missing"} == {rule}


def _flows() -> list[str]:
    return [user("t"), *(flow("t", "e", key=f"x{i}") for i in range(12_000))]


def _expressions() -> list[str]:
    return [script(f"t{i}", " + ".join(f"a{i}.b[{j}]" for j in range(350))) for i in range(400)]


def _inputs() -> list[str]:
    many = "".join(
        f'<camunda:inputParameter name="n{i}">=[{i}]</camunda:inputParameter>' for i in range(20_000)
    )
    return [
        user(
            "t",
            f"<bpmn:extensionElements><camunda:inputOutput>{many}</camunda:inputOutput></bpmn:extensionElements>",
        )
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "parts"),
    [("too_many_flows", _flows), ("too_much_text", _expressions), ("too_many_bindings", _inputs)],
)
def test_a_file_of_two_megabytes_cannot_hold_the_check_up(rule: str, parts: Callable[[], list[str]]) -> None:
    file = files(drawing(start(), end(), *parts()))
    begun = process_time()
    findings = compile_package(file)[1]
    assert process_time() - begun < 8  # 0.2 to 1.5 s alone on a machine
    assert rule in {f.rule for f in findings}


def test_a_process_key_is_used_once_in_a_package() -> None:
    given = {**files(body()), "zweit.bpmn": body()}
    assert "process_twice" in {f.rule for f in compile_package(given)[1]}


# -- process.toml --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "rule", "path"),
    [
        ("[package]", "[package", "toml_syntax", ""),
        ('owner = "旗安委办"', "", "toml_missing", "package.owner"),
        ('owner = "旗安委办"', "owner = 5", "toml_type", "package.owner"),
        ('owner = "旗安委办"', 'owner = ""', "toml_missing", "package.owner"),
        ('key = "sample"', 'key = "a b"', "toml_value", "package.key"),
        ("[register]", "[registers]", "toml_key", "registers"),
        ("[package]", "parameters = 5\n[package]", "toml_syntax", ""),
        ('source = "测试"', "", "toml_missing", "parameters.plan_days.source"),
        ('unit = "工作日"', "", "toml_missing", "parameters.plan_days.unit"),
        ("value = 7", "value = 2026-01-01", "toml_type", "parameters.plan_days.value"),
        ("value = 7", "value = nan", "toml_type", "parameters.plan_days.value"),
        ("value = 7", "value = [[1]]", "toml_type", "parameters.plan_days.value"),
        ('unit = "工作日"', 'unit = "工作日"\nnote = "x"', "toml_key", "parameters.plan_days.note"),
        ('unit = "属地"', 'unit = "属地 >"', "expression_invalid", "roles.SD.unit"),
        ('roles = ["DB"]', 'roles = "DB"', "toml_type", "start.s.roles"),
        ('title = "名称"\n', "", "toml_missing", "register.title"),
        ('title = "名称"\n', 'title = "名称 +"\n', "expression_invalid", "register.title"),
        ('{key = "部位", title = "部位"}', '{key = "部位"}', "toml_type", "register.columns"),
        (
            "[register]",
            '[number]\nseries = "x"\nformat = "{year}"\n[register]',
            "toml_value",
            "number.format",
        ),
        (
            "[register]",
            '[number]\nseries = "x"\nformat = "{number.__class__}"\n[register]',
            "toml_value",
            "number.format",
        ),
    ],
)
def test_every_wrong_key_is_a_finding_with_its_path(old: str, new: str, rule: str, path: str) -> None:
    assert old in TOML
    found = manifest.read(TOML.replace(old, new, 1).encode()).findings
    assert (rule, path) in {(f.rule, f.element) for f in found}
    assert all(f.file == "process.toml" for f in found)


def test_a_finding_names_the_line_of_its_table() -> None:
    (finding,) = manifest.read(TOML.replace('source = "测试"', "").encode()).findings
    assert TOML.splitlines()[finding.line - 1] == "[parameters.plan_days]"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * 5000, b"a = " + b"[" * 5000, b"x = 1e999999999"])
def test_any_bytes_give_findings(data: bytes) -> None:
    assert manifest.read(data).findings


@pytest.mark.parametrize(
    "value", [5, 10**20, Decimal("2.5"), "五天", 'a"b\\c\n#', ["DB", "SD"], [1, 2], True, -3]
)
def test_one_number_changes_and_nothing_else(value: Any) -> None:
    given = files(body())
    changed = set_parameter(given, "plan_days", value)
    before, after = TOML.splitlines(), changed["process.toml"].decode().splitlines()
    different = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(different) == 1 and different[0][1].endswith("  # 工作日")
    assert manifest.read(changed["process.toml"]).parameters["plan_days"].value == value
    assert {k: v for k, v in changed.items() if k != "process.toml"} == {
        k: v for k, v in given.items() if k != "process.toml"
    }
    assert (
        set_parameter(changed, "plan_days", 7)["process.toml"]
        == TOML.replace("value = 7  #", "value = 7  #").encode()
    )


def test_windows_line_ends_and_a_hash_inside_a_text_are_kept() -> None:
    text = TOML.replace("value = 7  # 工作日", 'value = "第#7号" # 说明 # 二').replace("\n", "\r\n")
    changed = set_parameter(files(body(), text), "plan_days", "x")["process.toml"].decode()
    assert 'value = "x"  # 说明 # 二\r\n' in changed and changed.count("\r\n") == text.count("\r\n")


def test_what_cannot_be_changed_safely_is_refused() -> None:
    with pytest.raises(NotFound):
        set_parameter(files(body()), "nothing", 5)
    for value in (None, {"a": 1}, float("inf"), [[1]], Decimal("NaN")):
        with pytest.raises(InputInvalid):
            set_parameter(files(body()), "plan_days", value)
    inline = TOML.replace("[parameters.plan_days]", "[parameters]\n[parameters.other]").replace(
        "value = 7", "value = [\n7]"
    )
    with pytest.raises(EngineError):
        set_parameter(files(body(), inline), "other", 5)
    for table in ('[parameters]\nplan_days = {title = "x", value = 7, unit = "x", source = "x"}\n', ""):
        text = TOML[: TOML.index("[parameters.")] + table + TOML[TOML.index("[start.s]") :]
        with pytest.raises(EngineError):
            set_parameter(files(body(), text), "plan_days", 5)


def test_another_tables_value_line_is_never_touched() -> None:
    trap = TOML.replace(
        "[start.s]",
        '[parameters.plan_days2]\ntitle = "乙"\nvalue = 9\nunit = "日"\nsource = "x"\n\n[start.s]',
    )
    changed = manifest.read(set_parameter(files(body(), trap), "plan_days2", 1)["process.toml"])
    assert (changed.parameters["plan_days"].value, changed.parameters["plan_days2"].value) == (7, 1)


# -- files ---------------------------------------------------------------------------------------------


def test_a_folder_is_loaded_and_strangers_are_refused(tmp_path: Path) -> None:
    package, forms = tmp_path / "p", tmp_path / "forms"
    (package / "scenarios").mkdir(parents=True)
    (package / "documents").mkdir()
    forms.mkdir()
    for path, text in {
        package / "process.toml": TOML,
        package / "main.bpmn": "x",
        package / "scenarios/a.yaml": "title: x",
        package / "README.md": "x",
        package / "documents/letter.typ": "x",
        forms / "F.json": "{}",
    }.items():
        path.write_text(text, encoding="utf-8")
    assert set(load_folder(package, forms)) == {
        "process.toml",
        "main.bpmn",
        "scenarios/a.yaml",
        "forms/F.json",
    }
    (package / "secret.py").write_text("x")
    with pytest.raises(DefinitionRefused):
        load_folder(package, forms)
    (package / "secret.py").unlink()
    (package / "link.bpmn").symlink_to("/etc/passwd")
    with pytest.raises(DefinitionRefused):
        load_folder(package, forms)
    with pytest.raises(NotFound):
        load_folder(forms)


def test_an_archive_is_the_same_bytes_and_comes_back_whole() -> None:
    given = files(body(), scenarios__a=b"")
    given["scenarios/甲.yaml"] = given.pop("scenarios/a")
    assert zip_files(given) == zip_files(dict(reversed(given.items())))
    assert unzip_files(zip_files(given)) == given


def archive(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a doubled name is what one of the tests wants
                out.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 broken",
        archive(("../process.toml", b"x")),
        archive(("/etc/passwd", b"x")),
        archive(("forms/../../x.json", b"x")),
        archive(("forms\\x.json", b"x")),
        archive(("C:x.exe", b"x")),
        archive(("a.bpmn", b"x"), ("a.bpmn", b"y")),
        archive(("a.bpmn", b"\0" * 1_900_000)),
        archive(*((f"a{i}.bpmn", b"x") for i in range(401))),
        archive(("a.bpmn", b"x"))[:-30],
    ],
    ids=lambda data: (
        f"{len(data)}-bytes"
    ),  # archives carry the time: their bytes would name the test anew each run
)
def test_bombs_and_tricks_are_refused_before_unpacking(data: bytes) -> None:
    begun = process_time()
    with pytest.raises(InputInvalid):
        unzip_files(data)
    assert process_time() - begun < 1


def test_an_archive_that_lies_about_its_sizes_or_contents_is_refused() -> None:
    whole = bytearray(archive(("a.bpmn", bytes(range(256)) * 400)))
    whole[200] ^= 0xFF
    with pytest.raises(InputInvalid):
        unzip_files(bytes(whole))


# -- what changed --------------------------------------------------------------------------------------

OLD = dict(files(body()))


def changed(diagram: bytes | None = None, toml: str = TOML, **more: bytes) -> list[str]:
    return changes(compiled(OLD), compiled({**files(diagram or body(), toml), **more}))


def test_nothing_changed_says_nothing() -> None:
    assert changed() == []
    assert changed(body() + b"\n") == []


def test_a_parameter_changed() -> None:
    assert changed(toml=TOML.replace("value = 7", "value = 5")) == [
        "“治理方案编制时限”由 7 工作日改为 5 工作日"
    ]


def test_steps_who_limits_and_forms_changed() -> None:
    other = body("workdays(today(), 3)", name="编制方案", camunda_candidateGroups="SD").replace(
        b' camunda:formKey="F"', b""
    )
    toml = TOML.replace(
        '[parameters.plan_days]\ntitle = "治理方案编制时限"\n# 办公室可改\nvalue = 7  # 工作日\nunit = "工作日"\nsource = "测试"\n',
        "",
    )
    assert changed(other, toml) == [
        "删除参数“治理方案编制时限”（原为 7 工作日）",
        "用户任务“任务t”改名为“编制方案”",
        "步骤“编制方案”的办理岗位由DB改为SD",
        "步骤“编制方案”的时限由“workdays(today(), p.plan_days)”改为“workdays(today(), 3)”",
        "步骤“编制方案”的表单由F改为无",
    ]


def test_elements_flows_and_conditions_added_and_removed() -> None:
    task = user(
        "t",
        properties(status="整改中"),
        camunda_dueDate="workdays(today(), p.plan_days)",
        camunda_formKey="F",
    )
    one = drawing(
        start(),
        task,
        gateway("exclusive", "g", default="d"),
        end(),
        script("z"),
        line("s", "t", "g"),
        flow("g", "e", "x > 1"),
        flow("g", "z", key="d"),
        line("z", "e"),
    )
    first = changed(one)
    assert (
        "新增排他网关“g？”" in first
        and "新增脚本任务“脚本z”" in first
        and "删除连线：“任务t”→“结束事件”" in first
    )
    assert "步骤“任务t”的案件状态由无改为“整改中”" in first
    assert "新增连线：“g？”→“结束事件”（条件 x > 1）" in first
    two = one.replace(b"x > 1", b"x > 2")
    assert changes(compiled(files(one)), compiled(files(two))) == [
        "“g？”→“结束事件”的条件由“x > 1”改为“x > 2”"
    ]


def test_a_timer_changed() -> None:
    def late(text: str) -> Package:
        task = user("t", camunda_dueDate="workdays(today(), p.plan_days)")
        event = element("boundaryEvent", "b", timer("Duration", text), attachedToRef="t", name="逾期")
        return compiled(
            files(drawing(start(), task, event, end(), end("e2"), line("s", "t", "e"), line("b", "e2")))
        )

    assert changes(late("PT1H"), late("PT2H")) == [
        '边界事件“逾期”的定时由“duration("PT1H")”改为“duration("PT2H")”'
    ]


def test_what_decides_a_countersign_changed() -> None:
    def signed(**words: str) -> Package:
        said = properties(outputCollection="会签意见", outputElement="form", **words)
        each = '<bpmn:multiInstanceLoopCharacteristics camunda:collection="=[1, 2]" camunda:elementVariable="单位"/>'
        task = user("t", said + each, camunda_dueDate="workdays(today(), p.plan_days)")
        return compiled(files(drawing(start(), task, end(), line("s", "t", "e"))))

    assert changes(
        signed(passAt="1", veto="true"), signed(passAt="2/3", veto="false", waitForAll="true")
    ) == [
        "步骤“任务t”的会签通过比例由“1”改为“2/3”",
        "步骤“任务t”不再一票否决",
        "步骤“任务t”改为等全部签完再下结论",
    ]
    assert changes(signed(passAt="1"), signed(passAt="1", veto="false")) == []


def test_a_decision_table_changed() -> None:
    given = main_files()
    table = given["slow_progress.dmn"]
    other = {**given, "slow_progress.dmn": table.replace(b"</rule>", b"</rule><!-- same -->", 1)}
    old = compiled(given)
    assert changes(old, compiled(other)) == []
    rule = table[table.rindex(b"<rule") : table.rindex(b"</rule>") + len(b"</rule>")]
    shorter = compiled({**given, "slow_progress.dmn": table.replace(rule, b"")})
    (sentence,) = changes(old, shorter)
    assert sentence.startswith("决策表“") and sentence.endswith("”的内容有改动")


def test_a_knowledge_model_changed_and_a_decision_required_did_not() -> None:
    """What is called counts as a decision's own content; a required decision tells its changes itself."""

    def with_model(rate: str, base: str) -> Package:
        model = f"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="n">
          <businessKnowledgeModel id="k" name="算"><encapsulatedLogic><literalExpression><text>{rate}</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>
          <decision id="base" name="底"><literalExpression><text>{base}</text></literalExpression></decision>
          <decision id="top" name="顶"><informationRequirement><requiredDecision href="#base"/></informationRequirement><knowledgeRequirement><requiredKnowledge href="#k"/></knowledgeRequirement><literalExpression><text>底 + 算()</text></literalExpression></decision>
          <decisionService id="s" name="务"><outputDecision href="#top"/><encapsulatedDecision href="#base"/></decisionService></definitions>"""
        return compiled({**OLD, "m.dmn": model.encode()})

    old = with_model("1", "2")
    assert changes(old, with_model("1", "2")) == []
    assert changes(old, with_model("3", "2")) == ["决策表“顶”的内容有改动"]
    assert changes(old, with_model("1", "5")) == ["决策表“底”的内容有改动"]


def test_form_fields_added_removed_and_required() -> None:
    number = {"type": "number", "key": "数", "label": "数量"}
    new = form({**FORM["components"][0], "validate": {}}, number)
    assert changed(**{"forms/F.json": new}) == ["表单“表单”的字段“名称”改为选填", "表单“表单”新增字段“数量”"]
    assert changes(compiled({**OLD, "forms/F.json": new}), compiled(OLD)) == [
        "表单“表单”的字段“名称”改为必填",
        "表单“表单”删除字段“数量”",
    ]


def test_roles_actions_and_starts_changed() -> None:
    toml = TOML.replace('title = "承办人"', 'title = "经办人"').replace(
        'roles = ["DB"]', 'roles = ["DB", "SD"]'
    )
    assert changed(toml=toml) == ["岗位“承办人”改名为“经办人”", "登记方式“登记”的岗位由DB改为DB、SD"]


# -- the product's own package, and what nobody drew ---------------------------------------------------


def main_files() -> dict[str, bytes]:
    return load_folder(ROOT / "processes" / MAIN, ROOT / "forms" / MAIN)


def test_the_main_package_is_checked_within_two_seconds() -> None:
    given = main_files()
    took = []
    for _ in range(3):  # what else runs on the machine may cost a try
        begun = process_time()
        findings = check_files(given)
        took.append(process_time() - begun)
        if took[-1] < 2:
            break
    assert min(took) < 2
    assert [f for f in findings if f.severity == "error"] == []
    assert changes(compiled(given), compiled(given)) == []


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to four random injuries to a diagram."""
    root = etree.fromstring(data)
    for _ in range(chance.randint(1, 4)):
        nodes = [n for n in root.iter() if isinstance(n.tag, str)]
        node, other = chance.choice(nodes), chance.choice(nodes)
        match chance.randrange(9):
            case 0 if node.attrib:
                del node.attrib[chance.choice(list(node.attrib))]
            case 1:
                node.tag, other.tag = other.tag, node.tag
            case 2 if node.attrib:
                node.set(
                    chance.choice(list(node.attrib)),
                    chance.choice(["", "nowhere", "${x}", "=1 +", "true", "9" * 40, "隐患\u2028", "p"]),
                )
            case 3:
                node.text = chance.choice(
                    ["", "=", "R0/PT0S", "=p.x", "P1Y1D", "2026-99-99T00:00", "(" * 300, "😀"]
                )
            case 4 if node.getparent() is not None:
                node.getparent().remove(node)
            case 5 if node is not root and other not in list(node.iter()):
                other.append(node)
            case 6 if other.attrib and node.attrib:
                node.set(chance.choice(list(node.attrib)), str(chance.choice(list(other.attrib.values()))))
            case 7:
                node.tag = "{http://www.omg.org/spec/BPMN/20100524/MODEL}" + chance.choice(
                    [
                        "subProcess",
                        "boundaryEvent",
                        "callActivity",
                        "userTask",
                        "laneSet",
                        "sequenceFlow",
                        "process",
                        "startEvent",
                    ]
                )
            case _:
                node.set(
                    "{http://camunda.org/schema/1.0/bpmn}"
                    + chance.choice(["collection", "topic", "dueDate"]),
                    "x",
                )
    injured: bytes = etree.tostring(root, encoding="utf-8")
    return injured


@pytest.mark.slow
def test_five_hundred_injured_diagrams_give_findings_and_nothing_else() -> None:
    """Most of them small samples, a tenth the product's own diagrams; seeded, so that a failure can be repeated."""
    samples = [p.read_bytes() for p in sorted((Path(__file__).parent / "bpmn").glob("*.bpmn"))]
    given = main_files()
    drawn = [v for k, v in sorted(given.items()) if k.endswith(".bpmn")]
    toml = TOML.replace('main = "p"', 'main = "rectification"')
    slowest, refused = 0.0, 0
    for seed in range(500):
        chance = random.Random(seed)
        injured = mutated(chance.choice(samples if seed % 10 else drawn), chance)
        begun = process_time()
        findings = check_files({"process.toml": toml.encode(), "main.bpmn": injured})
        package, found = compile_package({"process.toml": toml.encode(), "main.bpmn": injured})
        slowest = max(slowest, process_time() - begun)
        refused += package is None
        assert (package is None) == any(f.severity == "error" for f in found), seed
        assert all(f.message and f.rule for f in findings), seed
    assert slowest < 2
    assert refused > 250


def test_toml_of_the_product_survives_edits_all_over_it() -> None:
    given = main_files()
    before = tomllib.loads(given["process.toml"].decode(), parse_float=Decimal)
    for key, entry in list(before["parameters"].items())[::8]:
        assert set_parameter(given, key, entry["value"])["process.toml"].count(b"\n") == given[
            "process.toml"
        ].count(b"\n")


def test_injured_process_toml_gives_findings_and_nothing_else() -> None:
    diagram = body()
    for seed in range(300):
        chance = random.Random(seed)
        lines = TOML.splitlines()
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(lines))
            match chance.randrange(4):
                case 0:
                    lines[at] = ""
                case 1:
                    lines[at] = (
                        lines[at].partition("=")[0]
                        + "= "
                        + chance.choice(
                            [
                                "5",
                                "[]",
                                "{}",
                                "true",
                                '"="',
                                '"${x}"',
                                "1979-05-27",
                                "inf",
                                "[[]]",
                                '"p.zz"',
                                "{a=1}",
                                '""',
                            ]
                        )
                    )
                case 2:
                    lines[at] = chance.choice(
                        ["[a.b]", "[[roles]]", "[roles.'x y']", "x = 1", "[start]", "[parameters.p]"]
                    )
                case _:
                    lines.insert(at, chance.choice(lines))
        given = files(diagram, "\n".join(lines))
        package, findings = compile_package(given)
        assert (package is None) == any(f.severity == "error" for f in findings), seed
        for key in manifest.read(given["process.toml"]).parameters:
            try:
                assert manifest.read(set_parameter(given, key, 1)["process.toml"]).parameters[key].value == 1
            except EngineError:
                continue
