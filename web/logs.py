"""Logs 日志: one line a request and whatever the program says, for people or as JSON lines for machines.

A line names the route, never the address as it was asked for, and of ids only the case's and the command's; no person, no form,
no host. JSON lines tell of an exception its kinds and places, not its words: those may repeat what somebody entered.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask, Response

FIELDS = ("case", "command", "method", "route", "status", "ms")
"""What a line may carry besides its words."""

QUIET = ("waitress", "alembic", "_granian", "granian.access")

log = logging.getLogger("duban.request")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = told(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def told(error: BaseException) -> list[str]:
    """The kinds of an exception and of its causes, each with the places it came through."""
    found, seen = [], error
    while seen is not None:
        places = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(seen.__traceback__)]
        state = getattr(getattr(seen, "orig", None), "sqlstate", None)
        found.append(" ".join([type(seen).__name__, *([state] if state else []), *places]))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)  # type: ignore[assignment]
    return found


def begin(style: str) -> None:
    """Log to the standard error in `style` ("text" or "json"), from this process on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines()
        if style == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    if style != "json":  # somebody at a terminal is not told of every request
        log.setLevel(logging.WARNING)


def install(app: Flask) -> None:
    """Log a line for each request that came to its end, except those for the pages' own files and for health."""
    from flask import g, request  # a worker logs too, and needs no web

    @app.before_request
    def note() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def line(response: Response) -> Response:
        if log.isEnabledFor(logging.INFO) and request.blueprint not in ("assets", "health"):
            route = request.url_rule.rule if request.url_rule is not None else "(no such address)"
            said = {
                "method": request.method,
                "route": route,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
                "case": (request.view_args or {}).get("case"),
                "command": g.get("command"),
            }
            log.info("request", extra={name: value for name, value in said.items() if value is not None})
        return response
