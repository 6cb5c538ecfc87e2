"""Settings from the environment 运行设置: where the data lie, demo or production, the secret that signs sessions."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock
from engine.errors import InputInvalid
from engine.runtime.demo_clock import DemoClock
from engine.runtime.engine import Engine
from engine.runtime.host_clock import SystemClock

SHORTEST_SECRET = 32
"""Characters a production secret must have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. `secret` signs sessions and tokens' links; it is never shown."""

    data: Path
    database: str
    port: int
    mode: str  # "demo" | "production"
    secret: str = field(repr=False)
    ledger_hash: str = "sha256"

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    def clock(self) -> Clock:
        """The host's clock; in demo mode one that can be moved forward."""
        return DemoClock() if self.demo else SystemClock()

    def engine(self) -> Engine:
        """Open the engine with these settings; the tables are brought up to date."""
        return Engine.open(self.database, self.data, self.clock(), ledger_hash=self.ledger_hash)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `DUBAN_DATA`, `DUBAN_DATABASE`, `PORT`, `DUBAN_MODE`, `DUBAN_SECRET`, `DUBAN_LEDGER_HASH`.

        Demo mode makes its secret once and keeps it in the data folder, readable by its owner only; production
        must be given one. Raises `InputInvalid` with what to set.
        """
        env = os.environ if environment is None else environment
        data = Path(env.get("DUBAN_DATA") or "var").resolve()
        mode = env.get("DUBAN_MODE") or "demo"
        if mode not in ("demo", "production"):
            raise InputInvalid(f"DUBAN_MODE 只能是 demo 或 production，现在是“{mode}”。")
        try:
            port = int(env.get("PORT") or 8000)
        except ValueError:
            raise InputInvalid(f"PORT 须是数字，现在是“{env['PORT']}”。") from None
        if not 0 <= port <= 65535:
            raise InputInvalid(f"PORT 须在 0 到 65535 之间，现在是 {port}。")
        secret = env.get("DUBAN_SECRET") or ""
        if mode == "production":
            if len(secret) < SHORTEST_SECRET:
                raise InputInvalid(f"正式环境须设置 DUBAN_SECRET，至少 {SHORTEST_SECRET} 个字符的随机文字。")
        elif not secret:
            secret = _kept_secret(data)
        database = env.get("DUBAN_DATABASE") or f"sqlite:///{data / 'duban.db'}"
        return cls(data, database, port, mode, secret, env.get("DUBAN_LEDGER_HASH") or "sha256")


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
