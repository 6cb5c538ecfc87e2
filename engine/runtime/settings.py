"""Settings 运行设置: everything an administrator may set, in one table, by environment and by file.

A value comes from the environment, else from the TOML file (`DUBAN_SETTINGS`, or `duban.toml` where the program is started),
else from the table. A name nobody knows and a value that does not fit are refused: a mistyped setting must not be ignored.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine.clock import Clock
from engine.errors import InputInvalid
from engine.runtime import channels, presence
from engine.runtime.channels import Channel
from engine.runtime.demo_clock import DemoClock
from engine.runtime.engine import Engine
from engine.runtime.host_clock import SystemClock

SHORTEST_SECRET = 32
"""Characters a production secret must have."""

PREFIX = "DUBAN_"
FILE = "DUBAN_SETTINGS"
"""Names the settings file; it cannot stand in the file itself."""

DEFAULT_FILE = "duban.toml"
PORT_OF_THE_HOST = "PORT"
"""What hosting environments call `DUBAN_PORT`; counts where that is not set."""

ENVIRONMENT, IN_FILE, DEFAULT = "环境变量", "文件", "缺省"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. `kind` is text, path, url, secret, number (whole) or seconds; a url's password is never shown."""

    name: str
    purpose: str
    kind: str = "text"
    default: str = ""
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 0
    schemes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the file and as an attribute of `Settings`."""
        return self.name.removeprefix(PREFIX).lower()

    @property
    def secret(self) -> bool:
        return self.kind == "secret"

    def value(self, text: str) -> Any:
        """The value that a text means. Raises `InputInvalid` with the name and what is allowed."""
        if self.choices and text not in self.choices:
            raise InputInvalid(f"{self.name} 只能是 {' 或 '.join(self.choices)}，现在是“{text}”。")
        if self.kind in ("number", "seconds"):
            try:
                value = int(text) if self.kind == "number" else float(text)
            except ValueError:
                kind = "整数" if self.kind == "number" else "数字"
                raise InputInvalid(f"{self.name} 须是{kind}，现在是“{text}”。") from None
            if not self.least <= value <= self.most:
                raise InputInvalid(
                    f"{self.name} 须在 {self.least:g} 到 {self.most:g} 之间，现在是 {value:g}。"
                )
            return value
        if self.kind == "path":
            return Path(text).resolve()
        if self.kind == "url":
            try:
                url = sa.make_url(text)
            except sa.exc.ArgumentError:
                raise InputInvalid(f"{self.name} 须是“协议://主机/名称”形式的地址，请检查。") from None
            if url.drivername.split("+")[0] not in self.schemes:
                raise InputInvalid(f"{self.name} 只能是 {' 或 '.join(self.schemes)} 地址，请检查。")
            if url.drivername == "postgresql":  # whatever driver others would take for it, ours is psycopg 3
                return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return text

    def shown(self, value: Any) -> str:
        """The value as people may see it."""
        if self.secret:
            return "已设置" if value else "未设置"
        if self.kind == "url" and value:
            return sa.make_url(value).render_as_string(hide_password=True)
        return f"{value:g}" if isinstance(value, float) else str(value)


TABLE = (
    Setting(
        "DUBAN_MODE", "demo 演示或 production 正式；用 PostgreSQL 时必须写明", choices=("demo", "production")
    ),
    Setting("DUBAN_DATA", "数据目录：附件、签名密钥、SQLite 数据库", "path", "var"),
    Setting("DUBAN_DATABASE", "数据库地址；不设则用数据目录里的 SQLite", "url", schemes=("sqlite", "postgresql")),
    Setting(
        "DUBAN_REDIS", "Redis 地址：唤醒各主机的后台、各进程共用登录限流；丢失它不丢任何数据，可不设", "url", schemes=("redis", "rediss", "unix")
    ),
    Setting("DUBAN_SECRET", f"签名密钥，至少 {SHORTEST_SECRET} 个字符，各主机须相同；正式环境必设", "secret"),
    Setting("DUBAN_HOST", "监听地址", default="127.0.0.1"),
    Setting("DUBAN_PORT", "端口；不设时取 PORT", "number", "8000", most=65535),
    Setting("DUBAN_PROXIES", "前面有几层反向代理；0 表示不采信 X-Forwarded-* 头", "number", most=10),
    Setting("DUBAN_PROCESSES", "duban web 的进程数", "number", "2", least=1, most=64),
    Setting("DUBAN_THREADS", "每个进程同时办理的请求数", "number", "8", least=1, most=256),
    Setting("DUBAN_QUEUE", "每个进程最多排队的请求数，再多答复 429", "number", "64", most=10_000),
    Setting(
        "DUBAN_WAIT_SECONDS", "请求排队、等数据库连接各最多几秒，再久答复 429", "seconds", "10", (), 0.1, 60
    ),
    Setting("DUBAN_POOL", "每个进程的数据库连接数", "number", "20", least=4, most=500),
    Setting("DUBAN_POLL_SECONDS", "后台多久查看一次到期的时限", "seconds", "1", least=0.05, most=30),
    Setting("DUBAN_DISK_FREE", "/readyz：数据目录所在磁盘至少剩余百分之几", "number", "10", most=99),
    Setting("DUBAN_CHANNELS", "提醒渠道的文件（企业微信、钉钉、飞书、邮件、短信……）；不设则只在系统内提醒", "path"),
    Setting("DUBAN_LOG", "日志：text 给人看，json 每行一条", default="text", choices=("text", "json")),
    Setting(
        "DUBAN_LEDGER_HASH", "新建数据库的链用哪种散列；已有的库不变", default="sha256", choices=("sha256", "sm3")
    ),
)  # fmt: skip

BY_KEY = {one.key: one for one in TABLE}


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. `secret` signs sessions and tokens' links; it is never shown."""

    data: Path
    database: str = field(repr=False)
    port: int
    mode: str  # "demo" | "production"
    secret: str = field(repr=False)
    ledger_hash: str = "sha256"
    redis: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    proxies: int = 0
    processes: int = 2
    threads: int = 8
    queue: int = 64
    wait_seconds: float = 10.0
    pool: int = 20
    poll_seconds: float = 1.0
    disk_free: int = 10
    log: str = "text"
    channels: Path | str = ""

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    @property
    def on_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    def clock(self) -> Clock:
        """The host's clock; in demo mode one that can be moved forward."""
        return DemoClock() if self.demo else SystemClock()

    def engine(self, what: str = "") -> Engine:
        """Open the engine with these settings; the tables are brought up to date. `what` this process is, if it stays: a
        restore then refuses as long as it runs."""
        engine = Engine.open(
            presence.begin(self.database, what) if what else self.database,
            self.data,
            self.clock(),
            ledger_hash=self.ledger_hash,
            pool=self.pool,
            pool_seconds=self.wait_seconds,
        )
        if self.redis:
            from engine.runtime.dramatiq_bell import RedisBell

            engine.bell.far.append(RedisBell(self.redis))
        return engine

    def reminder_channels(self) -> dict[str, Channel]:
        """The ways by which reminders leave the house, by key. Raises `InputInvalid` for a file that does not serve."""
        return channels.read(Path(self.channels)) if self.channels else {}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of this process. Demo mode makes its secret once and keeps it in the data folder, readable by its
        owner only; production must be given one. Raises `InputInvalid` with what to set."""
        values = {key: value for key, (value, _) in read(environment).items()}
        if values["mode"] == "production":
            if len(values["secret"]) < SHORTEST_SECRET:
                raise InputInvalid(f"正式环境须设置 DUBAN_SECRET，至少 {SHORTEST_SECRET} 个字符的随机文字。")
        elif not values["secret"]:
            values["secret"] = _kept_secret(values["data"])
        return cls(**values)


def read(environment: Mapping[str, str] | None = None) -> dict[str, tuple[Any, str]]:
    """Every setting's value by key, and where it came from: 环境变量, 文件 or 缺省. An empty text counts as not set."""
    env = os.environ if environment is None else environment
    file, said = _file(env)
    known = {one.name for one in TABLE} | {FILE}
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in known:
            raise InputInvalid(
                f"没有环境变量 {name} 这项设置{_perhaps(name, known)}。用 duban settings 查看全部设置。"
            )
    found: dict[str, tuple[Any, str]] = {}
    for one in TABLE:
        text = env.get(one.name) or (env.get(PORT_OF_THE_HOST) if one.key == "port" else "")
        if text:
            found[one.key] = one.value(text), ENVIRONMENT
        elif said.get(one.key):
            try:
                found[one.key] = one.value(said[one.key]), IN_FILE
            except InputInvalid as error:
                raise InputInvalid(f"设置文件 {file}：{error.message}") from None
        else:
            text = one.default or ("0" if one.kind == "number" else "")
            found[one.key] = (one.value(text) if text else ""), DEFAULT
    return _with_what_follows(found)


