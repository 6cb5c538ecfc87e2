"""How a refusal reaches people and machines 出错时怎么说.

The one table from `EngineError.code` to HTTP status; problem+json (RFC 9457) under `/api/`, a page in Chinese
elsewhere. What we did not foresee is logged under a short reference and answered without any trace of the inside.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from engine.errors import EngineError, Finding
from engine.runtime import again
from engine.values import dumps, plain

log = logging.getLogger("duban.web")


class NotSignedIn(EngineError):
    """请先登录。登录可能已超时，重新登录后可继续办理。"""

    code = "not_signed_in"


class TooMany(EngineError):
    """操作过于频繁，请稍后再试。"""

    code = "too_many_requests"


class Busy(TooMany):
    """现在办理的人很多，请稍等几秒再试；刚才的提交没有生效。"""

    def __init__(self) -> None:
        super().__init__(retry_after=RETRY_SECONDS)


RETRY_SECONDS = 3
"""What a refused caller is told to wait [P]: some queues' worth of work."""

STATUS: dict[str, int] = {
    "engine_error": 400,
    "not_found": 404,
    "not_allowed": 403,
    "separation_of_duties": 403,
    "not_signed_in": 401,
    "sign_in_failed": 401,
    "too_many_requests": 429,
    "not_open": 409,
    "already_claimed": 409,
    "suspended": 409,
    "conflict": 409,
    "calendar_unknown": 409,
    "form_invalid": 422,
    "input_invalid": 400,
    "checksum_mismatch": 460,
    "expression_invalid": 422,
    "expression_failed": 422,
    "budget_exceeded": 422,
    "definition_refused": 422,
    "step_budget_exceeded": 422,
    "backup_broken": 422,
}

_HTTP_SENTENCES = {
    400: ("请求格式不正确", "提交的内容无法识别，请检查后重试。"),
    401: ("请先登录", "登录可能已超时，重新登录后可继续办理。"),
    403: ("无权办理", "您的岗位不能进行这项操作。如有需要，请联系安委办管理员。"),
    404: ("没有找到", "没有找到这条记录，或者您无权查看。"),
    405: ("不支持的操作", "这个地址不接受这种请求方式。"),
    406: ("无法提供所需格式", "请改用 application/json。"),
    409: ("内容已变化", "内容已被他人更新，请刷新后重试。"),
    413: ("内容过大", "提交的内容超出大小限制：表单 1 MB，流程图 2 MB，文件 50 MB。"),
    415: ("不支持的内容类型", "请使用 application/json 提交。"),
    422: ("内容有误", "请按提示修改后再提交。"),
    428: ("缺少条件", "请求缺少必要的条件。"),
    429: ("操作过于频繁", "请稍后再试。"),
    500: ("系统出现问题", "问题已记录，请稍后重试；如仍不能办理，请把编号告诉管理员。"),
    503: ("系统忙", "数据库暂时无法写入，请稍后重试，已填写的内容不会丢失。"),
    507: (
        "存储空间不足",
        "服务器的磁盘空间已用完，这次没有保存任何内容。请联系系统管理员腾出空间后重试，已填写的内容不会丢失。",
    ),
}

_TITLES = {
    "not_open": "已经办结",
    "already_claimed": "已被签收",
    "suspended": "案件已挂起",
    "form_invalid": "表单有误",
    "separation_of_duties": "需要换人办理",
    "calendar_unknown": "工作日历未确认",
    "definition_refused": "流程检查未通过",
    "sign_in_failed": "登录未成功",
}


