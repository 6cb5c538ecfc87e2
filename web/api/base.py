"""What the API's rooms share: the command's id, and how an outcome is answered."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

from flask import g, request

from engine.clock import SHANGHAI
from engine.commands import Actor, Command
from engine.errors import InputInvalid
from engine.runtime.engine import Outcome
from web import discretion
from web.context import the_engine, who
from web.present import end_of_day


def command_id(*which: str) -> str | None:
    """The command's id from `Idempotency-Key`, bound to the person and the address, so that keys of two people or two
    forms never meet; and to `which` of several things asked for together. None without one."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return None
    if len(key) > 200 or not key.isprintable():
        raise InputInvalid("Idempotency-Key 应为 200 字以内的可见字符。")
    g.command = hashlib.sha256("\n".join((who().person, request.path, key, *which)).encode()).hexdigest()[:40]
    return str(g.command)


def act(command: Command, actor: Actor | None = None, *, case: str = "") -> dict[str, Any]:
    """Execute a command for the asker and say what came of it."""
    return answer(the_engine().execute(command, actor or who().actor, command_id(), case=case))


def answer(outcome: Outcome) -> dict[str, Any]:
    """An outcome as data: the case, where it stands now, and the facts by kind."""
    state = outcome.state
    reader = discretion.of(who())
    return {
        "case": outcome.case,
        "number": state.number,
        "status": state.status,
        "ended": bool(state.ended),
        "open": [
            {"item": i.id, "element": i.element, "name": i.name, "unit": i.unit, "due": i.due}
            for i in state.items.values()
            if not reader.hides_item(i)
        ],
        "facts": [{"seq": e.seq, "kind": e.fact.kind} for e in outcome.facts],
    }


def until(raw: Any) -> datetime | None:
    """What a body says about how long: a date (its end in Shanghai), an instant with zone, or nothing."""
    if raw in (None, ""):
        return None
    try:
        if len(raw) == 10:
            return end_of_day(date.fromisoformat(raw))
        found = datetime.fromisoformat(raw)
        return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)
    except (TypeError, ValueError, OverflowError):
        raise InputInvalid(
            "until 应为日期，如 2026-10-08。", errors={"until": ["应为日期，如 2026-10-08。"]}
        ) from None