def _with_what_follows(found: dict[str, tuple[Any, str]]) -> dict[str, tuple[Any, str]]:
    """The database beside the data where none is named; demo mode where nothing is at stake."""
    if not found["database"][0]:
        found["database"] = f"sqlite:///{found['data'][0] / 'duban.db'}", DEFAULT
    if not found["mode"][0]:
        if not found["database"][0].startswith("sqlite"):
            raise InputInvalid(
                "使用 PostgreSQL 时须写明 DUBAN_MODE：正式环境写 production，演示写 demo。"
                "演示模式任何人都可免密登录、可拨动时钟，不能默认用在正式的数据库上。"
            )
        found["mode"] = "demo", DEFAULT
    return found


def file_in_force(environment: Mapping[str, str] | None = None) -> Path | None:
    """The settings file that is read; None where there is none. Raises `InputInvalid` when the one named is missing."""
    env = os.environ if environment is None else environment
    if env.get(FILE):
        path = Path(env[FILE])
        if not path.is_file():
            raise InputInvalid(f"{FILE} 指定的设置文件 {path} 不存在，请检查路径。")
        return path
    path = Path(DEFAULT_FILE)
    return path if path.is_file() else None


def _file(env: Mapping[str, str]) -> tuple[Path | None, dict[str, str]]:
    """The file's settings as texts, by key."""
    path = file_in_force(env)
    if path is None:
        return None, {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error if isinstance(error, tomllib.TOMLDecodeError) else "无法读取"
        raise InputInvalid(f"设置文件 {path} 读不出来：{reason}。") from None
    for key, value in found.items():
        if key not in BY_KEY:
            hint = _perhaps(key, set(BY_KEY))
            raise InputInvalid(
                f"设置文件 {path} 里没有“{key}”这项设置{hint}。用 duban settings 查看全部设置。"
            )
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputInvalid(f"设置文件 {path} 中 {key} 须是文字或数字。")
        if BY_KEY[key].secret and path.stat().st_mode & stat.S_IROTH:
            raise InputInvalid(f"设置文件 {path} 里有密钥，却人人可读。请执行 chmod o-r {path}。")
    return path, {key: str(value) for key, value in found.items()}


def _perhaps(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"，是不是 {near[0]}" if near else ""


def _kept_secret(data: Path) -> str:
    """The demo's own secret. Written aside and linked into place, so that two processes starting together agree."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "secret"
    if not path.exists():
        draft = data / f"secret.{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