def status_of(error: EngineError) -> int:
    """The HTTP status of a refusal: by its code, else by the nearest class above it that has one."""
    for cls in type(error).__mro__:
        code = cls.__dict__.get("code")
        if code in STATUS:
            return STATUS[code]
    return 400


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> Response:
    """An RFC 9457 answer."""
    body = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code}
    body.update(more)
    answer = Response(dumps(plain(body)), status=status, content_type="application/problem+json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding as JSON, as the modeler island shows it at its element."""
    return {
        "severity": finding.severity,
        "rule": finding.rule,
        "message": finding.message,
        "file": finding.file,
        "element": finding.element,
        "line": finding.line,
        "path": list(finding.path),
    }


def _of_engine(error: EngineError) -> Response:
    status = status_of(error)
    title = _TITLES.get(error.code, _HTTP_SENTENCES.get(status, _HTTP_SENTENCES[400])[0])
    more: dict[str, Any] = {}
    fields = dict(error.fields)
    if "findings" in fields:
        more["findings"] = [finding_data(f) if isinstance(f, Finding) else f for f in fields.pop("findings")]
    for key in ("errors", "rows", "locked_until"):
        if key in fields:
            more[key] = fields[key]
    answer = _answer(status, error.code, title, error.message, **more)
    if status == 429:
        answer.headers["Retry-After"] = str(fields.get("retry_after", RETRY_SECONDS))
    return answer


def _answer(status: int, code: str, title: str, detail: str, **more: Any) -> Response:
    if is_api():
        return problem(status, code, title, detail, **more)
    if status == 401:
        back = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return redirect(url_for("identity.sign_in", next=back))  # type: ignore[return-value]
    page = render_template(
        "error.html", status=status, title=title, detail=detail, reference=more.get("reference")
    )
    return Response(page, status=status, content_type="text/html; charset=utf-8")


def is_api() -> bool:
    """Whether the caller wants problem+json rather than a page."""
    return request.path.startswith(("/api/", "/livez", "/readyz"))


def of_http(error: HTTPException) -> Response:
    """werkzeug's own refusals (404, 405, 413 …), and the schemas' (422, with `data["messages"]`)."""
    if isinstance(error, HTTPException) and error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    if status in (301, 302, 303, 307, 308):
        return error.get_response()  # type: ignore[return-value]
    title, detail = _HTTP_SENTENCES.get(status, _HTTP_SENTENCES[400 if status < 500 else 500])
    more: dict[str, Any] = {}
    data = getattr(error, "data", None)
    if isinstance(data, dict) and data.get("messages"):
        more["errors"] = _flat(data["messages"])
    if isinstance(getattr(error, "description", None), str) and getattr(error, "chinese", False):
        detail = str(error.description)
    answer = _answer(status, _http_code(status), title, detail, **more)
    if status == 405 and getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
    return answer


def _http_code(status: int) -> str:
    return {
        400: "input_invalid",
        401: "not_signed_in",
        403: "not_allowed",
        404: "not_found",
        405: "method_not_allowed",
        413: "too_large",
        415: "unsupported_media_type",
        422: "input_invalid",
        429: "too_many_requests",
    }.get(status, "engine_error" if status < 500 else "internal_error")


def _flat(messages: Any) -> dict[str, list[str]]:
    """The schemas' nested messages `{"json": {"form": ["…"]}}` → field → sentences."""
    flat: dict[str, list[str]] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, inner in node.items():
                walk(inner, f"{path}.{key}" if path else str(key))
        elif isinstance(node, list | tuple):
            flat.setdefault(path or "_", []).extend(str(m) for m in node)
        else:
            flat.setdefault(path or "_", []).append(str(node))

    if isinstance(messages, dict) and set(messages) <= {"json", "query", "form", "files", "headers", "path"}:
        for inner in messages.values():
            walk(inner, "")
    else:
        walk(messages, "")
    return flat


def _of_file(error: OSError) -> Response:
    """A full disk is told as such; anything else of files is unforeseen."""
    return _full(error) if again.no_room(error) else _unforeseen(error)


def _full(error: Exception) -> Response:
    log.error("no room on a disk: %s", getattr(error, "orig", error))
    return _answer(507, "no_room", *_HTTP_SENTENCES[507])


def _busy(error: sa.exc.OperationalError) -> Response:
    if again.no_room(error):
        return _full(error)
    log.warning("database refused: %s", error.orig)
    return _answer(503, "busy", *_HTTP_SENTENCES[503])


def _no_connection(error: sa.exc.TimeoutError) -> Response:
    """Every connection of the pool is in use, and has been for as long as one waits: nothing was begun."""
    log.warning("no connection of the pool became free")
    return _of_engine(Busy())


def _unforeseen(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    where = request.url_rule.rule if request.url_rule is not None else "an unknown path"
    log.exception("unforeseen error %s at %s %s", reference, request.method, where, exc_info=error)
    title, detail = _HTTP_SENTENCES[500]
    return _answer(500, "internal_error", title, f"{detail}（编号 {reference}）", reference=reference)


def install(app: Flask) -> None:
    """Every error of the app goes through here."""
    app.register_error_handler(EngineError, _of_engine)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(sa.exc.OperationalError, _busy)
    app.register_error_handler(OSError, _of_file)
    app.register_error_handler(sa.exc.TimeoutError, _no_connection)
    app.register_error_handler(Exception, _unforeseen)
