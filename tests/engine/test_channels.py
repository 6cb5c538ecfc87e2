"""The file of channels 渠道文件: what it says, what is refused, and what sends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.errors import InputInvalid
from engine.runtime import channels
from engine.runtime.channels import Channel, Undelivered
from tests.engine.receiver import receiving

FILE = """
[[channel]]
key = "mail"
title = "邮件"
url = "mailtos://user:secret@mail.example?to={address}"
address = "邮箱地址"
pattern = '[^@]+@[^@]+'

[[channel]]
key = "robot"
title = "工作群"
url = "wecombot://secret"
unit = "能源局"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "channels.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_it_is_read(tmp_path: Path) -> None:
    found = channels.read(written(tmp_path, FILE))
    assert list(found) == ["mail", "robot"] and "secret" not in repr(found)
    assert found["mail"].checked(" a@b.cn ") == "a@b.cn"
    for wrong in ("", "a b@c", "无", "a" * 300 + "@b"):
        with pytest.raises(InputInvalid):
            found["mail"].checked(wrong)
    with pytest.raises(InputInvalid, match="能源局的群"):
        found["robot"].checked("x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{address}", "someone"), "写明个人地址的位置"),
        (('key = "robot"', 'key = "mail"'), "重复"),
        (('unit = "能源局"', ""), "二者取一"),
        (('title = "邮件"', ""), "缺少 title"),
        (('title = "邮件"', "title = 3"), "须是文字"),
        (('key = "mail"', 'key = "邮 件"'), "小写字母"),
        (("[^@]+@[^@]+", "["), "不是正则表达式"),
        (("[[channel]]\nkey", "[channels]\nkey"), "读不出来|只应有"),
        (('address = "邮箱地址"', 'adress = "邮箱地址"'), "不认识的项 adress"),
    ],
)
def test_one_that_does_not_serve_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputInvalid, match=said):
        channels.read(written(tmp_path, FILE.replace(*change, 1)))


def test_one_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    path.chmod(0o644)
    with pytest.raises(InputInvalid, match="chmod 600"):
        channels.read(path)


def test_a_package_of_ones_own_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SMS service, say: an entry point named as the address's scheme."""
    information = tmp_path / "short_message-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: short-message\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[duban.channels]\nsms91 = short_message:send\n")
    (tmp_path / "short_message.py").write_text(
        "sent = []\n"
        "def send(url, address, title, body):\n"
        "    if address == '0':\n"
        "        raise ValueError('a secret of ' + url)\n"
        "    sent.append((url, address, title, body))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = FILE.replace("mailtos://user:secret@mail.example?to={address}", "sms91://key")
    mail = channels.read(written(tmp_path, text.replace("[^@]+@[^@]+", "[0-9]+")))["mail"]
    mail.send("13900000000", "标题", "正文")
    assert sys.modules["short_message"].sent == [("sms91://key", "13900000000", "标题", "正文")]
    with pytest.raises(Undelivered, match="ValueError") as refused:
        mail.send("0", "标题", "正文")
    assert "secret" not in str(refused.value) and "key" not in str(refused.value)


def test_an_address_is_not_a_way_into_the_services_own() -> None:
    """What somebody enters is one piece of the address, whatever it holds."""
    with receiving() as receiver:
        Channel("hook", "内网通知", receiver.url, address="工号").send("../../x?y=1#z&", "标题", "正文")
    assert len(receiver.got) == 1 and "x?y" not in receiver.got[0][0]
