"""The command line, each subcommand on real data: what it prints, what it leaves, with which exit code it ends."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.runtime import guarded_clock
from engine.runtime.settings import Settings
from engine.store import settings as stored
from web.cli import demo
from web.cli.main import SUBCOMMANDS, main

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

PROCESSES = str(ROOT / "processes")
LEDGER = str(ROOT / "processes" / "demo_ledger_2024.xlsx")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as `make run` leaves it on its first start."""
    data = tmp_path_factory.mktemp("demo")
    engine = Settings.from_environment({"DUBAN_DATA": str(data)}).engine()
    said: list[str] = []
    demo.seed(engine, said.append)
    assert demo.is_seeded(engine) and len(said) == 4
    engine.close()
    return data


class Terminal:
    """Somebody at the command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code and everything printed."""
        code = main(list(words))
        printed = self.capsys.readouterr()
        return code, printed.out + printed.err

    def json(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and the JSON lines."""
        code, text = self(*words, "--json")
        return code, [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def terminal(
    seeded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    for name in ("DUBAN_DATABASE", "DUBAN_MODE", "DUBAN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DUBAN_DATA", str(seeded))
    return Terminal(capsys)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name.replace("_", "-"), "--help"])
    assert left.value.code == 0
    assert "usage: duban " + name.replace("_", "-") in capsys.readouterr().out


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["no-such"])
    assert left.value.code == 2


def test_the_demo_seeds_once(seeded: Path) -> None:
    engine = Settings.from_environment({"DUBAN_DATA": str(seeded)}).engine()
    before = engine.newest(demo.MAIN).hash
    demo.seed(engine, lambda _: None)
    assert engine.newest(demo.MAIN).hash == before
    assert len(demo.people()) >= 9
    engine.close()


def test_check_passes_what_is_right_and_names_what_is_wrong(terminal: Terminal, tmp_path: Path) -> None:
    code, text = terminal("check", PROCESSES)
    assert code == 0 and "0 处错误" in text
    wrong = tmp_path / "wrong.bpmn"
    drawn = (ROOT / "processes" / demo.MAIN / "general_hazard.bpmn").read_text()
    wrong.write_text(
        drawn.replace("<bpmn:startEvent", "<bpmn:transaction", 1).replace(
            "</bpmn:startEvent>", "</bpmn:transaction>", 1
        )
    )
    code, found = terminal.json("check", str(wrong))
    assert code == 1
    assert any(f["severity"] == "error" and f["line"] > 0 and f["message"] for f in found)


def test_check_of_nothing_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    code, text = terminal("check", str(tmp_path))
    assert code == 2 and "没有找到流程包" in text


def test_scenarios_of_one_file(terminal: Terminal) -> None:
    path = ROOT / "processes" / demo.MAIN / "scenarios" / "10_not_major.yaml"
    code, found = terminal.json("scenario", str(path))
    assert code == 0 and [(f["passed"], f["failures"]) for f in found] == [(True, [])]


def test_a_broken_promise_is_1(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "processes" / demo.MAIN
    forms = tmp_path / "forms" / demo.MAIN
    copy(ROOT / "processes" / demo.MAIN, folder)
    copy(ROOT / "forms" / demo.MAIN, forms)
    (folder.parent / "demo_directory.toml").write_text(
        (ROOT / "processes" / "demo_directory.toml").read_text()
    )
    path = folder / "scenarios" / "10_not_major.yaml"
    path.write_text(path.read_text().replace("ended: 一般转出", "ended: 已归档"))
    code, text = terminal("scenario", str(path))
    assert code == 1 and "未通过" in text and "已归档" in text


def copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


def test_deploying_the_same_again_makes_no_new_version(terminal: Terminal) -> None:
    code, found = terminal.json("deploy", PROCESSES)
    assert code == 0 and found[0]["key"] == demo.MAIN


def test_cases_are_listed_and_told(terminal: Terminal) -> None:
    code, found = terminal.json("case", "list", "--state", "open", "--limit", "5")
    assert code == 0 and len(found) == 5
    code, text = terminal("case", "show", found[0]["number"])
    assert code == 0 and "现在等待" in text and "补录" in text
    code, text = terminal("case", "retry", found[0]["id"])
    assert code == 0 and "重试 0 处异常" in text
    code, text = terminal("case", "show", "no such")
    assert code == 2 and "没有案件" in text


def test_the_audit_holds(terminal: Terminal) -> None:
    code, found = terminal.json("audit", "verify", "--fold")
    assert code == 0 and found[0]["ok"] and found[0]["cases"] == 60


def test_the_ledger_again_is_refused_and_its_preview_is_told(terminal: Terminal) -> None:
    code, text = terminal("import-ledger", LEDGER, "--preview")
    assert code == 0 and "读出 60 行" in text and "以前已导入 60 行" in text
    code, text = terminal("import-ledger", LEDGER)
    assert code == 2 and "以前已经导入" in text


def test_the_calendar_counts_and_can_be_edited(terminal: Terminal) -> None:
    assert terminal("calendar", "add", "2026-09-30", "3") == (
        0,
        "2026-10-10 18:00\n",
    )  # 8, 9, and 10 October, a make-up Saturday
    assert terminal("calendar", "set", "2026-10-10", "off", "--note", "试")[0] == 0
    assert terminal("calendar", "add", "2026-09-30", "3") == (0, "2026-10-12 18:00\n")
    assert terminal("calendar", "set", "2026-10-10", "work", "--note", "补班")[0] == 0
    code, found = terminal.json("calendar", "show", "2027")
    assert code == 1 and found[0] == {"year": 2027, "confirmed": False, "source": ""}
    assert terminal("calendar", "add", "not-a-day", "3")[0] == 2


def test_the_clock_moves_in_the_demo_only(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    _, before = terminal.json("clock")
    code, after = terminal.json("clock", "next-working-day")
    assert code == 0 and after[0]["now"] > before[0]["now"]
    assert terminal("clock", "2000-01-01T00:00")[0] == 2
    monkeypatch.setenv("DUBAN_MODE", "production")
    monkeypatch.setenv("DUBAN_SECRET", "x" * 40)
    code, text = terminal("clock", "next-deadline")
    assert code == 2 and "演示模式" in text


def test_a_clock_that_jumped_is_confirmed_by_a_person(
    terminal: Terminal, seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_MODE", "production")
    monkeypatch.setenv("DUBAN_SECRET", "x" * 40)
    code, text = terminal("clock")
    assert code == 0 and "没有告警" in text
    code, text = terminal("clock", "confirm")
    assert code == 2 and "不需要确认" in text
    engine = Settings.from_environment({"DUBAN_DATA": str(seeded)}).engine()
    with engine.database.write() as connection:
        stored.put(connection, guarded_clock.ALARM, "时钟向前跳了 3600 秒")
    engine.close()
    code, text = terminal("clock")
    assert code == 1 and "向前跳了 3600 秒" in text
    code, text = terminal("clock", "confirm")
    assert code == 0 and "向前跳了 3600 秒" in text
    assert terminal("clock")[0] == 0
    assert terminal("clock", "allow", "--seconds", "0")[0] == 2
    assert "30 秒" in terminal("clock", "allow", "--seconds", "30")[1]


def test_people_and_tokens(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Long-enough-2026\n"))
    code, _ = terminal("user", "create", "xinren", "新人", "--post", "DB@能源局")
    assert code == 0
    _, people = terminal.json("user", "list")
    assert {"account": "xinren", "name": "新人", "active": True, "posts": ["DB@能源局"]} in people
    code, made = terminal.json("token", "create", "--user", "xinren")
    assert code == 0 and made[0]["token"].startswith("duban_")
    assert terminal("token", "revoke", made[0]["id"])[0] == 0
    assert "收回" in terminal("token", "list", "--user", "xinren")[1]
    code, said = terminal("user", "away", "xinren", "2099-01-05", "2099-01-06", "--substitute", "zhangwei")
    assert code == 0 and "新人 2099-01-05 至 2099-01-06 离岗（请假），由张伟替岗" in said
    assert terminal("user", "away", "xinren", "2099-01-06", "2099-01-08")[0] == 2, "days that are taken"
    assert "1 条" in terminal("user", "back", "xinren")[1]
    assert terminal("user", "disable", "xinren")[0] == 0
    assert terminal("token", "create", "--user", "nobody")[0] == 2


def test_a_weak_password_makes_nobody(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("123456\n"))
    assert terminal("user", "create", "ruo", "弱")[0] == 2
    _, people = terminal.json("user", "list")
    assert "ruo" not in {p["account"] for p in people}


def test_the_database_says_its_version(terminal: Terminal) -> None:
    assert terminal("db", "status")[0] == 0
    assert terminal("db", "upgrade")[0] == 0


def test_the_worker_does_what_is_due_and_leaves(terminal: Terminal) -> None:
    code, text = terminal("worker", "--once")
    assert code == 0 and text.startswith("完成")


def test_a_checkpoint_is_handed_out_and_held_against(terminal: Terminal, tmp_path: Path) -> None:
    code, text = terminal("audit", "checkpoint", "--now", "--export", str(tmp_path))
    assert code == 0 and "已导出" in text
    file = next(tmp_path.glob("*/checkpoint-*.txt"))
    code, text = terminal("audit", "verify", "--checkpoint", str(file))
    assert code == 0 and "全部相符" in text
    code, text = terminal("audit", "verify")
    assert code == 0 and "没有给出库外的检查点" in text
    code, found = terminal.json("case", "list")
    code, text = terminal("audit", "proof", found[0]["id"], "--checkpoint", str(file))
    assert code == 0
    (tmp_path / "proof").write_text(text)
    key = next(tmp_path.glob("*/checkpoint.vkey"))
    code, text = terminal("audit", "proof", "--check", str(tmp_path / "proof"), "--key", str(key))
    assert code == 0 and "成立：案件" in text
    code, text = terminal("audit", "proof", "--since", str(file))
    (tmp_path / "growth").write_text(text)
    code, text = terminal("audit", "proof", "--check", str(tmp_path / "growth"))
    assert code == 0 and "只有追加" in text
    code, text = terminal("audit", "proof")
    assert code == 2 and "--since" in text
    note = file.read_text()
    file.write_text(note.replace("duban.local", "duban.loca1"))
    code, text = terminal("audit", "verify", "--checkpoint", str(file))
    assert code == 2 and "签名" in text
    code, text = terminal("audit", "verify", "--checkpoint", str(tmp_path / "none"))
    assert code == 2 and "没有找到文件" in text
    code, found = terminal.json("audit", "checkpoint", "--every", "30")
    assert code == 0 and found[0]["minutes"] == 30 and found[0]["note"] == note
    code, text = terminal("audit", "checkpoint", "--every", "0")
    assert code == 2 and "1440" in text
    code, text = terminal("db", "roles", "duban_app")
    assert code == 2 and "SQLite 没有角色" in text


def test_a_backup_is_restored_and_what_leaves_the_house_waits(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, found = terminal.json("backup", str(tmp_path / "copies"))
    assert code == 0 and found[0]["cases"] == 60 and found[0]["missing"] == []
    code, text = terminal("backup", str(tmp_path / "copies"), "--keep", "0")
    assert code == 2 and "至少要保留一份" in text
    (next((tmp_path / "copies").glob("*Z"))).rename(tmp_path / "copies" / "20260101T000000Z")
    code, text = terminal("backup", str(tmp_path / "copies"), "--keep", "1")
    assert (
        code == 0 and "删除了更旧的 1 份" in text and not (tmp_path / "copies" / "20260101T000000Z").exists()
    )
    code, text = terminal("restore", str(tmp_path / "copies"))
    assert code == 2 and "--replace" in text
    monkeypatch.setenv("DUBAN_DATA", str(tmp_path / "new"))
    code, text = terminal("backup", str(tmp_path / "elsewhere"))
    assert code == 2 and "没有什么可备份" in text
    code, text = terminal("restore", str(tmp_path / "copies"))
    assert code == 0 and "60 个案件" in text and "duban outbox release" in text
    code, held = terminal.json("outbox", "held")
    assert code == 1
    (tmp_path / "had").write_text("".join(f"{one['key']}\n" for one in held if one["what"] == "notice"))
    code, text = terminal("outbox", "release", "--delivered", str(tmp_path / "had"))
    assert code == 0 and "0 件即将发送" in text
    code, text = terminal("outbox", "held")
    assert code == 0 and "没有暂停外发" in text
    code, text = terminal("outbox", "release")
    assert code == 2 and "不需要解除" in text
    code, text = terminal("restore", str(tmp_path / "new"))
    assert code == 2 and "没有备份" in text
    code, text = terminal("audit", "verify", "--fold")
    assert code == 0 and "全部相符" in text


def test_what_is_old_is_archived(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal("backup", str(tmp_path / "copies"))
    monkeypatch.setenv("DUBAN_DATA", str(tmp_path / "new"))
    terminal("restore", str(tmp_path / "copies"))
    code, text = terminal("archive", str(tmp_path / "old"), "--before", "2030-01-01")
    assert code == 2 and "天的案件不能封存" in text
    code, text = terminal("archive", str(tmp_path / "old"))
    assert code == 2 and "--before" in text
    code, text = terminal("archive", "--keep-days", "1")
    assert code == 0 and "1 天" in text
    code, text = terminal("archive", str(tmp_path / "old"), "--before", "2024-12-31")
    assert code == 0 and "没有可以封存" in text
    terminal("clock", "2025-01-08T09:00")
    code, text = terminal("archive", str(tmp_path / "old"), "--before", "2025-01-04")
    assert code == 0 and "已封存 25 个案件" in text
    file = next((tmp_path / "old").glob("archive-*.zip"))
    code, text = terminal("audit", "verify", "--archive", str(file))
    assert code == 0 and "存档文件里 25 个案件" in text
    code, text = terminal("audit", "verify")
    assert code == 0 and "另有 25 个案件已封存" in text


def test_a_place_without_room_gets_no_half_copy(seeded: Path, tmp_path: Path) -> None:
    """A file system that takes no more than so much of a file refuses in the middle of a table."""

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))

    done = subprocess.run(
        [sys.executable, "-m", "web.cli.main", "backup", str(tmp_path / "copies")],
        env={"DUBAN_DATA": str(seeded), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        preexec_fn=little_room,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "备份写不进" in done.stderr, done.stderr
    assert {p.name for p in (tmp_path / "copies").iterdir()} == {".lock", "files"}
