"""Channels 提醒渠道: the ways by which a reminder leaves the house: 企业微信, 钉钉, 飞书, mail, a webhook, an SMS service.

The administrator names them in a file (`DUBAN_CHANNELS`) that only the owner can read: addresses of services hold keys, which have no
place in the database and its copies. A channel is an Apprise address in which `{address}` stands for what each person enters (a
mailbox, a telephone number), or the robot of one unit's own group chat. What Apprise does not speak, as the SMS services of this
country, a package of one's own brings: an entry point of the group `duban.channels`, named as the address's scheme.
"""

from __future__ import annotations

import logging
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.errors import InputInvalid

GROUP = "duban.channels"
"""Entry points that send: `send(url, address, title, body)`, which raises when it was not taken."""

PLACE = "{address}"

LONGEST_ADDRESS = 200

_KEYS = {"key", "title", "url", "address", "unit", "pattern"}
_STATUS = re.compile(r"error=(\d{3})\b")


class Undelivered(Exception):
    """The service did not take it. The message is a Chinese sentence without keys and addresses."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way. `address` says what a person enters ("邮箱地址"), of the form `pattern`; where it is "", the channel is `unit`'s group."""

    key: str
    title: str
    url: str = field(repr=False)
    address: str = ""
    unit: str = ""
    pattern: str = ""

    def checked(self, address: str) -> str:
        """The address as it is kept. Raises `InputInvalid`."""
        address = address.strip()
        if not self.address:
            raise InputInvalid(f"“{self.title}”是{self.unit}的群，不用个人登记。", field="address")
        if not address:
            raise InputInvalid(f"请填写{self.address}。", field="address")
        fits = len(address) <= LONGEST_ADDRESS and address.isprintable() and " " not in address
        if not fits or (self.pattern and not re.fullmatch(self.pattern, address)):
            raise InputInvalid(f"{self.address}“{address[:40]}”不合格式，请检查。", field="address")
        return address

    def send(self, address: str, title: str, body: str) -> None:
        """Hand one reminder over; it was taken when this returns. Raises `Undelivered`."""
        scheme = self.url.partition(":")[0]
        url = self.url.replace(PLACE, quote(address, safe=""))
        for found in entry_points(group=GROUP, name=scheme):
            sender: Callable[[str, str, str, str], None] = found.load()
            try:
                sender(self.url, address, title, body)
            except Exception as error:  # whatever a package of somebody else's raises
                raise Undelivered(f"“{self.title}”没有接受：{type(error).__name__}") from None
            return
        _by_apprise(self.title, url, title, body)


def _by_apprise(name: str, url: str, title: str, body: str) -> None:
    import apprise  # two seconds and many modules: only for who sends

    for talkative in (
        "apprise",
        "urllib3",
    ):  # what they log names addresses and keys; of it only the status of the answer is taken
        logging.getLogger(talkative).propagate = False
    service = apprise.Apprise()
    if not service.add(url):
        raise Undelivered(f"“{name}”的地址有误，请管理员检查渠道文件。")
    with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]
        taken = service.notify(title=title, body=body)
        status = _STATUS.search(said.getvalue())
    if not taken:
        why = f"对方答复 {status[1]}" if status else "连接不上，或被对方拒绝"
        raise Undelivered(f"“{name}”没有接受：{why}。")


def read(path: Path) -> dict[str, Channel]:
    """The channels of a file, by key, in its order. Raises `InputInvalid` with the place."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error if isinstance(error, tomllib.TOMLDecodeError) else "无法读取"
        raise InputInvalid(f"渠道文件 {path} 读不出来：{reason}。") from None
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise InputInvalid(f"渠道文件 {path} 里有密钥，只应本人可读。请执行 chmod 600 {path}。")
    if set(data) - {"channel"} or not isinstance(data.get("channel", []), list):
        raise InputInvalid(f"渠道文件 {path} 只应有 [[channel]] 各段。")
    found: dict[str, Channel] = {}
    for n, row in enumerate(data.get("channel", []), 1):
        one = _channel(row, f"渠道文件 {path} 第 {n} 段")
        if one.key in found:
            raise InputInvalid(f"渠道文件 {path} 第 {n} 段：key“{one.key}”重复。")
        found[one.key] = one
    return found


def _channel(row: Mapping[str, Any], where: str) -> Channel:
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise InputInvalid(f"{where}：不认识的项 {'、'.join(unknown)}。")
    if not all(isinstance(value, str) for value in row.values()):
        raise InputInvalid(f"{where}：各项须是文字。")
    for name in ("key", "title", "url"):
        if not row.get(name):
            raise InputInvalid(f"{where}：缺少 {name}。")
    if not re.fullmatch(r"[a-z0-9_-]{1,40}", row["key"]):
        raise InputInvalid(f"{where}：key 用小写字母、数字、- 和 _，最多 40 个。")
    one = Channel(**row)
    if bool(one.address) == bool(one.unit):
        raise InputInvalid(
            f"{where}：填 address（个人登记什么，如“邮箱地址”）或 unit（哪个单位的群），二者取一。"
        )
    if one.unit and PLACE in one.url:
        raise InputInvalid(f"{where}：单位群的 url 不应有 {PLACE}。")
    if (
        one.address
        and PLACE not in one.url
        and not list(entry_points(group=GROUP, name=one.url.split(":")[0]))
    ):
        raise InputInvalid(f"{where}：url 中须用 {PLACE} 写明个人地址的位置。")
    try:
        re.compile(one.pattern)
    except re.error:
        raise InputInvalid(f"{where}：pattern 不是正则表达式。") from None
    return one
