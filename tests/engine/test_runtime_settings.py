"""Settings: where a value comes from, what is refused and how it is said, and that secrets are never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import InputInvalid
from engine.runtime import settings
from engine.runtime.settings import TABLE, Settings, read
from web.cli.main import main

PG = "postgresql+psycopg://duban:hidden-word@db.example/duban"


def test_every_setting_has_a_purpose_and_an_attribute() -> None:
    assert {one.key for one in TABLE} == set(Settings.__dataclass_fields__)
    for one in TABLE:
        assert one.name.startswith("DUBAN_") and one.purpose
        assert one.default == "" or one.shown(one.value(one.default))


def test_the_defaults_of_the_table_are_those_of_the_class(tmp_path: Path) -> None:
    found = Settings.from_environment({"DUBAN_DATA": str(tmp_path)})
    named = {"data": tmp_path, "database": found.database, "secret": found.secret}
    assert found == Settings(**named, port=8000, mode="demo")  # type: ignore[arg-type]
    assert found.database == f"sqlite:///{tmp_path / 'duban.db'}"


def test_the_environment_wins_over_the_file_and_the_file_over_the_table(tmp_path: Path) -> None:
    file = tmp_path / "office.toml"
    file.write_text('threads = 3\nqueue = 5\nwait_seconds = 2.5\nhost = "0.0.0.0"\n')
    found = read({"DUBAN_SETTINGS": str(file), "DUBAN_QUEUE": "7", "DUBAN_DATA": str(tmp_path)})
    assert found["threads"] == (3, settings.IN_FILE)
    assert found["queue"] == (7, settings.ENVIRONMENT)
    assert found["wait_seconds"] == (2.5, settings.IN_FILE)
    assert found["pool"] == (20, settings.DEFAULT)


def test_the_file_beside_us_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read({})["threads"] == (8, settings.DEFAULT)
    Path("duban.toml").write_text("threads = 3\n")
    assert read({})["threads"] == (3, settings.IN_FILE)


def test_the_port_of_the_host_counts_where_ours_is_not_set() -> None:
    assert read({"PORT": "81"})["port"] == (81, settings.ENVIRONMENT)
    assert read({"PORT": "81", "DUBAN_PORT": "82"})["port"] == (82, settings.ENVIRONMENT)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DUBAN_DATABSE": PG}, "是不是 DUBAN_DATABASE"),
        ({"DUBAN_NO_SUCH_THING_AT_ALL": "1"}, "DUBAN_NO_SUCH_THING_AT_ALL"),
        ({"DUBAN_THREADS": "many"}, "DUBAN_THREADS 须是整数，现在是“many”"),
        ({"DUBAN_THREADS": "0"}, "在 1 到 256 之间"),
        ({"DUBAN_WAIT_SECONDS": "nan"}, "DUBAN_WAIT_SECONDS 须在"),
        ({"DUBAN_LOG": "xml"}, "text 或 json"),
        ({"DUBAN_REDIS": "localhost"}, "DUBAN_REDIS"),
        ({"DUBAN_SETTINGS": "/no/such/file.toml"}, "/no/such/file.toml 不存在"),
        ({"DUBAN_DATABASE": PG}, "须写明 DUBAN_MODE"),
        ({"DUBAN_DATABASE": "oracle://x/y"}, "只能是 sqlite 或 postgresql"),
    ],
)
def test_what_is_mistyped_is_refused_by_name(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        read(environment)
    assert said in refused.value.message
    assert "hidden-word" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theads = 3", "是不是 threads"),
        ("threads = true", "threads 须是文字或数字"),
        ("threads = 999", "在 1 到 256 之间"),
        ("threads =", "读不出来"),
        ('settings = "x"', "settings"),
    ],
)
def test_the_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "office.toml"
    file.write_text(text)
    with pytest.raises(InputInvalid) as refused:
        read({"DUBAN_SETTINGS": str(file)})
    assert said in refused.value.message and str(file) in refused.value.message


def test_a_secret_everybody_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "office.toml"
    file.write_text(f'secret = "{"x" * 40}"\n')
    file.chmod(0o644)
    with pytest.raises(InputInvalid, match="chmod o-r"):
        read({"DUBAN_SETTINGS": str(file)})
    file.chmod(0o640)
    assert read({"DUBAN_SETTINGS": str(file)})["secret"] == ("x" * 40, settings.IN_FILE)


def test_postgresql_is_spoken_to_by_our_driver() -> None:
    said = {"DUBAN_DATABASE": "postgresql://duban:word@db.example/duban", "DUBAN_MODE": "demo"}
    assert read(said)["database"][0] == "postgresql+psycopg://duban:word@db.example/duban"


def test_postgresql_may_be_a_demo_when_it_is_said(tmp_path: Path) -> None:
    environment = {"DUBAN_DATABASE": PG, "DUBAN_DATA": str(tmp_path)}
    assert Settings.from_environment(environment | {"DUBAN_MODE": "demo"}).demo
    production = environment | {"DUBAN_MODE": "production", "DUBAN_SECRET": "s" * 40}
    assert not Settings.from_environment(production).demo


def test_the_command_lists_all_and_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "a-very-long-secret-word-nobody-may-see"
    given = {"DUBAN_DATABASE": PG, "DUBAN_MODE": "production", "DUBAN_SECRET": secret}
    given |= {"DUBAN_DATA": str(tmp_path), "DUBAN_REDIS": "redis://:other-hidden@r.example/0"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert main(["settings"]) == 0
    text = capsys.readouterr().out
    assert main(["settings", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["name"] for one in lines] == [one.name for one in TABLE]
    said = {one["name"]: (one["value"], one["from"]) for one in lines}
    assert said["DUBAN_SECRET"] == ("已设置", "环境变量")
    assert said["DUBAN_THREADS"] == ("8", "缺省")
    assert "db.example" in said["DUBAN_DATABASE"][0]
    for hidden in (secret, "hidden-word", "other-hidden"):
        assert hidden not in text and hidden not in json.dumps(lines)
        assert hidden not in repr(Settings.from_environment(given))
    assert all(one.name in text for one in TABLE)


def test_the_command_names_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUBAN_TREADS", "4")
    assert main(["settings"]) == 2
    assert "DUBAN_THREADS" in capsys.readouterr().err
