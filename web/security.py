"""The outer wall 边界防护: response headers, body limits, and JSON that a case could not remember for ever."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Request, Response, request
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from engine.errors import InputInvalid
from engine.values import Value, from_outside

MEGABYTE = 1024 * 1024
LIMITS = {"json": 1 * MEGABYTE, "model": 2 * MEGABYTE, "piece": 16 * MEGABYTE, "file": 50 * MEGABYTE}
"""Bytes of a body. What files the office takes is its own setting; larger ones than this come in pieces."""

# A multipart envelope around a file that is just allowed must not push it over.
ENVELOPE = 64 * 1024

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def accepts(kind: str) -> Any:
    """Declares what a view's body is: "json" (the default), "model", "piece" (of a file) or "file". Sets its size limit."""

    def mark(view: Any) -> Any:
        view.body_kind = kind
        return view

    return mark


def strict_json(data: bytes) -> Value:
    """Bytes from outside → values; `InputInvalid` for NaN, infinity, NUL, lone surrogates, deep nesting."""
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputInvalid(
            f"提交的内容不是有效的 JSON（第 {error.lineno} 行第 {error.colno} 列附近）"
        ) from None
    return from_outside(raw)


class StrictParser(FlaskParser):
    """The API's argument parser: our JSON rules instead of the standard library's; unknown query fields refused."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": "raise",
        "json": "raise",
    }

    def _raw_load_json(self, req: Request) -> Any:
        data = req.get_data(cache=True)
        if not data:
            return missing
        if req.mimetype != "application/json" and not req.mimetype.endswith("+json"):
            raise InputInvalid("请使用 application/json 提交。")
        return strict_json(data)


def _limit_body() -> None:
    view: Any = None
    if request.endpoint is not None:
        from flask import current_app

        view = current_app.view_functions.get(request.endpoint)
    limit = LIMITS[getattr(view, "body_kind", "json")]
    if getattr(view, "body_kind", "json") == "file":
        limit += ENVELOPE
    request.max_content_length = limit
    if request.content_length is not None and request.content_length > limit:
        _read_away(request.content_length)
        raise RequestEntityTooLarge


def _read_away(length: int) -> None:
    """Take in what will be refused, up to the largest body that anything takes: a proxy that is still sending when the
    connection is closed tells the user of a broken server instead of our answer."""
    if length > max(LIMITS.values()) + ENVELOPE:
        return
    body = request.environ["wsgi.input"]
    while length > 0 and (piece := body.read(min(length, 1 << 16))):
        length -= len(piece)


def _refuse_odd_addresses() -> None:
    """NUL or undecodable bytes in the address never reach the database."""
    if "\x00" in request.path or "�" in request.path:
        raise InputInvalid("地址中含有无法识别的字符")
    for values in request.args.listvalues():
        for value in values:
            if "\x00" in value or len(value) > 2000:
                raise InputInvalid("查询条件中含有无法识别的字符或过长")
            from_outside(value)


_ON_EVERY_ANSWER = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Unless the answer says otherwise itself."""


def _headers(response: Response) -> Response:
    said = {name.lower() for name, _ in response.headers}
    response.headers.extend({k: v for k, v in _ON_EVERY_ANSWER.items() if k.lower() not in said})
    return response


def install(app: Flask) -> None:
    """Put the wall around `app`."""
    app.config["MAX_FORM_MEMORY_SIZE"] = LIMITS["json"]
    app.config["MAX_FORM_PARTS"] = 100
    app.before_request(_limit_body)
    app.before_request(_refuse_odd_addresses)
    app.after_request(_headers)
